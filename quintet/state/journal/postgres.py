"""Keep a journal in PostgreSQL, on the connections of the checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, LiteralString, cast

import psycopg
from psycopg.rows import tuple_row

from quintet.state.hold import Holds
from quintet.state.journal.entry import Journal, Row
from quintet.state.journal.sqlite import LAST

TABLE: Final = """
CREATE TABLE IF NOT EXISTS quintet_journal (
    thread TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (thread, subject, position)
)
"""
BY_SUBJECT: Final = (
    "CREATE INDEX IF NOT EXISTS quintet_journal_by_subject ON quintet_journal (subject, thread)"
)
OPEN_TABLE: Final = """
CREATE TABLE IF NOT EXISTS quintet_open (
    thread TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (thread, name)
)
"""
LIST: Final = (
    "INSERT INTO quintet_open (thread, name, value, at) VALUES (%s, %s, %s, %s) "
    "ON CONFLICT (thread, name) DO UPDATE SET value = EXCLUDED.value, at = EXCLUDED.at"
)
_CLOSE: Final = "DELETE FROM quintet_open WHERE thread = %s AND NOT name = ANY(%s)"
_OPENED: Final = (
    "SELECT thread, name, value, at FROM quintet_open WHERE %s::text IS NULL OR thread = %s "
    "ORDER BY at, name"
)
_FORGET: Final = "DELETE FROM quintet_journal WHERE thread = %s AND subject >= %s AND subject < %s"
_FORGET_ALL: Final = "DELETE FROM quintet_journal WHERE thread >= %s AND thread < %s"
_COLUMNS: Final = "thread, subject, position, kind, value, at"
_INSERT: Final = (
    f"INSERT INTO quintet_journal ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s) "
    "ON CONFLICT DO NOTHING"
)
_INSERT_NEXT: Final = (
    f"INSERT INTO quintet_journal ({_COLUMNS}) SELECT %s, %s, coalesce(max(position) + 1, 0), "
    "%s, %s, %s FROM quintet_journal WHERE thread = %s AND subject = %s ON CONFLICT DO NOTHING"
)
_READ: Final = (
    f"SELECT {_COLUMNS} FROM quintet_journal WHERE thread = %s AND subject = %s ORDER BY position"
)
_HEADS: Final = (
    f"SELECT {_COLUMNS} FROM quintet_journal AS j WHERE thread = %s AND subject = ANY(%s) "
    "AND position = (SELECT max(position) FROM quintet_journal "
    "WHERE thread = j.thread AND subject = j.subject)"
)
_INSERT_MARKED: Final = (
    f"WITH first AS ({_INSERT} RETURNING thread), second AS ("
    f"INSERT INTO quintet_journal ({_COLUMNS}) SELECT thread, %s, 0, %s, %s, %s "
    "FROM first ON CONFLICT DO NOTHING) SELECT thread FROM first"
)
_TAIL: Final = (
    f"SELECT {_COLUMNS} FROM quintet_journal WHERE thread = %s AND subject = %s "
    "ORDER BY position DESC LIMIT %s"
)
_OF_ALL: Final = (
    f"SELECT {_COLUMNS} FROM quintet_journal WHERE subject >= %s AND subject < %s "
    "ORDER BY thread, subject, position"
)
_OF_THREAD: Final = (
    f"SELECT {_COLUMNS} FROM quintet_journal WHERE thread = %s AND subject >= %s AND subject < %s "
    "ORDER BY subject, position"
)

TRIES = 3


class PostgresJournal(Journal):
    """Keep a journal on connections that a function lends.

    Args:
        connection: gives a connection in a context, in autocommit mode.
        holds: the locks by name.
    """

    def __init__(
        self,
        connection: Callable[[], AbstractContextManager[psycopg.Connection[Any]]],
        holds: Holds,
    ) -> None:
        self._connection, self.holds = connection, holds

    def _open(self, row: tuple[str, str, str, float]) -> None:
        self._execute(LIST, row)

    def _close(self, thread: str, keep: Collection[str]) -> None:
        self._execute(_CLOSE, (thread, [*keep]))

    def _opened(self, thread: str | None) -> Sequence[Sequence[Any]]:
        return self._select(_OPENED, (thread, thread))

    def _forget(self, thread: str, start: str) -> None:
        self._execute(_FORGET, (thread, start, start + LAST))
        self._execute("DELETE FROM quintet_open WHERE thread = %s", (thread,))

    def _forget_all(self, low: str, high: str, keep_streams: bool) -> None:
        self._execute("DELETE FROM quintet_open WHERE thread >= %s AND thread < %s", (low, high))
        if not keep_streams:
            self._execute(_FORGET_ALL, (low, high))

    def _append(self, row: Row, position: int | None, mark: Row | None) -> bool:
        if position is not None:
            return self._append_at(row, position, mark)
        thread, subject = row[:2]
        while not self._execute(_INSERT_NEXT, (*row, thread, subject)):
            pass  # another took the position between its reading and its writing
        return True

    def _append_at(self, row: Row, position: int, mark: Row | None) -> bool:
        thread, subject, *rest = row
        query, more = (_INSERT, ()) if mark is None else (_INSERT_MARKED, mark[1:])
        for left in reversed(range(TRIES)):
            try:
                return self._execute(query, (thread, subject, position, *rest, *more)) == 1
            except psycopg.OperationalError:
                # The connection broke: the server may have written the row all the same.
                if self._stands(row, position):
                    return True
                if not left:
                    raise
        raise AssertionError  # pragma: no cover - the last try returns or raises

    def _stands(self, row: Row, position: int) -> bool:
        thread, subject, kind, value, at = row
        try:
            found = self._read(thread, subject)
        except psycopg.OperationalError:
            return False
        return any(tuple(r[2:]) == (position, kind, value, at) for r in found)

    def _add(self, rows: Sequence[tuple[Any, ...]], connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT, rows)

    def _tail(self, thread: str, subject: str, most: int) -> Sequence[Sequence[Any]]:
        return self._select(_TAIL, (thread, subject, most))

    def _read(self, thread: str, subject: str) -> Sequence[Sequence[Any]]:
        return self._select(_READ, (thread, subject))

    def _heads(self, thread: str, subjects: tuple[str, ...]) -> Sequence[Sequence[Any]]:
        return self._select(_HEADS, (thread, list(subjects)))

    def _entries(self, thread: str | None, start: str) -> Sequence[Sequence[Any]]:
        if thread is None:
            return self._select(_OF_ALL, (start, start + LAST))
        return self._select(_OF_THREAD, (thread, start, start + LAST))

    def _select(self, query: LiteralString, values: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        with self._connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            return cast(Sequence[Sequence[Any]], cursor.execute(query, values).fetchall())

    def _execute(self, query: LiteralString, values: tuple[Any, ...]) -> int:
        with self._connection() as connection:
            return connection.execute(query, values).rowcount
