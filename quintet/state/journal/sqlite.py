"""Keep a journal in a SQLite database, beside the checkpoints or in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from quintet.state.hold import Holds
from quintet.state.journal.entry import (
    COLUMNS,
    Journal,
    Row,
)

TABLE: Final = """
CREATE TABLE IF NOT EXISTS quintet_journal (
    thread TEXT NOT NULL,
    subject TEXT NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (thread, subject, position)
) WITHOUT ROWID
"""
BY_SUBJECT: Final = (
    "CREATE INDEX IF NOT EXISTS quintet_journal_by_subject ON quintet_journal (subject, thread)"
)
OPEN_TABLE: Final = """
CREATE TABLE IF NOT EXISTS quintet_open (
    thread TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (thread, name)
) WITHOUT ROWID
"""
LIST: Final = "INSERT OR REPLACE INTO quintet_open VALUES (?, ?, ?, ?)"
_INSERT: Final = f"INSERT OR IGNORE INTO quintet_journal ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_NEXT: Final = (
    "SELECT coalesce(max(position) + 1, 0) FROM quintet_journal WHERE thread = ? AND subject = ?"
)
_READ: Final = (
    f"SELECT {COLUMNS} FROM quintet_journal WHERE thread = ? AND subject = ? ORDER BY position"
)
_HEADS: Final = (
    f"SELECT {COLUMNS} FROM quintet_journal AS j WHERE thread = ? AND subject IN ({{}}) "
    "AND position = (SELECT max(position) FROM quintet_journal "
    "WHERE thread = j.thread AND subject = j.subject)"
)
_TAIL: Final = (
    f"SELECT {COLUMNS} FROM quintet_journal WHERE thread = ? AND subject = ? "
    "ORDER BY position DESC LIMIT ?"
)
_OF_ALL: Final = (
    f"SELECT {COLUMNS} FROM quintet_journal WHERE subject >= ? AND subject < ? "
    "ORDER BY thread, subject, position"
)
_OF_THREAD: Final = (
    f"SELECT {COLUMNS} FROM quintet_journal WHERE thread = ? AND subject >= ? AND subject < ? "
    "ORDER BY subject, position"
)
_TRIM: Final = (
    "DELETE FROM quintet_journal WHERE (thread, subject) NOT IN (SELECT thread, subject "
    "FROM quintet_journal GROUP BY thread, subject ORDER BY max(at) DESC LIMIT ?)"
)
LAST = "\U0010ffff"
"""The last character there is: a text that begins like another is less than that and this."""


class SqliteJournal(Journal):
    """Keep a journal on a connection that the checkpoints of the database share.

    Args:
        conn: the connection.
        lock: the lock that all who use the connection take; it may be taken twice by one thread.
        holds: the locks by name.
    """

    def __init__(
        self, conn: sqlite3.Connection, lock: AbstractContextManager[Any], holds: Holds
    ) -> None:
        self._given, self._lock, self.holds = conn, lock, holds

    @property
    def _conn(self) -> sqlite3.Connection:
        return self._given

    def setup(self) -> None:
        """Make the table where it is missing."""
        with self._lock:
            self._conn.execute(TABLE)
            self._conn.execute(BY_SUBJECT)
            self._conn.execute(OPEN_TABLE)
            self._conn.commit()

    def _open(self, row: tuple[str, str, str, float]) -> None:
        self._change(LIST, row)

    def _close(self, thread: str, keep: Collection[str]) -> None:
        marks = ", ".join("?" * len(keep))
        self._change(
            f"DELETE FROM quintet_open WHERE thread = ? AND name NOT IN ({marks})",
            (thread, *keep),
        )

    def _opened(self, thread: str | None) -> Sequence[Sequence[Any]]:
        where, values = ("", ()) if thread is None else ("WHERE thread = ?", (thread,))
        query = f"SELECT thread, name, value, at FROM quintet_open {where} ORDER BY at, name"
        return self._select(query, values)

    def _forget(self, thread: str, start: str) -> None:
        self._change(
            "DELETE FROM quintet_journal WHERE thread = ? AND subject >= ? AND subject < ?",
            (thread, start, start + LAST),
        )
        self._change("DELETE FROM quintet_open WHERE thread = ?", (thread,))

    def _forget_all(self, low: str, high: str, keep_streams: bool) -> None:
        for table in ("quintet_open",) if keep_streams else ("quintet_open", "quintet_journal"):
            self._change(f"DELETE FROM {table} WHERE thread >= ? AND thread < ?", (low, high))

    def _change(self, query: str, values: tuple[Any, ...]) -> None:
        with self._lock:
            try:
                self._conn.execute(query, values)
            finally:
                self._conn.commit()

    def _append(self, row: Row, position: int | None, mark: Row | None) -> bool:
        thread, subject, *rest = row
        with self._lock:
            conn = self._conn
            # A claim must be on disk before its effect runs, whatever the checkpoints are given.
            level = conn.execute("PRAGMA synchronous").fetchone()[0]
            if level < FULL:
                conn.execute(f"PRAGMA synchronous={FULL}")
            try:
                conn.execute("BEGIN IMMEDIATE")
                if position is None:
                    position = conn.execute(_NEXT, (thread, subject)).fetchone()[0]
                added = conn.execute(_INSERT, (thread, subject, position, *rest)).rowcount
                if added and mark is not None:
                    conn.execute(_INSERT, (*mark[:2], 0, *mark[2:]))
                conn.commit()
            except BaseException:
                conn.rollback()
                raise
            finally:
                if level < FULL:
                    conn.execute(f"PRAGMA synchronous={level}")
        return bool(added == 1)

    def _add(self, rows: Sequence[tuple[Any, ...]], connection: Any) -> None:
        self._conn.executemany(_INSERT, rows)

    def _tail(self, thread: str, subject: str, most: int) -> Sequence[Sequence[Any]]:
        return self._select(_TAIL, (thread, subject, most))

    def _read(self, thread: str, subject: str) -> Sequence[Sequence[Any]]:
        return self._select(_READ, (thread, subject))

    def _heads(self, thread: str, subjects: tuple[str, ...]) -> Sequence[Sequence[Any]]:
        marks = ", ".join("?" * len(subjects))
        return self._select(_HEADS.format(marks), (thread, *subjects))

    def _entries(self, thread: str | None, start: str) -> Sequence[Sequence[Any]]:
        if thread is None:
            return self._select(_OF_ALL, (start, start + LAST))
        return self._select(_OF_THREAD, (thread, start, start + LAST))

    def _select(self, query: str, values: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        with self._lock:
            return self._conn.execute(query, values).fetchall()


FULL = 2
"""SQLite's number for `PRAGMA synchronous=FULL`."""


class MemoryJournal(SqliteJournal):
    """Keep a journal in this process."""

    durable = False

    def __init__(self) -> None:
        self._lock, self.holds = threading.RLock(), Holds()
        self._made: sqlite3.Connection | None = None

    @property
    def _conn(self) -> sqlite3.Connection:
        # Opened by the first who uses it. It may be made in an event loop, where a server refuses
        # whatever might block.
        with self._lock:
            if self._made is None:
                self._made = sqlite3.connect(":memory:", check_same_thread=False)
                self.setup()
            return self._made

    def _add(self, rows: Sequence[tuple[Any, ...]], connection: Any) -> None:
        # The checkpoints in memory have no transaction that this could be a part of.
        with self._lock, self._conn:
            super()._add(rows, connection)


STREAMS_KEPT = 20_000


class BoundedJournal(MemoryJournal):
    """Keep the streams that were written last, for runs of which nothing is kept for good.

    Args:
        most: the number of streams that are kept, at least.
    """

    def __init__(self, most: int = STREAMS_KEPT) -> None:
        super().__init__()
        self._most, self._appended = most, 0

    def _append(self, row: Row, position: int | None, mark: Row | None) -> bool:
        added = super()._append(row, position, mark)
        with self._lock:
            self._appended += 1
            due = self._appended % max(self._most // 2, 1) == 0
        if due:
            # Whole streams: of a part, the positions would not be what the readers count.
            self._change(_TRIM, (self._most,))
        return added
