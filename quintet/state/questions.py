"""Keep in the state whom the customer owes an answer: the thread's open questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import TypedDict

from quintet.state.channels import Keyed
from quintet.state.run import Plain, is_nested

OPEN_FOR = 3
"""The runs for which a question stays open; new requests may come between it and its answer."""


class Asked(TypedDict, total=False):
    """The question that a message answers, for the agent that has asked it; empty where none.

    Attributes:
        question: its text.
        about: the customer's messages that led to it.
    """

    question: str
    about: str


class Questions(Keyed):
    """Hold the questions to the customer, each by who has asked it.

    A question that was asked in a run is open in the thread's next runs, for `OPEN_FOR` of them. It
    is over when who has asked it is visited again.
    """

    def first_value(self) -> Any:
        """Open the questions of the run before, and let the older ones go."""
        opened = {}
        for at, question in self.value.items():
            left = question.get("left", OPEN_FOR + 1) - 1
            if left and not question.get("over"):
                opened[at] = {**question, "left": left}
        return opened

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Take the parent's questions; none can be brought in from outside of any graph."""
        return self.merge(values) if is_nested() else dict(self.value)


OVER: Plain = {"over": True}
"""The entry of a question that was answered. No absence says so, since a nested graph's values are
added to its parent's."""


def open_questions(state: Mapping[str, Any]) -> dict[str, Plain]:
    """Give the questions of earlier runs that are open, by who has asked them."""
    questions: Mapping[str, Plain] = state.get("questions") or {}
    return {at: q for at, q in questions.items() if "left" in q and not q.get("over")}


def new_questions(state: Mapping[str, Any]) -> dict[str, Plain]:
    """Give the questions that were asked in this run, by who has asked them."""
    questions: Mapping[str, Plain] = state.get("questions") or {}
    return {at: q for at, q in questions.items() if "left" not in q and not q.get("over")}


def asked_texts(questions: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Give each question's text by the node that has asked it, those of nested graphs once."""
    deepest = {
        at: question["text"]
        for at, question in questions.items()
        if not any(other.startswith(f"{at}/") for other in questions)
    }
    return {at.rpartition("/")[2].partition(":")[0]: text for at, text in deepest.items()}
