"""Answering only when sure: risk against coverage, and the areas under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import fsum

from quintet.errors import DesignError
from quintet.stats.interval import checked_number
from quintet.stats.ranking import same_length


@dataclass(frozen=True, kw_only=True)
class RiskPoint:
    """What a threshold on the confidence gives.

    Args:
        threshold: answers of at least this confidence are accepted.
        coverage: accepted / all.
        risk: wrong and accepted / accepted.
    """

    threshold: float
    coverage: float
    risk: float


def risk_coverage(confidences: Sequence[float], rights: Sequence[bool]) -> list[RiskPoint]:
    """The risk-coverage curve (El-Yaniv & Wiener 2010): a point for each confidence, highest first.

    Args:
        confidences: higher means surer; any scale.
        rights: whether each answer is right, in the same order.

    Raises:
        DesignError: no cases, lengths differ, or a confidence is no number.
    """
    points = []
    accepted = wrong = 0
    for threshold, size, errors in _groups(confidences, rights):
        accepted += size
        wrong += errors
        points.append(
            RiskPoint(threshold=threshold, coverage=accepted / len(rights), risk=wrong / accepted)
        )
    return points


def aurc(confidences: Sequence[float], rights: Sequence[bool]) -> float:
    """The area under the risk-coverage curve: the mean risk of the i surest answers, i = 1..n.

    Geifman & El-Yaniv 2017 (arXiv 1705.08500). Lower is better. Among equal confidences it is the
    mean over all orders, so that the order of the cases does not matter.

    Raises:
        DesignError: as `risk_coverage`.
    """
    risks = []
    accepted, wrong = 0, 0.0
    for _, size, errors in _groups(confidences, rights):
        for _ in range(size):
            accepted += 1
            wrong += errors / size
            risks.append(wrong / accepted)
    return fsum(risks) / len(risks)


def eaurc(confidences: Sequence[float], rights: Sequence[bool]) -> float:
    """AURC above that of the best order, in which every right answer is surer than a wrong one.

    Excess AURC (Geifman, Uziel & El-Yaniv 2019, arXiv 1805.08206). 0 is a perfect order.

    Raises:
        DesignError: as `risk_coverage`.
    """
    best = aurc([float(bool(right)) for right in rights], rights)
    # Two sums of the same terms in another order may differ in their last bits.
    return max(aurc(confidences, rights) - best, 0.0)


def augrc(confidences: Sequence[float], rights: Sequence[bool]) -> float:
    """The area under the generalised risk-coverage curve: wrong and accepted / all, over coverage.

    The average risk of undetected failures, without AURC's weight on the surest few (Traub et al.
    2024, arXiv 2407.01032): (1 - AUROC) * acc * (1 - acc) + (1 - acc)^2 / 2, where AUROC is that
    of the confidence for being right. Lower is better; 0.5 is the worst.

    Raises:
        DesignError: as `risk_coverage`.
    """
    n = len(rights)
    wrong, area = 0, 0.0
    for _, size, errors in _groups(confidences, rights):
        area += size * (wrong + errors / 2)
        wrong += errors
    return area / n**2


def _groups(
    confidences: Sequence[float], rights: Sequence[bool]
) -> Iterator[tuple[float, int, int]]:
    """Each confidence from the highest down, with how many have it and how many are wrong."""
    same_length(confidences, rights, "confidences", "answers")
    if not len(rights):
        raise DesignError("no answers: risk and coverage need at least one")
    pairs = [
        (checked_number("confidence", c), bool(right))
        for c, right in zip(confidences, rights, strict=True)
    ]
    pairs.sort(key=lambda pair: -pair[0])
    for confidence, group in groupby(pairs, key=lambda pair: pair[0]):
        flags = [right for _, right in group]
        yield confidence, len(flags), len(flags) - sum(flags)
