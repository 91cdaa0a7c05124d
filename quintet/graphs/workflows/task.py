"""Declare one task of a workflow: what it runs, what it comes after, and what its failure does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from langgraph.graph import START as LANGGRAPH_START
from langgraph.types import RetryPolicy, TimeoutPolicy

from quintet.errors import DesignError
from quintet.nodes.core.duration import seconds
from quintet.nodes.flow.arc import START
from quintet.nodes.flow.comparison import ELSE, Condition, condition_of


@dataclass(frozen=True, kw_only=True)
class Join:
    """The tasks that a task comes after. Made by `all_of` and `any_of`."""

    of: tuple[str, ...]
    every: bool


def all_of(*tasks: str) -> Join:
    """Come after all of these; a tuple of names means the same."""
    return Join(of=_names(tasks, "all_of"), every=True)


def any_of(*tasks: str) -> Join:
    """Come after the first of these that is done; the others then change nothing."""
    return Join(of=_names(tasks, "any_of"), every=False)


def _names(tasks: Any, part: str) -> tuple[str, ...]:
    if not isinstance(tasks, Iterable):
        raise DesignError(f"{part}{tasks!r:.60}: give the names of tasks")
    if not tasks or not all(isinstance(name, str) and name for name in tasks):
        raise DesignError(f"{part}{tuple(tasks)!r:.60}: give the names of tasks")
    return tuple(START if name == LANGGRAPH_START else name for name in tasks)


After = str | tuple[str, ...] | Join | Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Task:
    """Declare a task of `create_workflow`.

    Args:
        run: any node: a function of the state, a `Worker`, a `Wait`, a `Review`, a `Merge`, a
            graph; or an `Outcome`, which ends the workflow by that name.
        after: the task that it comes after; several in a tuple, or `all_of(...)`, for all of them;
            `any_of(...)` for the first; or a mapping of each to its own condition. Without it, the
            workflow begins here, unless a failure or a bound leads here. `"start"` names the
            beginning.
        when: the condition under which it follows: a function of the state, comparisons such as
            `{"results.check.ok": True}`, or `"else"`, where no other condition holds.
        retry_policy: LangGraph's, in place of the retries of the workflow's recovery.
        timeout: how long it may take, in seconds or as text such as `"30s"`; or LangGraph's
            `TimeoutPolicy`, which holds in async runs alone.
        on_failure: the task to go to when its retries are used up.
        rounds: how often it may run; every loop needs one task that is bounded so.
        otherwise: the node to go to in place of one round more.

    Raises:
        DesignError: something that cannot be read.
    """

    run: Any
    after: After = ()
    when: Any = None
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None
    timeout: str | float | timedelta | TimeoutPolicy | None = None
    on_failure: str = ""
    rounds: int | None = None
    otherwise: str = "person"

    def __post_init__(self) -> None:
        rounds = self.rounds
        if rounds is not None and (
            isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1
        ):
            raise DesignError(f"rounds={rounds!r:.60}: give a whole number from 1")
        if isinstance(self.timeout, TimeoutPolicy):
            try:
                TimeoutPolicy.coerce(self.timeout)
            except ValueError as problem:
                raise DesignError(f"timeout={self.timeout!r:.60}: {problem}") from problem
        elif self.timeout is not None:
            _ = self.seconds
        if isinstance(self.after, Mapping) and self.when is not None:
            raise DesignError(
                "after={...} has a condition for each task that it comes after; leave when= out"
            )
        for part, to in (("on_failure", self.on_failure), ("otherwise", self.otherwise)):
            if not isinstance(to, str) and not (part == "on_failure" and to is None):
                raise DesignError(f"{part}={to!r:.60}: give the name of a task")
        given = self.retry_policy
        several = (given,) if given is None or isinstance(given, RetryPolicy) else given
        if not isinstance(several, tuple | list) or not all(
            one is None or isinstance(one, RetryPolicy) for one in several
        ):
            raise DesignError(
                f"retry_policy={given!r:.60}: give LangGraph's RetryPolicy, or a list"
            )
        _ = self.arcs

    @property
    def seconds(self) -> float | None:
        """Give how long it may take, where Quintet holds that; None otherwise."""
        if self.timeout is None or isinstance(self.timeout, TimeoutPolicy):
            return None
        given = self.timeout
        return seconds(given.total_seconds() if isinstance(given, timedelta) else given)

    @property
    def arcs(self) -> tuple[tuple[str, Condition | None, bool], ...]:
        """Give each task that it comes after, the condition, and whether that is `"else"`.

        Raises:
            DesignError: a condition or a name cannot be read.
        """
        after = self.after
        if isinstance(after, Mapping):
            _names(tuple(after), "after=")
            pairs = [(source, when) for source, when in after.items()]
        else:
            pairs = [(source, self.when) for source in self.join.of]
        return tuple(
            (START if source == LANGGRAPH_START else source, *_read(when)) for source, when in pairs
        )

    @property
    def join(self) -> Join:
        """Give the tasks that it comes after."""
        after = self.after
        if isinstance(after, Join):
            return after
        if isinstance(after, Mapping):
            return Join(of=_names(tuple(after), "after="), every=False)
        if isinstance(after, str):
            return Join(of=_names((after,), "after="), every=False)
        of = () if after in ((), [], None) else _names(after, "after=")
        return Join(of=of, every=len(of) > 1)


def _read(when: Any) -> tuple[Condition | None, bool]:
    if when is None or (isinstance(when, str) and when == ELSE):
        return None, when is not None
    return condition_of(when), False
