"""Measure the recovery of runs in which something failed.

A run met a fault if one was injected, if a failure or a retry is recorded, or if a tool failed. A
contract's condition for handing over to a person is recorded as a failure too, but is no fault.
"""

from __future__ import annotations

from quintet.errors import PersonNeeded
from quintet.evals.case import Case
from quintet.evals.metric import Metric
from quintet.evals.metrics.goal import GOAL, reached
from quintet.evals.trajectory import Trajectory
from quintet.state.decision import Decision


def faulted(trajectory: Trajectory) -> bool:
    """Say whether something failed in the run, injected or not."""
    return bool(
        trajectory.faults
        or any(failure.error != PersonNeeded.__name__ for failure in trajectory.failures)
        or trajectory.error
        or any(decision.kind == "retry" for decision in trajectory.decisions)
        or any(call.status == "failed" for call in trajectory.calls)
    )


def _recovered(case: Case, trajectory: Trajectory) -> bool | None:
    return reached(case, trajectory, GOAL) if faulted(trajectory) else None


def _handed_over(_: Case, trajectory: Trajectory) -> bool | None:
    if not faulted(trajectory):
        return None
    return trajectory.escalated or trajectory.status == "escalated"


def _progress(decision: Decision) -> bool:
    if decision.kind == "outcome":
        return decision.choice == "done"
    return decision.kind in ("retry", "merge") or (
        decision.kind == "effect" and decision.choice != "refused"
    )


def _seconds(_: Case, trajectory: Trajectory) -> float | None:
    if not trajectory.failures or not trajectory.claims_done:
        return None
    fault = min(failure.at for failure in trajectory.failures)
    successes = [
        decision.at
        for decision in trajectory.decisions
        if decision.at >= fault and _progress(decision)
    ]
    return min(successes) - fault if successes else None


recovery_rate = Metric(
    name="recovery_rate",
    score=_recovered,
    about=(
        "Runs that met a fault and still reached their goal: no label for the route, the outcome, "
        "escalation, the end state or what is forbidden is contradicted (without a label for the "
        "outcome: done) / runs that met a fault."
    ),
)
"""Of the runs that met a fault, the share that still reached their goal."""

handed_over = Metric(
    name="handed_over",
    score=_handed_over,
    better="neither",
    about="Runs that met a fault and ended at a person / runs that met a fault.",
)
"""Of the runs that met a fault, the share that ended at a person."""

time_to_recovery = Metric(
    name="time_to_recovery",
    score=_seconds,
    better="lower",
    unit="seconds",
    about=(
        "From the first failure on record to the first success after it (an effect, a merge, an "
        "attempt that worked, or the end), the mean over runs that are done all the same."
    ),
)
"""Seconds from the first failure to the first success after it, in runs that are done."""
