"""The cluster bootstrap: an interval for any figure, by drawing tasks anew with replacement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil, floor, fsum, isfinite, isnan, sqrt
from random import Random
from statistics import NormalDist
from typing import Literal, TypeVar

from quintet.errors import DesignError
from quintet.stats.distribution import student_deviate
from quintet.stats.interval import Interval, checked_number, checked_share, unknown

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
    """The interval of any statistic, by drawing whole clusters anew with replacement.

    A cluster is what is independent of the rest: a task with all its repeats (clustered errors:
    Miller 2024, arXiv 2411.00640). "bca" is bias-corrected and accelerated (Efron 1987, with the
    jackknife over clusters), "percentile" takes the quantiles of the draws. Both start from
    Student's quantile, as draws from few clusters spread too little (Hesterberg 2015, arXiv
    1411.5279). The same seed and the same order of clusters give the same interval. For a bound
    on one side with 95 % take an end of the interval with 90 %.

    Where all clusters are alike the interval is one point: for a proportion take `proportion`,
    which knows better. Fewer than two clusters tell nothing: [-inf, inf].

    Args:
        clusters: the values of each cluster: `[[run 1 of task 1, run 2 of task 1], ...]`.
        statistic: of a flat list of values; NaN where it has none, and that draw is left out.
        seed: of the draws.
        rounds: how many draws; 2000 give the ends of a 95 % interval to about 3 % of its width.
        confidence: of both ends together.
        method: "bca" or "percentile".

    Raises:
        DesignError: a setting is wrong, or the statistic has no value on the data itself.
    """
    filled = [cluster for cluster in clusters if len(cluster)]

    def measured(chosen: Iterable[Sequence[T]]) -> float:
        return statistic(list(chain.from_iterable(chosen)))

    def left_out() -> Iterator[float]:
        for place in range(len(filled)):
            yield measured(chain(filled[:place], filled[place + 1 :]))

    _check(rounds, confidence, method)
    n = len(filled)
    if n < 2:
        return unknown(confidence)
    random = Random(seed)  # noqa: S311 - a draw is no secret
    draws = (measured(random.choices(filled, k=n)) for _ in range(rounds))
    found = _Found(estimate=measured(filled), draws=_known(draws), n=n)
    return found.interval(confidence, left_out() if method == "bca" else None)


def bootstrap_ratio(
    parts: Iterable[tuple[Hashable, float, float]],
    *,
    seed: int = 0,
    rounds: int = 2000,
    confidence: float = 0.95,
    method: Resampling = "bca",
) -> Interval:
    """`bootstrap` for sum(part) / sum(whole), such as a mean or the tokens per completed case.

    It works on the sums of each cluster: 2000 clusters by 2000 rounds take about a second.
    A draw in which all wholes are 0 is left out.

    Args:
        parts: (cluster, part, whole), in any order; a mean has the whole 1 for each value.
        seed: of the draws.
        rounds: how many draws.
        confidence: of both ends together.
        method: "bca" or "percentile".

    Raises:
        DesignError: a value is no finite number, a whole is negative, or a setting is wrong.
    """
    sums: defaultdict[Hashable, complex] = defaultdict(complex)
    for cluster, part, whole in parts:
        if checked_number("whole", whole) < 0:
            raise DesignError(f"whole={whole!r} of {cluster!r}: give zero or more")
        # A complex number adds part and whole in one step, which halves the time.
        sums[cluster] += complex(checked_number("part", part), whole)
    _check(rounds, confidence, method)
    # In one order, whatever order they came in: the same data give the same interval.
    pairs = sorted(filter(None, sums.values()), key=lambda pair: (pair.real, pair.imag))
    total, n = sum(pairs), len(pairs)
    if n < 2 or not total.imag:
        return unknown(confidence)
    random = Random(seed)  # noqa: S311 - a draw is no secret
    draws = (_ratio(sum(random.choices(pairs, k=n))) for _ in range(rounds))
    found = _Found(estimate=_ratio(total), draws=_known(draws), n=n)
    left_out = (_ratio(total - pair) for pair in pairs)
    return found.interval(confidence, left_out if method == "bca" else None)


def _ratio(pair: complex) -> float:
    return pair.real / pair.imag if pair.imag > 0 else float("nan")


def _check(rounds: int, confidence: float, method: Resampling) -> None:
    checked_share("confidence", confidence)
    if not isinstance(rounds, int) or rounds < 100:
        raise DesignError(f"rounds={rounds!r}: give 100 draws or more; 2000 is usual")
    if method not in ("bca", "percentile"):
        raise DesignError(f'method={method!r}: say "bca" or "percentile"')


def _known(values: Iterable[float]) -> list[float]:
    return sorted(value for value in values if not isnan(value))


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The figure of the data, those of the draws from the lowest up, and how many clusters."""

    estimate: float
    draws: list[float]
    n: int

    def interval(self, confidence: float, left_out: Iterable[float] | None) -> Interval:
        """The percentile interval, or BCa where the figures without each cluster are given."""
        if not isfinite(self.estimate):
            raise DesignError(f"the figure of the data is {self.estimate!r}: no interval fits it")
        if not self.draws:
            return unknown(confidence)
        z = student_deviate((1 - confidence) / 2, self.n - 1) * sqrt(self.n / (self.n - 1))
        z = min(z, FAR)
        low, high = -z, z
        if left_out is not None and self.draws[0] < self.draws[-1]:
            bias, acceleration = self.bias, _acceleration(_known(left_out))
            low, high = (_moved(end, bias, acceleration) for end in (low, high))
        return Interval(
            # The estimate belongs to the interval, however skewed the draws are.
            low=min(self.quantile(low), self.estimate),
            high=max(self.quantile(high), self.estimate),
            confidence=confidence,
        )

    @property
    def bias(self) -> float:
        # A draw equal to the estimate counts one half: with counts there are many of them.
        below = fsum((d < self.estimate) + (d == self.estimate) / 2 for d in self.draws)
        least = 0.5 / len(self.draws)
        return NormalDist().inv_cdf(min(max(below / len(self.draws), least), 1 - least))

    def quantile(self, z: float) -> float:
        place = NormalDist().cdf(z) * (len(self.draws) - 1)
        low, high = self.draws[floor(place)], self.draws[ceil(place)]
        return low if low == high else low + (high - low) * (place - floor(place))


def _moved(z: float, bias: float, acceleration: float) -> float:
    scale = 1 - acceleration * (bias + z)
    if scale <= 0:
        return FAR if bias + z > 0 else -FAR
    return min(max(bias + (bias + z) / scale, -FAR), FAR)


def _acceleration(jackknife: list[float]) -> float:
    mean = fsum(jackknife) / max(len(jackknife), 1)
    gaps = [mean - value for value in jackknife]
    spread = fsum(gap**2 for gap in gaps)
    return fsum(gap**3 for gap in gaps) / (6 * spread**1.5) if spread > 0 else 0.0
