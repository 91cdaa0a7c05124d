"""Encrypt a journal's entries, and hide the subjects of its streams.

A subject holds an effect's key, and so a part of the state. It is stored as a digest, made with a
secret of the room's own, which is kept in the journal under the keys. So keys may be changed, and
every stream is still found: a stream that is not found would let its effect happen again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from quintet.errors import CheckpointerError
from quintet.state.crypt import TEXT, Keys, hidden
from quintet.state.room import Room, outside

NAMES = "quintet names"
NO_THREAD = "\x01names"
"""The stream that keeps a room's secret, and its place, which no thread of a user's has."""

_HEAD = re.compile(r"[^ :]*[ :]?")


@dataclass(frozen=True, kw_only=True)
class Locked:
    """Seal and open the entries of one room. Made by `Locked.opened`.

    Args:
        room: the room.
        keys: its keys.
        secret: by which its subjects are hidden.
        clear: whether there are streams from before there was a key.
    """

    room: Room
    keys: Keys
    secret: bytes = field(repr=False)
    clear: bool = False

    @classmethod
    def opened(cls, room: Room, kept: Sequence[str], older: bool) -> tuple[Locked, str | None]:
        """Open a room's secret, or make one; give also the text that is to be kept from now on.

        Args:
            room: the room.
            kept: the values of the stream `NAMES`, the oldest first.
            older: whether there are other entries, which are then not encrypted.

        Raises:
            CheckpointerError: the keys do not open it, or there are none.
        """
        whose = "" if room.tenant is None else f" of tenant {room.tenant!r}"
        if room.keys is None:
            raise CheckpointerError(f"the threads{whose} are encrypted here: give key=")
        place = _names_place(room)
        if kept:
            text = json.loads(kept[-1])["sealed"]
            try:
                known = json.loads(room.keys.open_text(text, place))
            except CheckpointerError as problem:
                raise CheckpointerError(f"the threads{whose} cannot be read: {problem}") from None
            secret, clear = bytes.fromhex(known["secret"]), known["clear"]
            locked = cls(room=room, keys=room.keys, secret=secret, clear=clear)
            return locked, None if room.keys.sealed_first(text) else locked._own_text()
        if older and not room.keys.reads_clear:
            raise CheckpointerError(
                f"the journal{whose} has entries from before there was a key; add None to the "
                "keys, key=[key, None], so that they are read, and stop all that run without the "
                "key"
            )
        locked = cls(room=room, keys=room.keys, secret=os.urandom(32), clear=older)
        return locked, locked._own_text()

    def _own_text(self) -> str:
        known = json.dumps({"secret": self.secret.hex(), "clear": self.clear}).encode()
        return json.dumps({"sealed": self.keys.seal_text(known, _names_place(self.room))})

    def subject(self, thread: str, subject: str) -> str:
        """Give a stream's subject as it is stored: its first word, and a digest of the whole."""
        return head_of(subject) + hidden(subject, (self._tenant, thread), self.secret)

    def seal(self, place: Sequence[str], at: float, subject: str, value: str, turn: Any) -> str:
        """Encrypt an entry's subject and value.

        Args:
            place: the thread, the stored subject and the kind.
            at: when it was written.
            subject: the subject.
            value: the value, as JSON.
            turn: the position that it must have; None where it may have any.
        """
        data = json.dumps([subject, value]).encode()
        return json.dumps(
            {"sealed": self.keys.seal_text(data, self._at(place, at, turn)), "turn": turn}
        )

    def open(self, row: Sequence[Any]) -> tuple[str, str]:
        """Give the subject and value of a stored row: thread, subject, position, kind, value, time.

        Raises:
            CheckpointerError: it cannot be opened; it names the thread and stream.
        """
        thread, subject, position, kind, value, at = row
        try:
            sealed = json.loads(value)
            if not (isinstance(sealed, dict) and str(sealed.get("sealed", "")).startswith(TEXT)):
                if not self.clear:
                    self.keys.refuse_clear()
                return subject, value
            turn = sealed.get("turn")
            if turn is not None and turn != position:
                raise CheckpointerError("it was moved to another position: it is not used")
            place = self._at((thread, subject, kind), at, turn)
            opened, text = json.loads(self.keys.open_text(sealed["sealed"], place))
        except (CheckpointerError, ValueError) as problem:
            raise CheckpointerError(
                f"entry {position} of {head_of(subject)!r} in the journal of thread "
                f"{outside(thread)!r} cannot be read: {problem}"
            ) from None
        return opened, text

    @property
    def _tenant(self) -> str:
        return self.room.tenant or ""

    def _at(self, place: Sequence[str], at: float, turn: Any) -> tuple[str, ...]:
        thread, subject, kind = place
        return (self._tenant, thread, "journal", subject, kind, repr(float(at)), str(turn))


def head_of(subject: str) -> str:
    """Give the first word of a subject, with the space or colon after it."""
    found = _HEAD.match(subject)
    return found[0] if found else ""


def is_stop(thread: str, subject: str) -> bool:
    """Say whether a stream stops something of all tenants: each reads it, whatever its keys."""
    return not thread and subject.startswith("stop ")


def _names_place(room: Room) -> tuple[str, ...]:
    return (room.tenant or "", room.inside(NO_THREAD), "journal", NAMES)
