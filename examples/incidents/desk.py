"""Keep tickets, pages and restarts in SQLite; each is done once for its key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from quintet.nodes import Effect, effect

TABLES = """
CREATE TABLE IF NOT EXISTS tickets (
    incident TEXT PRIMARY KEY, service TEXT, cause TEXT, status TEXT, key TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS pages (person TEXT, incident TEXT, key TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS restarts (service TEXT, incident TEXT, key TEXT UNIQUE);
"""


@dataclass(frozen=True, kw_only=True)
class TicketDesk:
    """Open and close tickets, page people and restart services, in the books of one database."""

    path: Path

    def __post_init__(self) -> None:
        with self._open() as db:
            db.executescript(TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=10)) as db, db:
            db.execute("PRAGMA synchronous = OFF")  # the books of a demo need not outlive a crash
            yield db

    def open_ticket_of(self, service: str) -> str | None:
        """Name the incident of a service's open ticket, or None."""
        query = "SELECT incident FROM tickets WHERE service = ? AND status = 'open'"
        with self._open() as db:
            row = db.execute(query, (service,)).fetchone()
        return str(row[0]) if row else None

    def open_services(self) -> list[str]:
        """Name the services that have an open ticket."""
        with self._open() as db:
            rows = db.execute("SELECT service FROM tickets WHERE status = 'open' ORDER BY 1")
            return [str(row[0]) for row in rows]

    def next_incident(self, service: str) -> str:
        """Name a service's next incident."""
        with self._open() as db:
            query = "SELECT count(*) FROM tickets WHERE service = ?"
            return f"{service}-{db.execute(query, (service,)).fetchone()[0] + 1}"

    def book(self, name: str) -> list[tuple[str, ...]]:
        """Give the rows of a book: `tickets`, `pages` or `restarts`."""
        with self._open() as db:
            return list(db.execute(f"SELECT * FROM {name} ORDER BY rowid"))

    @property
    def opening(self) -> Effect:
        """Give the effect that opens a ticket."""

        def open_ticket(incident: str, service: str, cause: str, idempotency_key: str) -> str:
            """Open a ticket for an incident."""
            values = (incident, service, cause, "open", idempotency_key)
            self._put("tickets", values)
            return incident

        return effect(open_ticket, key="ticket:{incident}")

    @property
    def closing(self) -> Effect:
        """Give the effect that closes a ticket."""

        def close_ticket(incident: str, service: str, idempotency_key: str) -> str:
            """Close the ticket of an incident."""
            with self._open() as db:
                query = "UPDATE tickets SET status = 'closed' WHERE incident = ? AND service = ?"
                if not db.execute(query, (incident, service)).rowcount:
                    raise LookupError(f"{service} has no ticket {incident}")
            return incident

        return effect(close_ticket, key="close:{incident}")

    @property
    def paging(self) -> Effect:
        """Give the effect that wakes somebody."""

        def page(person: str, incident: str, idempotency_key: str) -> str:
            """Page a person about an incident."""
            self._put("pages", (person, incident, idempotency_key))
            return f"{person} was paged"

        return effect(page, key="page:{incident}")

    @property
    def restarting(self) -> Effect:
        """Give the effect that restarts a service."""

        def restart(service: str, incident: str, at: str, idempotency_key: str) -> str:
            """Restart a service because of an incident that was first seen at a moment."""
            self._put("restarts", (service, incident, idempotency_key))
            return f"{service} was restarted"

        return effect(restart, key="restart:{incident}")

    def _put(self, book: str, values: tuple[str, ...]) -> None:
        marks = ", ".join("?" * len(values))
        with self._open() as db:
            db.execute(f"INSERT OR IGNORE INTO {book} VALUES ({marks})", values)
