"""Read the tasks of an unfinished superstep from the writes that a checkpointer keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from langgraph.types import Interrupt

from quintet.state.failure import StepFailed
from quintet.state.savers.upkeep import INPUT

# Channels that LangGraph writes itself: they are no output of a node.
_CONTROL = ("__error__", "__error_source_node__", "__interrupt__", "__resume__")


@dataclass(frozen=True, kw_only=True)
class Task:
    """The writes of one task since the last checkpoint.

    Args:
        id: the task's id; the checkpointer does not keep the node's name with it.
        output: channel and value of each write; not empty once it has finished.
        interrupts: the questions that it asked last, open or not.
        error: the error that is recorded, as it is kept; None for none.
    """

    id: str
    output: list[tuple[str, Any]] = field(default_factory=list)
    interrupts: list[Interrupt] = field(default_factory=list)
    error: Any = None

    @property
    def ended(self) -> bool:
        """Say whether the task ran to an end, with a result or an error."""
        return bool(self.output) or self.error is not None

    @property
    def questions(self) -> list[Interrupt]:
        """Give the questions that are still open.

        An error closes none where a question's schema has refused an answer; see `is_over`.
        """
        return [] if self.output or is_over(self.error) else self.interrupts

    def asks(self, nodes: Iterable[str]) -> str:
        """Name which of these nodes asked the task's question; empty where none did."""
        ids = {question.id for question in self.interrupts}
        # An interrupt's id is a hash of node and task id, so each node can be tried.
        for node in nodes:
            if Interrupt.from_ns(None, ns=f"{node}:{self.id}").id in ids:
                return node
        return ""


def is_over(error: Any) -> bool:
    """Say whether an error ended a task, so that no answer reaches it: its question is answered.

    LangGraph keeps the question all the same while others of the superstep are open.
    """
    text = error if isinstance(error, str) else repr(error)
    return StepFailed.parse(text) is not None


def tasks_of(writes: Iterable[tuple[str, str, Any]]) -> list[Task]:
    """Group a checkpoint's pending writes by task, in the order of the first writes."""
    output: dict[str, list[tuple[str, Any]]] = {}
    interrupts: dict[str, list[Interrupt]] = {}
    errors: dict[str, Any] = {}
    for task, channel, value in writes:
        if task == INPUT:
            continue
        output.setdefault(task, [])
        if channel == "__interrupt__":
            # A later question replaces the earlier one, which has been answered.
            interrupts[task] = list(value) if isinstance(value, list | tuple) else [value]
        elif channel == "__error__":
            errors[task] = value
        elif channel not in _CONTROL:
            output[task].append((channel, value))
    return [
        Task(
            id=task,
            output=written,
            interrupts=interrupts.get(task, []),
            error=errors.get(task),
        )
        for task, written in output.items()
    ]
