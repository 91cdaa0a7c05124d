"""Append entries to streams, and read them: the journal that claims and verdicts are built on.

A stream belongs to a thread and is about one subject, such as an effect's key or a question. Its
entries are numbered from 0, and an entry is never changed. Whoever wants to be the first to write
an entry names its position: of several who do, one succeeds. Nothing else is needed for a claim, a
verdict, or a lock that shall be fenced.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from quintet.state.clock import now
from quintet.state.hold import Holds

LONGEST = 400
"""The most characters of a thread's id or a subject that are stored; a digest takes the rest's
place, since a database's index takes no text of any length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of a stream.

    Attributes:
        thread: the thread's id; empty for what belongs to no thread.
        subject: what the stream is about, such as `"effect refund:1042"`.
        position: its number in the stream, from 0.
        kind: what happened, such as `"claimed"`.
        value: more about that, as plain data.
        at: when, in seconds since the epoch.
    """

    thread: str
    subject: str
    position: int
    kind: str
    value: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """Something that waits for a person.

    Attributes:
        thread: the thread's id.
        name: what tells it from others of the thread, such as a question's id.
        value: more about it, as plain data.
        at: since when, in seconds since the epoch.
    """

    thread: str
    name: str
    value: Mapping[str, Any]
    at: float


class Journal(ABC):
    """Append to streams and read them, in one database.

    Attributes:
        durable: whether it outlives this process.
        holds: locks by name, which end with the process at the latest.
    """

    durable: ClassVar[bool] = True
    holds: Holds

    def append(
        self,
        thread: str,
        subject: str,
        kind: str,
        value: Mapping[str, Any] | None = None,
        *,
        position: int | None = None,
        mark: str = "",
    ) -> bool:
        """Append an entry to a stream, on disk when this returns.

        Args:
            thread: the thread's id, or an empty text.
            subject: what the stream is about.
            kind: what happened.
            value: more about that; plain data.
            position: the number that the entry must get; None for the next one.
            mark: a stream that names this one, unless it does so already, and is written at the
                same time; marks that begin alike are found together. It needs a position.

        Returns:
            False where another entry has that position, and nothing was written.
        """
        row = (stored(thread), stored(subject), kind, write(value or {}), now())
        return self._append(row, position, stored(mark))

    def read(self, thread: str, subject: str) -> tuple[Entry, ...]:
        """Give a stream's entries, the oldest first."""
        return tuple(map(_entry, self._read(stored(thread), stored(subject))))

    def heads(self, thread: str, subjects: Collection[str]) -> dict[str, Entry]:
        """Give the last entry of each of these streams that has any, by one query."""
        names = {stored(subject): subject for subject in subjects}
        found = map(_entry, self._heads(stored(thread), tuple(names)) if names else ())
        return {names[entry.subject]: entry for entry in found}

    def tail(self, thread: str, subject: str, most: int) -> tuple[Entry, ...]:
        """Give the last entries of a stream, the oldest of them first."""
        return tuple(map(_entry, reversed(self._tail(stored(thread), stored(subject), most))))

    def add(
        self,
        thread: str,
        subject: str,
        kind: str,
        values: Sequence[Mapping[str, Any]],
        position: int,
        connection: Any = None,
    ) -> None:
        """Add entries to a stream, from a position on, within the caller's own transaction.

        Args:
            thread: the thread's id.
            subject: what the stream is about.
            kind: what happened.
            values: more about each.
            position: the first one's number; an entry that is there already stays.
            connection: the connection of the transaction, where there are several.
        """
        at, place = now(), (stored(thread), stored(subject))
        rows = [
            (*place, number, kind, write(value), at)
            for number, value in enumerate(values, start=position)
        ]
        self._add(rows, connection)

    def entries(self, thread: str | None, start: str) -> tuple[Entry, ...]:
        """Give all entries whose subjects begin like this, of one thread or of all (None).

        They come ordered by thread, subject and position.
        """
        found = self._entries(None if thread is None else stored(thread), stored(start))
        return tuple(map(_entry, found))

    @abstractmethod
    def open(self, thread: str, name: str, value: Mapping[str, Any]) -> None:
        """Put something that waits for a person on the list of what is open, or replace it."""

    @abstractmethod
    def close(self, thread: str, keep: Collection[str] = ()) -> None:
        """Take all that a thread has open off the list, but for the names to keep."""

    @abstractmethod
    def opened(self, thread: str | None = None) -> tuple[Open, ...]:
        """Give what is open, of one thread or of all, the oldest first."""

    @abstractmethod
    def forget(self, thread: str, start: str = "") -> None:
        """Delete a thread's streams whose subjects begin like this, and what it has open."""

    @abstractmethod
    def _append(self, row: Row, position: int | None, mark: str) -> bool:
        """Insert a row at its position, or at the next, unless that is taken; and its mark."""

    @abstractmethod
    def _add(self, rows: Sequence[tuple[Any, ...]], connection: Any) -> None:
        """Insert rows that are not there, and leave it to the caller to commit."""

    @abstractmethod
    def _tail(self, thread: str, subject: str, most: int) -> Sequence[Sequence[Any]]:
        """Select a stream's last rows, the last first."""

    @abstractmethod
    def _read(self, thread: str, subject: str) -> Sequence[Sequence[Any]]:
        """Select a stream's rows in their order."""

    @abstractmethod
    def _heads(self, thread: str, subjects: tuple[str, ...]) -> Sequence[Sequence[Any]]:
        """Select the last row of each of these streams."""

    @abstractmethod
    def _entries(self, thread: str | None, start: str) -> Sequence[Sequence[Any]]:
        """Select the rows of the streams whose subjects begin like this."""


Row = tuple[str, str, str, str, float]
"""Thread, subject, kind, value as JSON, time."""

COLUMNS = "thread, subject, position, kind, value, at"


def write(value: Mapping[str, Any]) -> str:
    """Write plain data as text that any database takes: JSON in ASCII."""
    return json.dumps(value, separators=(",", ":"))


def marked(subject: str) -> tuple[str, str]:
    """Give the kind and the value of an entry that names a stream."""
    return "marked", write({"subject": subject})


def as_open(row: Sequence[Any]) -> Open:
    """Read a row of the list of what is open."""
    thread, name, value, at = row
    return Open(thread=thread, name=name, value=json.loads(value), at=at)


def _entry(row: Sequence[Any]) -> Entry:
    thread, subject, position, kind, value, at = row
    return Entry(
        thread=thread,
        subject=subject,
        position=position,
        kind=kind,
        value=json.loads(value),
        at=at,
    )


def stored(text: str) -> str:
    """Give a text as it is stored: without NUL and half surrogate pairs, and not too long."""
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if len(text) <= LONGEST:
        return text
    rest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{text[: LONGEST - len(rest) - 1]}~{rest}"
