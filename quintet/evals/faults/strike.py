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

from langgraph.errors import GraphInterrupt, ParentCommand

from quintet.evals.faults.facts import changed_keys, same
from quintet.evals.faults.fault import NODES, Blow, Fault, Instead, Spot, Visit
from quintet.evals.faults.spread import Spread, Step, StepStatus

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
        spread: the nodes that have run from the strike on, and what it has changed.
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
        self._spread = Spread()
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

    @property
    def spread(self) -> Spread:
        """Return the nodes that have run so far, from the struck one on."""
        with self._lock:
            return self._spread

    def begins(self, spot: Spot) -> int:
        """Record that a node begins, and return its index."""
        with self._lock:
            self._spread = self._spread.begun(Step(spot=spot))
            return len(self._spread.steps) - 1

    def ends(self, index: int, status: StepStatus) -> None:
        """Record how a node has ended."""
        with self._lock:
            self._spread = self._spread.ended(index, status)

    def changes(self, spot: Spot, result: Any, changed: Any) -> None:
        """Record the change that the fault has made in what the spot hands on."""
        if spot.takes is not None:
            result, changed = spot.takes(result), spot.takes(changed)
        if same(result, changed):
            return
        keys = changed_keys(result, changed) if spot.kind in NODES else None
        with self._lock:
            self._spread = self._spread.struck(_at_work.get(), keys)

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
_at_work: ContextVar[int | None] = ContextVar("quintet_node_at_work", default=None)


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
    if armament is None:
        return (yield arguments)
    if spot.kind not in NODES:
        return (yield from _met(armament, spot, arguments))
    index = armament.begins(spot)
    token = _at_work.set(index)
    try:
        result = yield from _met(armament, spot, arguments)
    except BaseException as problem:
        armament.ends(index, _status_of(problem))
        raise
    finally:
        _at_work.reset(token)
    armament.ends(index, "done")
    return result


def _status_of(problem: BaseException) -> StepStatus:
    if isinstance(problem, ParentCommand):  # control is passed on
        return "done"
    return "asked" if isinstance(problem, GraphInterrupt) else "failed"


def _met(armament: Strike, spot: Spot, arguments: Arguments) -> Generator[Arguments, Any, Any]:
    """Let the strike meet the call, if it strikes here now."""
    if not armament.strikes(spot):
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
    if fault.after is None:
        return result
    changed = fault.after(armament.blow(arguments, result))
    armament.changes(spot, result, changed)
    return changed
