"""Tell a manager how its work stands, and read what it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quintet.errors import DesignError
from quintet.state.step import Step


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """How a manager's work stands, as it sees it before it decides.

    Args:
        steps: all that it has given out so far, in order.
        results: by step id, the results of those that are done: what their contracts give.
        problems: by step id, why those that failed did.
        tasks: by step id, the background tasks that are under way: `status`, `question`.
        round: the number of this decision, from 1.
        left: what is left of the budget, by resource; empty where nothing is limited.
        actions: by key, the status of each action that its workers have proposed or done.
    """

    steps: tuple[Step, ...] = ()
    results: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    round: int = 1
    left: Mapping[str, float] = field(default_factory=dict)
    actions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A follow-up for a background task; it is queued while the task works.

    Args:
        task: the id of the step that began it.
        text: what it is told.
    """

    task: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Cancel a background task.

    Args:
        task: the id of the step that began it.
        why: the reason, which goes on record.
    """

    task: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Hold the decision of a manager: steps, messages and cancellations, or its answer."""

    steps: tuple[Step, ...] = ()
    messages: tuple[Message, ...] = ()
    cancels: tuple[Cancel, ...] = ()
    answer: Any = None
    reason: str = ""

    @property
    def is_answer(self) -> bool:
        """Say whether it is the answer."""
        return self.answer is not None

    @property
    def is_empty(self) -> bool:
        """Say whether it neither answers nor gives anything out: it waits."""
        return not (self.is_answer or self.steps or self.messages or self.cancels)


def as_orders(decided: Any) -> Orders:
    """Read what a manager's function has returned.

    Steps, messages and cancellations, one or several, are given out; an empty list waits for the
    background tasks; anything else is the answer.

    Raises:
        DesignError: it mixes an answer among steps.
    """
    if isinstance(decided, Orders):
        return decided
    items = tuple(decided) if isinstance(decided, list | tuple) else (decided,)
    given_out = [item for item in items if isinstance(item, Step | Message | Cancel)]
    if not given_out and items:
        return Orders(answer=decided)
    if len(given_out) < len(items):
        odd = next(item for item in items if item not in given_out)
        raise DesignError(
            f"a manager returned {odd!r:.60} among its steps; return either steps to give out, or "
            "the answer"
        )
    return Orders(
        steps=tuple(item for item in items if isinstance(item, Step)),
        messages=tuple(item for item in items if isinstance(item, Message)),
        cancels=tuple(item for item in items if isinstance(item, Cancel)),
    )
