"""Measure whether plans can run, are the expected ones, get done, and hold."""

from __future__ import annotations

import re
from collections import Counter

from quintet.evals.case import Case
from quintet.evals.expected import plan_is_right
from quintet.evals.metric import Metric
from quintet.evals.row import Share
from quintet.evals.trajectory import Trajectory
from quintet.state.decision import Decision
from quintet.state.failure import Failure

DRAFTING = ("DesignError", "ContractBroken", "ValidationError", "OutputParserException")
"""The errors of a planner whose draft is no plan that can run."""

_CANNOT_RUN = "the model's plan cannot run"
_PLAN = re.compile(r"plan \d+: ")


def _made(trajectory: Trajectory) -> int:
    """Count the plans that were made; a plan without a recorded decision is one."""
    return len(_plans(trajectory)) or int(trajectory.plan is not None)


def _plans(trajectory: Trajectory) -> list[Decision]:
    """List the planner's decisions."""
    decisions = (
        decision for decision in trajectory.decisions if decision.kind in ("plan", "replan")
    )
    # Recovery records a decision of the kind `replan` too, which asks for a plan and holds none.
    return [decision for decision in decisions if _PLAN.match(decision.choice)]


def refused_drafts(trajectory: Trajectory) -> tuple[Failure, ...]:
    """List the failures of a planner whose draft was no plan that can run."""
    planners = {decision.node for decision in _plans(trajectory)}
    return tuple(
        failure
        for failure in trajectory.failures
        if failure.error in DRAFTING
        and (failure.node in planners or _CANNOT_RUN in failure.message)
    )


def _valid(case: Case, trajectory: Trajectory) -> Share | None:
    made = _made(trajectory)
    refused = len(refused_drafts(trajectory))
    if not made and not refused:
        return Share(part=0, whole=1) if case.plan else None
    return Share(part=made, whole=made + refused)


def _executed(_: Case, trajectory: Trajectory) -> Share | None:
    plan = trajectory.plan
    if not plan:
        return None
    if trajectory.claims_done:
        return Share(part=len(plan), whole=len(plan))
    visits = Counter(node for node in trajectory.path if node in plan)
    failed = Counter(failure.node for failure in trajectory.failures if failure.node in plan)
    # The path holds visits of earlier plans too: count at most those that the last plan asks for.
    done = (visits - failed) & Counter(plan)
    return Share(part=done.total(), whole=len(plan))


def _replans(_: Case, trajectory: Trajectory) -> float | None:
    if not _made(trajectory):
        return None
    return sum(decision.kind == "replan" for decision in _plans(trajectory))


def _stalled(_: Case, trajectory: Trajectory) -> bool | None:
    if not _made(trajectory):
        return None
    return trajectory.status == "unfinished" or any(
        decision.kind == "escalation" and _PLAN.match(decision.reason) is not None
        for decision in trajectory.decisions
    )


plan_valid = Metric(
    name="plan_valid",
    score=_valid,
    about=(
        "Plans that can run / plans drafted: of known assignees, without a cycle, within the "
        "budget. A run without the plan that its case expects has drafted one that cannot."
    ),
)
"""Plans that can run, of all that were drafted."""

plan_match = Metric(
    name="plan_match",
    score=plan_is_right,
    about="Runs whose plan names the expected assignees, in order / runs with a label for it.",
)
"""The share of runs whose plan names the expected assignees, in order."""

plan_executed = Metric(
    name="plan_executed",
    score=_executed,
    about=(
        "Steps done / steps of the last plan. All of a run that is done; else the visits of the "
        "assignees, less those that failed."
    ),
)
"""Steps done, of the steps of the last plan."""

replans = Metric(
    name="replans",
    score=_replans,
    better="lower",
    unit="number",
    about="Re-plans / runs with a plan: the mean over these runs.",
)
"""The mean number of re-plans of a run with a plan."""

stalls = Metric(
    name="stalls",
    score=_stalled,
    better="lower",
    about=(
        "Runs whose planner gave up (no progress, too many re-plans, a step that ends the run) or "
        "that stopped without an outcome / runs with a plan."
    ),
)
"""The share of runs with a plan that got stuck."""
