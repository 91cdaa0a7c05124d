"""Measure whether people are called where they are needed, and only there."""

from __future__ import annotations

from quintet.evals.case import Case
from quintet.evals.metric import Metric
from quintet.evals.trajectory import Trajectory


def _precision(case: Case, trajectory: Trajectory) -> bool | None:
    return case.escalate if trajectory.escalated else None


def _recall(case: Case, trajectory: Trajectory) -> bool | None:
    return trajectory.escalated if case.escalate is True else None


def _needless(case: Case, trajectory: Trajectory) -> bool | None:
    return trajectory.escalated if case.escalate is False else None


def _missed(case: Case, trajectory: Trajectory) -> bool | None:
    return not trajectory.escalated if case.escalate is True else None


def _asked_needlessly(case: Case, trajectory: Trajectory) -> bool | None:
    return bool(trajectory.asked) if case.approval is False else None


def _not_asked(case: Case, trajectory: Trajectory) -> bool | None:
    return not trajectory.asked if case.approval is True else None


escalation_precision = Metric(
    name="escalation_precision",
    score=_precision,
    about="Runs that went to a person and had to / runs with a label that went to a person.",
)
"""Of the runs that went to a person, the share that had to."""

escalation_recall = Metric(
    name="escalation_recall",
    score=_recall,
    about="Runs that went to a person and had to / runs that had to.",
)
"""Of the runs that had to go to a person, the share that did."""

needless_escalations = Metric(
    name="needless_escalations",
    score=_needless,
    better="lower",
    about="Runs that went to a person and must not / runs that must not.",
)
"""Of the runs that must not go to a person, the share that did."""

missed_escalations = Metric(
    name="missed_escalations",
    score=_missed,
    better="lower",
    about="Runs that had to go to a person and did not / runs that had to; 1 - recall.",
)
"""Of the runs that had to go to a person, the share that did not."""

needless_approvals = Metric(
    name="needless_approvals",
    score=_asked_needlessly,
    better="lower",
    about="Runs in which a gate asked for a yes that nobody needs / runs that need none.",
)
"""Of the runs in which no yes is needed, the share in which a gate asked for one."""

missed_approvals = Metric(
    name="missed_approvals",
    score=_not_asked,
    better="lower",
    about="Runs in which a gate should have asked for a yes and did not / runs that need one.",
)
"""Of the runs in which a person must be asked for a yes, the share in which nobody was."""
