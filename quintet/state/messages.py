"""Keep the last turns of a conversation in the state, as plain data of a bounded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Self

from langchain_core.messages import BaseMessage
from typing_extensions import TypedDict

from quintet.errors import DesignError
from quintet.state.channels import OfRun
from quintet.state.run import NOTHING, is_nested

MESSAGES_KEPT = 12
MESSAGE_LENGTH = 500


class Message(TypedDict):
    """One turn, in the form that chat models take.

    Attributes:
        role: `user` for the customer, `assistant` for whoever answers.
        content: the text; a long one is cut.
        name: the worker that answers.
    """

    role: str
    content: str
    name: NotRequired[str]


class Turns(list[Any]):
    """Mark a state's messages as those of `Messages`, and not a key of the user's own."""


class Messages(OfRun):
    """Hold the thread's last `most` turns, each cut to `length` characters."""

    __slots__ = ("length", "most")
    empty = []  # noqa: RUF012 - never changed

    def __init__(
        self,
        typ: Any = list,
        key: str = "",
        *,
        most: int = MESSAGES_KEPT,
        length: int = MESSAGE_LENGTH,
    ) -> None:
        self.most, self.length = most, length
        super().__init__(typ, key)

    def copy(self) -> Self:
        """Give a channel of the same bounds."""
        twin = super().copy()
        twin.most, twin.length = self.most, self.length
        return twin

    def get(self) -> Any:
        """Give the turns as nodes see them."""
        return Turns(super().get())

    def checkpoint(self) -> Any:
        """Give the turns to store."""
        return list(super().checkpoint()) if self.value else NOTHING

    def first_value(self) -> Any:
        """Keep the turns: they are the thread's."""
        return list(self.value)

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Take the parent's turns; from outside of any graph, those of a conversation so far.

        Raises:
            DesignError: the customer has the last word, which nobody would read there.
        """
        if is_nested():
            return list(next((value for value in reversed(values) if value is not None), []))
        brought = self._bounded(list(values[-1])[-1]) if values[-1] else {}
        if brought.get("role") in ("user", "human"):
            # The graph would take the message of the run before for this one.
            raise DesignError(
                f"the input's messages end with {brought['content']!r:.60} by the customer, which "
                "is read from 'message': give {'message': ...}; messages may hold the turns before"
            )
        return self.merge(values)

    def merge(self, values: Sequence[Any]) -> Any:
        """Append turns that are new, and keep the last."""
        merged = list(self.value)
        for value in values:
            if value is None:
                merged = []
                continue
            # A nested graph hands back those that it was given, and a task may run twice: each turn
            # has its run, so an equal one is the same.
            turns = [self._bounded(turn) for turn in value]
            merged += [turn for turn in turns if turn not in merged]
        return merged[-self.most :]

    def _bounded(self, turn: Any) -> dict[str, Any]:
        known: dict[str, Any] = dict(turn) if isinstance(turn, Mapping) else _read(turn)
        text = str(known.get("content", ""))
        cut = text if len(text) <= self.length else text[: self.length - 1] + "…"
        return {**known, "content": cut}


def _read(message: Any) -> dict[str, Any]:
    """Read one of LangChain's messages.

    Raises:
        DesignError: it is none.
    """
    if not isinstance(message, BaseMessage):
        raise DesignError(
            f"messages holds {message!r:.60}, which is no turn: give dicts with role and content, "
            "or messages of LangChain; what the customer says now goes into {'message': ...}"
        )
    role = "user" if message.type == "human" else "assistant"
    return {"role": role, "content": str(message.text)}


def turns_of(state: Mapping[str, Any]) -> list[Message]:
    """Give the turns so far for an agent or a chooser to read: without the ids of their runs."""
    return [
        {key: turn[key] for key in ("role", "content", "name") if key in turn}  # type: ignore[misc]
        for turn in state.get("messages") or ()
        if isinstance(turn, Mapping) and "role" in turn and "content" in turn
    ]
