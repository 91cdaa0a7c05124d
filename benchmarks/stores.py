"""Give each measurement a database of its own: a new SQLite file, or a new schema of Postgres."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POSTGRES = "postgresql://root@127.0.0.1:5432/test"


def postgres_answers() -> bool:
    """Say whether a Postgres server answers, at QUINTET_POSTGRES_URL or on this machine."""
    try:
        import psycopg

        psycopg.connect(_postgres(), connect_timeout=2).close()
    except (ImportError, psycopg.OperationalError):
        return False
    return True


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of a new database of this kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/{uuid.uuid4().hex[:8]}.db?synchronous=normal"
        return
    import psycopg

    url, schema = _postgres(), f"quintet_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        try:
            yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def _postgres() -> str:
    return os.environ.get("QUINTET_POSTGRES_URL", POSTGRES)
