"""Whether plans can run, are the expected ones, get done, and hold."""

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
"""What a planner fails with when what was drafted is no plan that can run."""

_CANNOT_RUN = "the model's plan cannot run"
_PLAN = re.compile(r"plan \d+: ")


def _made(trajectory: Trajectory) -> int:
    """How many plans were made; a plan without a decision on record is one."""
    return len(_plans(trajectory)) or int(trajectory.plan is not None)


def _plans(trajectory: Trajectory) -> list[Decision]:
    """The planner's decisions. Recovery leaves one of the kind `replan` too: it asks for a plan."""
    made = (item for item in trajectory.decisions if item.kind in ("plan", "replan"))
    return [item for item in made if _PLAN.match(item.choice)]


def refused_drafts(trajectory: Trajectory) -> tuple[Failure, ...]:
    """The failures of a planner whose draft was no plan that can run."""
    planners = {item.node for item in _plans(trajectory)}
    return tuple(
        item
        for item in trajectory.failures
        if item.error in DRAFTING and (item.node in planners or _CANNOT_RUN in item.message)
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
    begun = Counter(node for node in trajectory.path if node in plan)
    failed = Counter(item.node for item in trajectory.failures if item.node in plan)
    done = (begun - failed) & Counter(plan)
    return Share(part=done.total(), whole=len(plan))


def _replans(_: Case, trajectory: Trajectory) -> float | None:
    if not _made(trajectory):
        return None
    return sum(item.kind == "replan" for item in _plans(trajectory))


def _stalled(_: Case, trajectory: Trajectory) -> bool | None:
    if not _made(trajectory):
        return None
    return trajectory.status == "unfinished" or any(
        item.kind == "escalation" and _PLAN.match(item.reason) is not None
        for item in trajectory.decisions
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
    about="How often a run with a plan was re-planned, on average.",
)
"""How often a run with a plan was re-planned, on average."""

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
