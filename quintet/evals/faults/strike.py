"""A fault about to strike: where, at which visit, how often; and what passes by when none does."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from quintet.evals.faults.fault import Blow, Fault, Instead, Spot, Visit

Given = tuple[Any, ...]


class Strike:
    """A fault that is to strike in one run.

    Args:
        fault: which.
        spot: where.
        nth: at the how manieth visit, from 1; it goes on striking until `times` are used up.
        times: how often.
        seed: of what it draws by lot; two strikes of one seed do the same.
        recorded: what this visit gave in the unbroken run.

    Attributes:
        struck: how often it has struck.
    """

    def __init__(
        self,
        *,
        fault: Fault,
        spot: Spot,
        nth: int = 1,
        times: int = 1,
        seed: str = "0",
        recorded: Any = None,
    ) -> None:
        self.fault = fault
        self.spot = spot
        self.nth = nth
        self.times = times
        self.recorded = recorded
        self.struck = 0
        self._random = random.Random(seed)  # noqa: S311 - reproducible
        self._seen = 0
        self._lock = threading.Lock()

    def strikes(self, spot: Spot) -> bool:
        """Whether it strikes at a visit of this spot now; a strike is used up by that."""
        if spot != self.spot:
            return False
        with self._lock:
            self._seen += 1
            if self._seen < self.nth or self.struck >= self.times:
                return False
            self.struck += 1
        return True

    def blow(self, given: Given, result: Any = None) -> Blow:
        """What the fault is told when it strikes."""
        return Blow(
            spot=self.spot,
            given=given,
            result=result,
            recorded=self.recorded,
            random=self._random,
        )


class Probe:
    """What an unbroken run passed by, in order; nothing strikes.

    Attributes:
        visits: every visit of a spot.
    """

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self._seen: Counter[Spot] = Counter()
        self._lock = threading.Lock()

    def begins(self, spot: Spot, given: Given) -> int:
        """Keep a visit, with its number at this spot; returns its place."""
        with self._lock:
            self._seen[spot] += 1
            self.visits.append(Visit(spot=spot, given=given, number=self._seen[spot]))
            return len(self.visits) - 1

    def ends(self, place: int, answer: Any) -> None:
        """Keep what came of it."""
        self.visits[place] = replace(self.visits[place], answer=answer, ended=True)


_current: ContextVar[Strike | Probe | None] = ContextVar("quintet_fault", default=None)


@contextmanager
def armed(on: Strike | Probe) -> Iterator[None]:
    """Let a fault strike, or a probe record, in whatever runs within."""
    token = _current.set(on)
    try:
        yield
    finally:
        _current.reset(token)


def around(spot: Spot, given: Given) -> Generator[Given, Any, Any]:
    """What happens at a spot: it yields what the real thing is to be called with, if it is."""
    on = _current.get()
    if isinstance(on, Probe):
        place = on.begins(spot, given)
        answer = yield given
        on.ends(place, answer)
        return answer
    if on is None or not on.strikes(spot):
        return (yield given)
    fault = on.fault
    if fault.before is not None:
        changed = fault.before(on.blow(given))
        if isinstance(changed, Instead):
            return changed.value
        given = changed
    result = None
    for _ in range(fault.rounds):
        result = yield given
    return result if fault.after is None else fault.after(on.blow(given, result))
