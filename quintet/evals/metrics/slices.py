"""Compute a metric on the slices of a suite: the cases of each tag."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quintet.errors import DesignError
from quintet.evals.metric import Metric
from quintet.evals.row import Row
from quintet.stats import proportion
from quintet.stats.bootstrap import bootstrap_ratio
from quintet.stats.interval import Interval


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A metric on the cases of one tag.

    Args:
        tag: the tag; empty for cases without any.
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


def slices(
    rows: Iterable[Row], metric: Metric, *, confidence: float = 0.95, seed: int = 0
) -> dict[str, Slice]:
    """Compute a metric on the cases of each tag; cases without a tag are under the empty tag.

    Args:
        rows: scored rows.
        metric: a ratio, so one without `over`.
        confidence: of the intervals.
        seed: of the bootstrap, for metrics that are no share.

    Raises:
        DesignError: the metric is no ratio.
    """
    if metric.over is not None:
        raise DesignError(
            f"slices(metric={metric.name!r}): it is no ratio; give a metric without over"
        )
    parts: dict[str, list[tuple[str, float, float]]] = {}
    for row in rows:
        point = row.scores.get(metric.name)
        if point is not None:
            for tag in dict.fromkeys(row.case.tags) or ("",):
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
