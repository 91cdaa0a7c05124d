"""The tasks of a superstep that is not over, as a checkpointer keeps them: by what they wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from langgraph.types import Interrupt

_INPUT = "00000000-0000-0000-0000-000000000000"
_CONTROL = ("__error__", "__error_source_node__", "__interrupt__", "__resume__")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one task has written since the last checkpoint.

    Args:
        id: the task's id; its node's name is not kept with it.
        output: channel and value of each write; not empty once it has finished.
        asked: the last question that it asked.
        failed: whether an error is recorded.
    """

    id: str
    output: list[tuple[str, Any]] = field(default_factory=list)
    asked: list[Interrupt] = field(default_factory=list)
    failed: bool = False

    @property
    def ended(self) -> bool:
        """Whether it ran to an end, good or bad."""
        return bool(self.output) or self.failed

    @property
    def questions(self) -> list[Interrupt]:
        """The questions that are still open."""
        return [] if self.ended else self.asked

    def asks(self, nodes: Iterable[str]) -> str:
        """Which of these nodes it is, told by the id of its question; empty where none fits."""
        ids = {question.id for question in self.asked}
        for node in nodes:
            if Interrupt.from_ns(None, ns=f"{node}:{self.id}").id in ids:
                return node
        return ""


def tasks_of(writes: Iterable[tuple[str, str, Any]]) -> list[Task]:
    """The tasks that wrote something, in the order of their first writes."""
    output: dict[str, list[tuple[str, Any]]] = {}
    asked: dict[str, list[Interrupt]] = {}
    failed: set[str] = set()
    for task, channel, value in writes:
        if task == _INPUT:
            continue
        output.setdefault(task, [])
        if channel == "__interrupt__":
            asked[task] = list(value) if isinstance(value, list | tuple) else [value]
        elif channel == "__error__":
            failed.add(task)
        elif channel not in _CONTROL:
            output[task].append((channel, value))
    return [
        Task(id=task, output=written, asked=asked.get(task, []), failed=task in failed)
        for task, written in output.items()
    ]
