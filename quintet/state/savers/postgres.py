"""Keep checkpoints in PostgreSQL, through a pool whose connections are checked before use."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row, tuple_row
from psycopg_pool import ConnectionPool

from quintet.errors import CheckpointerError
from quintet.state.journal.postgres import BY_SUBJECT, LIST, OPEN_TABLE, TABLE, PostgresJournal
from quintet.state.room import Room
from quintet.state.savers.address import Address
from quintet.state.savers.pipeline import SUPERSEDED, make_procedure, store_at_once
from quintet.state.savers.questions import EARLIER, earlier_questions
from quintet.state.savers.roomed import PLACES_QUERY
from quintet.state.savers.saver import THREADS_QUERY, Put, ThreadedSaver
from quintet.state.savers.serializer import Packed, StrictSerializer
from quintet.state.savers.session import NOT_IN_TEXT, Connection, SessionHolds

POOL_SIZE = 4
ANSWER_SECONDS = 5.0
SETUP_SECONDS = 60.0

_OWN_OPTIONS = ("pool", "timeout")
_SETUP_LOCK = int.from_bytes(b"quintet", "big")
_SETTINGS: Final = (
    "SELECT current_setting('transaction_read_only') AS read_only, "
    "current_setting('transaction_isolation') AS isolation"
)
_PUT_LOCK: Final = (
    "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || %s || '/' || %s, 8))"
)
_NEWEST: Final = (
    "SELECT checkpoint_id FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = %s "
    "ORDER BY checkpoint_id DESC LIMIT 1"
)
_DELETE_ALL: Final = (
    "DELETE FROM checkpoints WHERE starts_with(thread_id, %s)",
    "DELETE FROM checkpoint_blobs WHERE starts_with(thread_id, %s)",
    "DELETE FROM checkpoint_writes WHERE starts_with(thread_id, %s)",
)

_DROP: Final = (
    (
        "DELETE FROM checkpoint_writes "
        "WHERE thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = ANY(%s)"
    ),
    (
        "DELETE FROM checkpoints "
        "WHERE thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = ANY(%s)"
    ),
)
_DROP_VALUES: Final = """
DELETE FROM checkpoint_blobs WHERE thread_id = %s AND checkpoint_ns = %s
AND (channel, version) NOT IN (
    SELECT v.key, v.value FROM checkpoints c
    CROSS JOIN LATERAL jsonb_each_text(c.checkpoint -> 'channel_versions') AS v
    WHERE c.thread_id = %s AND c.checkpoint_ns = %s
)
"""


class _Pool(ConnectionPool[Connection]):
    """Pool connections that live, and allow the pool to be dropped without `close()`."""

    def getconn(self, timeout: float | None = None) -> Connection:
        """Give a connection that shows a sign of life; others are replaced.

        The pool's own check waits after each that is dead, and longer each time: after the server
        has ended all, as when it starts anew, its time was up before the last was found out.
        """
        give_up = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            connection = super().getconn(max(give_up - time.monotonic(), 0.0))
            try:
                connection.execute("", prepare=False)
            except BaseException as problem:
                self.putconn(connection)
                if not isinstance(problem, psycopg.Error) or time.monotonic() > give_up:
                    raise
            else:
                return connection

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection]:
        """Lend a connection; a user who lacks a right is told which.

        Raises:
            CheckpointerError: the database's user may not do what is to be done.
        """
        try:
            with super().connection(timeout) as connection:
                yield connection
        except psycopg.errors.InsufficientPrivilege as problem:
            raise CheckpointerError(
                f"the database's user may not do this ({problem}): grant SELECT, INSERT, UPDATE "
                "and DELETE on the tables of checkpoints and of quintet to that user, or use one "
                "that has them; who has SELECT alone may look at runs"
            ) from problem

    def __del__(self) -> None:
        # The pool's own worker may drop it last, and a thread cannot join itself.
        with suppress(RuntimeError):
            super().__del__()


class _Plain(threading.local):
    """Hold a saver of LangGraph's for each thread; a call gives it the connection to use."""

    def __init__(self) -> None:
        unconnected = cast(Connection, None)
        self.saver = PostgresSaver(unconnected)


class SaverInPostgres(ThreadedSaver, PostgresSaver):
    """Save checkpoints in Postgres, sync and async, and read back only known types.

    Attributes:
        at_once: whether the database has the procedure by which a checkpoint is checked and stored
            in one go.
    """

    conn: _Pool
    at_once: bool = False
    keeps_text_apart = True

    def __init__(self, pool: _Pool, *, serde: StrictSerializer) -> None:
        super().__init__(pool, serde=serde)
        # Each call has a connection of its own, so as many may run as the pool has connections.
        self.lock = cast(threading.Lock, threading.BoundedSemaphore(pool.max_size))
        self._plain = _Plain()

    def close(self) -> None:
        """Close the connections; a second time does nothing."""
        super().close()
        self.conn.close()
        self.holds.close()

    @contextmanager
    def borrowed(self) -> Iterator[Connection]:
        """Lend one of its connections."""
        with self.lock, self.conn.connection() as connection:
            yield connection

    def threads(self) -> Sequence[str]:
        """Give the ids of all threads that have a checkpoint, the latest written first."""
        with self.lock, self.conn.connection() as connection:
            rows = connection.execute(THREADS_QUERY).fetchall()
        return self.own_threads(row["thread_id"] for row in rows)

    def _places(self) -> Sequence[tuple[str, str, str]]:
        with self.lock, self.conn.connection() as connection:
            rows = connection.execute(PLACES_QUERY).fetchall()
        return [(row["thread_id"], row["checkpoint_ns"], row["checkpoint_id"]) for row in rows]

    def _delete_all(self, start: str) -> None:
        with self.lock, self.conn.connection() as connection, connection.transaction():
            for query in _DELETE_ALL:
                connection.execute(query, (start,))

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        # LangGraph keeps lone text and numbers as JSONB and all else as bytes. Postgres refuses
        # JSONB with a NUL, half a surrogate pair or NaN, so these are packed as bytes too.
        values = checkpoint["channel_values"]
        odd = {name: Packed(value=v) for name, v in values.items() if not _fits_jsonb(v)}
        if odd:
            checkpoint = {**checkpoint, "channel_values": {**values, **odd}}
        return super().put(config, checkpoint, metadata, new_versions)

    def _store(self, put: Put) -> tuple[str | None, RunnableConfig]:
        # A checkpoint without channels may follow any.
        if self.at_once and put.checkpoint["channel_versions"]:
            plain = self._plain.saver
            plain.serde = self.serde  # LangGraph copies a saver to give it another one
            try:
                with self.lock, self.conn.connection() as connection:
                    stored = store_at_once(connection, plain, put, self.journal)
                return put.config["configurable"].get("checkpoint_id"), stored
            except psycopg.DatabaseError as problem:
                if problem.sqlstate != SUPERSEDED:
                    raise
        # It may be put once more, which is allowed; a refusal names the newest.
        ids = put.config["configurable"]
        space = str(ids["thread_id"]), ids.get("checkpoint_ns", "")
        with self.lock, self.conn.connection() as connection, connection.transaction():
            connection.execute(_PUT_LOCK, space)
            found = connection.execute(_NEWEST, space).fetchone()
            newest = None if found is None else found["checkpoint_id"]
            self.follow(newest, put, connection)
            # A saver on this one connection, so that all is one transaction.
            return newest, PostgresSaver(connection, serde=self.serde).put(*put[:4])

    def drop(self, thread: str, gone: Mapping[str, Collection[str]]) -> None:
        """Delete checkpoints of a thread, with their writes and the values that only they have."""
        thread = self.room.inside(thread)
        # The outermost graph's last: cut off in between, the rest is known by what is left of it.
        for space, ids in sorted(gone.items(), reverse=True):
            with self.borrowed() as connection, connection.transaction():
                # What is put meanwhile may need a value that nothing else has any more.
                connection.execute(_PUT_LOCK, (thread, space))
                for statement in _DROP:
                    connection.execute(statement, (thread, space, [*ids]))
                connection.execute(_DROP_VALUES, (thread, space) * 2)


def _fits_jsonb(value: Any) -> bool:
    """Say whether JSONB can hold a value: no NUL, no half of a surrogate pair, no NaN."""
    if isinstance(value, str):
        return NOT_IN_TEXT.search(value) is None
    return not isinstance(value, float) or math.isfinite(value)


def open_postgres(address: Address, serde: StrictSerializer, room: Room) -> SaverInPostgres:
    """Reach the server, make the tables where they are missing, and open the pool.

    Raises:
        CheckpointerError: the server does not answer, refuses, or the tables cannot be made.
    """
    size = int(address.number("pool", POOL_SIZE, low=1, high=100))
    seconds = address.number("timeout", ANSWER_SECONDS, low=1, high=300)
    conninfo, settings = _conninfo(address, seconds)
    try:
        # Not through the pool: it would hide why the server cannot be reached, and wait longer.
        with psycopg.connect(conninfo, **settings) as connection:
            _prepare(connection, address, serde)
            at_once = make_procedure(connection)
    except psycopg.Error as problem:
        raise _with_remedy(problem, address) from problem
    pool = _Pool(
        conninfo,
        kwargs=settings,
        min_size=1,
        max_size=size,
        num_workers=1,
        timeout=seconds,
        open=True,
        name="quintet",
    )
    saver = SaverInPostgres(pool, serde=serde)
    saver.at_once = at_once and saver.supports_pipeline
    try:
        saver.keep_with(PostgresJournal(saver.borrowed, SessionHolds(conninfo, settings)), room)
    except CheckpointerError:
        pool.close()
        raise
    except psycopg.Error as problem:
        pool.close()
        raise CheckpointerError(
            f"{address.shown!r}: its journal cannot be read ({problem}). Restore it together with "
            "the other tables: without it, an effect that was done would be done again."
        ) from problem
    return saver


def _conninfo(address: Address, seconds: float) -> tuple[str, dict[str, Any]]:
    """Give libpq's connection string, and the settings of each connection."""
    login, _, database = address.place.partition("/")
    if login.count("@") > 1 or "@" in database or any("@" in name for name in address.options):
        # Else libpq takes a piece of the password for the host, and prints it in its error.
        raise CheckpointerError(
            f"{address.shown!r} has an '@', '/' or '?' inside the user name or the password: "
            "write them as %40, %2F and %3F."
        )
    passed = {name: text for name, text in address.options.items() if name not in _OWN_OPTIONS}
    query = urlencode(passed, quote_via=quote)
    conninfo = f"{address.scheme}://{address.place}" + (f"?{query}" if query else "")
    try:
        known = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as problem:
        fault = str(problem).strip()
        raise CheckpointerError(
            f"{address.shown!r}: {fault if 'query parameter' in fault else 'it cannot be read'}; "
            "the form is postgresql://user:password@host:5432/db, special characters "
            "percent-encoded; the options are pool=, timeout= and libpq's own."
        ) from None  # the cause may quote the password
    # The settings of LangGraph's own `from_conn_string`.
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    defaults = {"connect_timeout": math.ceil(seconds), "application_name": _name()}
    return conninfo, settings | {n: v for n, v in defaults.items() if n not in known}


def _name() -> str:
    """Name this process for others who look at the server's sessions; 63 bytes are kept."""
    return f"quintet pid {os.getpid()} on {socket.gethostname()}"[:63]


def _prepare(connection: Connection, address: Address, serde: StrictSerializer) -> None:
    """Make the tables, one process at a time: two at once would make each other fail."""
    now = connection.execute(_SETTINGS).fetchone()
    if now and now["read_only"] == "on":
        raise CheckpointerError(
            f"{address.shown!r} is read-only, perhaps a standby: use the primary server."
        )
    if now and now["isolation"] != "read committed":
        raise CheckpointerError(
            f"{address.shown!r} begins transactions as {now['isolation']!r}, in which a runner "
            "does not see what another has stored just now: set default_transaction_isolation to "
            "'read committed' for its user or database."
        )
    if _is_current(connection):
        return
    give_up = time.monotonic() + SETUP_SECONDS
    # Asking again and again, because a process that waits inside the server would stop the other
    # one's CREATE INDEX CONCURRENTLY.
    while not _locked(connection):
        if time.monotonic() > give_up:
            raise CheckpointerError(
                f"{address.shown!r}: another process has been preparing the tables for "
                f"{SETUP_SECONDS:g} seconds; try again when it is done."
            )
        time.sleep(0.05)
    PostgresSaver(connection).setup()
    for statement in (TABLE, BY_SUBJECT):
        connection.execute(statement)
    _list_earlier(connection, serde)


def _list_earlier(connection: Connection, serde: StrictSerializer) -> None:
    """Make the list of open questions where it is missing, with those that were kept without it."""
    with connection.transaction():
        row = connection.execute("SELECT to_regclass('quintet_open') AS there").fetchone()
        if row and row["there"] is not None:
            return
        connection.execute(OPEN_TABLE)
        # On the server's side, so that not all of them are in memory.
        with connection.cursor("quintet_earlier", row_factory=tuple_row) as rows:
            rows.execute(EARLIER.format("blob", "checkpoint_writes"))
            for listed in earlier_questions(rows, serde):
                connection.execute(LIST, listed)


def _locked(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s) AS held", (_SETUP_LOCK,)).fetchone()
    return bool(row and row["held"])


def _is_current(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT to_regclass('checkpoint_migrations') IS NOT NULL "
        "AND to_regclass('quintet_open') IS NOT NULL AS made"
    ).fetchone()
    if row is None or not row["made"]:
        return False
    row = connection.execute("SELECT max(v) AS version FROM checkpoint_migrations").fetchone()
    version = cast(Mapping[str, int | None], row or {}).get("version")
    return version is not None and version >= len(PostgresSaver.MIGRATIONS) - 1


def _with_remedy(problem: psycopg.Error, address: Address) -> CheckpointerError:
    # Without a state there was no answer: libpq could not connect at all.
    if isinstance(problem, psycopg.OperationalError) and problem.sqlstate is None:
        remedy = "check that the server runs, and host, port, user, password and database."
    elif isinstance(problem, psycopg.errors.InsufficientPrivilege):
        remedy = "let a user that may create tables open it once, and grant their use to this one."
    elif isinstance(problem, psycopg.errors.InvalidSchemaName):
        remedy = "make the schema that search_path names, and let this user use it."
    else:
        remedy = "the server answered and refused; its message says why."
    return CheckpointerError(f"{address.shown!r} cannot be used ({problem}): {remedy}")
