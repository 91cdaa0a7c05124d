"""Hold threads for all clients of a Postgres server, by a session of its own."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import DictRow

from quintet.state.hold import Holds, held_by

Connection = psycopg.Connection[DictRow]

NOT_IN_TEXT: Final = re.compile("[\0\ud800-\udfff]")
"""A NUL or half of a surrogate pair, which neither a text of Postgres nor its JSONB can hold."""

# Advisory locks are the database's, and a schema may have tables of its own: it is in the name.
_HOLD: Final = (
    "SELECT pg_try_advisory_lock(hashtextextended(current_schema() || '/' || %s, 7)) AS held"
)
_GIVE_BACK: Final = (
    "SELECT pg_advisory_unlock(hashtextextended(current_schema() || '/' || %s, 7)) AS held"
)

_HOLDER: Final = (
    "SELECT application_name || ', session ' || pid AS name "
    "FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
    "AND (classid::bigint << 32) | objid::bigint "
    "= hashtextextended(current_schema() || '/' || %s, 7)"
)


class SessionHolds(Holds):
    """Hold threads for all clients of the server, by advisory locks of one session.

    The server frees them when the session ends, at the latest with the process.
    """

    def __init__(self, conninfo: str, settings: dict[str, Any]) -> None:
        super().__init__()
        self._conninfo, self._settings = conninfo, settings
        self._session: Connection | None = None
        self._in_use = threading.Lock()

    @contextmanager
    def _for_others(self, thread: str) -> Iterator[None]:
        if not self._query(_HOLD, thread):
            raise held_by(thread, self._holder(thread))
        try:
            yield
        finally:
            with suppress(psycopg.Error):  # a session that is lost holds nothing
                self._query(_GIVE_BACK, thread)

    def _holder(self, thread: str) -> str:
        """Say which process holds a thread, by the name that its session has given itself."""
        with suppress(psycopg.Error), psycopg.connect(self._conninfo, **self._settings) as other:
            row = other.execute(_HOLDER, (NOT_IN_TEXT.sub("?", thread),)).fetchone()
            if row is not None:
                return f"another process ({row['name']})"
        return "another process"

    def _query(self, query: LiteralString, thread: str) -> bool:
        values = (NOT_IN_TEXT.sub("?", thread),)
        with self._in_use:
            try:
                row = self._own_session().execute(query, values).fetchone()
            except psycopg.OperationalError:
                # Idle since its last use, it may have been ended by the server or a firewall. A new
                # one may have the lock: with the old one, the server has freed what that held.
                if not self._own_session_is_lost:
                    raise
                row = self._own_session().execute(query, values).fetchone()
        return bool(row and row["held"])

    def _own_session(self) -> Connection:
        # A session of its own: a pool's connection would go to another call, lock and all.
        if self._session is None or self._own_session_is_lost:
            self._session = psycopg.connect(self._conninfo, **self._settings)
        return self._session

    @property
    def _own_session_is_lost(self) -> bool:
        return self._session is not None and (self._session.closed or self._session.broken)

    def close(self) -> None:
        """End the session; a second time does nothing."""
        with self._in_use:
            if self._session is not None:
                self._session.close()
