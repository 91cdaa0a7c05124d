"""Score a run by all metrics of a suite."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.metric import Metric, as_metric
from quintet.evals.metrics import STANDARD, pass_hat_k
from quintet.evals.row import Row
from quintet.evals.running.ended import awaited, called
from quintet.evals.running.sound import lean
from quintet.evals.suite import Suite
from quintet.evals.trajectory import Trajectory


def metrics_of(suite: Suite, *, repeats: int = 1) -> tuple[Metric, ...]:
    """Collect the standard metrics (with repeats, pass^k too) and the suite's own, by name.

    Raises:
        DesignError: a gate is on a metric that is not among them; it names the closest.
    """
    every_time = (pass_hat_k(repeats),) if repeats > 1 else ()
    metrics = (*STANDARD, *every_time, *map(as_metric, suite.metrics))
    by_name = {metric.name: metric for metric in metrics}
    for gate in suite.gates:
        if gate.metric not in by_name:
            raise DesignError(
                f"suite {suite.name!r} has a gate on {gate.metric!r}, which no metric computes"
                f"{_hint(gate.metric, by_name)}"
            )
    return tuple(by_name.values())


def _hint(name: str, known: Iterable[str]) -> str:
    repeats = name.removeprefix("pass_hat_")
    if repeats != name and repeats.isdigit():
        return f"; it needs repeats={repeats}"
    close = get_close_matches(name, known, 1)
    return f"; is {close[0]!r} meant?" if close else ""


async def scored(case: Case, trajectory: Trajectory, repeat: int, metrics: Iterable[Metric]) -> Row:
    """Score one run by all metrics; one that raises, or gives no score, counts as its worst."""
    scores: dict[str, tuple[Any, ...] | None] = {}
    errors: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for metric in metrics:
        ended = called(metric.score, case, trajectory)
        if type(ended.value) not in _SCORES and inspect.isawaitable(ended.value):
            ended = await awaited(ended.value)
        reason = getattr(ended.value, "reason", "")
        if ended.problem is None:
            ended = called(metric.kept, ended.value)
        # A judge's score of 1.2, too, spoils this row and no other.
        mistake = isinstance(ended.problem, DesignError)
        if error := str(ended.problem) if mistake else ended.error:
            errors[metric.name] = error
            scores[metric.name] = metric.worst
            continue
        scores[metric.name] = ended.value
        if reason:
            reasons[metric.name] = str(reason)
    return Row(
        case=case,
        trajectory=lean(case, trajectory),
        repeat=repeat,
        scores={name: point for name, point in scores.items() if point is not None},
        errors=errors,
        reasons=reasons,
    )


_SCORES = frozenset({bool, int, float, tuple, type(None)})
"""Scores that are surely not to be awaited."""


def rescored(row: Row, metrics: Iterable[Metric]) -> Row:
    """Score a row from a file again by pass^k, whose k may differ now."""
    by_case = [metric for metric in metrics if hasattr(metric.over, "parts")]
    points = {metric.name: metric.score(row.case, row.trajectory) for metric in by_case}
    known = {name: point for name, point in points.items() if isinstance(point, tuple)}
    return replace(row, scores={**row.scores, **known}) if known else row
