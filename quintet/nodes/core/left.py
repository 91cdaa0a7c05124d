"""What failed work leaves behind: a nested graph that fails returns nothing of what it has done."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from quintet.nodes.core.actions import Slot, as_update
from quintet.state.action import Action
from quintet.state.budget import Spending, add_spending
from quintet.state.journal import journal


class Left(Protocol):
    """An attempt, under way or ended."""

    spent: Spending
    refused: list[str]

    @property
    def earlier(self) -> Left | None:
        """The attempt that it goes on from, whose spending it includes."""

    def settled(self) -> dict[Slot, Action]:
        """Give what it has done, by effect and key."""

    def update(self, *, failed: bool) -> dict[str, Any]:
        """Give what it has spent and done, as a state update."""


class Within(Mapping[str, Any]):
    """What the attempts in a nested graph have done, as it stands when it is asked for."""

    def __init__(self) -> None:
        self._attempts: list[Left] = []

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(("spent", "actions", "refused", "update"))

    def __len__(self) -> int:
        return 4

    def add(self, attempt: Left) -> None:
        """Take one more attempt, in place of the one that it goes on from."""
        self._attempts = [each for each in self._attempts if each is not attempt.earlier]
        self._attempts.append(attempt)

    @property
    def spent(self) -> Spending:
        """The sum of what they have spent."""
        total: Spending = {}
        for attempt in self._attempts:
            total = add_spending(total, attempt.spent)
        return total

    @property
    def actions(self) -> dict[Slot, Action]:
        """What they have done, by effect and key: two effects may share a key."""
        done: dict[Slot, Action] = {}
        for attempt in self._attempts:
            done |= attempt.settled()
        return done

    @property
    def refused(self) -> list[str]:
        """What they asked for and may not have."""
        return [reason for attempt in self._attempts for reason in attempt.refused]

    def update(self, *, failed: bool) -> dict[str, Any]:
        """Give it as a state update."""
        updates = [attempt.update(failed=failed) for attempt in self._attempts]
        decisions = [record for update in updates for record in update.get("decisions", ())]
        return {
            "spent": self.spent,
            "actions": as_update(self.actions.values()),
            "decisions": decisions,
        }


_leaving = threading.Lock()


def leave_to(tasks: Iterable[str], attempt: Left) -> None:
    """Leave an attempt to the tasks around it, for the case that they fail."""
    for task in tasks:
        with _leaving:  # parallel branches of the nested graph come at once
            record: Any = journal().take(task)
            record = Within() if record is None else record
            record.add(attempt)
            journal().keep(task, record)


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
