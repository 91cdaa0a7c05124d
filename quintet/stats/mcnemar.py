"""Tests of a paired difference: McNemar's, and the one that flips signs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from math import fsum
from random import Random

from quintet.errors import DesignError
from quintet.stats.distribution import at_least_hits

BITS = bytes.maketrans(b"01", bytes((0, 1)))


def mcnemar(a_only: int, b_only: int) -> float:
    """The exact two-sided p-value of McNemar's test (McNemar 1947; exact: Cochran 1950).

    Under the hypothesis that a and b are equally good, the cases that only a gets right are
    Binomial(a_only + b_only, 1/2).

    Args:
        a_only: cases that a gets right and b does not.
        b_only: cases that b gets right and a does not.

    Returns:
        How likely so uneven a split, or a more uneven one, is; 1 where the two never differ.

    Raises:
        DesignError: a count is negative or no whole number.
    """
    for name, count in (("a_only", a_only), ("b_only", b_only)):
        if not isinstance(count, int) or count < 0:
            raise DesignError(f"{name}={count!r}: give a count of cases, zero or more")
    return min(2 * at_least_hits(max(a_only, b_only), a_only + b_only, 0.5), 1.0)


def flipped(differences: Sequence[float], *, seed: int = 0, rounds: int = 4999) -> float:
    """The two-sided p-value of a sum of differences, by flipping their signs (Fisher 1935).

    If a and b are equally good, each difference could as well have had the other sign. Up to 12
    differences other than 0 all patterns are counted; beyond that `rounds` of them are drawn.

    Args:
        differences: one for each independent case or cluster.
        seed: of the draws.
        rounds: how many draws.
    """
    sizes = [abs(difference) for difference in differences if difference]
    count = len(sizes)
    # Sums in another order may differ in their last bits.
    bar = abs(fsum(differences)) - 1e-9 * fsum(sizes)
    if count <= 12:
        return _extreme(range(1 << count), sizes, bar) / (1 << count)
    random = Random(seed)  # noqa: S311 - a draw is no secret
    drawn = (random.getrandbits(count) for _ in range(rounds))
    return (1 + _extreme(drawn, sizes, bar)) / (1 + rounds)


def _extreme(patterns: Iterable[int], sizes: list[float], bar: float) -> int:
    total = fsum(sizes)
    return sum(abs(2 * _picked(pattern, sizes) - total) >= bar for pattern in patterns)


def _picked(pattern: int, sizes: list[float]) -> float:
    bits = format(pattern, f"0{len(sizes)}b").encode().translate(BITS)
    return sum(compress(sizes, bits))
