"""Show the confusion matrix as a table that fits a page, however many routes there are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from quintet.evals.metrics import confusion
from quintet.evals.metrics.confusion import Confusion
from quintet.evals.metrics.routing import NOBODY
from quintet.evals.reports.render import render
from quintet.evals.reports.words import JudgedRow

WHOLE, PART = 16, 12
"""Up to so many routes are all shown; of more, so many get a line of their own."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The part of a confusion matrix that is shown.

    Args:
        labels: the routes with a row and a column of their own.
        others: how many routes are put together into one more, the last.
        counts: a row for each expected route, a column for each chosen one.
        mixed: of the runs in the last cell, those between two different routes of the others.
    """

    labels: tuple[str, ...]
    others: int
    counts: tuple[tuple[int, ...], ...]
    mixed: int = 0


def matrix(found: Confusion) -> Matrix:
    """Keep up to 16 routes; of more, keep those mixed up most and put the rest together."""
    if len(found.labels) <= WHOLE:
        return Matrix(labels=found.labels, others=0, counts=found.counts)
    weight: Counter[str] = Counter()
    for mixup in found.worst:
        weight[mixup.expected] += mixup.count
        weight[mixup.chosen] += mixup.count
    chosen = {name for name, _ in weight.most_common(PART)}
    labels = tuple(name for name in found.labels if name in chosen)
    rest = len(labels)
    place = {name: labels.index(name) if name in chosen else rest for name in found.labels}
    counts = [[0] * (rest + 1) for _ in range(rest + 1)]
    mixed = 0
    for told, line in zip(found.labels, found.counts, strict=True):
        for got, count in zip(found.labels, line, strict=True):
            counts[place[told]][place[got]] += count
            mixed += count if told != got and place[told] == place[got] == rest else 0
    return Matrix(
        labels=labels,
        others=len(found.labels) - rest,
        counts=tuple(map(tuple, counts)),
        mixed=mixed,
    )


def matrix_section(rows: Sequence[JudgedRow], confidence: float) -> str:
    """Show the matrix, the most frequent mix-ups, and each route's precision and recall.

    Empty where no case has a label for the route.
    """
    found = confusion([item.row for item in rows], confidence=confidence)
    if not found.total:
        return ""
    pairs: dict[tuple[str, str], list[JudgedRow]] = defaultdict(list)
    for item in rows:
        if item.routes is not None:
            pairs[item.routes].append(item)
    shown = matrix(found)
    return render(
        "matrix.html",
        found=found,
        shown=shown,
        names=[*shown.labels, *(["other"] if shown.others else [])],
        most=max(map(max, shown.counts)),
        pairs=pairs,
        routes=[item for item in found.routes if item.route != NOBODY or item.expected],
    )
