"""Promise an accuracy for the messages that a learned chooser accepts, as the evidence allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quintet.stats.interval import Interval
from quintet.stats.proportion import wilson

SIDE = 0.6826894921370859
"""Confidence of the interval whose lower end judges a promise: one standard error to each side, so
that the bound holds in about 84 % of repetitions."""

_Sums = tuple[float, float, float, float, int]
"""Of accepted choices: the summed weights of the right and of the wrong ones, their summed squared
weights, and the number of choices."""
_NONE: _Sums = (0.0, 0.0, 0.0, 0.0, 0)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """The accuracy of a learned chooser on the messages that it accepts.

    The figures are shares between 0 and 1, estimated on held-out examples. Out-of-scope messages
    are weighed to the share `out_of_scope`; an accepted one counts as wrong.

    Args:
        at_least: the accuracy asked for, or None where the chooser never abstains.
        kept: whether the held-out examples support it: the accuracy's lower bound reaches it.
        threshold: the lowest confidence at which a choice is accepted.
        coverage: the share of messages that is accepted.
        accuracy: the share of the accepted messages that is right.
        low: the lower end of the 95 % Wilson interval of the accuracy.
        high: the upper end of that interval.
        n: the number of accepted held-out choices behind the figures.
        out_of_scope: the assumed share of messages that belong to no route.
        reason: the figures in one sentence.
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
    """One held-out choice: its confidence, whether it is right, and its weight."""

    sure: float
    right: bool
    weight: float = 1.0


def shares(nobody: Sequence[bool], out_of_scope: float) -> list[float]:
    """Return weights by which the out-of-scope choices, marked in `nobody`, have that share."""
    count = sum(nobody)
    # With choices of one kind only, no weights can give both kinds their shares.
    if not 0 < count < len(nobody):
        return [1.0] * len(nobody)
    weight = (len(nobody) - count) * out_of_scope / (1 - out_of_scope) / count
    return [weight if outside else 1.0 for outside in nobody]


def promised(held: Iterable[Held], at_least: float | None, out_of_scope: float) -> Promise:
    """Choose the lowest threshold whose accepted choices are right as often as asked.

    Selective classification with a guaranteed risk (Geifman and El-Yaniv, 2017): a threshold is
    good enough when a lower confidence bound of the accuracy above it reaches `at_least`. If none
    is, the promise is not kept, and a choice is accepted only if its own confidence reaches
    `at_least`.
    """
    ordered = sorted(held, key=lambda choice: -choice.sure)
    total = sum(choice.weight for choice in ordered)
    if not at_least:
        return _promise(_sums(ordered), total, at_least, (0.0, True), out_of_scope)
    best: tuple[float, _Sums] | None = None
    sums = _NONE
    for number, choice in enumerate(ordered, start=1):
        sums = _sums([choice], sums)
        # A threshold accepts all choices of equal confidence, or none of them.
        last = number == len(ordered) or ordered[number].sure < choice.sure
        if last and _interval(sums, SIDE).low >= at_least:
            best = choice.sure, sums
    if best is not None:
        return _promise(best[1], total, at_least, (best[0], True), out_of_scope)
    accepted = _sums([choice for choice in ordered if choice.sure >= at_least])
    return _promise(accepted, total, at_least, (at_least, False), out_of_scope)


def _sums(more: Sequence[Held], so_far: _Sums = _NONE) -> _Sums:
    right, wrong, right_squares, wrong_squares, n = so_far
    for choice in more:
        if choice.right:
            right += choice.weight
            right_squares += choice.weight**2
        else:
            wrong += choice.weight
            wrong_squares += choice.weight**2
        n += choice.weight > 0
    return right, wrong, right_squares, wrong_squares, n


def _effective(sums: _Sums) -> float:
    """Return the number of unweighted choices that would estimate the accuracy as precisely.

    Its variance is that of a ratio estimator (Cochran, Sampling Techniques, 1977, 6.4), as a few
    heavy errors tell less than many light ones. At most Kish's effective sample size (1965).
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
    chosen: tuple[float, bool],
    out_of_scope: float,
) -> Promise:
    right, wrong, _, _, n = sums
    weight = right + wrong
    accuracy = right / weight if weight else 0.0
    interval = _interval(sums, 0.95)
    low, high = interval.low, interval.high
    coverage = weight / total if total else 0.0
    threshold, kept = chosen
    figures = (
        f"accepts {coverage:.1%} of messages, {accuracy:.1%} [{low:.1%}, {high:.1%}] of them right"
    )
    if not at_least:
        reason = f"it never abstains: {figures}"
    elif kept:
        reason = f"promised {at_least:.1%}: {figures}, on {n} held-out examples"
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
