"""Find services for tests on loopback; without one, the test is skipped, or fails in CI."""

from __future__ import annotations

import importlib.util
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest


def postgres_url() -> str:
    """Return the URL of a Postgres server that answers.

    Taken from QUINTET_POSTGRES_URL when that is set. Without a server the test is skipped; with
    QUINTET_REQUIRE_SERVICES=1 it fails.
    """
    url = os.environ.get("QUINTET_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")
    try:
        import psycopg
    except ImportError as problem:
        _missing(f"psycopg is not installed: {problem}")
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError as problem:
        _missing(f"Postgres does not answer: {problem}")
    return url


@contextmanager
def postgres_schema() -> Iterator[str]:
    """Give a URL whose tables go into a new schema, and drop the schema in the end."""
    import psycopg

    url, schema = postgres_url(), f"quintet_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        try:
            yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def langgraph_command() -> str:
    """Return the path of the `langgraph` command that can serve graphs in this process's Python.

    Where it is not installed the test is skipped; with QUINTET_REQUIRE_SERVICES=1 it fails.
    """
    command = Path(sys.executable).with_name("langgraph")
    if not command.exists() or importlib.util.find_spec("langgraph_api") is None:
        _missing('langgraph dev is not installed: pip install "langgraph-cli[inmem]"')
    return str(command)


def _missing(reason: str) -> NoReturn:
    if os.environ.get("QUINTET_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
