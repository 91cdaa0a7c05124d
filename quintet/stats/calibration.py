"""Measure whether a stated confidence is as often right as it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from quintet.errors import DesignError
from quintet.stats.interval import same_length


@dataclass(frozen=True, kw_only=True)
class Bin:
    """The answers whose confidence lies in (low, high]; the first bin holds 0 as well.

    Args:
        low: the confidences are above this.
        high: the confidences are up to this.
        count: the number of answers.
        confidence: their mean confidence.
        accuracy: the share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(
    confidences: Sequence[float], rights: Sequence[bool], *, bins: int = 15
) -> list[Bin]:
    """Return the reliability diagram: the bins of equal width that hold answers, lowest first.

    Raises:
        DesignError: no answers, lengths differ, a confidence not from 0 to 1, or no bins.
    """
    import numpy as np

    _check(confidences, rights)
    if not isinstance(bins, int) or bins < 1:
        raise DesignError(f"bins={bins!r}: give one or more")
    stated = np.array(confidences, dtype=float)
    right = np.array([bool(flag) for flag in rights])
    # Bins are open below, so an edge belongs to the bin under it; 0 has none and joins the first.
    places, place, counts = np.unique(
        np.maximum(np.ceil(stated * bins) - 1, 0), return_inverse=True, return_counts=True
    )
    means = np.bincount(place, weights=stated) / counts
    shares = np.bincount(place, weights=right) / counts
    columns = (column.tolist() for column in (places, counts, means, shares))
    return [
        Bin(low=at / bins, high=(at + 1) / bins, count=count, confidence=mean, accuracy=share)
        for at, count, mean, share in zip(*columns, strict=True)
    ]


def ece(confidences: Sequence[float], rights: Sequence[bool], *, bins: int = 15) -> float:
    """Return the expected calibration error: sum of |B| / n * |accuracy(B) - confidence(B)|.

    Guo et al. 2017 (arXiv 1706.04599), bins of equal width. 0 is perfect; with few answers a bin
    it is biased upwards.

    Raises:
        DesignError: no answers, lengths differ, a confidence not from 0 to 1, or no bins.
    """
    return fsum(
        b.count * abs(b.accuracy - b.confidence)
        for b in reliability(confidences, rights, bins=bins)
    ) / len(rights)


def _check(confidences: Sequence[float], rights: Sequence[bool]) -> None:
    same_length(confidences, rights, "confidences", "answers")
    if not len(rights):
        raise DesignError("no answers: calibration needs at least one")
    for confidence in confidences:
        if not 0 <= confidence <= 1:
            raise DesignError(f"confidence={confidence!r}: give a share from 0 to 1")
