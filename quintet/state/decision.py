"""Record decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import Literal, get_args

from quintet.errors import DesignError
from quintet.state.clock import now

Kind = Literal[
    "route",
    "plan",
    "replan",
    "step",
    "handoff",
    "question",
    "contract",
    "merge",
    "review",
    "approval",
    "answer",
    "effect",
    "retry",
    "fallback",
    "escalation",
    "abort",
    "outcome",
    "graph",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

DecidedBy = Literal["rule", "learned", "model", "person"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision: the choice, its candidates, its reason, the decider and the text it read.

    Args:
        kind: the kind of decision; one of `KINDS`.
        node: the node that decided.
        choice: the choice: a target, an answer, a status.
        reason: the reason, in one sentence.
        by: `rule`, `learned`, `model` or `person`.
        who: the person or the tier behind `by`.
        confidence: between 0 and 1, or None where the decider has none.
        candidates: the choices that were possible.
        seen: the beginning of the text that was read.
        at: seconds since the epoch.

    Raises:
        DesignError: an unknown kind, or a confidence that is no number from 0 to 1.
    """

    kind: Kind
    node: str
    choice: str
    reason: str
    by: DecidedBy = "rule"
    who: str = ""
    confidence: float | None = None
    candidates: tuple[str, ...] = ()
    seen: str = ""
    at: float = field(default_factory=now)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DesignError(f"Decision(kind={self.kind!r}): give one of {', '.join(KINDS)}")
        # As a plain float: numpy's own would not be JSON.
        object.__setattr__(self, "confidence", checked_confidence(self.confidence, "Decision"))

    def __str__(self) -> str:
        sure = "" if self.confidence is None else f" ({self.confidence:.2f})"
        who = self.who or self.by
        return f"{self.kind} at {self.node}: {self.choice}{sure}, by {who}: {self.reason}"


def checked_confidence(confidence: object, part: str) -> float | None:
    """Give a confidence as a number from 0 to 1, or None where there is none.

    Raises:
        DesignError: it is something else; the message names the part.
    """
    if confidence is None:
        return None
    if isinstance(confidence, Real) and not isinstance(confidence, bool):
        number = float(confidence)
        if 0 <= number <= 1:
            return number
    raise DesignError(
        f"{part}(confidence={confidence!r:.40}): give a number from 0 to 1, or None where there "
        "is none"
    )
