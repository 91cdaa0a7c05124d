"""Compute tails and quantiles of the beta, binomial and Student distributions.

In plain Python, since numpy has no incomplete beta function and scipy is no dependency.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import exp, lgamma, log, sqrt

STEPS = 10_000
"""Terms of the continued fraction at most: about the root of the parameters are needed."""

TINY = 1e-300
"""Lentz's method puts this in the place of a zero in a denominator."""


def bisect(rises: Callable[[float], float], low: float, high: float) -> float:
    """Find where a rising function crosses zero between two points, to the last bits of a float."""
    for _ in range(200):
        middle = (low + high) / 2
        # No float lies between the two any more.
        if middle in (low, high):
            break
        if rises(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_below(x: float, a: float, b: float) -> float:
    """Return P(X <= x) for X of Beta(a, b), the regularised incomplete beta function.

    Computed by its continued fraction (Abramowitz & Stegun 1964, 26.5.8) with Lentz's method.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    # The fraction converges fast only on this side of the mean; the other is its mirror image.
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_below(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / _away(1 + even * d), _away(1 + even / c)
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / _away(1 + odd * d), _away(1 + odd / c)
        result *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return result


def _away(value: float) -> float:
    return value if abs(value) > TINY else TINY


def beta_quantile(share: float, a: float, b: float) -> float:
    """Return the x with P(X <= x) = share, for X of Beta(a, b)."""
    return bisect(lambda x: beta_below(x, a, b) - share, 0.0, 1.0)


def at_least_hits(hits: int, n: int, rate: float) -> float:
    """Return P(X >= hits) for X of Binomial(n, rate)."""
    if hits <= 0:
        return 1.0
    if hits > n:
        return 0.0
    return beta_below(rate, hits, n - hits + 1)


@lru_cache(maxsize=4096)
def student_deviate(share: float, freedom: float) -> float:
    """Return the t > 0 with P(T > t) = share, for T of Student's distribution and share < 1/2."""
    # P(|T| > t) = P(X <= freedom / (freedom + t^2)) for X of Beta(freedom / 2, 1 / 2).
    x = beta_quantile(2 * share, freedom / 2, 0.5)
    return sqrt(freedom * (1 - x) / x) if x > 0 else float("inf")
