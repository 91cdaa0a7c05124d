"""Measure answering only when sure: risk against coverage, and the areas under that curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quintet.errors import DesignError
from quintet.stats.interval import checked_number, same_length


@dataclass(frozen=True, kw_only=True)
class RiskPoint:
    """The coverage and the risk at one threshold on the confidence.

    Args:
        threshold: answers of at least this confidence are accepted.
        coverage: accepted / all.
        risk: wrong and accepted / accepted.
    """

    threshold: float
    coverage: float
    risk: float


def risk_coverage(confidences: Sequence[float], rights: Sequence[bool]) -> list[RiskPoint]:
    """Return the risk-coverage curve (El-Yaniv & Wiener 2010), a point a confidence, highest first.

    Args:
        confidences: higher means surer; any scale.
        rights: whether each answer is right, in the same order.

    Raises:
        DesignError: no cases, lengths differ, or a confidence is no number.
    """
    thresholds, sizes, errors = _groups(confidences, rights)
    accepted, wrong = sizes.cumsum(), errors.cumsum()
    columns = (thresholds, accepted / len(rights), wrong / accepted)
    return [
        RiskPoint(threshold=threshold, coverage=coverage, risk=risk)
        for threshold, coverage, risk in zip(*(column.tolist() for column in columns), strict=True)
    ]


def aurc(confidences: Sequence[float], rights: Sequence[bool]) -> float:
    """Return the area under the risk-coverage curve: the mean risk of the i surest, i = 1..n.

    Geifman & El-Yaniv 2017 (arXiv 1705.08500). Lower is better. Among equal confidences it is the
    mean over all orders, so that the order of the cases does not matter.

    Raises:
        DesignError: as `risk_coverage`.
    """
    import numpy as np

    _, sizes, errors = _groups(confidences, rights)
    # In the mean over all orders, each answer of a group is wrong by the group's share of errors.
    wrong = (errors / sizes).repeat(sizes).cumsum()
    return float((wrong / np.arange(1, len(wrong) + 1)).mean())


def eaurc(confidences: Sequence[float], rights: Sequence[bool]) -> float:
    """Return the AURC above that of the best order, in which all right answers are the surest.

    Excess AURC (Geifman, Uziel & El-Yaniv 2019, arXiv 1805.08206). 0 is a perfect order.

    Raises:
        DesignError: as `risk_coverage`.
    """
    best = aurc([float(bool(right)) for right in rights], rights)
    # Two sums of the same terms in another order may differ in their last bits.
    return max(aurc(confidences, rights) - best, 0.0)


def augrc(confidences: Sequence[float], rights: Sequence[bool]) -> float:
    """Return the area under the generalised risk-coverage curve: wrong and accepted / all.

    The average risk of undetected failures, without AURC's weight on the surest few (Traub et al.
    2024, arXiv 2407.01032): (1 - AUROC) * acc * (1 - acc) + (1 - acc)^2 / 2, where AUROC is that
    of the confidence for being right. Lower is better; 0.5 is the worst.

    Raises:
        DesignError: as `risk_coverage`.
    """
    _, sizes, errors = _groups(confidences, rights)
    # The trapezoid rule: the curve rises linearly over the coverage of each group.
    area = (sizes * (errors.cumsum() - errors / 2)).sum()
    return float(area) / len(rights) ** 2


# Any stands for numpy's arrays: their type would have to be imported with this module.
def _groups(confidences: Sequence[float], rights: Sequence[bool]) -> tuple[Any, Any, Any]:
    """Return each confidence from the highest down, its answers, and the wrong ones among them."""
    from quintet.stats.arrays import tally

    same_length(confidences, rights, "confidences", "answers")
    if not len(rights):
        raise DesignError("no answers: risk and coverage need at least one")
    for confidence in confidences:
        checked_number("confidence", confidence)
    levels, right, wrong = tally(confidences, rights)
    return levels[::-1], (right + wrong)[::-1], wrong[::-1]
