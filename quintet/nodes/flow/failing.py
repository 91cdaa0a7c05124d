"""Recover from a task's failure, and note where that leads, so that joins and bounds hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from langgraph.errors import NodeError
from langgraph.types import Command, RetryPolicy

from quintet.nodes.core.node import values
from quintet.nodes.core.task import current_task
from quintet.nodes.flow.arc import Notes, more
from quintet.nodes.recover import Recovery, Remedy
from quintet.state.failure import FAILURE_CLASSES, StepFailed

RetryOn = type[Exception] | Sequence[type[Exception]] | Callable[[Exception], bool]


@dataclass(frozen=True, kw_only=True)
class OnCause:
    """Ask a policy's `retry_on` about the exception that a step has failed by."""

    retry_on: RetryOn

    def __call__(self, problem: Exception) -> bool:
        """Say whether to try again."""
        cause: BaseException = problem
        while isinstance(cause, StepFailed) and cause.__cause__ is not None:
            cause = cause.__cause__
        given = self.retry_on
        if isinstance(given, type):
            return isinstance(cause, given)
        if isinstance(given, Sequence):
            return isinstance(cause, tuple(given))
        return isinstance(cause, Exception) and bool(given(cause))


def by_cause(policies: RetryPolicy | Sequence[RetryPolicy]) -> tuple[RetryPolicy, ...]:
    """Give LangGraph's policies so that they see a user's exceptions, and not our records."""
    several = (policies,) if isinstance(policies, RetryPolicy) else tuple(policies)
    return tuple(policy._replace(retry_on=OnCause(retry_on=policy.retry_on)) for policy in several)


_INJECTED = cast(NodeError, None)


@dataclass(frozen=True, kw_only=True)
class FlowRecovery(Recovery):
    """Recover as `Recovery` does, and note at the task that failed where that leads.

    Args:
        sources: the tasks that may lead to the task that it is the handler of.
    """

    sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, recover: Recovery, on_failure: str, sources: tuple[str, ...]) -> FlowRecovery:
        """Make the policy of one task: after the other remedies, its own `on_failure`."""
        parts = {field.name: getattr(recover, field.name) for field in fields(Recovery)}
        if on_failure:
            # As often as it fails: a bound on its rounds is what ends a loop through it.
            last = Remedy(kind="fallback", to=on_failure, times=10**9)
            for kind in FAILURE_CLASSES:
                parts[kind] = (*recover.chain(kind)[:-1], last)
        return cls(**parts, sources=sources)

    def __call__(self, state: Any, error: NodeError = _INJECTED) -> Command[str]:
        """Record the failure, go to the node of the next remedy, and note the way."""
        command = super().__call__(state, error)
        task = current_task(error.node)
        to = command.goto
        if not isinstance(to, str) or to == task.node:
            return command
        notes = Notes.of(task, values(state))
        note = notes.of_task(task.node)
        sent, forced = notes.sent_to(task.node, self.sources)
        seen = {**sent, **{f"! {source}": count for source, count in forced.items()}}
        note = replace(note, seen=seen, sent=more(note.sent, [to]), forced=more(note.forced, [to]))
        update: dict[str, Any] = dict(cast(dict[str, Any], command.update))
        update["kept"] = {**update.get("kept", {}), **notes.as_update(task.node, note)}
        return replace(command, update=update)
