"""Measure for the tests of the metrics: a metric's point of a run, its value over runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quintet.evals import Case, Metric, ToolCall, Trajectory
from quintet.evals.row import Row
from quintet.state import Decision, Failure

Pair = tuple[Case, Trajectory]


def case(**labels: Any) -> Case:
    return Case(**{"input": "where is my parcel", **labels})


def run(**said: Any) -> Trajectory:
    return Trajectory(**said)


def point(metric: Metric, given: Case, trajectory: Trajectory) -> tuple[Any, ...] | None:
    """Return the part of the score that a row keeps."""
    return metric.kept(metric.score(given, trajectory))


def value(metric: Metric, pairs: Sequence[Pair]) -> float | None:
    """Compute the metric over several runs, as a report does."""
    found = [each for pair in pairs if (each := point(metric, *pair)) is not None]
    if metric.over is not None:
        return metric.over(found)
    whole = sum(each[1] for each in found)
    return sum(each[0] for each in found) / whole if whole else None


def row(metric: Metric, given: Case, trajectory: Trajectory, repeat: int = 0) -> Row:
    """Make a scored row."""
    score = point(metric, given, trajectory)
    kept = {} if score is None else {metric.name: score}
    return Row(case=given, trajectory=trajectory, repeat=repeat, scores=kept)


def bare(given: Case, trajectory: Trajectory) -> Row:
    return Row(case=given, trajectory=trajectory)


def decided(kind: Any, choice: str, *, node: str = "router", reason: str = "r", at: float = 1.0):
    return Decision(kind=kind, node=node, choice=choice, reason=reason, at=at)


def failed(node: str, error: str, message: str = "m", *, kind: Any = "unknown", at: float = 1.0):
    return Failure(node=node, kind=kind, error=error, message=message, at=at)


def calls(names: str) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(name=name) for name in names)
