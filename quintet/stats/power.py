"""Plan the number of cases that a question needs, before they are collected."""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist

from quintet.errors import DesignError
from quintet.stats.distribution import at_least_hits, bisect
from quintet.stats.interval import checked_share, deviate, tail
from quintet.stats.proportion import Method

MOST = 10_000_000
"""A gate that needs more cases than this is refused."""


def cases_for_gate(
    rate: float,
    *,
    at_least: float,
    power: float = 0.8,
    confidence: float = 0.95,
    method: Method = "wilson",
) -> int:
    """Return the cases from which a gate on the lower bound passes with probability `power`.

    Computed with the binomial distribution. The chance rises and falls from one number of cases
    to the next; from the answer on it stays at `power` or above. For a gate `at_most=x` on a rate
    r ask for `cases_for_gate(1 - r, at_least=1 - x)`.

    Args:
        rate: the assumed true rate; at 1 the answer is the cases needed without any failure.
        at_least: the gate, below the rate.
        power: the chance that the gate passes.
        confidence: of the one-sided bound.
        method: "wilson" or "exact": the interval whose bound the gate looks at.

    Raises:
        DesignError: the rate is not above the gate, or so little above it that 10 million cases
            are not enough.
    """
    checked_share("at_least", at_least)
    checked_share("power", power)
    beyond = tail(confidence, "lower")
    if not at_least < rate <= 1:
        raise DesignError(
            f"rate={rate!r}, at_least={at_least!r}: a gate is passed reliably only by a rate "
            "above it; lower the gate"
        )

    def chance(n: int, more: int = 0) -> float:
        if method == "exact":
            needed = _exact_hits(n, at_least, beyond)
        else:
            needed = _wilson_hits(n, at_least, confidence)
        if rate == 1:
            return float(needed + more <= n)
        return at_least_hits(needed + more, n, rate)

    # Power is not monotonic in n: it drops where one more hit is needed. With one hit more than
    # needed it is a lower bound that only rises: bisect on that, then step back one case at a time
    # while the power itself suffices.
    high = 1
    while chance(high, more=1) < power:
        high *= 2
        if high > MOST:
            raise DesignError(
                f"rate={rate!r}, at_least={at_least!r}: more than {MOST:,} cases; lower the gate"
            )
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle, more=1) >= power else (middle, high)
    while high > 1 and chance(high - 1) >= power:
        high -= 1
    return high


def _wilson_hits(n: int, at_least: float, confidence: float) -> int:
    # Wilson's bound inverts the score test, so the hits follow without a search. The 1e-9 keeps a
    # whole number that came out a last bit too large from being rounded up.
    z = deviate(confidence, "lower")
    return ceil(n * at_least + z * sqrt(n * at_least * (1 - at_least)) - 1e-9)


def _exact_hits(n: int, at_least: float, beyond: float) -> int:
    # n + 1 hits stand for "no number of hits is enough".
    low, high = 0, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        enough = at_least_hits(middle, n, at_least) <= beyond
        low, high = (low, middle) if enough else (middle, high)
    return high


def cases_for_drop(
    drop: float, *, discordant: float, power: float = 0.8, confidence: float = 0.95
) -> int:
    """Return the cases in which a paired comparison sees a change by `drop` (Connor 1987).

    Args:
        drop: the difference of the two rates; its sign does not matter.
        discordant: the share of cases on which the two differ; not below the drop.
        power: the chance of seeing it.
        confidence: of the two-sided interval of the difference.

    Raises:
        DesignError: the drop is 0 or more than the discordant share.
    """
    drop = abs(drop)
    if not 0 < drop <= discordant <= 1:
        raise DesignError(
            f"drop={drop!r}, discordant={discordant!r}: give a drop above 0, and a share of "
            "differing cases from the drop to 1"
        )
    return ceil(_paired_cases(drop, discordant, _deviates(power, confidence)) - 1e-9)


def smallest_drop(
    n: float, *, discordant: float, power: float = 0.8, confidence: float = 0.95
) -> float:
    """Return the smallest difference that a paired comparison of n cases sees.

    The inverse of `cases_for_drop`.

    Args:
        n: cases that both systems were run on.
        discordant: the share of cases on which the two differ; at least the difference itself is
            assumed.
        power: the chance of seeing it.
        confidence: of the two-sided interval of the difference.

    Returns:
        A difference of rates; 1 where not even 1 is seen in n cases.

    Raises:
        DesignError: n is not above 0, or the discordant share not from 0 to 1.
    """
    if not n > 0 or not 0 <= discordant <= 1:
        raise DesignError(f"n={n!r}, discordant={discordant!r}: give cases, and a share of them")
    z = _deviates(power, confidence)
    return bisect(lambda drop: n - _paired_cases(drop, max(discordant, drop), z), 1e-9, 1.0)


def _paired_cases(drop: float, discordant: float, z: tuple[float, float]) -> float:
    return ((z[0] * sqrt(discordant) + z[1] * sqrt(discordant - drop**2)) / drop) ** 2


def _deviates(power: float, confidence: float) -> tuple[float, float]:
    return deviate(confidence), NormalDist().inv_cdf(checked_share("power", power))
