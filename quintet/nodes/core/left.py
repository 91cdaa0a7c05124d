"""Hand on what failed work has spent and done.

A nested graph that fails returns no state, so its attempts are also left to the tasks around it.
They are kept in this process, where a failed node's handler runs too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from quintet.nodes.core.actions import Slot, as_update
from quintet.state.action import Action
from quintet.state.budget import Spending, add_spending


class Left(Protocol):
    """An attempt as it is left to the tasks around it, under way or ended."""

    spent: Spending
    refused: list[str]

    @property
    def earlier(self) -> Left | None:
        """Give the attempt that it goes on from, whose spending it includes."""

    def settled(self) -> dict[Slot, Action]:
        """Give what it has done, by effect and key."""

    def update(self, *, failed: bool) -> dict[str, Any]:
        """Give what it has spent and done, as a state update."""


MOST = 10_000
"""The most records of attempts that are kept."""

_attempts: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
_attempts_lock = threading.Lock()


def keep_attempt(task: str, record: Mapping[str, Any]) -> None:
    """Keep an attempt's spending and actions for the next attempt of its task."""
    with _attempts_lock:
        _attempts[task] = record
        _attempts.move_to_end(task)
        while len(_attempts) > MOST:
            _attempts.popitem(last=False)


def take_attempt(task: str) -> Mapping[str, Any] | None:
    """Give the record of a task's last attempt and forget it; None where there is none."""
    with _attempts_lock:
        return _attempts.pop(task, None)


class Within(Mapping[str, Any]):
    """Sum up the attempts in a nested graph, as they stand when they are read."""

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
        self._attempts = [known for known in self._attempts if known is not attempt.earlier]
        self._attempts.append(attempt)

    @property
    def spent(self) -> Spending:
        """Add up what the attempts have spent."""
        total: Spending = {}
        for attempt in self._attempts:
            total = add_spending(total, attempt.spent)
        return total

    @property
    def actions(self) -> dict[Slot, Action]:
        """Give what the attempts have done, by effect and key: two effects may share a key."""
        done: dict[Slot, Action] = {}
        for attempt in self._attempts:
            done |= attempt.settled()
        return done

    @property
    def refused(self) -> list[str]:
        """Give the refusals of calls that the contracts do not allow, each in a sentence."""
        return [reason for attempt in self._attempts for reason in attempt.refused]

    def update(self, *, failed: bool) -> dict[str, Any]:
        """Give what the attempts have spent and done, as a state update."""
        updates = [attempt.update(failed=failed) for attempt in self._attempts]
        decisions = [record for update in updates for record in update.get("decisions", ())]
        return {
            "spent": self.spent,
            "actions": as_update(self.actions.values()),
            "decisions": decisions,
        }


def forget_attempts() -> None:
    """Forget all records, as a process does that ends."""
    with _attempts_lock:
        _attempts.clear()


_lock = threading.Lock()


def leave_to(tasks: Iterable[str], attempt: Left) -> None:
    """Leave an attempt to the tasks around it, in case they fail."""
    for task in tasks:
        with _lock:  # parallel branches of the nested graph come at once
            record: Any = take_attempt(task)
            record = Within() if record is None else record
            record.add(attempt)
            keep_attempt(task, record)


def left_within(task: str) -> dict[str, Any]:
    """Give what the nested graph of a task has spent and done, as a state update."""
    left = take_attempt(task)
    if isinstance(left, Within):
        return left.update(failed=True)
    if left is not None:
        keep_attempt(task, left)  # the node's own attempt, from which its retry goes on
    return {}


def left_behind(task: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a failed task had spent and done, as a state update.

    Its failure carries that as `told`, with two exceptions: a task that was cut off by a time-out
    tells nothing, and a nested graph tells of one node only.
    """
    left = take_attempt(task)
    if left is None:
        return dict(told)
    if isinstance(left, Within):
        return {**told, **left.update(failed=True)}
    return dict(told or left["update"](failed=True))
