"""Ask a person, and ask again where the answer does not fit the question's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from langgraph.errors import GraphInterrupt, is_invalid_resume
from langgraph.types import Command, interrupt
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task
from quintet.state.decision import Decision
from quintet.state.record import faults, plain
from quintet.state.redact import redacted
from quintet.state.run import mark


class PersonsAnswer(BaseModel):
    """Refuse what is no answer at all, such as True or a bare text, by saying what to give."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    how: ClassVar[str]
    """The ways to make one, for a person to read."""

    @model_validator(mode="before")
    @classmethod
    def _is_answer(cls, data: Any) -> Any:
        keys = {name for name, part in cls.model_fields.items() if part.is_required()} - {"by"}
        told = isinstance(data, Mapping) and (not data or keys & data.keys())
        if told or isinstance(data, cls):
            return data
        raise ValueError(
            f"{redacted(repr(data)):.60} is no answer: give {cls.how}; "
            "as data, a dictionary or instance of one"
        )


def ask(task: Task, state: Mapping[str, Any], packet: dict[str, Any], schema: Any) -> Any:
    """Ask a person, and give their answer, or a `Command` that leads back to ask again.

    LangGraph refuses a bad answer by an error, and the question stays open. In a nested graph that
    error is a failure of the node around it: its handler would start the nested graph anew, with
    all that it has done. So there the question is asked again in place of the error.
    """
    if why := _refused_before(task, state):
        packet = {**packet, "refused": why}
    try:
        return interrupt(packet, response_schema=schema)
    except ValidationError as refusal:
        if "/" not in task.path or not is_invalid_resume(refusal):
            raise
        return ask_again(state, task.node, refusal)


def answer_given() -> list[Any]:
    """Give the answer with which the running node is resumed, if there is one, and ask nothing.

    For a node that has asked, and does not ask any more: an answer that came too late is not lost.
    """
    try:
        return [interrupt(None)]
    except GraphInterrupt:  # nobody has answered
        return []


def ask_again(state: Mapping[str, Any], node: str, refusal: BaseException) -> Command[str]:
    """Go back to a node whose question got an answer that its schema refuses."""
    why = faults(refusal) if isinstance(refusal, ValidationError) else str(refusal)
    decision = Decision(
        kind="answer", node=node, choice="refused", reason=why[:300] or "malformed", by="person"
    )
    goto = SentStep.of(state).forward(node, state)
    return Command(goto=goto, update={**mark(state, node), "decisions": [plain(decision)]})


def _refused_before(task: Task, state: Mapping[str, Any]) -> str:
    """Give why this node's last answer was refused, for whoever answers next; else ''."""
    last = next((d for d in reversed(state.get("decisions") or ()) if d["node"] == task.node), None)
    refused = last is not None and (last["kind"], last["choice"]) == ("answer", "refused")
    return str(last["reason"]) if last is not None and refused else ""
