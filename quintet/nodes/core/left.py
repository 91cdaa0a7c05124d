"""What failed work leaves behind: a nested graph that fails returns nothing of what it has done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from quintet.state.budget import add_spending
from quintet.state.journal import journal


class Left(Protocol):
    """An attempt that has ended."""

    def update(self, *, failed: bool) -> dict[str, Any]:
        """Give what it has spent and done, as a state update."""


class Within(Mapping[str, Any]):
    """What the attempts in a nested graph have left, in the order in which they ended."""

    def __init__(self, attempts: tuple[Left, ...]) -> None:
        self.attempts = attempts

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(("update",))

    def __len__(self) -> int:
        return 1

    def update(self, *, failed: bool) -> dict[str, Any]:
        """Give the sum of the attempts' updates."""
        total: dict[str, Any] = {"spent": {}, "actions": {}, "decisions": []}
        for attempt in self.attempts:
            update = attempt.update(failed=failed)
            total["spent"] = add_spending(total["spent"], update["spent"])
            total["actions"] |= update.get("actions", {})
            total["decisions"] += update.get("decisions", ())
        return total


def leave_to(tasks: Iterable[str], attempt: Left) -> None:
    """Leave an attempt to the tasks around it, for the case that they fail."""
    for task in tasks:
        before = journal().take(task)
        known = before.attempts if isinstance(before, Within) else ()
        journal().keep(task, Within((*known, attempt)))


def left_within(task: str) -> dict[str, Any]:
    """Give what the graph that is a task's node has done, as a state update."""
    left = journal().take(task)
    if isinstance(left, Within):
        return left.update(failed=True)
    if left is not None:
        journal().keep(task, left)  # it is of the node itself, which goes on with it
    return {}


def left_behind(task: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a failed task had spent and done, as a state update.

    Its failure tells that itself, unless it was cut off (a time-out), or came from a nested graph,
    where it tells of one node only.
    """
    left = journal().take(task)
    if left is None:
        return dict(told)
    if isinstance(left, Within):
        return {**told, **left.update(failed=True)}
    return dict(told or left["update"](failed=True))
