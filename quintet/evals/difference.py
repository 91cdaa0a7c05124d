"""Hold the difference of a metric between two reports, and correct several for their number."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from math import ceil
from statistics import NormalDist

from quintet.evals.figure import Better
from quintet.stats.paired import Says

POWER = 0.8
"""The chance to see a true difference that `cases_needed` asks for."""

LOAD, TICK = 0.2, 0.01
"""The share, and the seconds, by which times of the same system differ between two evaluations."""

CANNOT: Says = "cannot tell"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric in both reports.

    Args:
        metric: its name.
        a, b: the figure in each report, over the pairs.
        difference: a - b.
        low, high: the interval of the difference; None where too little was seen.
        verdict: `better` or `worse` if a is so, else `cannot tell`.
        cases: the number of cases compared.
        cases_needed: if the verdict is `cannot tell`, about how many cases would show a difference
            of this size with 80 % power; None where there is no difference.
        p: the two-sided p-value of the difference, taken by itself.
        adjusted: the p-value corrected for the number of metrics, which the verdict goes by:
            of those with a gate, or of all others.
        better: the better direction: `higher`, `lower` or `neither`.
        unit: the figure's unit.
    """

    metric: str
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    verdict: Says
    cases: int
    cases_needed: int | None = None
    p: float | None = None
    adjusted: float | None = None
    better: Better = "higher"
    unit: str = "share"

    def __str__(self) -> str:
        ends = "" if self.low is None else f" [{self.low:+.3g}, {self.high:+.3g}]"
        needs = f", needs about {self.cases_needed:,} cases" if self.cases_needed else ""
        return (
            f"{self.metric}: {self.verdict}{needs} "
            f"({self.b:.4g} -> {self.a:.4g}, {self.difference:+.3g}{ends}, {self.cases} cases)"
        )


def corrected(
    found: Mapping[str, Difference], confidence: float, gated: Container[str] = ()
) -> dict[str, Difference]:
    """Correct the verdicts for the number of metrics (Holm 1979).

    With 40 metrics at 95 %, two would differ between a system and itself. Holm's correction keeps
    the chance that any verdict is wrong within 5 %, however the metrics depend on each other. Those
    that gates name beforehand are a family of their own, for which that chance holds by itself: 30
    figures that nobody asked for do not hide a loss in the one that counts.
    """
    judged = [item for item in found.values() if item.better != "neither"]
    verdicts = dict(found)
    for named in (True, False):
        family = [item for item in judged if (item.metric in gated) is named]
        verdicts |= _corrected(family, confidence)
    return verdicts


def _corrected(family: list[Difference], confidence: float) -> dict[str, Difference]:
    family.sort(key=lambda item: 1.0 if item.p is None else item.p)
    verdicts, adjusted = dict[str, Difference](), 0.0
    for place, item in enumerate(family):
        left = len(family) - place
        adjusted = max(adjusted, min((1.0 if item.p is None else item.p) * left, 1.0))
        told = item.verdict != CANNOT and adjusted <= 1 - confidence and _is_more_than_load(item)
        verdicts[item.metric] = replace(
            item,
            adjusted=adjusted,
            verdict=item.verdict if told else CANNOT,
            cases_needed=item.cases_needed if told else _needed(item, left, confidence),
        )
    return verdicts


def _is_more_than_load(item: Difference) -> bool:
    """Say whether a difference is more than the load of a machine makes between two evaluations."""
    return item.unit != "seconds" or abs(item.difference) > max(TICK, LOAD * abs(item.b))


def _needed(item: Difference, metrics: int, confidence: float) -> int | None:
    """Estimate the cases needed where a difference could be told but for the correction."""
    if item.verdict == CANNOT or not item.p or not _is_more_than_load(item):
        return item.cases_needed
    normal = NormalDist()
    seen = -normal.inv_cdf(item.p / 2)
    wanted = normal.inv_cdf(POWER) - normal.inv_cdf((1 - confidence) / 2 / metrics)
    return max(ceil(item.cases * (wanted / seen) ** 2), item.cases + 1) if seen > 0 else None
