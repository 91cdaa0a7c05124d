"""Compare two reports on the same cases, pair by pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite, nan
from statistics import NormalDist
from typing import Any

from quintet.errors import DesignError
from quintet.evals.difference import CANNOT, POWER, Difference, corrected
from quintet.evals.figure import Better
from quintet.evals.figures import finite
from quintet.evals.items import items_in
from quintet.evals.metric import Metric
from quintet.evals.metrics import STANDARD, pass_hat_k
from quintet.evals.metrics.over import weighed_of
from quintet.evals.report import Report
from quintet.evals.row import Row
from quintet.stats import bootstrap, paired
from quintet.stats.bootstrap import bootstrap_weighed
from quintet.stats.distribution import beta_below
from quintet.stats.interval import Interval, deviate
from quintet.stats.paired import Says
from quintet.stats.weighted import Weighed, weighed_ratio

Pair = tuple[str, tuple[Any, ...], tuple[Any, ...]]
"""A cluster, and a metric's scores of one run on both sides."""

ROUNDS = 1000
"""Resamples of the bootstrap."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The result of `compare(a, b)`: a beside b, case by case.

    Attributes:
        differences: by metric.
        fixed: cases that b had wrong in some run, and a has right in all.
        broken: cases that a has wrong in some run, and b had right in all.
        unpaired: the number of runs without a partner; they are left out.
        removed: cases that only b has, those that it had wrong first.
        added: cases that only a has.
        notes: remarks on what is left out, and on cases whose labels differ.
    """

    differences: Mapping[str, Difference]
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    unpaired: int = 0
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def better(self) -> tuple[str, ...]:
        """Name the metrics in which a is better than b."""
        return tuple(name for name, d in self.differences.items() if d.verdict == "better")

    @property
    def worse(self) -> tuple[str, ...]:
        """Name the metrics in which a is worse than b."""
        return tuple(name for name, d in self.differences.items() if d.verdict == "worse")

    def __getitem__(self, metric: str) -> Difference:
        """Return the difference in one metric.

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
    """Say in which metrics a is better or worse than b, comparing each case with itself.

    Right-or-wrong metrics get Tango's interval of the paired difference and the exact McNemar
    test, numbers the cluster bootstrap of the difference (`stats.paired`). A ratio of sums, and a
    measure over all cases, get a bootstrap that draws both sides together. A verdict also holds for
    all metrics together (Holm 1979), so that a system is not better than itself in one of forty;
    those that this report's gates name are such a family by themselves. Times must differ by a
    fifth and by 10 ms, since the load of a machine differs as well.

    Args:
        a: the report in question, such as the new version's.
        b: the report to compare it with.
        metrics: the suite's own metrics, beside the standard ones.
        confidence: of the intervals.
        seed: of the bootstrap.

    Raises:
        DesignError: the reports have no case in common, or a part is of another kind.
    """
    items_in((a, b), "compare(...)", Report)
    own = items_in(metrics, "compare(metrics=...)", Metric)
    ours = {(row.case.id, row.repeat): row for row in a.rows}
    theirs = {(row.case.id, row.repeat): row for row in b.rows}
    shared = [place for place in ours if place in theirs]
    if not shared:
        raise DesignError(
            f"reports {a.suite!r} and {b.suite!r} have no case in common: only runs of the same "
            "cases can be compared"
        )
    rows = [(ours[place], theirs[place]) for place in shared]
    known = {metric.name: metric for metric in (*STANDARD, *_every_time(a), *own)}
    differences = {}
    for name in (name for name in a.figures if name in known):
        difference = _difference(known[name], rows, confidence, seed)
        if difference is not None:
            differences[name] = difference
    gated = {verdict.gate.metric for verdict in a.verdicts}
    differences = corrected(differences, confidence, gated)
    wrong_a, wrong_b = _wrong(row for row, _ in rows), _wrong(row for _, row in rows)
    cases_a, cases_b = {row.case.id for row in a.rows}, {row.case.id for row in b.rows}
    all_wrong = _wrong(b.rows)
    return Compared(
        differences=differences,
        fixed=tuple(sorted(wrong_b - wrong_a)),
        broken=tuple(sorted(wrong_a - wrong_b)),
        unpaired=len(ours) + len(theirs) - 2 * len(shared),
        removed=tuple(sorted(cases_b - cases_a, key=lambda name: (name not in all_wrong, name))),
        added=tuple(sorted(cases_a - cases_b)),
        notes=tuple(_notes(a, b, rows, known, _lost(b, differences, gated))),
    )


def _every_time(report: Report) -> Iterator[Metric]:
    """Give the pass^k that an evaluation with repeats computes by itself."""
    for name in report.figures:
        number = name.removeprefix("pass_hat_")
        if number != name and number.isdigit():
            yield pass_hat_k(int(number))


def _lost(b: Report, compared: Collection[str], gated: Collection[str]) -> list[str]:
    """Name the earlier figures, and those with a gate, that are not compared."""
    names = dict.fromkeys((*sorted(gated), *b.figures))
    marks = dict.fromkeys(gated, " (it has a gate)")
    return [f"{name}{marks.get(name, '')}" for name in names if name not in compared]


def _notes(
    a: Report,
    b: Report,
    rows: Sequence[tuple[Row, Row]],
    known: Mapping[str, Metric],
    lost: Sequence[str],
) -> Iterator[str]:
    """Say what the comparison leaves out."""
    cases_a, cases_b = {row.case.id for row in a.rows}, {row.case.id for row in b.rows}
    if removed := cases_b - cases_a:
        wrong = len(removed & _wrong(b.rows))
        yield (
            f"{len(removed)} of the {len(cases_b)} earlier cases are gone, {wrong} of them were "
            f"wrong; {len(cases_b & cases_a)} are compared"
        )
    if added := cases_a - cases_b:
        yield f"{len(added)} cases are new, and compared with nothing"
    both = cases_a & cases_b
    whole = {place for report in (a, b) for place in _places(report) if place[0] in both}
    if left := len(whole) - len(rows):
        yield f"{left} runs are of repeats that only one report has"
    if changed := sum(one.case != other.case for one, other in rows):
        yield f"{changed} runs are of cases whose input or labels differ"
    yield from _notes_on_reports(a, b)
    if lost:
        yield f"not compared: {', '.join(lost)}"
    for name in known:
        if raised := sum(name in one.errors or name in other.errors for one, other in rows):
            yield f"{name}: the metric raised in {raised} of {len(rows)} runs on some side"


def _notes_on_reports(a: Report, b: Report) -> Iterator[str]:
    for report, name in ((a, "this report"), (b, "the earlier report")):
        if len(report.rows) < report.expected:
            yield f"{name} is cut off: {len(report.rows)} of {report.expected} runs"
    ours, theirs = (report.versions.get("quintet") for report in (a, b))
    if ours and theirs and ours != theirs:
        yield f"scored by Quintet {ours}, and earlier by {theirs}, which may score otherwise"


def _places(report: Report) -> Iterator[tuple[str, int]]:
    return ((row.case.id, row.repeat) for row in report.rows)


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
        return _from_values(metric, pairs, confidence, seed) if pairs else None
    # With a whole of 1 everywhere, a ratio of sums is the mean of the parts: one value a run.
    has_values = metric.over is None and all(a[1] == b[1] == 1 for _, a, b in pairs)
    make = _from_values if has_values else _from_draws
    return make(metric, pairs, confidence, seed)


def _by_case(pairs: list[Pair], parts_of: Callable[[Any], Any]) -> list[Pair]:
    """Pair the cases of a measure with one value a case, not a run."""
    ours = parts_of([(cluster, a) for cluster, a, _ in pairs])
    theirs = parts_of([(cluster, b) for cluster, _, b in pairs])
    # A side is empty where one of its cases has too few repeats.
    both = zip(ours, theirs, strict=True) if len(ours) == len(theirs) else ()
    return [(one[0], tuple(one[1:]), tuple(other[1:])) for one, other in both]


def _from_values(metric: Metric, pairs: list[Pair], confidence: float, seed: int) -> Difference:
    """Compare a metric with one value a run."""
    comparison = paired(
        [float(a[0]) for _, a, _ in pairs],
        [float(b[0]) for _, _, b in pairs],
        clusters=[cluster for cluster, _, _ in pairs],
        confidence=confidence,
        better="lower" if metric.better == "lower" else "higher",
        seed=seed,
    )
    return Difference(
        metric=metric.name,
        a=comparison.a,
        b=comparison.b,
        difference=comparison.difference,
        low=finite(comparison.interval.low),
        high=finite(comparison.interval.high),
        verdict=comparison.verdict if metric.better != "neither" else CANNOT,
        cases=comparison.cases,
        cases_needed=comparison.cases_needed,
        p=comparison.p,
        better=metric.better,
        unit=metric.unit,
    )


def _from_draws(
    metric: Metric, pairs: list[Pair], confidence: float, seed: int
) -> Difference | None:
    """Compare a figure over all runs by drawing cases with both their sides."""
    value = metric.over or _ratio
    lefts, rights = [a for _, a, _ in pairs], [b for _, _, b in pairs]
    ours, theirs = value(lefts), value(rights)
    if ours is None or theirs is None:
        return None
    owners = [cluster for cluster, _, _ in pairs]
    cases = len(set(owners))
    left, right = _weighed(metric, lefts), _weighed(metric, rights)
    if left is not None and right is not None:
        (interval,), error = bootstrap_weighed(
            owners,
            lambda counts: left(counts) - right(counts),
            seed=seed,
            rounds=ROUNDS,
            confidences=(confidence,),
        )
    else:
        interval = _drawn(value, pairs, confidence, seed)
        error = interval.width / (2 * deviate(confidence))
    verdict = _verdict(interval, metric.better)
    needed = _cases_needed(interval, ours - theirs, cases) if verdict == CANNOT else None
    return Difference(
        metric=metric.name,
        a=ours,
        b=theirs,
        difference=ours - theirs,
        low=finite(interval.low),
        high=finite(interval.high),
        verdict=verdict,
        cases=cases,
        cases_needed=needed,
        p=_chance(ours - theirs, error, cases),
        better=metric.better,
        unit=metric.unit,
    )


def _weighed(metric: Metric, points: list[tuple[Any, ...]]) -> Weighed | None:
    if metric.over is not None:
        return weighed_of(metric.over, points)
    return weighed_ratio([point[0] for point in points], [point[1] for point in points])


def _drawn(
    value: Callable[[Sequence[tuple[Any, ...]]], float | None],
    pairs: list[Pair],
    confidence: float,
    seed: int,
) -> Interval:
    def gap(chosen: Sequence[Pair]) -> float:
        left, right = value([a for _, a, _ in chosen]), value([b for _, _, b in chosen])
        return nan if left is None or right is None else left - right

    clusters: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        clusters[pair[0]].append(pair)
    return bootstrap(
        list(clusters.values()),
        gap,
        seed=seed,
        rounds=ROUNDS,
        confidence=confidence,
        method="percentile",
    )


def _ratio(points: Sequence[tuple[Any, ...]]) -> float | None:
    whole = sum(point[1] for point in points)
    return sum(point[0] for point in points) / whole if whole else None


def _verdict(interval: Interval, better: Better) -> Says:
    if better == "neither" or 0 in interval:
        return CANNOT
    above = interval.low > 0
    return "better" if above == (better == "higher") else "worse"


def _chance(difference: float, error: float, cases: int) -> float:
    """Return the two-sided p-value of a difference by its standard error (Student's t)."""
    if not difference or cases < 2 or not isfinite(error):
        return 1.0
    # So few cases cannot tell, however alike they are: all on one side by chance is 2 / 2^n.
    least = 2.0 ** (1 - cases)
    if not error:
        return least
    z = abs(difference) / error
    # P(|T| > z) of Student's T, by the beta distribution.
    return max(beta_below((cases - 1) / (cases - 1 + z * z), (cases - 1) / 2, 0.5), least)


def _cases_needed(interval: Interval, difference: float, cases: int) -> int | None:
    """Estimate the cases needed to show this difference, from the interval's width."""
    if not difference or not isfinite(interval.width):
        return None
    normal = NormalDist()
    z = normal.inv_cdf((1 + interval.confidence) / 2)
    error = interval.width / (2 * z)
    # The standard error falls as 1/sqrt(n); it must be at most |difference| / (z + z of the power).
    return ceil(cases * ((z + normal.inv_cdf(POWER)) * error / abs(difference)) ** 2)
