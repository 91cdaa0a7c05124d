"""Where faults are to strike: drawn by seed among what an unbroken run passed by."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from quintet.evals.case import Case
from quintet.evals.faults.fault import NODES, Fault, Visit
from quintet.evals.faults.strike import Strike


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One fault that is to be put into one case; `node` is the node in or at which it strikes."""

    id: str
    case: Case
    fault: Fault
    visit: Visit
    times: int
    node: str = ""
    recorded: Any = field(default=None, repr=False)

    def strike(self) -> Strike:
        """The strike, made anew for a run."""
        return Strike(
            fault=self.fault,
            spot=self.visit.spot,
            nth=self.visit.number,
            times=self.times,
            seed=self.id,
            recorded=self.recorded,
        )


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Draws by seed where the faults strike."""

    faults: tuple[Fault, ...]
    seed: int
    per_case: int

    def plans(self, case: Case, visits: tuple[Visit, ...]) -> Iterator[Plan]:
        """The faults that are to strike in a case, by what its unbroken run passed by."""
        for fault in self.faults:
            able = [visit for visit in visits if fault.may_strike(visit, visits)]
            lot = random.Random(f"{self.seed}/{case.id}/{fault.kind}")  # noqa: S311 - reproducible
            ways = list(product(able, fault.times))
            lot.shuffle(ways)
            often = self.per_case if fault.varied or len(ways) > self.per_case else len(ways)
            for number in range(often if ways else 0):
                visit, times = ways[number % len(ways)]
                yield Plan(
                    id=f"{case.id} + {fault.kind} {number + 1} (seed {self.seed})",
                    case=case,
                    fault=fault,
                    visit=visit,
                    times=times,
                    node=_around(visit, visits),
                    recorded=_recorded(fault, visit, visits),
                )


def _around(visit: Visit, visits: tuple[Visit, ...]) -> str:
    """The node that was at work when a spot was visited."""
    here = next(n for n, other in enumerate(visits) if other is visit)
    begun = (other for other in reversed(visits[: here + 1]) if other.spot.kind in NODES)
    return next((other.spot.name for other in begun), "")


def _recorded(fault: Fault, visit: Visit, visits: tuple[Visit, ...]) -> Any:
    """What the unbroken run gave at a visit; of a model in a tool loop, its last word."""
    if fault.last_word:
        visit = next(other for other in reversed(visits) if other.spot == visit.spot)
    return visit.answer
