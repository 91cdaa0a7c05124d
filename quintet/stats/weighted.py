"""Compute measures anew for each draw of a bootstrap, from how often each case was drawn.

The cases are sorted once; a draw is then a few sums over counts, where drawing the cases themselves
would sort and check them each time. Each function takes the cases and returns a function of their
counts; that gives NaN where a draw has no value.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import nan
from typing import Any

# Any stands for numpy's arrays: their type would have to be imported with this module.
Weighed = Callable[[Any], float]
"""A measure of cases, as a function of the number of times that each of them was drawn."""


def weighed_auroc(scores: Sequence[float], positives: Sequence[bool]) -> Weighed:
    """Return `auroc` as a function of counts."""
    import numpy as np

    _, level = np.unique(np.array(scores, dtype=float), return_inverse=True)
    positive = np.array(positives, dtype=bool)
    size = int(level.max()) + 1

    def area(counts: Any) -> float:
        up = np.bincount(level, counts * positive, size)
        down = np.bincount(level, counts * ~positive, size)
        pairs = up.sum() * down.sum()
        return float((up * (down.cumsum() - down / 2)).sum() / pairs) if pairs else nan

    return area


def weighed_aurc(confidences: Sequence[float], rights: Sequence[bool]) -> Weighed:
    """Return `aurc` as a function of counts."""
    import numpy as np

    levels, level = np.unique(-np.array(confidences, dtype=float), return_inverse=True)
    wrong = ~np.array(rights, dtype=bool)
    size = len(levels)

    def area(counts: Any) -> float:
        sizes = np.bincount(level, counts, size).astype(np.int64)
        errors = np.bincount(level, counts * wrong, size)
        shares = (errors / np.maximum(sizes, 1)).repeat(sizes).cumsum()
        return float((shares / np.arange(1, len(shares) + 1)).mean())

    return area


def weighed_ece(confidences: Sequence[float], rights: Sequence[bool], *, bins: int) -> Weighed:
    """Return `ece` as a function of counts."""
    import numpy as np

    stated = np.array(confidences, dtype=float)
    place = np.maximum(np.ceil(stated * bins) - 1, 0).astype(np.int64)
    gaps = np.array(rights, dtype=float) - stated

    def error(counts: Any) -> float:
        total = counts.sum()
        return float(abs(np.bincount(place, counts * gaps)).sum() / total) if total else nan

    return error


def weighed_macro_f1(truths: Sequence[Hashable], guesses: Sequence[Hashable]) -> Weighed:
    """Return `macro_f1` as a function of counts, over the classes of a draw."""
    import numpy as np

    places: dict[Hashable, int] = {}
    truth, guess = (
        np.array([places.setdefault(name, len(places)) for name in names])
        for names in (truths, guesses)
    )
    size, hit = len(places), truth == guess

    def score(counts: Any) -> float:
        total = np.bincount(truth, counts, size) + np.bincount(guess, counts, size)
        both = np.bincount(truth, counts * hit, size)
        known = total > 0
        return float((2 * both[known] / total[known]).mean()) if known.any() else nan

    return score


def weighed_percentile(values: Sequence[float], *, at: int) -> Weighed:
    """Return a percentile, interpolated between two values, as a function of counts."""
    import numpy as np

    order = np.argsort(np.array(values, dtype=float), kind="stable")
    ordered = np.array(values, dtype=float)[order]

    def percentile(counts: Any) -> float:
        ends = counts[order].cumsum()
        place = (ends[-1] - 1) * at / 100
        low, high = ordered[np.searchsorted(ends, [int(place), -int(-place // 1)], side="right")]
        return float(low + (high - low) * (place - int(place)))

    return percentile


def weighed_ratio(parts: Sequence[float], wholes: Sequence[float]) -> Weighed:
    """Return sum(part) / sum(whole) as a function of counts."""
    import numpy as np

    part, whole = np.array(parts, dtype=float), np.array(wholes, dtype=float)

    def ratio(counts: Any) -> float:
        total = counts @ whole
        return float(counts @ part / total) if total > 0 else nan

    return ratio
