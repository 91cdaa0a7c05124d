"""Promise an accuracy for the messages that a learned chooser accepts, as the evidence allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from quintet.stats.interval import Interval
from quintet.stats.proportion import wilson

SIDE = 0.8
"""Confidence of the interval whose lower end judges a promise: the bound holds in about nine of ten
repetitions."""

NEVER = 2.0
"""A threshold that no confidence reaches."""

DOUBTFUL = 7
"""How many times as often as promised an accepted choice may be wrong, by its own confidence."""

SHOWN = 8
"""Routes that a reason names."""

MANY_DOUBTS = 0.02
"""The share of doubtful labels from which on a promise tells of them."""

FEW = 5
"""A route with fewer examples that differ can show nothing of itself."""

_Sums = tuple[float, float, float, float, float, int]
"""Of accepted choices: the summed weights of the right and of the wrong ones, their summed squared
weights, what they count for as evidence, and their number."""
_NONE: _Sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """The accuracy of a learned chooser on the messages that it accepts.

    The figures are shares between 0 and 1, estimated on held-out examples. Out-of-scope messages
    are weighed to the share `out_of_scope`; an accepted one counts as wrong.

    Args:
        at_least: the accuracy asked for, or None where the chooser never abstains.
        kept: whether the held-out examples support it: the accuracy's lower bound reaches it.
        threshold: the lowest confidence at which a choice is accepted.
        thresholds: routes that need more, each with its own threshold; over 1 where none is enough.
        weak: the routes whose messages the promise is not shown for: they have too few examples
            that differ, or those that were accepted went elsewhere too often.
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
    thresholds: tuple[tuple[str, float], ...] = ()
    weak: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.reason

    @property
    def messages(self) -> float:
        """Return how many held-out messages the coverage was counted on, about."""
        return self.n / self.coverage if self.coverage else self.n

    def threshold_of(self, route: str) -> float:
        """Return the lowest confidence at which a choice of this route is accepted."""
        return dict(self.thresholds).get(route, self.threshold)


def read_promise(told: Mapping[str, Any]) -> Promise:
    """Read a promise back from JSON, which has lists for tuples."""
    thresholds = tuple((route, one) for route, one in told["thresholds"])
    return Promise(**{**told, "thresholds": thresholds, "weak": tuple(told["weak"])})


@dataclass(frozen=True, kw_only=True)
class Held:
    """One held-out choice.

    Args:
        sure: its confidence.
        right: whether it is right.
        weight: how many messages it stands for.
        evidence: what it counts for: each of n near-duplicates for one n-th.
        chosen: the route that was chosen, if that is one of the router's.
        route: the message's own route.
    """

    sure: float
    right: bool
    weight: float = 1.0
    evidence: float = 1.0
    chosen: str | None = None
    route: str | None = None


def shares(nobody: Sequence[bool], out_of_scope: float) -> list[float]:
    """Return weights by which the out-of-scope choices, marked in `nobody`, have that share."""
    count = sum(nobody)
    # With choices of one kind only, no weights can give both kinds their shares.
    if not 0 < count < len(nobody):
        return [1.0] * len(nobody)
    weight = (len(nobody) - count) * out_of_scope / (1 - out_of_scope) / count
    return [weight if outside else 1.0 for outside in nobody]


def promised(
    held: Iterable[Held],
    at_least: float | None,
    out_of_scope: float,
    rare: Sequence[str] = (),
    floor: float = 0.0,
) -> Promise:
    """Choose the lowest threshold whose accepted choices are right as often as asked.

    Selective classification with a guaranteed risk (Geifman and El-Yaniv, 2017): a threshold is
    good enough when a lower confidence bound of the accuracy above it reaches `at_least`. No choice
    is accepted on the credit of surer ones that is itself more than `DOUBTFUL` times as doubtful:
    messages unlike the held-out ones gather there. If no threshold is good enough, the promise is
    not kept, and a choice is accepted only if its own confidence reaches `at_least`. It is to hold
    on the average over the messages, and over the routes that can show something too, else a few
    common routes would speak for all. A route whose own accepted choices are clearly right less
    often gets a threshold of its own; one that is `rare` needs confidence of `at_least` at any
    rate.
    """
    ordered = sorted(held, key=lambda choice: -choice.sure)
    total = sum(choice.weight for choice in ordered)
    if not at_least:
        told = _promise(_sums(ordered), total, at_least, (0.0, True), out_of_scope)
        return _with_weak(told, rare, ())
    best = _lowest(ordered, at_least, _evened(ordered, rare), floor)
    threshold, kept = (at_least, False) if best is None else (best, True)
    own = _own_thresholds(ordered, at_least, threshold) if kept else {}
    own |= {route: max(own.get(route, 0.0), threshold, at_least) for route in rare}
    raised = {route: one for route, one in own.items() if one > threshold}
    accepted = [one for one in ordered if one.sure >= raised.get(one.chosen or "", threshold)]
    sums = _sums(accepted)
    # A route's own threshold may leave too little to show the promise.
    kept = kept and _interval(sums, SIDE).low >= at_least
    wrong = tuple(one for one in _often_wrong(accepted, at_least) if one not in rare)
    told = _promise(sums, total, at_least, (threshold, kept), out_of_scope)
    return _with_weak(replace(told, thresholds=tuple(sorted(raised.items()))), rare, wrong)


def _lowest(
    ordered: Sequence[Held], at_least: float, evened: Sequence[Held], floor: float
) -> float | None:
    """Return the lowest threshold whose accepted choices are right often enough; None if none is.

    It is never below `floor`, nor so low as to accept very doubtful ones. The choices come by
    falling confidence; `evened` are the same with other weights.
    """
    best: float | None = None
    floor = max(floor, 1 - DOUBTFUL * (1 - at_least))
    sums = even = _NONE
    for number, choice in enumerate(ordered, start=1):
        if choice.sure < floor:
            break
        sums, even = _sums([choice], sums), _sums([evened[number - 1]], even)
        # A threshold accepts all choices of equal confidence, or none of them.
        last = number == len(ordered) or ordered[number].sure < choice.sure
        enough = last and _interval(sums, SIDE).low >= at_least
        if enough and even[0] >= at_least * (even[0] + even[1]):
            best = choice.sure
    return best


def _evened(ordered: Sequence[Held], rare: Sequence[str]) -> list[Held]:
    """Weigh the choices so that each route has as many messages; rare routes have none."""
    own: dict[str, float] = {}
    for choice in ordered:
        if choice.route is not None and choice.route not in rare:
            own[choice.route] = own.get(choice.route, 0.0) + choice.weight
    typical = sum(own.values()) / max(1, len(own))
    return [
        choice
        if choice.route is None
        else replace(choice, weight=choice.weight * typical / own[choice.route])
        if choice.route in own
        else replace(choice, weight=0.0)
        for choice in ordered
    ]


def _own_thresholds(ordered: Sequence[Held], at_least: float, lowest: float) -> dict[str, float]:
    """Return thresholds for the routes whose accepted choices are clearly right less often."""
    own: dict[str, float] = {}
    for route, choices in _by(ordered, lambda one: one.chosen).items():
        accepted = [one for one in choices if one.sure >= lowest]
        if _interval(_sums(accepted), 0.95).high >= at_least:
            continue
        own[route] = NEVER
        sums = _NONE
        for number, choice in enumerate(accepted, start=1):
            sums = _sums([choice], sums)
            last = number == len(accepted) or accepted[number].sure < choice.sure
            if last and sums[0] >= at_least * (sums[0] + sums[1]):
                own[route] = choice.sure
    return own


def _often_wrong(accepted: Sequence[Held], at_least: float) -> tuple[str, ...]:
    """Name the routes whose own messages are clearly right less often where they are accepted."""
    by_route = _by(accepted, lambda one: one.route)
    return tuple(
        route
        for route, choices in sorted(by_route.items())
        if _interval(_sums(choices), 0.95).high < at_least
    )


def _by(choices: Iterable[Held], key: Callable[[Held], str | None]) -> dict[str, list[Held]]:
    groups: dict[str, list[Held]] = {}
    for choice in choices:
        route = key(choice)
        if route is not None:
            groups.setdefault(route, []).append(choice)
    return groups


def _sums(more: Sequence[Held], so_far: _Sums = _NONE) -> _Sums:
    right, wrong, right_squares, wrong_squares, evidence, n = so_far
    for choice in more:
        if choice.right:
            right += choice.weight
            right_squares += choice.weight**2
        else:
            wrong += choice.weight
            wrong_squares += choice.weight**2
        if choice.weight > 0:
            evidence += choice.evidence
            n += 1
    return right, wrong, right_squares, wrong_squares, evidence, n


def _effective(sums: _Sums) -> float:
    """Return the number of unweighted choices that would estimate the accuracy as precisely.

    Its variance is that of a ratio estimator (Cochran, Sampling Techniques, 1977, 6.4), as a few
    heavy errors tell less than many light ones. At most Kish's effective sample size (1965).
    Near-duplicates together tell as much as one of them.
    """
    right, wrong, right_squares, wrong_squares, evidence, n = sums
    weight, squares = right + wrong, right_squares + wrong_squares
    if not squares:
        return 0.0
    spread = right_squares * (wrong / weight) ** 2 + wrong_squares * (right / weight) ** 2
    most = weight**2 / squares
    return (evidence / n) * (min(most, right * wrong / spread) if spread else most)


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
    right, n = sums[0], sums[-1]
    weight = sums[0] + sums[1]
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


def _with_weak(promise: Promise, rare: Sequence[str], wrong: Sequence[str]) -> Promise:
    """Say which routes the promise is not shown for, and why."""
    told = promise.reason
    if rare:
        told += f". Not shown for {_list(rare)}: fewer than {FEW} examples that differ"
    if wrong:
        told += f". Not shown for {_list(wrong)}: messages of theirs go elsewhere more often"
    return replace(promise, reason=told, weak=tuple(sorted({*rare, *wrong})))


def doubts_told(doubted: Sequence[tuple[tuple[str, str | None], str]], of: int) -> str:
    """Say that labels may be wrong, where many examples were surely chosen another route for."""
    if len(doubted) < max(3, MANY_DOUBTS * of):
        return ""
    shown = ", ".join(
        f"{text[:60]!r} ({route!r}, or {other!r})" for (text, route), other in doubted[:3]
    )
    return (
        f". {len(doubted)} of {of} held-out examples speak strongly against their labels, such as "
        f"{shown}: look at suspects() first"
    )


def _list(routes: Sequence[str]) -> str:
    names = ", ".join(map(repr, routes[:SHOWN]))
    return f"{names} and {len(routes) - SHOWN} more" if len(routes) > SHOWN else names
