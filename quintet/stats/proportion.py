"""Intervals of a proportion: of single trials, and of trials that come in clusters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from math import fsum, sqrt
from typing import Literal

from quintet.errors import DesignError
from quintet.stats.distribution import beta_quantile, student_deviate
from quintet.stats.interval import (
    Interval,
    Sided,
    checked_number,
    checked_side,
    cut,
    deviate,
    tail,
)

Part = tuple[Hashable, float, float]
"""A cluster's id, the hits seen in it, and the trials that they are a part of."""

Method = Literal["wilson", "exact"]

PRIOR = 1.0
"""How many clusters of nothing but hits, and of nothing but misses, are thought to have been seen
when the design effect is estimated. Without them nobody sees near 0 and 1 how alike a cluster's
trials are, and one failure would make Wilson's bound better than none."""


def wilson(hits: float, n: float, *, confidence: float = 0.95, sided: Sided = "two") -> Interval:
    """The score interval of a proportion (Wilson 1927): `hits` of `n` independent trials.

    It covers well from n = 1, and never collapses at 0 or n. For a gate take one side:
    `wilson(hits, n, sided="lower").low` is what the true rate exceeds with that confidence.

    Args:
        hits: from 0 to n.
        n: trials; a fraction where it is an effective sample size. None seen gives [0, 1].
        confidence: of both ends together, or of the one end asked for.
        sided: "two", "lower" (the upper end is 1) or "upper" (the lower end is 0).

    Raises:
        DesignError: hits are not between 0 and n, or the confidence not between 0 and 1.
    """
    hits, n = _counted(hits, n)
    z = deviate(confidence, checked_side(sided))
    if n == 0:
        return cut(0, 1, confidence=confidence, sided=sided)
    misses = n - hits
    middle = (hits + z * z / 2) / (n + z * z)
    reach = z * sqrt(hits * misses / n + z * z / 4) / (n + z * z)
    # At the borders the formula gives these ends, but for the last bit of a float.
    low = 0.0 if hits == 0 else middle - reach
    high = 1.0 if misses == 0 else middle + reach
    return cut(low, high, confidence=confidence, sided=sided)


def exact(hits: float, n: float, *, confidence: float = 0.95, sided: Sided = "two") -> Interval:
    """The interval of a proportion that covers at least as often as it says, at any rate and n.

    Clopper & Pearson 1934. It is wider than Wilson's; take it for a gate where a wrong pass is
    worse than a wrong miss: no failures in 59 trials are needed for 95 %, by Wilson's bound 52.

    Args:
        hits: from 0 to n.
        n: trials; a fraction where it is an effective sample size. None seen gives [0, 1].
        confidence: of both ends together, or of the one end asked for.
        sided: "two", "lower" (the upper end is 1) or "upper" (the lower end is 0).

    Raises:
        DesignError: hits are not between 0 and n, or the confidence not between 0 and 1.
    """
    hits, n = _counted(hits, n)
    beyond = tail(confidence, checked_side(sided))
    misses = n - hits
    low = beta_quantile(beyond, hits, misses + 1) if hits > 0 and sided != "upper" else 0.0
    high = beta_quantile(1 - beyond, hits + 1, misses) if misses > 0 and sided != "lower" else 1.0
    return cut(low, high, confidence=confidence, sided=sided)


def _counted(hits: float, n: float) -> tuple[float, float]:
    hits, n = checked_number("hits", hits), checked_number("n", n)
    if not 0 <= hits <= n:
        raise DesignError(f"hits={hits:g} of n={n:g}: give hits from 0 to n")
    return hits, n


def proportion(
    parts: Iterable[Part],
    *,
    confidence: float = 0.95,
    sided: Sided = "two",
    method: Method = "wilson",
) -> Interval:
    """The interval of sum(hits) / sum(trials) where trials come in clusters, such as repeats.

    Trials of one cluster are alike and tell less than as many of different clusters: the interval
    is Wilson's, or the exact one, at the effective number of trials (`effective`). With one trial
    in each cluster it is that of the plain count. Clusters without trials say nothing.

    Args:
        parts: (cluster, hits, trials), in any order; a cluster may come several times.
        confidence: of both ends together, or of the one end asked for.
        sided: "two", "lower" (the upper end is 1) or "upper" (the lower end is 0).
        method: "wilson" or "exact".

    Raises:
        DesignError: hits are not between 0 and the trials, or another argument is wrong.
    """
    if method not in ("wilson", "exact"):
        raise DesignError(f'method={method!r}: say "wilson" or "exact"')
    sums = gathered(parts)
    hits = fsum(part for part, _ in sums)
    trials = fsum(whole for _, whole in sums)
    n = _effective(sums, tail(confidence, checked_side(sided)))
    interval = wilson if method == "wilson" else exact
    # n * (hits / trials) can pass n by a last bit.
    scaled = min(n * (hits / trials), n) if trials else 0.0
    return interval(scaled, n, confidence=confidence, sided=sided)


def effective(parts: Iterable[Part], *, confidence: float = 0.95) -> float:
    """How many independent trials tell as much about the proportion as these clustered ones.

    trials / design effect * (t of trials - 1 / t of clusters - 1)^2 (Korn & Graubard 1998), where
    the design effect is the variance of the ratio estimated between clusters (linearised, with
    one cluster of hits and one of misses added) over that of as many independent
    trials (Kish 1965). Never more than the trials, never fewer than if the trials of a cluster
    were all the same: with clusters of one size, their number. At 0 and 1, where no variance can
    be seen, it is close to that.

    Args:
        parts: (cluster, hits, trials), in any order; a cluster may come several times.
        confidence: of the two-sided interval that it is for.

    Raises:
        DesignError: hits are not between 0 and the trials.
    """
    return _effective(gathered(parts), tail(confidence))


def gathered(parts: Iterable[Part]) -> list[tuple[float, float]]:
    """Hits and trials of each cluster that has any trials, in the order of first sight."""
    sums: defaultdict[Hashable, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cluster, part, whole in parts:
        hits, trials = _counted(part, whole)
        sums[cluster][0] += hits
        sums[cluster][1] += trials
    return [(min(part, whole), whole) for part, whole in sums.values() if whole > 0]


def _effective(sums: list[tuple[float, float]], beyond: float) -> float:
    trials = fsum(whole for _, whole in sums)
    if len(sums) < 2:
        return min(float(len(sums)), trials)
    least = min(trials**2 / fsum(whole**2 for _, whole in sums), trials)
    n = trials / design_effect(sums)
    if beyond < 0.5 and trials > len(sums):
        freedom = student_deviate(beyond, trials - 1), student_deviate(beyond, len(sums) - 1)
        n *= (freedom[0] / freedom[1]) ** 2
    return min(max(n, least), trials)


def design_effect(sums: list[tuple[float, float]], prior: float = PRIOR) -> float:
    """The variance of a ratio between clusters over that of as many independent trials."""
    typical = fsum(whole**2 for _, whole in sums) / fsum(whole for _, whole in sums)
    weighted = [(1.0, part, whole) for part, whole in sums]
    weighted += [(prior, typical, typical), (prior, 0.0, typical)]
    trials = fsum(weight * whole for weight, _, whole in weighted)
    rate = fsum(weight * part for weight, part, _ in weighted) / trials
    spread = fsum(weight * (part - rate * whole) ** 2 for weight, part, whole in weighted)
    return spread / (trials * rate * (1 - rate))
