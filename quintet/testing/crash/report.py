"""Report each crash point, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MOST_SHOWN = 20
"""The most bad points that are printed; `bad` has them all."""


@dataclass(frozen=True, kw_only=True)
class CrashPoint:
    """Tell what came of one end of the process, or of a pair of them, and the recovery.

    Attributes:
        at: where the process ended, in order: `after settle of effect refund:1042 in act`.
        duplicated: the effects that happened too often, once for each time too many.
        lost: the effects that did not happen, once for each time too few.
        wrongly_finished: whether the run was called finished while something was missing.
        wrong_state: how the end differs from that of a run without a crash; empty where it does
            not.
        asked: the effects about which a person had to be asked whether they happened.
    """

    at: tuple[str, ...]
    duplicated: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    wrongly_finished: bool = False
    wrong_state: str = ""
    asked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong here; a question to a person is not wrong."""
        return not (self.duplicated or self.lost or self.wrongly_finished or self.wrong_state)

    def __str__(self) -> str:
        return f"{', then '.join(self.at)}: {'; '.join(self._faults()) or 'as without a crash'}"

    def _faults(self) -> Iterator[str]:
        if self.duplicated:
            yield f"duplicated {', '.join(self.duplicated)}"
        if self.lost:
            yield f"lost {', '.join(self.lost)}"
        if self.wrongly_finished:
            yield "called finished while something was missing"
        if self.wrong_state:
            yield self.wrong_state
        if self.asked:
            yield f"asked a person about {', '.join(self.asked)}"


@dataclass(frozen=True, kw_only=True)
class CrashReport:
    """Report all crash points of a graph.

    Attributes:
        name: the graph's name.
        tried: each point, or pair of points, with what came of it.
        effects: the effects of a run without a crash.
        seconds: how long it took.
    """

    name: str
    tried: tuple[CrashPoint, ...]
    effects: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def points(self) -> int:
        """Count the points, and pairs of points, that were gone through."""
        return len(self.tried)

    @property
    def duplicated(self) -> int:
        """Count the effects that happened too often."""
        return sum(len(point.duplicated) for point in self.tried)

    @property
    def lost(self) -> int:
        """Count the effects that did not happen."""
        return sum(len(point.lost) for point in self.tried)

    @property
    def wrongly_finished(self) -> int:
        """Count the points where the run was called finished while something was missing."""
        return sum(point.wrongly_finished for point in self.tried)

    @property
    def wrong_states(self) -> int:
        """Count the points whose end differs from that of a run without a crash."""
        return sum(bool(point.wrong_state) for point in self.tried)

    @property
    def asked(self) -> int:
        """Count the questions to a person whether an effect happened."""
        return sum(len(point.asked) for point in self.tried)

    @property
    def bad(self) -> tuple[CrashPoint, ...]:
        """Give the points where something is wrong."""
        return tuple(point for point in self.tried if not point.ok)

    @property
    def ok(self) -> bool:
        """Say whether every point is recovered from, with each effect once."""
        return not self.bad

    def as_dict(self) -> dict[str, Any]:
        """Give the figures as plain data."""
        return {name: getattr(self, name) for name in FIGURES}

    def __str__(self) -> str:
        words = [name.replace("_", " ") for name in FIGURES]
        numbers = [f"{getattr(self, name)}" for name in FIGURES]
        wide = [max(map(len, pair)) for pair in zip(words, numbers, strict=True)]
        verdict = "all recovered" if self.ok else "NOT all recovered"
        size = f"{len(self.effects)} effects a run, {self.seconds:.1f} s"
        lines = [
            f"crash points of {self.name}: {verdict} ({size})",
            "  ".join(word.rjust(width) for word, width in zip(words, wide, strict=True)),
            "  ".join(number.rjust(width) for number, width in zip(numbers, wide, strict=True)),
            *(f"  {point}" for point in self.bad[:MOST_SHOWN]),
        ]
        if len(self.bad) > MOST_SHOWN:
            lines.append(f"  and {len(self.bad) - MOST_SHOWN} more: see .bad")
        return "\n".join(lines)

    __repr__ = __str__


FIGURES = ("points", "duplicated", "lost", "wrongly_finished", "wrong_states", "asked")
