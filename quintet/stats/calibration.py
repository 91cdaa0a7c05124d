"""Whether a confidence means what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, fsum

from quintet.errors import DesignError
from quintet.stats.ranking import same_length


@dataclass(frozen=True, kw_only=True)
class Bin:
    """The answers whose confidence lies in (low, high]; the first bin holds 0 as well.

    Args:
        low: above this.
        high: up to this.
        count: answers in it.
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
    """The bins of equal width that hold any answers, from the lowest up: the reliability diagram.

    Raises:
        DesignError: no answers, lengths differ, a confidence not from 0 to 1, or no bins.
    """
    _check(confidences, rights)
    if not isinstance(bins, int) or bins < 1:
        raise DesignError(f"bins={bins!r}: give one or more")
    held: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in zip(confidences, rights, strict=True):
        place = max(ceil(confidence * bins) - 1, 0)
        held.setdefault(place, []).append((confidence, bool(right)))
    return [
        Bin(
            low=place / bins,
            high=(place + 1) / bins,
            count=len(answers),
            confidence=fsum(confidence for confidence, _ in answers) / len(answers),
            accuracy=sum(right for _, right in answers) / len(answers),
        )
        for place, answers in sorted(held.items())
    ]


def ece(confidences: Sequence[float], rights: Sequence[bool], *, bins: int = 15) -> float:
    """The expected calibration error: sum over bins of |B| / n * |accuracy(B) - confidence(B)|.

    Guo et al. 2017 (arXiv 1706.04599), bins of equal width. 0 is perfect; with few answers a bin
    it is biased upwards.

    Raises:
        DesignError: no answers, lengths differ, a confidence not from 0 to 1, or no bins.
    """
    return fsum(
        b.count * abs(b.accuracy - b.confidence)
        for b in reliability(confidences, rights, bins=bins)
    ) / len(rights)


def brier(confidences: Sequence[float], rights: Sequence[bool]) -> float:
    """The mean squared distance of the confidence from what happened (Brier 1950); 0 is perfect.

    Raises:
        DesignError: no answers, lengths differ, or a confidence not from 0 to 1.
    """
    _check(confidences, rights)
    return fsum((c - bool(right)) ** 2 for c, right in zip(confidences, rights, strict=True)) / len(
        rights
    )


def _check(confidences: Sequence[float], rights: Sequence[bool]) -> None:
    same_length(confidences, rights, "confidences", "answers")
    if not len(rights):
        raise DesignError("no answers: calibration needs at least one")
    for confidence in confidences:
        if not 0 <= confidence <= 1:
            raise DesignError(f"confidence={confidence!r}: give a share from 0 to 1")
