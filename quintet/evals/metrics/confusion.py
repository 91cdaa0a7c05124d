"""Count the routes that are mistaken for another, with precision and recall of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from quintet.evals.metrics.routing import NOBODY, expected_and_chosen
from quintet.evals.row import Row
from quintet.stats import proportion
from quintet.stats.interval import Interval


@dataclass(frozen=True, kw_only=True)
class RouteFigures:
    """Precision and recall of one route.

    Args:
        route: its name.
        expected: the number of runs that should take it.
        chosen: the number of runs that took it.
        precision: of those that took it, the share that should; None where none did.
        precision_interval: Wilson's, at the effective number of cases.
        recall: of those that should take it, the share that did; None where none should.
        recall_interval: as that of the precision.
    """

    route: str
    expected: int
    chosen: int
    precision: float | None
    precision_interval: Interval
    recall: float | None
    recall_interval: Interval


@dataclass(frozen=True, kw_only=True)
class Mixup:
    """A route that was taken for another, and the number of runs."""

    expected: str
    chosen: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """A confusion matrix of routes.

    Args:
        labels: the routes, by name; `nobody`, for runs that took none, comes last.
        counts: a row for each expected route, a column for each chosen one, in that order.
        routes: each route's figures, in that order.
    """

    labels: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    routes: tuple[RouteFigures, ...] = ()

    @property
    def total(self) -> int:
        """Return the number of runs in the matrix."""
        return sum(map(sum, self.counts))

    @property
    def worst(self) -> tuple[Mixup, ...]:
        """Return the mix-ups, the most frequent first."""
        mixups = [
            Mixup(expected=expected, chosen=chosen, count=count)
            for expected, row in zip(self.labels, self.counts, strict=True)
            for chosen, count in zip(self.labels, row, strict=True)
            if expected != chosen and count
        ]
        return tuple(sorted(mixups, key=lambda mixup: (-mixup.count, mixup.expected, mixup.chosen)))


def confusion(rows: Iterable[Row], *, confidence: float = 0.95) -> Confusion:
    """Return the confusion matrix of all rows with a label for the route.

    Args:
        rows: scored or not.
        confidence: of the intervals.
    """
    runs = [
        (row.cluster, *pair)
        for row in rows
        if (pair := expected_and_chosen(row.case, row.trajectory)) is not None
    ]
    names = {name for _, *pair in runs for name in pair}
    labels = sorted(names, key=lambda name: (name == NOBODY, name))
    pairs = Counter((expected, chosen) for _, expected, chosen in runs)
    return Confusion(
        labels=tuple(labels),
        counts=tuple(tuple(pairs[expected, chosen] for chosen in labels) for expected in labels),
        routes=tuple(_figures(route, runs, confidence) for route in labels),
    )


def _figures(route: str, runs: list[tuple[str, str, str]], confidence: float) -> RouteFigures:
    of_chosen = [
        (cluster, expected == route, 1) for cluster, expected, chosen in runs if chosen == route
    ]
    of_expected = [
        (cluster, chosen == route, 1) for cluster, expected, chosen in runs if expected == route
    ]
    return RouteFigures(
        route=route,
        expected=len(of_expected),
        chosen=len(of_chosen),
        precision=_share(of_chosen),
        precision_interval=proportion(of_chosen, confidence=confidence),
        recall=_share(of_expected),
        recall_interval=proportion(of_expected, confidence=confidence),
    )


def _share(parts: list[tuple[str, bool, int]]) -> float | None:
    return sum(hit for _, hit, _ in parts) / len(parts) if parts else None
