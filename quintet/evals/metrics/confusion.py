"""Which routes are taken for which, with precision and recall of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from quintet.evals.metrics.routing import NOBODY, told_and_chosen
from quintet.evals.row import Row
from quintet.stats import Interval, proportion


@dataclass(frozen=True, kw_only=True)
class RouteFigures:
    """How well one route is found.

    Args:
        route: its name.
        expected: runs that should take it.
        chosen: runs that took it.
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
    """A route that was taken for another, and how often."""

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
        """How many runs it counts."""
        return sum(map(sum, self.counts))

    @property
    def worst(self) -> tuple[Mixup, ...]:
        """What was taken for something else, the most frequent first."""
        found = [
            Mixup(expected=told, chosen=taken, count=count)
            for told, line in zip(self.labels, self.counts, strict=True)
            for taken, count in zip(self.labels, line, strict=True)
            if told != taken and count
        ]
        return tuple(sorted(found, key=lambda each: (-each.count, each.expected, each.chosen)))


def confusion(rows: Iterable[Row], *, confidence: float = 0.95) -> Confusion:
    """The confusion matrix of all rows with a label for the route.

    Args:
        rows: scored or not.
        confidence: of the intervals.
    """
    found = [
        (row.cluster, *pair)
        for row in rows
        if (pair := told_and_chosen(row.case, row.trajectory)) is not None
    ]
    names = {name for _, *pair in found for name in pair}
    labels = sorted(names, key=lambda name: (name == NOBODY, name))
    pairs = Counter((told, chosen) for _, told, chosen in found)
    return Confusion(
        labels=tuple(labels),
        counts=tuple(tuple(pairs[told, chosen] for chosen in labels) for told in labels),
        routes=tuple(_figures(route, found, confidence) for route in labels),
    )


def _figures(route: str, found: list[tuple[str, str, str]], confidence: float) -> RouteFigures:
    of_chosen = [(who, told == route, 1) for who, told, chosen in found if chosen == route]
    of_told = [(who, chosen == route, 1) for who, told, chosen in found if told == route]
    return RouteFigures(
        route=route,
        expected=len(of_told),
        chosen=len(of_chosen),
        precision=_share(of_chosen),
        precision_interval=proportion(of_chosen, confidence=confidence),
        recall=_share(of_told),
        recall_interval=proportion(of_told, confidence=confidence),
    )


def _share(parts: list[tuple[str, bool, int]]) -> float | None:
    return sum(hit for _, hit, _ in parts) / len(parts) if parts else None
