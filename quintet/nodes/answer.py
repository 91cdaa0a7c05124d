"""Take a person's answer to a gate, in our form or in the one that LangChain's interfaces send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import model_validator

from quintet.nodes.core.question import PersonsAnswer
from quintet.state.action import Action, AnswerKind

YES: tuple[AnswerKind, ...] = ("approve", "edit")

UNNAMED = "an interface that names nobody"
"""Who answers where the interface does not say; a gate that names approvers refuses it."""


class Answer(PersonsAnswer):
    """A person's answer to a gate; the gate checks it before it is kept.

    Attributes:
        answer: `approve`, `edit`, `reject` or `respond`; `expire` where nobody answered in time.
        by: who answers: a name, or what the gate's `identify` takes for proof, such as a token.
        role: the role in which they answer; it counts only where `identify` gives it to them.
        note: a reason, or the text of a response.
        arguments: for `edit`, the arguments that replace the action's own.
        digest: the action that was looked at, as its packet names it; an answer for another action,
            or for none in particular, is refused.
        at: when it was given, in seconds since the epoch.
    """

    how: ClassVar[str] = (
        "approve(by='...'), reject(by='...'), edit({...}, by='...') or respond('...', by='...')"
    )

    answer: AnswerKind
    by: str
    role: str = ""
    note: str = ""
    arguments: dict[str, Any] | None = None
    digest: str = ""
    at: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.by.strip():
            raise ValueError("an answer says who gives it: by='...'")
        if (self.answer == "edit") != (self.arguments is not None):
            raise ValueError("'edit' gives the changed arguments, and only 'edit' does")
        if self.answer == "respond" and not self.note.strip():
            raise ValueError("'respond' gives the response as note='...'")
        return self


def from_interface(data: Any, action: Action) -> Any:
    """Turn an answer of LangChain's human-in-the-loop interfaces into ours; leave any other as is.

    They send `{"decisions": [{"type": "approve"}]}`, or one decision alone. A decision names no
    action: it is for the question that LangGraph gives it to.

    Raises:
        ValueError: it decides on several actions, or on another one.
    """
    decisions = data.get("decisions") if isinstance(data, Mapping) else None
    if decisions is None and isinstance(data, Mapping) and "type" in data and "answer" not in data:
        decisions = [data]
    if decisions is None:
        return data
    if not isinstance(decisions, list) or len(decisions) != 1:
        raise ValueError(f"this question is about one action, {action}: give one decision")
    [decision] = decisions
    if not isinstance(decision, Mapping):
        raise ValueError(f"{decision!r:.80} is no decision: give one as {{'type': 'approve'}}")
    answer = {
        "answer": decision.get("type"),
        "by": decision.get("by") or UNNAMED,
        "note": decision.get("message") or "",
        "digest": decision.get("digest") or action.digest,
    }
    if "edited_action" in decision:
        edited = decision["edited_action"]
        if edited.get("name") != action.name:
            raise ValueError(f"an edit changes the arguments of {action.name}, and not its name")
        answer["arguments"] = edited.get("args")
    return answer


def for_interface(action: Action, answers: list[str], why: str) -> dict[str, Any]:
    """Give the parts of a packet by which LangChain's interfaces draw a question."""
    request = {"name": action.name, "args": dict(action.arguments), "description": why}
    config = {"action_name": action.name, "allowed_decisions": answers}
    return {"action_requests": [request], "review_configs": [config]}
