"""Say whether a thread's effects are real or dry, and which thread it was forked from.

A thread without a word on this is an ordinary one. The word holds for all of the thread: every
process, resume, branch and nested graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quintet.state.journal.entry import Entry, Journal

MODE = "mode"
DRY, REAL = "dry", "real"


@dataclass(frozen=True, kw_only=True)
class Mode:
    """The way in which a thread's effects are meant.

    Attributes:
        dry: whether they are only recorded.
        source: the thread that it was forked from; empty where it was begun.
        checkpoint: the checkpoint that it was forked at.
        scope: the thread whose claims a real fork shares, so that an effect that one of them has
            done is not done by the other; empty where that is the thread itself.
        before: for a dry fork, the threads whose effects had happened before it, each until when.
    """

    dry: bool = False
    source: str = ""
    checkpoint: str = ""
    scope: str = ""
    before: tuple[tuple[str, float], ...] = ()

    @property
    def kind(self) -> str:
        """Give the kind of its entry."""
        return DRY if self.dry else REAL

    def as_value(self) -> dict[str, Any]:
        """Give it as plain data for its entry."""
        return {
            "from": self.source,
            "checkpoint": self.checkpoint,
            "scope": self.scope,
            "before": [list(pair) for pair in self.before],
        }


ORDINARY = Mode()


def read_mode(entries: Sequence[Entry]) -> Mode:
    """Read a thread's mode from its stream."""
    if not entries:
        return ORDINARY
    entry, value = entries[-1], entries[-1].value
    return Mode(
        dry=entry.kind == DRY,
        source=value.get("from", ""),
        checkpoint=value.get("checkpoint", ""),
        scope=value.get("scope", ""),
        before=tuple((thread, until) for thread, until in value.get("before", ())),
    )


def mode_in(journal: Journal, thread: str) -> Mode:
    """Read a thread's mode from a journal."""
    return read_mode(journal.read(thread, MODE))


def set_mode(journal: Journal, thread: str, mode: Mode) -> bool:
    """Write the mode of a thread that has none; say whether it is that thread's mode now."""
    first = journal.append(thread, MODE, mode.kind, mode.as_value(), position=0)
    return first or mode_in(journal, thread) == mode
