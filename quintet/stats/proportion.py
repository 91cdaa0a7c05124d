"""Give a proportion an interval: of single trials, and of trials that come in clusters.

In plain Python: nodes use Wilson's interval, and a sum over clusters needs no numpy.
"""

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
"""A cluster's id, the hits in it, and the trials of which they are a part."""

Sums = tuple[float, float, float]
"""The sum of a cluster's values, the sum of their squares, and the number of values."""

Method = Literal["wilson", "exact"]


def wilson(hits: float, n: float, *, confidence: float = 0.95, sided: Sided = "two") -> Interval:
    """Return the score interval of a proportion (Wilson 1927): `hits` of `n` independent trials.

    It covers well from n = 1 on, and never collapses at 0 or n. For a gate take one side:
    `wilson(hits, n, sided="lower").low` is what the true rate exceeds with that confidence.

    Args:
        hits: from 0 to n.
        n: trials; a fraction where it is an effective sample size. 0 trials give [0, 1].
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
    """Return the exact interval of a proportion: it covers at least as often as it says.

    Clopper & Pearson 1934. It is wider than Wilson's; take it for a gate where a wrong pass is
    worse than a wrong miss: a bound of 95 % needs 59 trials without failure, Wilson's only 52.

    Args:
        hits: from 0 to n.
        n: trials; a fraction where it is an effective sample size. 0 trials give [0, 1].
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
    """Return the interval of sum(hits) / sum(trials) where trials come in clusters.

    Trials of one cluster, such as repeats of a case, are alike and tell less than as many of
    different clusters: the interval is Wilson's, or the exact one, at the effective number of
    trials (`effective`). With one trial in each cluster it is that of the plain count. Clusters
    without trials are left out.

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
    sums = _sums(parts)
    hits = fsum(cluster[0] for cluster in sums)
    trials = fsum(cluster[2] for cluster in sums)
    n = effective_number(sums, tail(confidence, checked_side(sided)), ends=(0, 1))
    interval = wilson if method == "wilson" else exact
    # n * (hits / trials) can pass n by a last bit.
    scaled = min(n * (hits / trials), n) if trials else 0.0
    return interval(scaled, n, confidence=confidence, sided=sided)


def effective(parts: Iterable[Part], *, confidence: float = 0.95) -> float:
    """Return the number of independent trials that tell as much as these clustered ones.

    trials / design effect * (t of trials - 1 / t of clusters - 1)^2 (Korn & Graubard 1998), where
    the design effect is the variance of the ratio estimated between clusters (linearised, with
    one cluster of hits and one of misses added) over that of as many independent trials (Kish
    1965). It is at most the trials, and at least what it is if the trials of a cluster are all the
    same: with clusters of one size, their number. At 0 and 1, where no variance is seen, it is
    close to the latter.

    Args:
        parts: (cluster, hits, trials), in any order; a cluster may come several times.
        confidence: of the two-sided interval that it is for.

    Raises:
        DesignError: hits are not between 0 and the trials.
    """
    return effective_number(_sums(parts), tail(confidence), ends=(0, 1))


def _sums(parts: Iterable[Part]) -> list[Sums]:
    """Return the sums of each cluster that has any trials, in the order of first sight."""
    sums: defaultdict[Hashable, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cluster, part, whole in parts:
        hits, trials = _counted(part, whole)
        sums[cluster][0] += hits
        sums[cluster][1] += trials
    # Sums of fractions can pass their whole by a last bit. The square of a hit is a hit.
    checked = ((min(hits, trials), trials) for hits, trials in sums.values() if trials > 0)
    return [(hits, hits, trials) for hits, trials in checked]


def effective_number(sums: list[Sums], beyond: float, *, ends: tuple[float, float]) -> float:
    """Return the number of independent values that tell as much as these clusters; see `effective`.

    Args:
        sums: of each cluster.
        beyond: the share of repetitions beyond an end of the interval that it is for.
        ends: the lowest and the highest value possible.
    """
    n = fsum(size for _, _, size in sums)
    if len(sums) < 2:
        return min(float(len(sums)), n)
    number = n / _design_effect(sums, ends)
    # At a confidence of 50 % the end is the middle, and Student's quantile is 0 over 0.
    if beyond < 0.5 and n > len(sums):
        number *= (student_deviate(beyond, n - 1) / student_deviate(beyond, len(sums) - 1)) ** 2
    least = n**2 / fsum(size**2 for _, _, size in sums)
    return min(max(number, least), n)


def _design_effect(sums: list[Sums], ends: tuple[float, float]) -> float:
    """Return the variance of the mean between clusters over that of as many independent values.

    One cluster of nothing but each end is added. Without them the estimate collapses near the ends,
    where it is not seen how alike a cluster's values are, and one failure would give a better bound
    than none.
    """
    typical = fsum(size**2 for _, _, size in sums) / fsum(size for _, _, size in sums)
    clusters = [*sums, *((typical * end, typical * end**2, typical) for end in ends)]
    n = fsum(size for _, _, size in clusters)
    mean = fsum(total for total, _, _ in clusters) / n
    variance = fsum(squares for _, squares, _ in clusters) / n - mean**2
    spread = fsum((total - mean * size) ** 2 for total, _, size in clusters)
    return spread / (n * variance)
