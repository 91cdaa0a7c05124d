"""Compute a metric on slices of a suite: by the cases' tags, or by what their runs did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from quintet.errors import DesignError
from quintet.evals.items import names_in
from quintet.evals.metric import Metric
from quintet.evals.row import Row
from quintet.stats import proportion
from quintet.stats.bootstrap import bootstrap_ratio
from quintet.stats.interval import Interval


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A metric on one slice of the runs.

    Args:
        tag: the tag, or the name of what the runs did; empty for those without any.
        part: the sum of the parts, such as hits.
        whole: the sum of the wholes, such as trials.
        cases: the number of cases that have a score.
        interval: Wilson's for a share, at the effective number of cases; else the cluster
            bootstrap's.
    """

    tag: str
    part: float
    whole: float
    cases: int
    interval: Interval

    @property
    def value(self) -> float | None:
        """Return part / whole; None where the whole is 0."""
        return self.part / self.whole if self.whole else None


BY: Mapping[str, Callable[[Row], Iterable[str]]] = {
    "tags": lambda row: row.case.tags,
    "status": lambda row: (row.trajectory.status,),
    "route": lambda row: (row.trajectory.route,),
    "tier": lambda row: (row.trajectory.tier,),
    "path": lambda row: row.trajectory.path,
    "calls": lambda row: (call.name for call in row.trajectory.calls),
    "failures": lambda row: (failure.node for failure in row.trajectory.failures),
}
"""By name, what runs can be sliced by: the nodes of their path, the tools that they called, ..."""


def slices(
    rows: Iterable[Row],
    metric: Metric,
    *,
    by: str | Callable[[Row], Iterable[str]] = "tags",
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Slice]:
    """Compute a metric on slices of the runs; those that belong to none are under the empty name.

    Args:
        rows: scored rows.
        metric: a ratio, so one without `over`.
        by: `tags`, the cases' own; or what the runs did: `status`, `route`, `tier`, `path` (each
            node), `calls` (each tool) or `failures` (the node of each); or a function of a row
            that gives the names of its slices.
        confidence: of the intervals.
        seed: of the bootstrap, for metrics that are no share.

    Raises:
        DesignError: the metric is no ratio, or nothing of this name can be sliced by.
    """
    names_of = BY.get(by) if isinstance(by, str) else by
    if names_of is None:
        raise DesignError(f"slices(by={by!r:.60}): give one of {', '.join(BY)}, or a function")
    if metric.over is not None:
        raise DesignError(
            f"slices(metric={metric.name!r}): it is no ratio; give a metric without over"
        )
    parts: dict[str, list[tuple[str, float, float]]] = {}
    for row in rows:
        point = row.scores.get(metric.name)
        if point is not None:
            for tag in dict.fromkeys(names_in(names_of(row), "slices(by=...)")) or ("",):
                parts.setdefault(tag, []).append((row.cluster, point[0], point[1]))
    return {tag: _slice(tag, parts[tag], metric, confidence, seed) for tag in sorted(parts)}


def _slice(
    tag: str,
    parts: list[tuple[str, float, float]],
    metric: Metric,
    confidence: float,
    seed: int,
) -> Slice:
    if metric.unit == "share":
        interval = proportion(parts, confidence=confidence)
    else:
        interval = bootstrap_ratio(parts, confidence=confidence, seed=seed)
    return Slice(
        tag=tag,
        part=sum(part for _, part, _ in parts),
        whole=sum(whole for _, _, whole in parts),
        cases=len({cluster for cluster, _, _ in parts}),
        interval=interval,
    )
