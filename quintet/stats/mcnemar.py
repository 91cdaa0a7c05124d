"""Test a paired difference: by McNemar's test, or by flipping signs."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from quintet.errors import DesignError
from quintet.stats.distribution import at_least_hits


def mcnemar(a_only: int, b_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (McNemar 1947; exact: Cochran 1950).

    Under the hypothesis that a and b are equally good, the cases that only a gets right are
    Binomial(a_only + b_only, 1/2).

    Args:
        a_only: cases that a gets right and b does not.
        b_only: cases that b gets right and a does not.

    Returns:
        The probability of a split as uneven as this, or more; 1 where the two never differ.

    Raises:
        DesignError: a count is negative or no whole number.
    """
    for name, count in (("a_only", a_only), ("b_only", b_only)):
        if not isinstance(count, int) or count < 0:
            raise DesignError(f"{name}={count!r}: give a count of cases, zero or more")
    return min(2 * at_least_hits(max(a_only, b_only), a_only + b_only, 0.5), 1.0)


def flipped(differences: Sequence[float], *, seed: int = 0, rounds: int = 4999) -> float:
    """Return the two-sided p-value of a sum of differences, by flipping their signs (Fisher 1935).

    If a and b are equally good, each difference could as well have had the other sign. All patterns
    of signs are counted for up to 12 differences other than 0, else `rounds` patterns are drawn.

    Args:
        differences: one for each independent case or cluster.
        seed: of the draws.
        rounds: the number of draws.
    """
    import numpy as np

    from quintet.stats.arrays import drawn

    sizes = np.array([abs(difference) for difference in differences if difference])
    count, total = len(sizes), fsum(sizes)
    # Sums in another order may differ in their last bits.
    bar = abs(fsum(differences)) - 1e-9 * total
    if count <= 12:
        # Row i holds the bits of i: the differences that are positive in that pattern.
        every = np.arange(1 << count)[:, np.newaxis] >> np.arange(count) & 1
        return float(np.mean(abs(2 * (every @ sizes) - total) >= bar))
    blocks = drawn(2, width=count, rounds=rounds, seed=seed)
    extreme = sum(np.count_nonzero(abs(2 * (signs @ sizes) - total) >= bar) for signs in blocks)
    # The pattern that was seen counts as one of the draws, or p could be 0.
    return (1 + extreme) / (1 + rounds)
