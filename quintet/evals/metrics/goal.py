"""Decide whether a run has reached its goal, for several metrics."""

from __future__ import annotations

from collections.abc import Collection

from quintet.evals.case import Case
from quintet.evals.expected import CHECKS, wrong_labels
from quintet.evals.trajectory import Trajectory

ENDED_WELL = ("done", "routed")
"""The statuses that count as reached without a label; a router that is run alone ends `routed`."""

GOAL = ("route", "outcome", "escalate", "never", "state")
"""The labels that name the goal and not the way to it."""

END = ("calls", "outcome", "never", "state")
"""The labels that can contradict a claim to be done."""


def labelled(case: Case, trajectory: Trajectory, labels: Collection[str] = tuple(CHECKS)) -> bool:
    """Say whether the case has any of these labels."""
    return any(CHECKS[name](case, trajectory) is not None for name in labels)


def contradicted(
    case: Case, trajectory: Trajectory, labels: Collection[str] = tuple(CHECKS)
) -> bool:
    """Say whether the run contradicts any of these labels; one that raised does."""
    return bool(trajectory.error) or any(name in labels for name in wrong_labels(case, trajectory))


def reached(case: Case, trajectory: Trajectory, labels: Collection[str] = tuple(CHECKS)) -> bool:
    """Say whether a run contradicts none of these labels, and ended as it should.

    Without a label for the outcome it should end as `done`, or at a person if the case wants one.
    """
    if contradicted(case, trajectory, labels):
        return False
    if case.outcome is not None or trajectory.status in ENDED_WELL:
        return True
    return case.escalate is True and trajectory.escalated
