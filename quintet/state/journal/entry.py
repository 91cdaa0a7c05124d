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

from quintet.errors import CheckpointerError
from quintet.state.clock import now
from quintet.state.hold import Holds
from quintet.state.journal.locked import NAMES, NO_THREAD, Locked, head_of, is_stop
from quintet.state.redact import redacted_data
from quintet.state.room import MARK, Room, RoomHolds, outside

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
        room: the tenant whose threads it sees, and the keys that its values are encrypted with.
    """

    durable: ClassVar[bool] = True
    holds: Holds
    room: Room = Room()
    _locked: Locked | None = None
    _subjects: dict[tuple[str, str], str]

    def enter(self, room: Room) -> None:
        """See a room's threads alone from now on, and encrypt with its keys.

        Raises:
            CheckpointerError: the room's entries are encrypted, and its keys do not open them.
        """
        self.room, self._subjects = room, {}
        if room.tenant is not None:
            self.holds = RoomHolds(self.holds, room)
        # One in memory is not opened before somebody uses it.
        if self.durable or room.keys is not None:
            self._unlock()

    def _unlock(self) -> None:
        room, thread = self.room, self.room.inside(NO_THREAD)
        while True:
            kept = [str(row[4]) for row in self._read(thread, NAMES)]
            if room.keys is None and not kept:
                return
            rows = () if kept else self._entries(None, "")
            older = any(room.has(row[0]) and not is_stop(row[0], row[1]) for row in rows)
            self._locked, text = Locked.opened(room, kept, older)
            # Where another process is first, its secret is the one that counts.
            if text is None or self._append((thread, NAMES, "key", text, now()), len(kept), None):
                return

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
        own, about, at = self._thread(thread), self._subject(thread, subject), now()
        text = self._text((own, about, kind), at, subject, value or {}, position)
        row, marking = (own, about, kind, text, at), None
        if mark:
            place, named = (
                (own, self._subject(thread, mark), "marked"),
                {"subject": stored(subject)},
            )
            marking = (*place, self._text(place, at, mark, named, 0), at)
        return self._append(row, position, marking)

    def _text(
        self,
        place: tuple[str, str, str],
        at: float,
        subject: str,
        value: Mapping[str, Any],
        turn: int | None,
    ) -> str:
        """Write an entry's value for its place: thread, stored subject and kind; and position."""
        text = write(value)
        if self._locked is None or is_stop(place[0], place[1]):
            return text
        return self._locked.seal(place, at, stored(subject), text, turn)

    def read(self, thread: str, subject: str) -> tuple[Entry, ...]:
        """Give a stream's entries, the oldest first."""
        rows = self._read(self._thread(thread), self._subject(thread, subject))
        return tuple(map(self._entry, rows))

    def heads(self, thread: str, subjects: Collection[str]) -> dict[str, Entry]:
        """Give the last entry of each of these streams that has any, by one query."""
        names = {self._subject(thread, subject): subject for subject in subjects}
        rows = self._heads(self._thread(thread), tuple(names)) if names else ()
        return {names[row[1]]: self._entry(row) for row in rows}

    def stops(self, subjects: Collection[str]) -> dict[str, Entry]:
        """Give the last entry of each of these stops that hold for all tenants."""
        rows = self._heads("", tuple(map(stored, subjects))) if subjects else ()
        return {row[1]: _plain_entry(row) for row in rows}

    def tail(self, thread: str, subject: str, most: int) -> tuple[Entry, ...]:
        """Give the last entries of a stream, the oldest of them first."""
        rows = self._tail(self._thread(thread), self._subject(thread, subject), most)
        return tuple(map(self._entry, reversed(rows)))

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
        at, own, about = now(), self._thread(thread), self._subject(thread, subject)
        rows = [
            (
                own,
                about,
                number,
                kind,
                self._text((own, about, kind), at, subject, value, number),
                at,
            )
            for number, value in enumerate(values, start=position)
        ]
        self._add(rows, connection)

    def entries(self, thread: str | None, start: str) -> tuple[Entry, ...]:
        """Give all entries whose subjects begin like this, of one thread or of all (None).

        They come ordered by thread, subject and position.
        """
        start = stored(start)
        # Only the first word of a hidden subject can be searched by.
        begin = start if self._locked is None else head_of(start)
        rows = self._entries(None if thread is None else self._thread(thread), begin)
        own = (self._entry(row) for row in rows if self.room.has(row[0]) and row[1] != NAMES)
        found = [entry for entry in own if entry.subject.startswith(start)]
        if self._locked is not None:
            found.sort(key=lambda entry: (entry.thread, entry.subject, entry.position))
        return tuple(found)

    def open(self, thread: str, name: str, value: Mapping[str, Any]) -> None:
        """Put something that waits for a person on the list of what is open, or replace it."""
        own, name, text = self._thread(thread), stored(name), write(value)
        if self._locked is not None:
            place = (own, name, "open")
            text = self._locked.seal(place, 0.0, name, text, None)
        self._open((own, name, text, now()))

    def close(self, thread: str, keep: Collection[str] = ()) -> None:
        """Take all that a thread has open off the list, but for the names to keep."""
        self._close(self._thread(thread), [stored(name) for name in keep])

    def opened(self, thread: str | None = None) -> tuple[Open, ...]:
        """Give what is open, of one thread or of all, the oldest first."""
        rows = self._opened(None if thread is None else self._thread(thread))
        return tuple(self._as_open(row) for row in rows if self.room.has(row[0]))

    def forget(self, thread: str, start: str = "") -> None:
        """Delete a thread's streams whose subjects begin like this, and what it has open."""
        own, start = self._thread(thread), stored(start)
        if self._locked is None or start == head_of(start):
            self._forget(own, start)
            return
        for subject in {entry.subject for entry in self.entries(thread, start)}:
            self._forget(own, self._subject(thread, subject))
        self._close(own, [])

    def forget_room(self, *, keep_streams: bool) -> None:
        """Delete what is open in all its threads, and their streams too unless they are kept.

        Raises:
            CheckpointerError: it belongs to no tenant.
        """
        start = self.room.of_tenant()
        self._forget_all(start, start[:-1] + chr(ord(MARK) + 1), keep_streams)
        if not keep_streams and self._locked is not None:
            self._unlock()

    def _thread(self, thread: str) -> str:
        own = stored(thread)
        return self.room.inside(own)

    def _subject(self, thread: str, subject: str) -> str:
        subject = stored(subject)
        own = self._thread(thread)
        if self._locked is None or is_stop(own, subject):
            return subject
        if not self._locked.clear:
            return self._locked.subject(own, subject)
        # A stream from before there was a key goes on where it is, so that it is found. Asked once:
        # within a transaction there may be no second connection to ask on.
        if (own, subject) not in self._subjects:
            there = self._read(own, subject)
            self._subjects[own, subject] = subject if there else self._locked.subject(own, subject)
        return self._subjects[own, subject]

    def _entry(self, row: Sequence[Any]) -> Entry:
        thread, subject, position, kind, value, at = row
        if self._locked is not None and not is_stop(thread, subject):
            subject, value = self._locked.open(row)
        return _plain_entry((thread, subject, position, kind, value, at))

    def _as_open(self, row: Sequence[Any]) -> Open:
        thread, name, value, at = row
        if self._locked is not None:
            _, value = self._locked.open((thread, name, 0, "open", value, 0.0))
        return Open(thread=outside(thread), name=name, value=_value(value, thread, name), at=at)

    @abstractmethod
    def _open(self, row: tuple[str, str, str, float]) -> None:
        """Insert or replace a row of the list of what is open."""

    @abstractmethod
    def _close(self, thread: str, keep: Collection[str]) -> None:
        """Delete a thread's rows of the list of what is open, but for the names to keep."""

    @abstractmethod
    def _opened(self, thread: str | None) -> Sequence[Sequence[Any]]:
        """Select the rows of what is open, the oldest first."""

    @abstractmethod
    def _forget(self, thread: str, start: str) -> None:
        """Delete a thread's rows whose subjects begin like this, and what it has open."""

    @abstractmethod
    def _forget_all(self, low: str, high: str, keep_streams: bool) -> None:
        """Delete the rows of all threads from one id up to before another."""

    @abstractmethod
    def _append(self, row: Row, position: int | None, mark: Row | None) -> bool:
        """Insert a row at its position, or at the next, unless that is taken; and its mark's."""

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
    """Write plain data as text that any database takes: JSON in ASCII, without revealed secrets."""
    return json.dumps(redacted_data(value), separators=(",", ":"))


def _plain_entry(row: Sequence[Any]) -> Entry:
    thread, subject, position, kind, value, at = row
    return Entry(
        thread=outside(thread),
        subject=subject,
        position=position,
        kind=kind,
        value=_value(value, thread, subject),
        at=at,
    )


def _value(text: str, thread: str, subject: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as problem:
        value = problem
    if not isinstance(value, dict):
        raise CheckpointerError(
            f"{subject!r} in the journal of thread {outside(thread)!r} cannot be read: it was cut "
            "or altered. Restore a copy of the database; what it says about effects is lost"
        )
    return value


def stored(text: str) -> str:
    """Give a text as it is stored: without NUL and half surrogate pairs, and not too long."""
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if len(text) <= LONGEST:
        return text
    rest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{text[: LONGEST - len(rest) - 1]}~{rest}"
