"""The promise of a learned chooser: how right it is on what it accepts, and on what evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quintet.stats.interval import Interval
from quintet.stats.proportion import wilson

SIDE = 0.6826894921370859
"""Confidence of the interval whose lower end judges a promise: one standard error to each side, so
that the bound holds in about 84 % of repetitions."""

_Sums = tuple[float, float, float, float, int]
"""Of accepted choices: the weight of the right and of the wrong, the sum of the squared weights of
each, and how many choices."""
_NONE: _Sums = (0.0, 0.0, 0.0, 0.0, 0)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a learned chooser can promise about the messages that it accepts.

    The figures are shares between 0 and 1, estimated on held-out examples; messages that belong to
    nobody count as `out_of_scope` says, and an accepted one counts as wrong.

    Args:
        at_least: the accuracy asked for, or None where the chooser never abstains.
        kept: whether the held-out examples bear it out: the lower bound of the accuracy reaches it.
        threshold: the confidence from which on a choice is accepted.
        coverage: the share of messages that is accepted.
        accuracy: the share of the accepted ones that is right.
        low: lower end of the 95 % Wilson interval of the accuracy.
        high: upper end.
        n: held-out choices behind the figures.
        out_of_scope: the share of messages that belong to nobody, as assumed.
        reason: one sentence.
    """

    at_least: float | None
    kept: bool
    threshold: float
    coverage: float
    accuracy: float
    low: float
    high: float
    n: int
    out_of_scope: float
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, kw_only=True)
class Held:
    """One held-out choice: how sure it was, whether right, and how much it counts."""

    sure: float
    right: bool
    weight: float = 1.0


def shares(nobody: Sequence[bool], out_of_scope: float) -> list[float]:
    """A weight for each choice, so that those of nobody together have that share."""
    count = sum(nobody)
    if not 0 < count < len(nobody):
        return [1.0] * len(nobody)
    each = (len(nobody) - count) * out_of_scope / (1 - out_of_scope) / count
    return [each if one else 1.0 for one in nobody]


def promised(held: Iterable[Held], at_least: float | None, out_of_scope: float) -> Promise:
    """Choose the lowest threshold whose accepted choices are right as often as asked.

    Selective classification with a guaranteed risk (Geifman and El-Yaniv, 2017): a threshold is
    good enough when a lower confidence bound of the accuracy above it reaches `at_least`. Where no
    threshold is, the promise is not kept, and only a choice that by itself is as sure as `at_least`
    is accepted.
    """
    ordered = sorted(held, key=lambda one: -one.sure)
    total = sum(one.weight for one in ordered)
    if not at_least:
        done = _sums(ordered)
        return _promise(done, total, at_least, (0.0, True), out_of_scope)
    best: tuple[float, _Sums] | None = None
    sums = _NONE
    for number, one in enumerate(ordered, start=1):
        sums = _sums([one], sums)
        last = number == len(ordered) or ordered[number].sure < one.sure
        if last and _interval(sums, SIDE).low >= at_least:
            best = one.sure, sums
    if best is not None:
        return _promise(best[1], total, at_least, (best[0], True), out_of_scope)
    accepted = _sums([one for one in ordered if one.sure >= at_least])
    return _promise(accepted, total, at_least, (at_least, False), out_of_scope)


def _sums(more: Sequence[Held], so_far: _Sums = _NONE) -> _Sums:
    right, wrong, right_squares, wrong_squares, n = so_far
    for one in more:
        if one.right:
            right += one.weight
            right_squares += one.weight**2
        else:
            wrong += one.weight
            wrong_squares += one.weight**2
        n += one.weight > 0
    return right, wrong, right_squares, wrong_squares, n


def _effective(sums: _Sums) -> float:
    """Choices of weight 1 that would show the accuracy as exactly as these.

    Their variance is that of a ratio estimator (Cochran, Sampling Techniques, 1977, 6.4), as a few
    heavy errors tell less than many light ones; at most the effective number of Kish (1965).
    """
    right, wrong, right_squares, wrong_squares, _ = sums
    weight, squares = right + wrong, right_squares + wrong_squares
    if not squares:
        return 0.0
    spread = right_squares * (wrong / weight) ** 2 + wrong_squares * (right / weight) ** 2
    most = weight**2 / squares
    return min(most, right * wrong / spread) if spread else most


def _interval(sums: _Sums, confidence: float) -> Interval:
    n, weight = _effective(sums), sums[0] + sums[1]
    return wilson(n * (sums[0] / weight) if weight else 0.0, n, confidence=confidence)


def _promise(
    sums: _Sums,
    total: float,
    at_least: float | None,
    found: tuple[float, bool],
    out_of_scope: float,
) -> Promise:
    right, wrong, _, _, n = sums
    weight = right + wrong
    accuracy = right / weight if weight else 0.0
    interval = _interval(sums, 0.95)
    low, high = interval.low, interval.high
    coverage = weight / total if total else 0.0
    threshold, kept = found
    said = (
        f"accepts {coverage:.1%} of messages, {accuracy:.1%} [{low:.1%}, {high:.1%}] of them right"
    )
    if not at_least:
        reason = f"it never abstains: {said}"
    elif kept:
        reason = f"promised {at_least:.1%}: {said}, on {n} held-out examples"
    else:
        reason = (
            f"{at_least:.1%} cannot be promised on {n} held-out examples that it would "
            f"accept; it accepts only what is {at_least:.1%} sure by itself, "
            f"{coverage:.1%} of messages. Give more examples, or ask for less"
        )
    return Promise(
        at_least=at_least,
        kept=kept,
        threshold=threshold,
        coverage=coverage,
        accuracy=accuracy,
        low=low,
        high=high,
        n=n,
        out_of_scope=out_of_scope,
        reason=reason,
    )
