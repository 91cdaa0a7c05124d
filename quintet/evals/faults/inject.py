"""Inject faults: break one thing in one run, and see whether the run says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.evaluate import Progress, evaluate, shifted
from quintet.evals.faults.breakable import breakable
from quintet.evals.faults.draw import Draw, Plan
from quintet.evals.faults.fault import Fault
from quintet.evals.faults.injected import FaultReport, Injected, contradicted
from quintet.evals.faults.kinds import FAULTS
from quintet.evals.faults.strike import Probe, Strike, armed
from quintet.evals.items import items_in, one_of
from quintet.evals.rebuild import compiled_like
from quintet.evals.row import Row
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

    The unbroken run shows where a fault may strike; where the case has no label, the broken run is
    compared with it. Cases that go wrong without any fault are left out and counted, and so are
    runs in which the fault did not strike. A *silent failure* is a run that claims to be done,
    while its outcome, calls, effects or end state contradict the case.

    A compiled graph is made breakable here. A function of a case that builds its graph does so
    itself, by `breakable(graph).compile(...)`. Use one where a run would see another's writes.

    Args:
        suite: its target is a compiled graph, a `GraphTarget`, or a function of a case in which
            faults may strike.
        faults: the faults; each has its own kind.
        seed: draws where and how often each fault strikes.
        per_case: how many faults of a kind a case gets, at different visits or varied.
        jobs: how many runs are under way at once.
        progress: called with the number of runs done and their total.

    Returns:
        The report; it has a row for each run in which a fault struck.

    Raises:
        DesignError: two faults of one kind, `per_case` below 1, or a target in which no fault can
            strike.
    """
    kinds = items_in(faults, "inject(faults=...)", Fault)
    _check(kinds, per_case)
    target = _breakable_target(suite)
    count, most = len(suite.cases), len(suite.cases) * (1 + len(kinds) * per_case)
    probes = {case.id: Probe() for case in suite.cases}
    probing = _Armed(target=target, arm=lambda case: (case, probes[case.id]))
    first = evaluate(
        Suite(cases=suite.cases, target=probing), jobs=jobs, progress=shifted(progress, 0, most)
    )
    unbroken = {row.case.id: row.trajectory for row in first.rows if _is_right(row)}
    plans = _planned(suite, Draw(faults=kinds, seed=seed, per_case=per_case), unbroken, probes)
    strikes = {name: plan.strike() for name, plan in plans.items()}
    striking = _Armed(target=target, arm=lambda case: (plans[case.id].case, strikes[case.id]))
    second = evaluate(
        Suite(cases=_broken_cases(plans.values()), target=striking),
        jobs=jobs,
        progress=shifted(progress, count, count + len(plans)),
    )
    struck = [row for row in second.rows if row.trajectory.faults]
    return FaultReport(
        suite=suite.name,
        rows=tuple(_injected(plans[row.case.id], row, unbroken, strikes) for row in struck),
        kinds=tuple(fault.kind for fault in kinds),
        cases=count,
        left_out=tuple(case.id for case in suite.cases if case.id not in unbroken),
        stopped=tuple(row.case.id for row in first.rows if _is_stopped(row)),
        never_struck=len(second.rows) - len(struck),
        confidence=suite.confidence,
        seed=seed,
    )


def _breakable_target(suite: Suite) -> Any:
    """Make a target's graph breakable; a function of a case stays as it is."""
    one_of(suite, "inject or plant", Suite)
    target = as_target(suite.target, suite.cases)
    if not isinstance(target, GraphTarget):
        return target
    return replace(target, app=compiled_like(target.app, breakable(target.app)))


def _planned(
    suite: Suite, draw: Draw, unbroken: Mapping[str, Trajectory], probes: Mapping[str, Probe]
) -> dict[str, Plan]:
    """Draw the faults for the cases that end right without one, by id; raise if there are none."""
    right = [case for case in suite.cases if case.id in unbroken]
    if any(fault.of_another for fault in draw.faults):
        draw = replace(draw, others=[(case, tuple(probes[case.id].visits)) for case in right])
    plans = {
        plan.id: plan for case in right for plan in draw.plans(case, tuple(probes[case.id].visits))
    }
    if not plans:
        visits = any(probe.visits for probe in probes.values())
        raise DesignError(_why_none(suite, len(unbroken), visits))
    return plans


def _broken_cases(plans: Iterable[Plan]) -> tuple[Case, ...]:
    """Make a case of each planned fault; those of one case are a group, as they depend on it."""
    return tuple(
        replace(plan.case, id=plan.id, group=plan.case.group or plan.case.id) for plan in plans
    )


@dataclass(frozen=True, kw_only=True)
class _Armed:
    """Run cases while a probe or a strike is armed; `arm` gives it, and the case to run."""

    target: Any
    arm: Callable[[Case], tuple[Case, Probe | Strike]]

    @property
    def waits(self) -> bool:
        return is_awaited(self.target)

    def __call__(self, case: Case) -> Trajectory:
        case, armament = self.arm(case)
        with armed(armament):
            return _marked(self.target(case), armament)

    async def acall(self, case: Case) -> Trajectory:
        case, armament = self.arm(case)
        with armed(armament):
            return _marked(await _awaited(self.target, case), armament)


async def _awaited(target: Any, case: Case) -> Trajectory:
    waiting = getattr(target, "acall", None)
    if waiting is not None:
        return await waiting(case)  # type: ignore[no-any-return]
    if is_awaited(target):
        return await target(case)  # type: ignore[no-any-return]
    # `called` runs within the thread: asyncio waits for ever for one that raises StopIteration.
    ended = await asyncio.to_thread(called, target, case)
    if ended.problem is not None:
        raise ended.problem
    return ended.value  # type: ignore[no-any-return]


def _marked(trajectory: Trajectory, armament: Probe | Strike) -> Trajectory:
    """Note in a trajectory how often a fault struck."""
    if isinstance(armament, Probe):
        return trajectory
    # A fault for good may strike thousands of times in a loop; each would be an entry in the row.
    return replace(trajectory, faults=(armament.fault.kind,) * min(armament.struck, 99))


def _injected(
    plan: Plan, row: Row, runs: Mapping[str, Trajectory], strikes: Mapping[str, Strike]
) -> Injected:
    unbroken, trajectory = runs[plan.case.id], row.trajectory
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
        spread=strikes[plan.id].spread,
    )


def _is_right(row: Row) -> bool:
    """Say whether an unbroken run ended as its case says, by any path."""
    run = row.trajectory
    return not run.error and not contradicted(row.case, run, run)


def _is_stopped(row: Row) -> bool:
    """Say whether an unbroken run was stopped, or something in it refused, against its label."""
    run, expected = row.trajectory, row.case.outcome
    if expected is None:
        return bool(run.error)
    if run.status in expected:
        # A person may be asked for by a failure of the step, where a person is expected.
        return bool(run.failures) and not {"escalated", "exhausted", "aborted"} & set(expected)
    return run.status in _STOPPED


_STOPPED = ("escalated", "exhausted", "aborted", "waiting", "unfinished", "error")


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
