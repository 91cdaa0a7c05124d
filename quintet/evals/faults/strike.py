"""Let a fault strike at a spot in one run, or record the visits of a run without one."""

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

Arguments = tuple[Any, ...]


class Strike:
    """Count visits to a spot, and strike there in one run.

    Args:
        fault: the fault.
        spot: where it strikes.
        nth: the visit, from 1, at which it begins; then it strikes until `times` are used up.
        times: how often it strikes at most.
        seed: of the fault's draws.
        recorded: the result of this visit in the unbroken run.

    Attributes:
        struck: the number of times that it has struck.
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
        self._lock = threading.Lock()  # branches of a graph run in threads

    def strikes(self, spot: Spot) -> bool:
        """Count a visit to a spot, and say whether the fault strikes there now."""
        if spot != self.spot:
            return False
        with self._lock:
            self._seen += 1
            if self._seen < self.nth or self.struck >= self.times:
                return False
            self.struck += 1
        return True

    def blow(self, given: Arguments, result: Any = None) -> Blow:
        """Make the record that the fault gets when it strikes."""
        return Blow(
            spot=self.spot,
            given=given,
            result=result,
            recorded=self.recorded,
            random=self._random,
        )


class Probe:
    """Record the spots that an unbroken run visits, in order; nothing strikes.

    Attributes:
        visits: every visit to a spot, in the order in which they began.
    """

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self._seen: Counter[Spot] = Counter()
        self._lock = threading.Lock()

    def begins(self, spot: Spot, given: Arguments) -> int:
        """Record the beginning of a visit, and return its index in `visits`."""
        with self._lock:
            self._seen[spot] += 1
            self.visits.append(Visit(spot=spot, given=given, number=self._seen[spot]))
            return len(self.visits) - 1

    def ends(self, index: int, answer: Any) -> None:
        """Record the result of a visit."""
        self.visits[index] = replace(self.visits[index], answer=answer, ended=True)


# LangGraph and asyncio copy the context into threads and tasks: so several cases run at once, each
# with its own strike.
_current: ContextVar[Strike | Probe | None] = ContextVar("quintet_fault", default=None)


@contextmanager
def armed(on: Strike | Probe) -> Iterator[None]:
    """Let a strike happen, or a probe record, while the block runs."""
    token = _current.set(on)
    try:
        yield
    finally:
        _current.reset(token)


def around(spot: Spot, arguments: Arguments) -> Generator[Arguments, Any, Any]:
    """Yield the arguments for the real call, take its result, and return the caller's result.

    A generator, so that sync and async callers share it.
    """
    armament = _current.get()
    if isinstance(armament, Probe):
        index = armament.begins(spot, arguments)
        answer = yield arguments  # where the call raises, the visit stays one that has not ended
        armament.ends(index, answer)
        return answer
    if armament is None or not armament.strikes(spot):
        return (yield arguments)
    fault = armament.fault
    if fault.before is not None:
        changed = fault.before(armament.blow(arguments))
        if isinstance(changed, Instead):
            return changed.value
        arguments = changed
    result = None
    for _ in range(fault.rounds):
        result = yield arguments
    return result if fault.after is None else fault.after(armament.blow(arguments, result))
