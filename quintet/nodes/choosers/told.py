"""Say what a learned chooser finds: scores, reasons, doubtful labels, messages unlike its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from quintet.errors import DesignError
from quintet.nodes.choosers.choose import Choice
from quintet.nodes.choosers.promise import Promise

UNLIKE = -3.0
"""Standard errors under the promised coverage from which on messages are unlike the examples."""


def choice_of(
    ranked: Sequence[str], confidence: float, top_words: Sequence[str], who: str
) -> Choice:
    """Return the choice of the first of some routes by likelihood, with its words as the reason."""
    why = ", ".join(map(repr, top_words)) or "what it is like as a whole"
    after = f"; next {ranked[1]}" if ranked[1:] else ""
    return Choice(
        to=ranked[0],
        reason=f"{ranked[0]} {confidence:.2f} for {why}{after}",
        confidence=confidence,
        by="learned",
        who=who,
        candidates=tuple(ranked),
    )


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A text's likeliest route, the probability that it is right, and whether it is accepted."""

    route: str
    confidence: float
    accepted: bool


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The reasons for a learned choice.

    Args:
        choice: the likeliest route, whether or not it is accepted.
        accepted: whether the chooser takes that route; else it abstains.
        words: the words that speak most for that route, against the next one.
        nearest: the examples nearest to the text: text, route, similarity between 0 and 1.
    """

    choice: Choice
    accepted: bool
    words: tuple[str, ...]
    nearest: tuple[tuple[str, str | None, float], ...]


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """An example whose label the other examples speak against.

    Args:
        text: the example.
        route: its label.
        likelier: the route that the others speak for; None where they say that it has none.
        odds: how much likelier that is, to one.
    """

    text: str
    route: str | None
    likelier: str | None
    odds: float

    def __str__(self) -> str:
        return f"{self.text!r} is {self.route!r}, and {self.likelier!r} {self.odds:.3g} to 1"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Hold how many of some messages were accepted against what the promise expects.

    Args:
        n: the messages.
        accepted: how many of them were accepted.
        share: the same as a share.
        expected: the share that the promise expects.
        z: the difference in standard errors.
        unlike: whether so few were accepted that the messages are unlike the examples.
        reason: all of it in one sentence.
    """

    n: int
    accepted: int
    share: float
    expected: float
    z: float
    unlike: bool
    reason: str

    def __str__(self) -> str:
        return self.reason


def watched(accepted: Sequence[bool], promise: Promise) -> Watched:
    """Hold the share of accepted messages against the coverage of a promise.

    A score test of two shares (Wald's z with the coverage of the promise as the share of both).

    Raises:
        DesignError: no messages, or a chooser that accepts all.
    """
    if not promise.at_least:
        raise DesignError(
            "watch: a chooser that never abstains accepts whatever comes; give it at_least=..., "
            "or watch what promising(0.9) gives"
        )
    n = len(accepted)
    if not n:
        raise DesignError("watch: there are no messages; give some that the router has read")
    shown = promise.messages
    # Laplace's rule, so that a coverage of all or nothing has a standard error too.
    likely = (promise.coverage * shown + 1) / (shown + 2)
    share = sum(accepted) / n
    z = (share - promise.coverage) / sqrt(likely * (1 - likely) * (1 / n + 1 / (shown + 2)))
    unlike = z < UNLIKE
    reason = f"accepted {share:.1%} of {n} messages, where {promise.coverage:.1%} were expected" + (
        f" (z = {z:.1f}): the messages are unlike the examples, and the promise is not shown for "
        "them; label some, and use corrected or tuned"
        if unlike
        else f" (z = {z:.1f}): nothing says that they are unlike the examples"
    )
    return Watched(
        n=n,
        accepted=sum(accepted),
        share=share,
        expected=promise.coverage,
        z=z,
        unlike=unlike,
        reason=reason,
    )
