"""Two reports on the same cases, compared pair by pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite, nan
from statistics import NormalDist
from typing import Any

from quintet.errors import DesignError
from quintet.evals.figure import Better
from quintet.evals.metric import Metric
from quintet.evals.metrics import STANDARD
from quintet.evals.report import Report
from quintet.evals.row import Row
from quintet.stats import Interval, bootstrap, paired
from quintet.stats.paired import Says

Pair = tuple[str, tuple[Any, ...], tuple[Any, ...]]
"""A case, and what a metric says of it on both sides."""

ROUNDS = 1000
POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric on both sides.

    Args:
        metric: its name.
        a, b: the figure on each side, over the pairs.
        difference: a - b.
        low, high: the interval of the difference; None where too little was seen.
        verdict: whether a is `better` or `worse` than b, or one `cannot tell`.
        cases: how many cases were compared.
        cases_needed: where one cannot tell, about how many cases would show a difference of this
            size with 80 % power; None where there is none to show.
        p: how likely so large a difference is between equals; None where only the interval tells.
        better: which direction is the better one.
        unit: as of the figure.
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
    better: Better = "higher"
    unit: str = "share"

    def __str__(self) -> str:
        ends = "" if self.low is None else f" [{self.low:+.3g}, {self.high:+.3g}]"
        needs = f", needs about {self.cases_needed:,} cases" if self.cases_needed else ""
        return (
            f"{self.metric}: {self.verdict}{needs} "
            f"({self.b:.4g} -> {self.a:.4g}, {self.difference:+.3g}{ends}, {self.cases} cases)"
        )


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What `compare(a, b)` found: how a does beside b, case by case.

    Attributes:
        differences: by metric.
        fixed: cases that b had wrong in some run, and a has right in all.
        broken: the other way round.
        unpaired: how many runs have no partner on the other side, and were left out.
        notes: what a reader should know, such as cases whose labels differ.
    """

    differences: Mapping[str, Difference]
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    unpaired: int = 0
    notes: tuple[str, ...] = ()

    @property
    def better(self) -> tuple[str, ...]:
        """The metrics in which a is better than b."""
        return tuple(name for name, d in self.differences.items() if d.verdict == "better")

    @property
    def worse(self) -> tuple[str, ...]:
        """The metrics in which a is worse than b."""
        return tuple(name for name, d in self.differences.items() if d.verdict == "worse")

    def __getitem__(self, metric: str) -> Difference:
        """The difference in one metric.

        Raises:
            DesignError: it was not compared.
        """
        if metric not in self.differences:
            known = ", ".join(self.differences) or "none"
            raise DesignError(f"{metric!r} was not compared; compared were {known}")
        return self.differences[metric]

    def __str__(self) -> str:
        lines = [str(difference) for difference in self.differences.values()]
        for name, ids in (("fixed", self.fixed), ("broken", self.broken)):
            more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
            lines += [f"{name}: {', '.join(ids[:8])}{more}"] if ids else []
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__


def compare(
    a: Report, b: Report, *, metrics: Iterable[Metric] = (), confidence: float = 0.95, seed: int = 0
) -> Compared:
    """Is a better than b? Paired: each case is compared with itself.

    Right-or-wrong metrics get Tango's interval of the paired difference and the exact McNemar
    test, numbers the cluster bootstrap of the difference (`stats.paired`); a ratio of sums, and a
    measure over all cases, the bootstrap of both sides together.

    Args:
        a: the report that is asked about, such as the new version's.
        b: the report that it is held against.
        metrics: further metrics than the standard ones, as the suite had them.
        confidence: of the intervals.
        seed: of the bootstrap.

    Raises:
        DesignError: the reports have no case in common.
    """
    ours = {(row.case.id, row.repeat): row for row in a.rows}
    theirs = {(row.case.id, row.repeat): row for row in b.rows}
    shared = [place for place in ours if place in theirs]
    if not shared:
        raise DesignError(
            f"reports {a.suite!r} and {b.suite!r} have no case in common: only runs of the same "
            "cases can be compared"
        )
    rows = [(ours[place], theirs[place]) for place in shared]
    known = {metric.name: metric for metric in (*STANDARD, *metrics)}
    differences = {}
    for name in (name for name in a.figures if name in b.figures and name in known):
        found = _difference(known[name], rows, confidence, seed)
        if found is not None:
            differences[name] = found
    wrong_a, wrong_b = _wrong(row for row, _ in rows), _wrong(row for _, row in rows)
    changed = sum(one.case != other.case for one, other in rows)
    return Compared(
        differences=differences,
        fixed=tuple(sorted(wrong_b - wrong_a)),
        broken=tuple(sorted(wrong_a - wrong_b)),
        unpaired=len(ours) + len(theirs) - 2 * len(shared),
        notes=(f"{changed} runs are of cases whose input or labels differ",) if changed else (),
    )


def _wrong(rows: Iterable[Row]) -> set[str]:
    return {row.case.id for row in rows if row.wrong}


def _difference(
    metric: Metric, rows: Sequence[tuple[Row, Row]], confidence: float, seed: int
) -> Difference | None:
    pairs: list[Pair] = []
    for one, other in rows:
        left, right = one.scores.get(metric.name), other.scores.get(metric.name)
        if left is not None and right is not None:
            pairs.append((one.cluster, left, right))
    if not pairs:
        return None
    if (parts_of := getattr(metric.over, "parts", None)) is not None:
        pairs = _by_case(pairs, parts_of)
        return _valued(metric, pairs, confidence, seed) if pairs else None
    plain = metric.over is None and all(a[1] == b[1] == 1 for _, a, b in pairs)
    make = _valued if plain else _redrawn
    return make(metric, pairs, confidence, seed)


def _by_case(pairs: list[Pair], parts_of: Callable[[Any], Any]) -> list[Pair]:
    """The pairs of a measure whose unit is the case and not the run."""
    ours = parts_of([(cluster, a) for cluster, a, _ in pairs])
    theirs = parts_of([(cluster, b) for cluster, _, b in pairs])
    both = zip(ours, theirs, strict=True) if len(ours) == len(theirs) else ()
    return [(one[0], tuple(one[1:]), tuple(other[1:])) for one, other in both]


def _valued(metric: Metric, pairs: list[Pair], confidence: float, seed: int) -> Difference:
    """One value a run on each side."""
    found = paired(
        [float(a[0]) for _, a, _ in pairs],
        [float(b[0]) for _, _, b in pairs],
        clusters=[cluster for cluster, _, _ in pairs],
        confidence=confidence,
        better="lower" if metric.better == "lower" else "higher",
        seed=seed,
    )
    return Difference(
        metric=metric.name,
        a=found.a,
        b=found.b,
        difference=found.difference,
        low=found.interval.low if isfinite(found.interval.low) else None,
        high=found.interval.high if isfinite(found.interval.high) else None,
        verdict=found.verdict if metric.better != "neither" else "cannot tell",
        cases=found.cases,
        cases_needed=found.cases_needed,
        p=found.p,
        better=metric.better,
        unit=metric.unit,
    )


def _redrawn(metric: Metric, pairs: list[Pair], confidence: float, seed: int) -> Difference | None:
    """A figure over all runs: both sides are drawn anew together, by case."""
    value = metric.over or _ratio

    def gap(chosen: Sequence[Pair]) -> float:
        left, right = value([a for _, a, _ in chosen]), value([b for _, _, b in chosen])
        return nan if left is None or right is None else left - right

    ours, theirs = value([a for _, a, _ in pairs]), value([b for _, _, b in pairs])
    if ours is None or theirs is None:
        return None
    clusters: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        clusters[pair[0]].append(pair)
    drawn = _drawn(gap, list(clusters.values()), confidence, seed)
    verdict = _verdict(drawn, metric.better)
    return Difference(
        metric=metric.name,
        a=ours,
        b=theirs,
        difference=ours - theirs,
        low=drawn.low if isfinite(drawn.low) else None,
        high=drawn.high if isfinite(drawn.high) else None,
        verdict=verdict,
        cases=len(clusters),
        cases_needed=_needed(drawn, ours - theirs, len(clusters)) if verdict == CANNOT else None,
        better=metric.better,
        unit=metric.unit,
    )


CANNOT: Says = "cannot tell"


def _ratio(points: Sequence[tuple[Any, ...]]) -> float | None:
    whole = sum(point[1] for point in points)
    return sum(point[0] for point in points) / whole if whole else None


def _drawn(
    gap: Callable[[Sequence[Pair]], float], clusters: list[list[Pair]], confidence: float, seed: int
) -> Interval:
    return bootstrap(
        clusters, gap, seed=seed, rounds=ROUNDS, confidence=confidence, method="percentile"
    )


def _verdict(interval: Interval, better: Better) -> Says:
    if better == "neither" or 0 in interval:
        return CANNOT
    above = interval.low > 0
    return "better" if above == (better == "higher") else "worse"


def _needed(interval: Interval, difference: float, cases: int) -> int | None:
    """How many cases would show this difference, by the width that these showed it with."""
    if not difference or not isfinite(interval.width):
        return None
    normal = NormalDist()
    z = normal.inv_cdf((1 + interval.confidence) / 2)
    error = interval.width / (2 * z)
    return ceil(cases * ((z + normal.inv_cdf(POWER)) * error / abs(difference)) ** 2)
