"""Give any figure an interval by the cluster bootstrap: draw whole clusters with replacement."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil, floor, fsum, inf, isfinite, isnan, nan, sqrt
from random import Random
from statistics import NormalDist
from typing import Literal, TypeVar

from quintet.errors import DesignError
from quintet.stats.distribution import student_deviate
from quintet.stats.interval import Interval, checked_number, checked_share, unknown
from quintet.stats.weighted import Weighed

T = TypeVar("T")

Resampling = Literal["bca", "percentile"]

FAR = 30.0
"""Standard errors beyond which a quantile is the outermost draw."""


def bootstrap(
    clusters: Sequence[Sequence[T]],
    statistic: Callable[[Sequence[T]], float],
    *,
    seed: int = 0,
    rounds: int = 2000,
    confidence: float = 0.95,
    method: Resampling = "bca",
) -> Interval:
    """Return the interval of any statistic, by drawing whole clusters with replacement.

    A cluster is independent of the others: a task with all its repeats (clustered errors:
    Miller 2024, arXiv 2411.00640). "bca" is bias-corrected and accelerated (Efron 1987, with the
    jackknife over clusters), "percentile" takes the quantiles of the draws. Both start from
    Student's quantile, as draws from few clusters spread too little (Hesterberg 2015, arXiv
    1411.5279). The same seed and the same order of clusters give the same interval. For a one-sided
    bound at 95 % take an end of the 90 % interval.

    Where all clusters are alike the interval is one point; for a proportion use `proportion`, which
    does not collapse. Fewer than two clusters tell nothing: [-inf, inf].

    Args:
        clusters: the values of each cluster: `[[run 1 of task 1, run 2 of task 1], ...]`.
        statistic: of a flat list of values; a draw for which it returns NaN is left out.
        seed: of the draws.
        rounds: of draws; 2000 give the ends of a 95 % interval to about 3 % of its width.
        confidence: of both ends together.
        method: "bca" or "percentile".

    Raises:
        DesignError: a setting is wrong, or the statistic has no value on the data itself.
    """
    _check(rounds, confidence, method)
    filled = [cluster for cluster in clusters if len(cluster)]
    n = len(filled)
    if n < 2:
        return unknown(confidence)

    def figure(sample: Iterable[Sequence[T]]) -> float:
        return statistic(list(chain.from_iterable(sample)))

    # Python's own draws: almost all of the time is the statistic's.
    random = Random(seed)  # noqa: S311 - a draw is no secret
    resampled = _Resampled(
        estimate=figure(filled),
        draws=_known(figure(random.choices(filled, k=n)) for _ in range(rounds)),
        n=n,
    )
    jackknife = (figure(filled[:place] + filled[place + 1 :]) for place in range(n))
    return resampled.interval(confidence, jackknife if method == "bca" else None)


def bootstrap_ratio(
    parts: Iterable[tuple[Hashable, float, float]],
    *,
    seed: int = 0,
    rounds: int = 2000,
    confidence: float = 0.95,
    method: Resampling = "bca",
) -> Interval:
    """Return the `bootstrap` interval of sum(part) / sum(whole): a mean, tokens a completed case.

    Only the sums of each cluster are drawn, so that 2000 draws of 2000 clusters take 0.1 seconds.
    A draw in which all wholes are 0 is left out.

    Args:
        parts: (cluster, part, whole), in any order; for a mean each value has the whole 1.
        seed: of the draws.
        rounds: the number of draws.
        confidence: of both ends together.
        method: "bca" or "percentile".

    Raises:
        DesignError: a value is no finite number, a whole is negative, or a setting is wrong.
    """
    sums: defaultdict[Hashable, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cluster, part, whole in parts:
        if checked_number("whole", whole) < 0:
            raise DesignError(f"whole={whole!r} of {cluster!r}: give zero or more")
        sums[cluster][0] += checked_number("part", part)
        sums[cluster][1] += whole
    _check(rounds, confidence, method)
    # Sorted, so that the same data in another order give the same interval.
    pairs = sorted((part, whole) for part, whole in sums.values() if part or whole)
    if len(pairs) < 2 or not any(whole for _, whole in pairs):
        return unknown(confidence)
    estimate, *draws = _ratios(pairs, rounds, seed)
    resampled = _Resampled(estimate=estimate, draws=_known(draws), n=len(pairs))
    total_part, total_whole = (fsum(side) for side in zip(*pairs, strict=True))
    jackknife = (_ratio(total_part - part, total_whole - whole) for part, whole in pairs)
    return resampled.interval(confidence, jackknife if method == "bca" else None)


def bootstrap_weighed(
    owners: Sequence[Hashable],
    statistic: Weighed,
    *,
    seed: int = 0,
    rounds: int = 2000,
    confidences: Sequence[float] = (0.95,),
) -> tuple[list[Interval], float]:
    """Return percentile intervals of a measure of counts, as `bootstrap` does of one of values.

    Args:
        owners: the cluster of each value.
        statistic: of the number of times that each value was drawn.
        seed: of the draws.
        rounds: of draws.
        confidences: of the intervals, all from the same draws.

    Returns:
        The intervals, and the standard error of the statistic.

    Raises:
        DesignError: a setting is wrong, or the statistic has no value on the data itself.
    """
    import numpy as np

    from quintet.stats.arrays import drawn

    for confidence in confidences:
        _check(rounds, confidence, "percentile")
    owner = np.array(_numbered(owners))
    n = int(owner.max()) + 1
    if n < 2:
        return [unknown(confidence) for confidence in confidences], inf
    draws = _known(
        statistic(np.bincount(row, minlength=n)[owner])
        for picks in drawn(n, width=n, rounds=rounds, seed=seed)
        for row in picks
    )
    resampled = _Resampled(estimate=statistic(np.ones(len(owner), dtype=int)), draws=draws, n=n)
    intervals = [resampled.interval(confidence, None) for confidence in confidences]
    # n / (n - 1) as in `_Resampled.interval`; infinite draws have no error.
    finite = [draw for draw in draws if isfinite(draw)]
    return intervals, float(np.std(finite) * sqrt(n / (n - 1))) if len(finite) > 1 else inf


def _numbered(owners: Sequence[Hashable]) -> list[int]:
    """Number clusters in the order of first sight."""
    places: dict[Hashable, int] = {}
    return [places.setdefault(owner, len(places)) for owner in owners]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else nan


def _ratios(pairs: list[tuple[float, float]], rounds: int, seed: int) -> list[float]:
    """Return the ratio of the data, then that of each draw; NaN where the whole is 0."""
    import numpy as np

    from quintet.stats.arrays import drawn

    parts, wholes = np.array(pairs).T
    n = len(pairs)
    blocks = []
    # The data are summed as the draws are: sums in another order may differ in their last bit, and
    # where all clusters are alike the interval is to be one point.
    for picks in chain([np.arange(n)[np.newaxis]], drawn(n, width=n, rounds=rounds, seed=seed)):
        part, whole = parts[picks].sum(axis=1), wholes[picks].sum(axis=1)
        blocks.append(np.divide(part, whole, out=np.full_like(part, nan), where=whole > 0))
    ratios: list[float] = np.concatenate(blocks).tolist()
    return ratios


def _check(rounds: int, confidence: float, method: Resampling) -> None:
    checked_share("confidence", confidence)
    if not isinstance(rounds, int) or rounds < 100:
        raise DesignError(f"rounds={rounds!r}: give 100 draws or more; 2000 is usual")
    if method not in ("bca", "percentile"):
        raise DesignError(f'method={method!r}: say "bca" or "percentile"')


def _known(values: Iterable[float]) -> list[float]:
    return sorted(value for value in values if not isnan(value))


@dataclass(frozen=True, kw_only=True)
class _Resampled:
    """Hold the figure of the data, those of the draws in rising order, and the cluster count."""

    estimate: float
    draws: list[float]
    n: int

    def interval(self, confidence: float, jackknife: Iterable[float] | None) -> Interval:
        """Return the percentile interval, or BCa given the figures without each cluster."""
        if not isfinite(self.estimate):
            raise DesignError(f"the figure of the data is {self.estimate!r}: no interval fits it")
        if not self.draws:
            return unknown(confidence)
        # sqrt(n / (n - 1)): the draws have the variance over n, the mean that over n - 1.
        z = student_deviate((1 - confidence) / 2, self.n - 1) * sqrt(self.n / (self.n - 1))
        z = min(z, FAR)
        low, high = -z, z
        if jackknife is not None and self.draws[0] < self.draws[-1]:
            bias, acceleration = self.bias, _acceleration(_known(jackknife))
            low, high = (_corrected(end, bias, acceleration) for end in (low, high))
        return Interval(
            # The estimate belongs to the interval, however skewed the draws are.
            low=min(self.quantile(low), self.estimate),
            high=max(self.quantile(high), self.estimate),
            confidence=confidence,
        )

    @property
    def bias(self) -> float:
        """Return Efron's z0: the normal quantile of the share of draws below the estimate."""
        # A draw equal to the estimate counts one half: with counts there are many of them.
        below = bisect_left(self.draws, self.estimate) + bisect_right(self.draws, self.estimate)
        share = below / 2 / len(self.draws)
        # All draws on one side would give an infinite quantile: take half a draw as the least.
        least = 0.5 / len(self.draws)
        return NormalDist().inv_cdf(min(max(share, least), 1 - least))

    def quantile(self, z: float) -> float:
        """Return the draw at a normal quantile, interpolated between its two neighbours."""
        place = NormalDist().cdf(z) * (len(self.draws) - 1)
        low, high = self.draws[floor(place)], self.draws[ceil(place)]
        # A statistic may be infinite, and inf - inf is no number.
        return low if low == high else low + (high - low) * (place - floor(place))


def _corrected(z: float, bias: float, acceleration: float) -> float:
    """Return the normal quantile that BCa takes instead of z (Efron 1987)."""
    scale = 1 - acceleration * (bias + z)
    if scale <= 0:
        return FAR if bias + z > 0 else -FAR
    return min(max(bias + (bias + z) / scale, -FAR), FAR)


def _acceleration(jackknife: list[float]) -> float:
    """Return Efron's a: a sixth of the skewness of the figures without each cluster."""
    mean = fsum(jackknife) / max(len(jackknife), 1)
    gaps = [mean - value for value in jackknife]
    spread = fsum(gap**2 for gap in gaps)
    return fsum(gap**3 for gap in gaps) / (6 * spread**1.5) if spread > 0 else 0.0
