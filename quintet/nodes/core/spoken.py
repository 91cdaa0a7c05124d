"""Put on record, in a conversation, what the customer wrote and what they were answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quintet.nodes.core.task import Task
from quintet.state.messages import Turns
from quintet.state.questions import asked_texts, new_questions
from quintet.state.record import canonical
from quintet.state.run import run_of


def spoken(state: Mapping[str, Any], status: str, task: Task) -> dict[str, Any]:
    """Give the state update of a run's turns: the customer's message, then the answers to it.

    Only the outermost graph knows what the customer is told in the end; and where that is left to a
    person, nobody has answered.
    """
    if task.around or not isinstance(state.get("messages"), Turns):
        return {}
    run = run_of(state)
    turns = [{"role": "user", "content": state["message"]}] if state.get("message") else []
    if status in ("done", "rejected", "asked"):
        turns += _answers(state)
    return {"messages": [{**turn, "run": run} for turn in turns]} if turns else {}


def _answers(state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, result in (state.get("results") or {}).items():
        if text := reply_in(result):
            yield {"role": "assistant", "content": text, "name": name}
    for name, text in asked_texts(new_questions(state)).items():
        yield {"role": "assistant", "content": text, "name": name}


def reply_in(result: Any) -> str:
    """Give the text that a customer reads of a result: itself, its `reply`, or all of it."""
    if isinstance(result, Mapping):
        reply = result.get("reply")
        return reply if isinstance(reply, str) else canonical(result)
    return result if isinstance(result, str) else canonical(result)
