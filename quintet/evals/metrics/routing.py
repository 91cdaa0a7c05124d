"""Measure whether the right route was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quintet.evals.case import Case
from quintet.evals.expected import route_is_right
from quintet.evals.metric import Metric
from quintet.evals.metrics.over import Over
from quintet.evals.trajectory import Trajectory
from quintet.stats import macro_f1
from quintet.stats.weighted import Weighed, weighed_macro_f1

NOBODY = "nobody"
"""The name, in figures, of the route of a run that took none."""


def expected_and_chosen(case: Case, trajectory: Trajectory) -> tuple[str, str] | None:
    """Return the expected route and the chosen one; None without a label.

    Of several acceptable routes the expected one is the chosen one, or the first where none of
    them was chosen.
    """
    if not case.route:
        return None
    chosen = "" if trajectory.error else trajectory.route
    return (chosen if chosen in case.route else case.route[0]), chosen or NOBODY


def _macro_f1(points: Sequence[tuple[Any, ...]]) -> float | None:
    if not points:
        return None
    return macro_f1([point[0] for point in points], [point[1] for point in points])


def _weighed_f1(points: Sequence[tuple[Any, ...]]) -> Weighed:
    return weighed_macro_f1([point[0] for point in points], [point[1] for point in points])


routing_accuracy = Metric(
    name="routing_accuracy",
    score=route_is_right,
    about="Runs whose first route is one of the acceptable ones / runs with a label for it.",
)
"""Runs whose first route is one of the acceptable ones, of the runs with a label for it."""

routing_macro_f1 = Metric(
    name="routing_macro_f1",
    score=expected_and_chosen,
    over=Over(measure=_macro_f1, weighed=_weighed_f1),
    about=(
        "The mean over routes of 2 P R / (P + R), each route weighing the same, however rare "
        "(Opitz & Burst 2019, arXiv 1911.03347). A choice among several acceptable routes counts "
        "for the one that was chosen."
    ),
)
"""The mean over routes of F1, so that a rare route weighs as much as a common one."""
