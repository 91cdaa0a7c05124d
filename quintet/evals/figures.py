"""Compute figures from scored rows: each metric's estimate, its interval and its bounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from math import isfinite, isnan, nan
from typing import Any

from quintet.errors import DesignError
from quintet.evals.figure import Figure
from quintet.evals.metric import Metric
from quintet.evals.metrics.over import weighed_of
from quintet.evals.row import Row
from quintet.evals.running.ended import called
from quintet.stats import bootstrap, proportion
from quintet.stats.bootstrap import bootstrap_ratio, bootstrap_weighed
from quintet.stats.interval import Interval
from quintet.stats.weighted import Weighed

Parts = list[tuple[str, float, float]]

ROUNDS, SLOW_ROUNDS = 1000, 400
"""Resamples of the bootstrap: of a ratio, and of a measure that is computed anew each time."""

JACKKNIFE = 200
"""The most clusters for which such a measure gets BCa, which leaves each of them out in turn."""


def figures_of(
    rows: Sequence[Row],
    metrics: Iterable[Metric],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    gated: Collection[str] = (),
) -> dict[str, Figure]:
    """Compute the figures of all metrics that apply to some row.

    A share of cases gets Wilson's interval at the effective number of cases (`stats.proportion`)
    and exact bounds; any other figure the cluster bootstrap over cases. Bootstrapped bounds are
    slow, so only metrics in `gated` get them.

    Args:
        rows: scored rows.
        metrics: the metrics that they were scored by.
        confidence: of the two-sided intervals, and of the one-sided bounds.
        seed: of the bootstrap.
        gated: names of metrics that a gate looks at.
    """
    figures: dict[str, Figure] = {}
    for metric in metrics:
        points = [
            (row.cluster, point)
            for row in rows
            if (point := row.scores.get(metric.name)) is not None
        ]
        errors = sum(metric.name in row.errors for row in rows)
        if not points and not errors:
            continue
        measured = _measured(metric, points, confidence, seed, metric.name in gated)
        figures[metric.name] = Figure(
            metric=metric.name,
            confidence=confidence,
            cases=len({cluster for cluster, _ in points}),
            rows=len(points),
            errors=errors,
            left_out=errors if metric.worst is None else 0,
            better=metric.better,
            unit=metric.unit,
            **measured,
        )
    return figures


def _measured(
    metric: Metric, points: list[tuple[str, Any]], confidence: float, seed: int, gated: bool
) -> dict[str, Any]:
    """Compute a figure's value and ends; one that cannot be computed says why in its note."""
    make = _ratio if metric.over is None else _overall
    ended = called(make, metric, points, confidence, seed, gated)
    if isinstance(ended.problem, DesignError):  # such as confidences outside 0 to 1
        return {"value": None, "note": f"it cannot be computed: {ended.problem}"}
    if error := ended.error:
        return {"value": None, "note": f"it cannot be computed: {error}"}
    measured: dict[str, Any] = ended.value
    if measured["value"] is not None and not isfinite(measured["value"]):
        return {"value": None, "note": f"it cannot be computed: {measured['value']!r}"}
    return measured


def _ratio(
    metric: Metric, points: list[tuple[str, Any]], confidence: float, seed: int, gated: bool
) -> dict[str, Any]:
    parts: Parts = [(cluster, float(point[0]), float(point[1])) for cluster, point in points]
    whole = sum(item[2] for item in parts)
    if not whole:
        return {"value": None}
    value = sum(item[1] for item in parts) / whole
    if metric.unit == "share" and all(0 <= part <= of for _, part, of in parts):
        interval = proportion(parts, confidence=confidence)
        return {
            "value": value,
            "low": interval.low,
            "high": interval.high,
            "bound_low": _exact(parts, confidence, "lower").low,
            "bound_high": _exact(parts, confidence, "upper").high,
        }

    def draw(level: float) -> Interval:
        return bootstrap_ratio(parts, seed=seed, rounds=ROUNDS, confidence=level)

    return {"value": value, **_bootstrapped(draw, confidence, gated)}


def _exact(parts: Parts, confidence: float, sided: Any) -> Interval:
    # Wilson's bound is too generous: by it 52 clean cases prove 95 %, where 59 are needed.
    return proportion(parts, confidence=confidence, sided=sided, method="exact")


def _overall(
    metric: Metric, points: list[tuple[str, Any]], confidence: float, seed: int, gated: bool
) -> dict[str, Any]:
    if (parts_of := getattr(metric.over, "parts", None)) is not None:
        by_case = [(cluster, part) for cluster, *part in parts_of(points)]
        return _ratio(metric, by_case, confidence, seed, gated)
    clusters: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for cluster, point in points:
        clusters[cluster].append(point)

    def measured(chosen: Sequence[tuple[Any, ...]]) -> float:
        value = metric.over(chosen) if metric.over is not None else None
        return nan if value is None else float(value)

    if not points:
        return {"value": None}
    of_points = [point for _, point in points]
    value = measured(of_points)
    if isnan(value):
        return {"value": None}

    weighed = weighed_of(metric.over, of_points) if len(clusters) > JACKKNIFE else None
    if weighed is not None:
        ends = _bootstrapped(partial(_weighed, points, weighed, seed), confidence, gated)
        return {"value": value, **ends}

    def draw(level: float) -> Interval:
        return bootstrap(
            list(clusters.values()),
            measured,
            seed=seed,
            rounds=SLOW_ROUNDS,
            confidence=level,
            method="bca" if len(clusters) <= JACKKNIFE else "percentile",
        )

    return {"value": value, **_bootstrapped(draw, confidence, gated)}


def _weighed(
    points: list[tuple[str, Any]], statistic: Weighed, seed: int, level: float
) -> Interval:
    owners = [cluster for cluster, _ in points]
    intervals, _ = bootstrap_weighed(
        owners, statistic, seed=seed, rounds=SLOW_ROUNDS, confidences=(level,)
    )
    return intervals[0]


def _bootstrapped(
    draw: Callable[[float], Interval], confidence: float, gated: bool
) -> dict[str, Any]:
    """Draw the two-sided interval, and for a gated metric the one-sided bounds."""
    try:
        interval = draw(confidence)
        if interval.low == interval.high:
            # Draws from values that are all alike say nothing of what others might be. A gate on
            # such a figure looks at the value: a target without variation has no other bound.
            bounds = {"bound_low": interval.low, "bound_high": interval.high} if gated else {}
            return {"note": "all cases alike: no interval can be drawn", **bounds}
        ends: dict[str, Any] = {"low": finite(interval.low), "high": finite(interval.high)}
        if gated:
            # An interval at 2c - 1 misses 1 - c on each side: its ends are one-sided bounds at c.
            sides = draw(2 * confidence - 1) if confidence > 0.5 else interval
            ends |= {"bound_low": finite(sides.low), "bound_high": finite(sides.high)}
    except DesignError:  # numbers that no bootstrap takes, such as a negative whole
        return {}
    return ends


def finite(value: float) -> float | None:
    """Return a number, or None where it is infinite or NaN, which JSON lacks."""
    return value if isfinite(value) else None
