"""Measure the time of a run, and model calls, tokens and money for each completed run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import quantiles
from typing import Any

from quintet.evals.case import Case
from quintet.evals.metric import Metric, Unit
from quintet.evals.metrics.goal import reached
from quintet.evals.metrics.over import Over
from quintet.evals.row import Share
from quintet.evals.trajectory import Trajectory
from quintet.stats.weighted import Weighed, weighed_percentile


def completed(case: Case, trajectory: Trajectory) -> bool:
    """Say whether a run did its case: it contradicts no label, and ended as it should.

    Without a label for the outcome it should end as `done`, or at a person if the case wants one.
    """
    return reached(case, trajectory)


def _seconds(_: Case, trajectory: Trajectory) -> float | None:
    return trajectory.seconds or None


def _point(_: Case, trajectory: Trajectory) -> tuple[float] | None:
    return (trajectory.seconds,) if trajectory.seconds else None


def _percentile(points: Sequence[tuple[Any, ...]], at: int) -> float | None:
    values = [float(point[0]) for point in points]
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[at - 1]


def _over(at: int) -> Over:
    return Over(measure=partial(_percentile, at=at), weighed=partial(_weighed, at=at))


def _weighed(points: Sequence[tuple[Any, ...]], at: int) -> Weighed:
    return weighed_percentile([float(point[0]) for point in points], at=at)


def _spent(case: Case, trajectory: Trajectory, names: tuple[str, ...]) -> Share | None:
    amounts = [trajectory.spent[name] for name in names if name in trajectory.spent]
    if not amounts:
        return None
    # A run that did not complete adds to the cost and not to the completed runs.
    return Share(part=amounts[0], whole=float(completed(case, trajectory)))


def _per_completed(name: str, unit: Unit, *names: str) -> Metric:
    return Metric(
        name=f"{name}_per_completed",
        score=partial(_spent, names=names),
        better="lower",
        unit=unit,
        about=(
            f"The {name.replace('_', ' ')} of all runs, those that failed too / runs that "
            "contradict no label and ended as they should."
        ),
    )


latency_seconds = Metric(
    name="latency_seconds",
    score=_seconds,
    better="lower",
    unit="seconds",
    about="The mean wall time of a run, from its start to its end or its last question.",
)
"""The mean wall time of a run, in seconds."""

latency_p50 = Metric(
    name="latency_p50",
    score=_point,
    over=_over(50),
    better="lower",
    unit="seconds",
    about="The wall time that half of the runs stay under.",
)
"""The wall time that half of the runs stay under, in seconds."""

latency_p95 = Metric(
    name="latency_p95",
    score=_point,
    over=_over(95),
    better="lower",
    unit="seconds",
    about="The wall time that 95 % of the runs stay under, interpolated between two runs.",
)
"""The wall time that 95 % of the runs stay under, in seconds."""

model_calls_per_completed = _per_completed("model_calls", "calls", "model_calls")
"""Model calls of all runs, by the runs that completed."""

tokens_per_completed = _per_completed("tokens", "tokens", "tokens")
"""Tokens of all runs, by the runs that completed."""

money_per_completed = _per_completed("money", "money", "money")
"""Money of all runs, in the currency of their prices, by the runs that completed."""
