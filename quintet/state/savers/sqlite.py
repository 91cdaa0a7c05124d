"""Keep checkpoints in a SQLite file, durable and safe for several threads and processes."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final, cast
from urllib.parse import unquote

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver

from quintet.errors import CheckpointerError
from quintet.state.hold import Holds, holds_beside
from quintet.state.journal.sqlite import LIST, OPEN_TABLE, SqliteJournal
from quintet.state.room import Room
from quintet.state.savers.address import Address
from quintet.state.savers.questions import EARLIER, earlier_questions
from quintet.state.savers.roomed import PLACES_QUERY
from quintet.state.savers.saver import THREADS_QUERY, Put, ThreadedSaver
from quintet.state.savers.serializer import StrictSerializer

SYNCHRONOUS = ("full", "normal", "extra")
BUSY_SECONDS = 10.0

# Read once when the file is opened: tables of another program with these names are refused then.
_COLUMNS = (
    "SELECT checkpoint_ns, checkpoint_id, type, checkpoint, metadata FROM checkpoints LIMIT 0",
    "SELECT checkpoint_ns, task_id, task_path, idx, channel, value FROM writes LIMIT 0",
)
_NEWEST: Final = (
    "SELECT checkpoint_id FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? "
    "ORDER BY checkpoint_id DESC LIMIT 1"
)
_DELETE_ALL: Final = (
    "DELETE FROM checkpoints WHERE substr(thread_id, 1, ?) = ?",
    "DELETE FROM writes WHERE substr(thread_id, 1, ?) = ?",
)
_DROP: Final = "DELETE FROM {} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
_HAS_LIST: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'quintet_open'"
_REMEDIES = {
    "SQLITE_READONLY": "the file or its folder is read-only; SQLite writes the file and two beside "
    "it, so make both writable for this user, or choose another place.",
    "SQLITE_CANTOPEN": "this user may not create or open the file there; make the folder writable, "
    "or choose another place.",
    "SQLITE_NOTADB": "the file exists and is not a SQLite database; choose another name, or move "
    "the file away.",
    "SQLITE_CORRUPT": "the database is damaged; restore a copy, or move the file away to start "
    "anew.",
    "SQLITE_BUSY": "another process holds the database for writing; let it finish, or wait longer "
    "with '?timeout=60'.",
    "SQLITE_IOERR": "the system cannot read or write it there; put it on a local disk, and open it "
    "by its own name, not by a hard link.",
    "SQLITE_FULL": "the disk is full; free some space.",
    "SQLITE_ERROR": "its tables 'checkpoints' and 'writes' belong to another program; choose "
    "another file.",
}


class _Connection(sqlite3.Connection):
    """Connect to SQLite, and close the connection when nobody holds it any more."""

    # Python 3.13 and later warn about a connection that is left open. LangGraph's
    # `with_allowlist` copies a saver, so only the connection knows when all copies are gone.
    def __del__(self, _errors: type[Exception] = sqlite3.Error) -> None:
        try:  # noqa: SIM105 - at the end of the process, the module's names are gone
            self.close()
        except _errors:
            pass


class SaverInSqlite(ThreadedSaver, SqliteSaver):
    """Save checkpoints in SQLite, sync and async, and read back only known types."""

    def __init__(self, conn: sqlite3.Connection, *, serde: StrictSerializer) -> None:
        super().__init__(conn, serde=serde)
        self.jsonplus_serde = serde  # LangGraph's saver makes one of its own, which is not strict
        # One that a thread may take twice: a check and the writing after it are one transaction.
        self.lock = cast(threading.Lock, threading.RLock())

    def close(self) -> None:
        """Close the database, after the call that is using it; a second time does nothing."""
        super().close()
        with self.lock:
            self.conn.close()

    def _store(self, put: Put) -> tuple[str | None, RunnableConfig]:
        ids = put.config["configurable"]
        space = str(ids["thread_id"]), ids.get("checkpoint_ns", "")
        with self.lock:
            try:
                self.conn.execute("BEGIN IMMEDIATE")
                found = self.conn.execute(_NEWEST, space).fetchone()
                newest = None if found is None else found[0]
                self.follow(newest, put)
                return newest, SqliteSaver.put(self, *put[:4])
            except BaseException:
                self.conn.rollback()
                raise

    def drop(self, thread: str, gone: Mapping[str, Collection[str]]) -> None:
        """Delete checkpoints of a thread, with their writes."""
        stored = self.room.inside(thread)
        rows = [(stored, space, known) for space, ids in gone.items() for known in ids]
        with self.cursor() as cursor:
            for table in ("checkpoints", "writes"):
                cursor.executemany(_DROP.format(table), rows)

    def threads(self) -> Sequence[str]:
        """Give the ids of all threads that have a checkpoint, the latest written first."""
        with self.cursor(transaction=False) as cursor:
            return self.own_threads(row[0] for row in cursor.execute(THREADS_QUERY))

    def _places(self) -> Sequence[tuple[str, str, str]]:
        with self.cursor(transaction=False) as cursor:
            return cursor.execute(PLACES_QUERY).fetchall()

    def _delete_all(self, start: str) -> None:
        with self.cursor() as cursor:
            for query in _DELETE_ALL:
                cursor.execute(query, (len(start), start))


def open_sqlite(address: Address, serde: StrictSerializer, room: Room) -> SaverInSqlite:
    """Open or create the database, ready to be written.

    Raises:
        CheckpointerError: it cannot be opened, read or written; the message says what to do.
    """
    address.refuse_unknown(("synchronous", "timeout"))
    level = address.choice("synchronous", "full", SYNCHRONOUS)
    seconds = address.number("timeout", BUSY_SECONDS, low=0, high=3600)
    path = _path(address)
    try:
        conn = sqlite3.connect(path, seconds, check_same_thread=False, factory=_Connection)
    except sqlite3.Error as problem:
        raise _with_remedy(problem, path) from problem
    try:
        conn.execute(f"PRAGMA synchronous={level}")
        saver = SaverInSqlite(conn, serde=serde)
        # A database in memory is seen by its own connection alone.
        holds = Holds() if path == ":memory:" else holds_beside(path)
        journal = SqliteJournal(conn, saver.lock, holds)
        _prepare(saver, journal, time.monotonic() + seconds)
        saver.keep_with(journal, room)
    except sqlite3.Error as problem:
        conn.close()
        raise _with_remedy(problem, path) from problem
    except CheckpointerError:
        conn.close()
        raise
    return saver


def _prepare(saver: SaverInSqlite, journal: SqliteJournal, give_up: float) -> None:
    """Make the tables where they are missing, and prove that the file can be written."""
    while True:
        try:
            # A read-only file opens without complaint and fails at the first checkpoint: ask now.
            saver.conn.execute("BEGIN IMMEDIATE")
            saver.conn.rollback()
            saver.setup()
            _list_earlier(saver)
            journal.setup()
            for columns in _COLUMNS:
                saver.conn.execute(columns)
            return
        except sqlite3.OperationalError as problem:
            # Two open a new file at once: the switch to WAL does not wait for its turn. The low
            # byte is SQLite's primary result code; the rest says more about it.
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _list_earlier(saver: SaverInSqlite) -> None:
    """Make the list of open questions where it is missing, with those that were kept without it."""
    with saver.lock:
        try:
            saver.conn.execute("BEGIN IMMEDIATE")
            if not saver.conn.execute(_HAS_LIST).fetchone():
                saver.conn.execute(OPEN_TABLE)
                rows = saver.conn.execute(EARLIER.format("value", "writes"))
                saver.conn.executemany(LIST, earlier_questions(rows, saver.jsonplus_serde))
            saver.conn.commit()
        except BaseException:
            saver.conn.rollback()
            raise


def _path(address: Address) -> str:
    """Give the file's path; refuse one that SQLite could not open, with the remedy."""
    if address.place in ("", "/:memory:"):
        return ":memory:"
    if not address.place.startswith("/"):
        raise CheckpointerError(
            f"{address.shown!r} has two slashes, which is the place for a host; a SQLite file has "
            f"three: 'sqlite:///{address.place}', or four when the path is absolute."
        )
    path = os.path.expanduser(unquote(address.place[1:]))
    if not path or "\0" in path:
        raise CheckpointerError(
            f"{address.shown!r} names no file: write 'sqlite:///file.db', or 'sqlite://' for a "
            "database in memory."
        )
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        remedy = f"name a file in it, such as 'sqlite:///{os.path.join(path, 'runs.db')}'."
        raise CheckpointerError(f"The SQLite file {path!r} is a folder: {remedy}")
    if not os.path.isdir(folder):
        fault = "is not a folder" if os.path.exists(folder) else "does not exist; create it"
        raise CheckpointerError(
            f"The SQLite file {path!r} cannot be made: {folder!r} {fault}, or choose another place."
        )
    return path


def _with_remedy(problem: sqlite3.Error, path: str) -> CheckpointerError:
    name = getattr(problem, "sqlite_errorname", "")
    remedy = next((text for code, text in _REMEDIES.items() if name.startswith(code)), "")
    return CheckpointerError(f"The SQLite file {path!r} cannot be used ({problem}): {remedy}")
