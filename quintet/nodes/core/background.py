"""Describe what a manager asks of its background tasks; `quintet.runs.Background` runs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, runtime_checkable

ENDED = ("done", "escalated", "rejected", "aborted", "exhausted", "asked", "failed", "cancelled")
"""The statuses of a task that has nothing left to do; others are `running`, `waiting`
and, until what a person has stopped is released, `stopped`."""


@runtime_checkable
class TaskControl(Protocol):
    """Start, look at, message, answer and cancel background tasks.

    A task is known by its id among those of one owner, which is a thread. Each method is safe to
    repeat: a task that is started again is the same task, and what is looked at is also resumed, if
    its process has died.

    A view of a task is plain data: `id`, `worker`, `status`, `thread`, `question` (None, or `id`
    and `packet`), and `turns`: of each that has ended `status`, `reason`, `answer`, `spent`
    and `actions`, the status of each by its key.
    """

    @property
    def team(self) -> Mapping[str, str]:
        """Give the workers that work in the background, each with its purpose."""

    def start_task(
        self, worker: str, goal: str, *, id: str, of: str, limit: Mapping[str, float] | None = None
    ) -> Mapping[str, Any]:
        """Start a task, and give its view; one that there is already stays as it is."""

    def check_task(self, id: str, *, of: str) -> Mapping[str, Any]:
        """Give a task's view; one that nobody runs any more is resumed."""

    def message_task(self, id: str, text: str, *, of: str, key: str = "") -> Mapping[str, Any]:
        """Queue a follow-up, the input of the task's next turn; once for each key."""

    def cancel_task(self, id: str, *, of: str, why: str) -> Mapping[str, Any]:
        """Cancel a task: nothing more of it begins."""

    def leave_tasks(self, manager: str, *, run: str, of: str) -> None:
        """Cancel what the manager at this path has under way for another run than this."""

    def adopt_question(self, id: str, *, of: str) -> None:
        """Take a task's question off the inbox, since its owner asks it on a thread of its own."""

    def answer_task(
        self, id: str, answer: Any, *, of: str, question: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Answer the question that a task waits with, if it is still this one."""

    def wait_tasks(self, ids: Collection[str], *, of: str, seconds: float | None = None) -> None:
        """Wait until one of these tasks has ended a turn or asks, or the seconds have passed."""
