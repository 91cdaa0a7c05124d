"""Draw by seed where faults strike, among the spots that an unbroken run visited."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from quintet.evals.case import Case
from quintet.evals.faults.facts import same
from quintet.evals.faults.fault import NODES, Fault, Visit
from quintet.evals.faults.strike import Strike


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One fault to put into one case; `node` is the node at work where it strikes."""

    id: str
    case: Case
    fault: Fault
    visit: Visit
    times: int
    node: str = ""
    recorded: Any = field(default=None, repr=False)

    def strike(self) -> Strike:
        """Make the strike for one run; it counts its visits, so each run needs its own."""
        return Strike(
            fault=self.fault,
            spot=self.visit.spot,
            nth=self.visit.number,
            times=self.times,
            seed=self.id,
            recorded=self.recorded,
        )


Others = Sequence[tuple[Case, tuple[Visit, ...]]]
"""All cases that end right without a fault, with the visits of their unbroken runs."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Draw by seed where the faults strike; `others` are cases whose answers may be mixed up."""

    faults: tuple[Fault, ...]
    seed: int
    per_case: int
    others: Others = ()

    def plans(self, case: Case, visits: tuple[Visit, ...]) -> Iterator[Plan]:
        """Yield the faults to put into a case, given the visits of its unbroken run."""
        for fault in self.faults:
            open_visits = [
                visit
                for visit in visits
                if fault.may_strike(visit, visits)
                and (not fault.of_another or self._answers_of_others(case, visit))
            ]
            # A generator for each case and kind: another case or fault does not change the draw.
            lot = random.Random(f"{self.seed}/{case.id}/{fault.kind}")  # noqa: S311 - reproducible
            ways = list(product(open_visits, fault.times))
            lot.shuffle(ways)
            # Only a varied fault does something new when the same visit is struck again.
            runs = self.per_case if fault.varied else min(self.per_case, len(ways))
            for number in range(runs if ways else 0):
                visit, times = ways[number % len(ways)]
                recorded = (
                    lot.choice(self._answers_of_others(case, visit))
                    if fault.of_another
                    else _recorded_answer(fault, visit, visits)
                )
                yield Plan(
                    id=f"{case.id} + {fault.kind} {number + 1} (seed {self.seed})",
                    case=case,
                    fault=fault,
                    visit=visit,
                    times=times,
                    node=_node_at(visit, visits),
                    recorded=recorded,
                )

    def _answers_of_others(self, case: Case, visit: Visit) -> list[Any]:
        """List what the same spot has answered in other cases, and not in this one."""
        whose = _behalf(case)
        return [
            other.answer
            for one, visits in self.others
            if one.id != case.id and (not whose or _behalf(one) != whose)
            for other in visits
            if other.ended and other.spot == visit.spot and not same(other.answer, visit.answer)
        ]


def _behalf(case: Case) -> Any:
    return case.input.get("behalf") if isinstance(case.input, Mapping) else None


def _node_at(visit: Visit, visits: tuple[Visit, ...]) -> str:
    """Name the node that was at work when a spot was visited."""
    # By identity: to compare visits is to compare their arguments, which may be anything.
    here = next(n for n, other in enumerate(visits) if other is visit)
    begun = (other for other in reversed(visits[: here + 1]) if other.spot.kind in NODES)
    return next((other.spot.name for other in begun), "")


def _recorded_answer(fault: Fault, visit: Visit, visits: tuple[Visit, ...]) -> Any:
    """Return the unbroken run's answer at this visit or, for `last_word`, the last."""
    if fault.last_word:
        visit = next(other for other in reversed(visits) if other.spot == visit.spot)
    return visit.answer
