"""Open stores for the tests of security, and read all that they hold as bytes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.services import postgres_schema


@contextmanager
def store_url(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of an empty store."""
    if kind == "postgres":
        with postgres_schema() as url:
            yield url
    else:
        yield f"sqlite:///{folder}/runs.db"


def rows_of(url: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Give all rows of all tables, with the names of these."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as conn:
            names = conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                for row in conn.execute(f'SELECT * FROM "{name}"'):
                    yield name, row
        return
    import psycopg

    with psycopg.connect(url) as connection:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        for (name,) in connection.execute(query).fetchall():
            for row in connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall():
                yield name, row


def everything_in(url: str) -> bytes:
    """Give all that a store holds; of a SQLite file its raw bytes too."""
    parts = [_bytes(value) for name, row in rows_of(url) for value in (name, *row)]
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        parts += [file.read_bytes() for file in path.parent.glob(f"{path.name}*")]
    return b"\n".join(parts)


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False).encode()
    return str(value).encode("utf-8", "surrogatepass")


def execute(url: str, query: str, *values: Any) -> None:
    """Change a store behind Quintet's back; `?` stands for a value in both databases."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as conn, conn:
            conn.execute(query, values)
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(query.replace("?", "%s").encode(), values)


STORES = pytest.mark.parametrize("kind", ["sqlite", "postgres"])
