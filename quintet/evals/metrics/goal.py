"""When a run has reached its goal, which several metrics ask."""

from __future__ import annotations

from collections.abc import Collection

from quintet.evals.case import Case
from quintet.evals.expected import CHECKS, wrong_labels
from quintet.evals.trajectory import Trajectory

ENDED_WELL = ("done", "routed")
"""The statuses that need no label to count as reached; `routed` is a router's, run alone."""

GOAL = ("route", "outcome", "escalate", "never", "state")
"""The labels that say what is to be reached, and not by which way."""

END = ("calls", "outcome", "never", "state")
"""The labels by which a claim to be done is held against what was done."""


def labelled(case: Case, trajectory: Trajectory, labels: Collection[str] = tuple(CHECKS)) -> bool:
    """Whether the case has any of these labels."""
    return any(CHECKS[name](case, trajectory) is not None for name in labels)


def contradicted(
    case: Case, trajectory: Trajectory, labels: Collection[str] = tuple(CHECKS)
) -> bool:
    """Whether the run contradicts any of these labels; one that raised does."""
    return bool(trajectory.error) or any(name in labels for name in wrong_labels(case, trajectory))


def reached(case: Case, trajectory: Trajectory, labels: Collection[str] = tuple(CHECKS)) -> bool:
    """Whether a run contradicts none of these labels, and ended as it should.

    Without a label for the outcome it should end as `done`, or at a person if the case wants one.
    """
    if contradicted(case, trajectory, labels):
        return False
    if case.outcome is not None or trajectory.status in ENDED_WELL:
        return True
    return case.escalate is True and trajectory.escalated
