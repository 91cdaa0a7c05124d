"""Compare two systems on the same cases: the difference, its interval, and the verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from math import ceil, fsum, inf, isfinite, log2, sqrt
from statistics import NormalDist
from typing import Literal

from quintet.errors import DesignError
from quintet.stats.bootstrap import bootstrap_ratio
from quintet.stats.distribution import bisect
from quintet.stats.interval import Interval, checked_number, checked_share, deviate, tail
from quintet.stats.mcnemar import flipped, mcnemar
from quintet.stats.power import cases_for_drop, smallest_drop
from quintet.stats.proportion import Sums, effective_number

Says = Literal["better", "worse", "cannot tell"]

POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The result of a paired comparison of a with b.

    Args:
        a: the mean of a; a share where the values are right or wrong.
        b: the mean of b on the same cases.
        difference: a - b.
        interval: of the difference.
        p: the probability of so large a difference if a and b are equally good, two-sided.
        verdict: a is "better" or "worse" than b, or one "cannot tell".
        cases: independent cases (clusters) that were compared.
        pairs: compared pairs of values; more than the cases where there are repeats.
        a_only: pairs in which only a is right; with numbers, in which a is larger.
        b_only: pairs in which only b is right; with numbers, in which b is larger.
        smallest: the smallest difference that as many cases show with 80 % power.
        cases_needed: where one cannot tell, about the number of cases that show a difference of
            this size with 80 % power; None where one can tell, or no difference was seen.
    """

    a: float
    b: float
    difference: float
    interval: Interval
    p: float
    verdict: Says
    cases: int
    pairs: int
    a_only: int
    b_only: int
    smallest: float
    cases_needed: int | None = None

    def __str__(self) -> str:
        needs = f", needs about {self.cases_needed} cases" if self.cases_needed else ""
        ends = f"[{self.interval.low:+.3g}, {self.interval.high:+.3g}]"
        return f"{self.verdict}{needs}: {self.difference:+.3g} {ends}, p = {self.p:.2g}"


def paired(
    a: Sequence[float],
    b: Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    better: Literal["higher", "lower"] = "higher",
    seed: int = 0,
) -> Comparison:
    """Compare a with b on the same cases: is a better?

    Values that are all right or wrong (True, False, 1, 0) get Tango's score interval (1998), with
    clusters at the effective number of pairs as in `proportion` (Rao & Scott 1992), and without
    clusters the exact McNemar test; other numbers get the cluster bootstrap and, as binary values
    with clusters do, the test that flips the signs of the clusters' sums. a is "better" or
    "worse" only if the interval leaves out 0 and the test agrees (p <= 1 - confidence).

    Args:
        a: one value a pair; a missing or failed one is a 0 or the worst value, not left out.
        b: the values of the other system, in the same order.
        clusters: the cluster of each pair, such as the case that was repeated; by default each
            pair is a cluster of its own.
        confidence: of the two-sided interval.
        better: "higher" or "lower": which values are the better ones.
        seed: of the bootstrap and the test by signs.

    Raises:
        DesignError: no pairs, sequences of different lengths, or a value that is no number.
    """
    checked_share("confidence", confidence)
    if better not in ("higher", "lower"):
        raise DesignError(f'better={better!r}: say "higher" or "lower"')
    pairs = _Pairs.of(a, b, clusters)
    single = len(pairs.sums) == pairs.n
    measured = _binary(pairs, confidence) if pairs.binary else _numbers(pairs, confidence, seed)
    if pairs.binary and single:
        p = mcnemar(pairs.a_only, pairs.b_only)
    else:
        p = flipped([total for total, _, _ in pairs.sums], seed=seed)
    verdict = _verdict(measured.interval, p, better)
    needed = _needed(measured.needed, pairs, confidence) if verdict == "cannot tell" else None
    return Comparison(
        a=fsum(a) / pairs.n,
        b=fsum(b) / pairs.n,
        difference=pairs.difference,
        interval=measured.interval,
        p=p,
        verdict=verdict,
        cases=len(pairs.sums),
        pairs=pairs.n,
        a_only=pairs.a_only,
        b_only=pairs.b_only,
        smallest=measured.smallest,
        cases_needed=needed,
    )


def _verdict(interval: Interval, p: float, better: str) -> Says:
    if 0 in interval or p > 1 - interval.confidence:
        return "cannot tell"
    return "better" if (interval.low > 0) == (better == "higher") else "worse"


def _needed(needed: float, pairs: _Pairs, confidence: float) -> int | None:
    if not isfinite(needed):
        return None
    # With fewer differing cases than this no test can tell, even if all favour the same side: the
    # p-value of k such cases is 2 / 2^k.
    cases = len(pairs.sums)
    differing = sum(total != 0 for total, _, _ in pairs.sums) or 1
    least = ceil(log2(2 / (1 - confidence))) * cases / differing
    return max(ceil(needed), ceil(least), cases + 1)


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Hold the differences of a and b, and their sums in each cluster."""

    differences: list[float]
    sums: list[Sums]
    binary: bool

    @classmethod
    def of(
        cls, a: Sequence[float], b: Sequence[float], clusters: Sequence[Hashable] | None
    ) -> _Pairs:
        names = range(len(a)) if clusters is None else clusters
        if not len(a) == len(b) == len(names) or not len(a):
            raise DesignError(
                f"{len(a)} values of a, {len(b)} of b, {len(names)} clusters: give as many of "
                "each, at least one; the same case stands at the same place"
            )
        pairs = [
            (checked_number("a", x), checked_number("b", y)) for x, y in zip(a, b, strict=True)
        ]
        grouped: defaultdict[Hashable, list[float]] = defaultdict(list)
        for name, (x, y) in zip(names, pairs, strict=True):
            grouped[name].append(x - y)
        return cls(
            differences=[x - y for x, y in pairs],
            sums=[
                (fsum(group), fsum(gap**2 for gap in group), len(group))
                for group in grouped.values()
            ],
            binary=all(value in (0, 1) for pair in pairs for value in pair),
        )

    @property
    def n(self) -> int:
        return len(self.differences)

    @property
    def difference(self) -> float:
        return fsum(self.differences) / self.n

    @property
    def a_only(self) -> int:
        return sum(difference > 0 for difference in self.differences)

    @property
    def b_only(self) -> int:
        return sum(difference < 0 for difference in self.differences)


@dataclass(frozen=True, kw_only=True)
class _Measured:
    interval: Interval
    smallest: float
    needed: float


def _binary(pairs: _Pairs, confidence: float) -> _Measured:
    # A pair differs by -1, 0 or 1.
    n = effective_number(pairs.sums, tail(confidence), ends=(-1, 1))
    scale = n / pairs.n
    differing = (pairs.a_only + pairs.b_only) / pairs.n
    needed = inf
    if pairs.difference:
        independent = cases_for_drop(pairs.difference, discordant=differing, confidence=confidence)
        needed = independent / n * len(pairs.sums)
    return _Measured(
        interval=tango(pairs.a_only * scale, pairs.b_only * scale, n, confidence=confidence),
        smallest=smallest_drop(n, discordant=differing, confidence=confidence),
        needed=needed,
    )


def _numbers(pairs: _Pairs, confidence: float, seed: int) -> _Measured:
    # A loss is drawn as a gain and turned back, so that b against a mirrors a against b.
    turn = -1 if pairs.difference < 0 else 1
    parts = [(place, turn * total, size) for place, (total, _, size) in enumerate(pairs.sums)]
    cases = len(parts)
    error = inf
    if cases > 1:
        spread = fsum((total - pairs.difference * size) ** 2 for total, _, size in pairs.sums)
        error = sqrt(spread * cases / (cases - 1)) / pairs.n
    smallest = error * (deviate(confidence) + NormalDist().inv_cdf(POWER))
    needed = inf
    if pairs.difference:
        # One case has no spread: with 0 here, `_needed` gives the least that any test needs.
        needed = cases * (smallest / pairs.difference) ** 2 if cases > 1 else 0.0
    gain = bootstrap_ratio(parts, seed=seed, confidence=confidence)
    return _Measured(
        interval=gain if turn > 0 else replace(gain, low=-gain.high, high=-gain.low),
        smallest=smallest,
        needed=needed,
    )


def tango(a_only: float, b_only: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Return the score interval of a difference of paired proportions (Tango 1998).

    It holds the differences that a score test with the constrained maximum-likelihood estimate
    does not reject. It never collapses: no differing case in 100 gives [-0.04, 0.04].

    Args:
        a_only: pairs in which only a is right.
        b_only: pairs in which only b is right.
        n: all pairs; the three are fractions where they are effective numbers.
        confidence: of both ends together.

    Raises:
        DesignError: the counts are negative, or more than the pairs.
    """
    a_only, b_only = checked_number("a_only", a_only), checked_number("b_only", b_only)
    # Effective counts may add up to a last bit more than n.
    if min(a_only, b_only) < 0 or a_only + b_only > n * (1 + 1e-12) or not n > 0:
        raise DesignError(
            f"a_only={a_only!r}, b_only={b_only!r}, n={n!r}: give counts that fit into n pairs"
        )
    z = deviate(confidence)
    middle = (a_only - b_only) / n
    high = bisect(lambda d: -_score(d, a_only, b_only, n) - z, middle, 1.0)
    low = -bisect(lambda d: -_score(d, b_only, a_only, n) - z, -middle, 1.0)
    return Interval(low=min(low, middle), high=max(high, middle), confidence=confidence)


def _score(difference: float, gains: float, losses: float, n: float) -> float:
    """Return Tango's score statistic of a difference: standard errors from it to the one seen."""
    # The estimate of P(only b is right), given the difference, solves a quadratic equation.
    linear = (2 * n - gains + losses) * difference - gains - losses
    constant = -losses * difference * (1 - difference)
    share = (sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    gap = gains - losses - n * difference
    # Without variance, at a difference of 1 or -1, the score has only a sign.
    if variance <= 0:
        return inf if gap > 0 else -inf if gap < 0 else 0.0
    return gap / sqrt(variance)
