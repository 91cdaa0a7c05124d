"""Fault injection: break one thing in one run, and see whether the run says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from quintet.errors import DesignError
from quintet.evals.ablation.variants import compiled_like
from quintet.evals.case import Case
from quintet.evals.evaluate import Progress, evaluate, within
from quintet.evals.faults.breakable import breakable
from quintet.evals.faults.draw import Draw, Plan
from quintet.evals.faults.fault import Fault
from quintet.evals.faults.injected import FaultReport, Injected, contradicted
from quintet.evals.faults.kinds import FAULTS
from quintet.evals.faults.strike import Probe, Strike, armed
from quintet.evals.running.ended import called
from quintet.evals.suite import Suite
from quintet.evals.target import GraphTarget, as_target, is_awaited
from quintet.evals.trajectory import Trajectory


def inject(
    suite: Suite,
    faults: Iterable[Fault] = FAULTS,
    *,
    seed: int = 0,
    per_case: int = 1,
    jobs: int = 1,
    progress: Progress | None = None,
) -> FaultReport:
    """Run each case once unbroken, then once for each fault that may strike in it.

    The unbroken run shows where a fault may strike, and is what a broken one is held against where
    the case has no label. Cases that go wrong without any fault are left out and counted. A fault
    that did not strike counts nowhere. A *silent failure* is a run that claims to be done, while
    its outcome, its calls, its end state or what it did contradict the case.

    A target that is a compiled graph is broken by `breakable`. A function of a case that builds
    its graph anew does so itself, `breakable(graph).compile(...)`; it needs to, where what a run
    writes would be there for the next one.

    Args:
        suite: its cases and target; a target that is a compiled graph or a `GraphTarget`, or a
            function of a case in which faults may strike.
        faults: the kinds.
        seed: of where and how often each strikes.
        per_case: how many faults of a kind a case gets, at different visits or in other ways.
        jobs: how many runs are under way at once.
        progress: called with how many runs are done, and of how many.

    Returns:
        The report; its rows hold every run in which a fault struck.

    Raises:
        DesignError: two faults of one kind, `per_case` below 1, or a target in which no fault can
            strike.
    """
    kinds = tuple(faults)
    _check(kinds, per_case)
    target = broken(suite.target, suite.cases)
    many = len(suite.cases)
    most = many * (1 + len(kinds) * per_case)
    probing = _Probing(target=target)
    first = evaluate(
        Suite(cases=suite.cases, target=probing), jobs=jobs, progress=within(progress, 0, most)
    )
    whole = {row.case.id: row.trajectory for row in first.rows if _right(row.case, row.trajectory)}
    draw = Draw(faults=kinds, seed=seed, per_case=per_case)
    planned = [
        plan
        for case in suite.cases
        if case.id in whole
        for plan in draw.plans(case, tuple(probing.probes[case.id].visits))
    ]
    if not planned:
        raise DesignError(
            _why_none(suite, len(whole), any(p.visits for p in probing.probes.values()))
        )
    striking = _Striking(target=target, plans={plan.id: plan for plan in planned})
    cases = tuple(
        replace(plan.case, id=plan.id, group=plan.case.group or plan.case.id) for plan in planned
    )
    second = evaluate(
        Suite(cases=cases, target=striking),
        jobs=jobs,
        progress=within(progress, many, many + len(cases)),
    )
    rows = tuple(
        _row(
            striking.plans[row.case.id], row.trajectory, whole[striking.plans[row.case.id].case.id]
        )
        for row in second.rows
        if row.trajectory.faults
    )
    return FaultReport(
        suite=suite.name,
        rows=rows,
        kinds=tuple(fault.kind for fault in kinds),
        cases=many,
        left_out=tuple(case.id for case in suite.cases if case.id not in whole),
        never_struck=len(second.rows) - len(rows),
        confidence=suite.confidence,
        seed=seed,
    )


def broken(target: Any, cases: Iterable[Case]) -> Any:
    """A target in which faults may strike: a graph's nodes are made breakable, all else stays."""
    ready = as_target(target, cases)
    if not isinstance(ready, GraphTarget):
        return ready
    return replace(ready, app=compiled_like(ready.app, breakable(ready.app)))


@dataclass(kw_only=True)
class _Probing:
    """A target that notes what its runs pass by."""

    target: Any
    probes: dict[str, Probe] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        return is_awaited(self.target)

    def __call__(self, case: Case) -> Trajectory:
        with armed(self._probe(case)):
            return self.target(case)  # type: ignore[no-any-return]

    async def acall(self, case: Case) -> Trajectory:
        with armed(self._probe(case)):
            return await _awaited(self.target, case)

    def _probe(self, case: Case) -> Probe:
        return self.probes.setdefault(case.id, Probe())


@dataclass(kw_only=True)
class _Striking:
    """A target in each of whose runs one fault is to strike."""

    target: Any
    plans: dict[str, Plan]

    @property
    def waits(self) -> bool:
        return is_awaited(self.target)

    def __call__(self, case: Case) -> Trajectory:
        strike = self.plans[case.id].strike()
        with armed(strike):
            return _marked(self.target(self.plans[case.id].case), strike)

    async def acall(self, case: Case) -> Trajectory:
        strike = self.plans[case.id].strike()
        with armed(strike):
            return _marked(await _awaited(self.target, self.plans[case.id].case), strike)


async def _awaited(target: Any, case: Case) -> Trajectory:
    waiting = getattr(target, "acall", None)
    if waiting is not None:
        return await waiting(case)  # type: ignore[no-any-return]
    if is_awaited(target):
        return await target(case)  # type: ignore[no-any-return]
    ended = await asyncio.to_thread(called, target, case)
    if ended.problem is not None:
        raise ended.problem
    return ended.value  # type: ignore[no-any-return]


def _marked(trajectory: Trajectory, strike: Strike) -> Trajectory:
    return replace(trajectory, faults=(strike.fault.kind,) * min(strike.struck, 99))


def _row(plan: Plan, trajectory: Trajectory, unbroken: Trajectory) -> Injected:
    return Injected(
        case=plan.case,
        fault=plan.fault.kind,
        spot=plan.visit.spot,
        node=plan.node,
        visit=plan.visit.number,
        times=plan.times,
        trajectory=trajectory,
        unbroken=unbroken,
        wrong=contradicted(plan.case, trajectory, unbroken),
    )


def _right(case: Case, ran: Trajectory) -> bool:
    """Whether an unbroken run ended as its case says; the way there may differ."""
    return not ran.error and not contradicted(case, ran, ran)


def _check(faults: tuple[Fault, ...], per_case: int) -> None:
    names = [fault.kind for fault in faults]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DesignError(f"inject: two faults are named {repeated[0]!r}; give each its own kind")
    if not names or per_case < 1:
        raise DesignError(
            f"inject(faults={names!r}, per_case={per_case!r}): give at least one of each"
        )


def _why_none(suite: Suite, right: int, visits: bool) -> str:
    if not right:
        return (
            f"inject: all {len(suite.cases)} cases of {suite.name!r} go wrong without any fault; "
            "look at evaluate(suite) first"
        )
    if not visits:
        return (
            f"inject: the target of {suite.name!r} passes no spot at which a fault may strike; "
            "build its graph with breakable(graph), or wrap what it calls in breakable_call(...)"
        )
    return f"inject: none of the faults fits what the cases of {suite.name!r} pass by; give others"
