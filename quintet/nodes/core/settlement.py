"""Ask a person how an effect or an undo ended, of which nobody else can tell."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from langgraph.types import interrupt
from pydantic import model_validator

from quintet.nodes.core.duration import utc
from quintet.nodes.core.question import PersonsAnswer
from quintet.nodes.core.standing import Standing
from quintet.state.action import Action

Settlement = Literal["happened", "did not happen", "undo"]


class SettleAnswer(PersonsAnswer):
    """A person's word on an effect of which nobody knows whether it happened.

    Attributes:
        answer: `happened`; `did not happen`, and it is tried again; or `undo`, which takes it back.
        by: who answers.
        note: a remark.
        result: what the effect gave, where it happened; what comes after works with it.
        digest: the action that was looked at, as its packet names it.
        at: when it was given, in seconds since the epoch.
    """

    how: ClassVar[str] = (
        "settle('happened', by='...'), or 'did not happen' or 'undo' in place of it"
    )

    answer: Settlement
    by: str
    note: str = ""
    result: Any = None
    digest: str = ""
    at: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.by.strip():
            raise ValueError("an answer says who gives it: by='...'")
        return self


@dataclass(frozen=True)
class Heard:
    """Hold the answers that an attempt has got.

    Attributes:
        effects: the tasks, and the effects about which each has taken its earlier answers.
        early: the tasks, and the answers that each has got before it came to their effects.
    """

    effects: set[tuple[str, str]] = field(default_factory=set)
    early: list[tuple[str, SettleAnswer]] = field(default_factory=list)


def ask(
    standing: Standing,
    action: Action,
    answers: tuple[Settlement, ...],
    *,
    undoing: bool = False,
    misfit: Callable[[Any], str] | None = None,
    others: Collection[str] = (),
) -> SettleAnswer:
    """Ask how an action, or its undo, ended; give the answer, which names this action.

    Args:
        standing: the stream of what was begun.
        action: the action.
        answers: the answers that fit.
        undoing: whether it is the undo that was begun.
        misfit: says why a result is none that the effect may give, or nothing.
        others: the digests of other actions that the same task has asked about, one of which the
            answer may name instead.
    """
    schema = _schema(action, answers, misfit, others)
    packet = _packet(standing, action, answers, undoing)
    return schema.model_validate(interrupt(packet, response_schema=schema))


def _packet(
    standing: Standing, action: Action, answers: tuple[Settlement, ...], undoing: bool
) -> dict[str, Any]:
    claim, last = standing.claim, standing.result
    begun = "" if claim is None else f" by {claim.value.get('runner')} {utc(claim.at)}"
    deed = f"the undo of {action}" if undoing else str(action)
    return {
        "settle": f"undo {action.name}" if undoing else action.name,
        "action": action.name,
        "arguments": dict(action.arguments),
        "key": action.key,
        "digest": action.digest,
        "begun": sum(entry.kind == "claimed" for entry in standing.entries),
        "why_asked": f"{deed} was begun{begun}, and nobody knows whether it happened"
        + (f" ({last})" if last else ""),
        "answers": list(answers),
        "if_happened": "the run goes on, and it is not done again"
        + ("" if undoing else "; what comes after works with the result that you give"),
        "if_did_not_happen": f"{deed} runs",
    }


def _schema(
    action: Action,
    answers: tuple[Settlement, ...],
    misfit: Callable[[Any], str] | None,
    others: Collection[str],
) -> type[SettleAnswer]:
    """Give the schema of an answer to this question; it refuses before anything is kept."""

    class Fitting(SettleAnswer):
        @model_validator(mode="after")
        def _fits(self) -> Self:
            if self.digest in others:
                return self
            if self.digest != action.digest:
                raise ValueError(
                    "an answer names the action that it is for: "
                    f"digest={action.digest!r}, as in the packet (Run.answer does so by itself)"
                )
            if self.answer not in answers:
                raise ValueError(f"{action.name} has no undo; answer {' or '.join(answers)}")
            if misfit is not None and (why := misfit(self.result)):
                raise ValueError(
                    f"result: {action.name} gives nothing of the kind: {why}; give what it "
                    "returned, or no result"
                )
            return self

    return Fitting
