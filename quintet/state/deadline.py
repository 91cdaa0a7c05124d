"""Find the deadline of the run that a node is part of, and tell whether it has passed.

A run's deadline is stored with its `run` key. Nodes may see a state that was sent to them, or that
of a graph nested in theirs. So each invocation notes its runs in a context variable when it loads
them; LangGraph runs nodes in copies of that context, and others who look at the same run meanwhile
have contexts of their own.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from quintet.state.clock import now


@dataclass(frozen=True, slots=True)
class Deadline:
    """Say when a run must have ended.

    Attributes:
        limit: the seconds that it may take.
        until: when they are over, in seconds since the epoch.
    """

    limit: float
    until: float

    @property
    def left(self) -> float:
        """Give the seconds that are left; negative once it has passed."""
        return self.until - now()

    @property
    def passed(self) -> str | None:
        """Say in words that it has passed; None where it has not."""
        left = self.left
        if left > 0:
            return None
        taken = self.limit - left
        return f"deadline reached: the run may take {self.limit:g} s and has taken {taken:.3g} s"


class Timed(Protocol):
    """A run as an invocation knows it."""

    @property
    def id(self) -> str:
        """Give the run's id; that of a run nested in it begins with this one and a dot."""

    @property
    def deadline(self) -> Deadline | None:
        """Give the run's deadline; None without one."""


_running: ContextVar[tuple[Timed, ...]] = ContextVar("quintet_running", default=())


def note_running(run: Timed, *, nested: bool) -> None:
    """Note that a run is loaded in this context, within the run around it or by itself."""
    around = _running.get() if nested else ()
    _running.set((*around, run))


def deadline_of(run: str) -> Deadline | None:
    """Give the first deadline of a run, by its id, or of those around it; None without any."""
    first: Deadline | None = None
    for timed in _running.get() if run else ():
        # By the id too: this context may have loaded another graph's run before.
        if timed.id and (run == timed.id or run.startswith(f"{timed.id}.")):
            deadline = timed.deadline
            if deadline is not None and (first is None or deadline.until < first.until):
                first = deadline
    return first
