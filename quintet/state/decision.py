"""Record decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, get_args

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
        DesignError: an unknown kind, a confidence that is no number from 0 to 1, or a field that is
            no text: the record could not be read again.
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
        refuse_no_texts(self, "node", "choice", "reason", "who", "seen")
        # As a plain float: numpy's own would not be JSON.
        object.__setattr__(self, "confidence", checked_confidence(self.confidence, "Decision"))

    def __str__(self) -> str:
        sure = "" if self.confidence is None else f" ({self.confidence:.2f})"
        who = self.who or self.by
        return f"{self.kind} at {self.node}: {self.choice}{sure}, by {who}: {self.reason}"


def refuse_no_texts(record: Any, *names: str) -> None:
    """Refuse a record whose fields of these names, or whose candidates, are no texts.

    Raises:
        DesignError: it names the record, the field and the value.
    """
    part = type(record).__name__
    for name in names:
        if not isinstance(value := getattr(record, name), str):
            raise DesignError(f"{part}({name}={value!r:.60}): give a text")
    known = record.candidates
    if not isinstance(known, tuple | list) or not all(isinstance(one, str) for one in known):
        raise DesignError(f"{part}(candidates={known!r:.60}): give a tuple of names")


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
