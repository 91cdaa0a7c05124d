"""Configure a node, run it sync or async, and put its retries and failures on record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp, is_invalid_resume
from langgraph.types import Command
from pydantic import BaseModel

from quintet.errors import DesignError
from quintet.nodes.core.call import Logic, adrive, drive
from quintet.nodes.core.classify import classify
from quintet.nodes.core.kinds import Checked
from quintet.nodes.core.retry_after import after_wait, note_wait
from quintet.nodes.core.task import Task, attempt_number, current_task
from quintet.state.decision import Decision
from quintet.state.failure import Failure, StepFailed, first_in_group, in_words
from quintet.state.record import plain
from quintet.state.run import at_work_for, mark, run_of

log = logging.getLogger("quintet")
log.addHandler(logging.NullHandler())


class Node(Checked, Runnable[Any, Any]):
    """Run a configured node: call it with a state, or add it to a StateGraph.

    Subclasses are frozen dataclasses that give `logic`.
    """

    destinations: tuple[str, ...] = ()
    """The nodes that it may go to by `Command`; empty where it follows the graph's edges."""

    writes: frozenset[str] = frozenset()
    """The state keys that it writes."""

    asks: bool = False
    """True where it may stop for a person."""

    answers: bool = False
    """True where its result is the answer of its graph."""

    effects: tuple[Any, ...] = ()
    """The effects that it may run."""

    def logic(self, state: Mapping[str, Any]) -> Logic[Any]:
        """Give the node's logic, a generator that yields a `Call` wherever it waits."""
        raise DesignError(f"{type(self).__name__} gives no logic")

    def input_of(self, state: Any) -> Any:
        """Give a state in the form that `logic` reads: as a mapping of its keys."""
        return values(state)

    def __call__(self, state: Any) -> Any:
        """Run the node on a state and return its update, outside or inside a graph."""
        return drive(self.logic(self.input_of(state)))

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the node on a state (LangGraph calls this)."""
        try:
            logic = after_wait(self.logic(self.input_of(input)), lambda: run_of(values(input)))
            with at_work_for(run_of(values(input))):
                return self.with_retry_record(drive(logic), input)
        except Exception as problem:
            note_wait(problem)
            failure = self.as_step_failed(problem)
            if failure is problem:
                raise
            raise failure from problem

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the node on a state without leaving the event loop's thread."""
        try:
            logic = after_wait(self.logic(self.input_of(input)), lambda: run_of(values(input)))
            with at_work_for(run_of(values(input))):
                return self.with_retry_record(await adrive(logic), input)
        except Exception as problem:
            note_wait(problem)
            failure = self.as_step_failed(problem)
            if failure is problem:
                raise
            raise failure from problem

    def as_step_failed(self, problem: Exception) -> Exception:
        """Give a failure inside a graph as a `StepFailed`, whose typed record a resume keeps.

        Some errors stay as they are: those of a node that asks a person, since LangGraph's refusal
        of an answer is among them, and a `DesignError`, which is for whoever built the graph.
        """
        stays = isinstance(problem, GraphBubbleUp | StepFailed | DesignError)
        if self.asks or stays or is_invalid_resume(problem):
            return problem
        task = current_task(type(self).__name__)
        if not task.id:  # outside a graph, where nothing is resumed
            return problem
        return StepFailed(failure_of(problem, task))

    def with_retry_record(self, result: Any, input: Any) -> Any:
        """Add a record of the retries that it took, and the mark of the run, to a result."""
        marked = mark(values(input), type(self).__name__)
        attempt = attempt_number()
        if attempt == 1 and not marked:
            return result
        update = result.update if isinstance(result, Command) else result
        if not isinstance(update, dict | None):  # LangGraph also takes lists of updates
            return result
        noted = {**marked, **(update or {})}
        if attempt > 1:
            retried = Decision(
                kind="retry",
                node=current_task(type(self).__name__).node,
                choice=f"attempt {attempt}",
                reason=f"it succeeded after {attempt - 1} failed attempts",
            )
            noted["decisions"] = [*(noted.get("decisions") or ()), plain(retried)]
        return replace(result, update=noted) if isinstance(result, Command) else noted


def failure_of(problem: BaseException, task: Task, *, step: str = "") -> Failure:
    """Record a failure, and leave its traceback in the log named `quintet`."""
    inner = problem.failure if isinstance(problem, StepFailed) else None
    failure = Failure(
        node=task.node,
        kind=classify(problem),
        error=type(first_in_group(problem)).__name__ if inner is None else inner.error,
        message=in_words(problem) if inner is None else _named(inner, task.node),
        step=step,
        attempts=task.attempt,
    )
    failure = replace(failure, causes=_causes(problem, task.node))
    log.warning("%s (attempt %d)", failure, task.attempt, exc_info=problem)
    return failure


CAUSES_KEPT = 8
CAUSE_LENGTH = 200


def _causes(problem: BaseException, node: str) -> tuple[Failure, ...]:
    """Record the failures that led to one: a nested step's as it was, others by their exception."""
    causes: list[Failure] = []
    cause: BaseException | None = first_in_group(problem)
    if isinstance(cause, StepFailed):
        return _with_own(cause.failure)
    seen = {id(cause)}
    while cause is not None and len(causes) < CAUSES_KEPT:
        cause = cause.__cause__
        if cause is None or id(cause) in seen:
            break
        seen.add(id(cause))
        if isinstance(cause, StepFailed):
            # Its record has its own causes, and has them still where it was read back as text.
            causes += _with_own(cause.failure)
            break
        error = type(first_in_group(cause)).__name__
        words = in_words(cause)[:CAUSE_LENGTH]
        causes.append(Failure(node=node, kind=classify(cause), error=error, message=words))
    return tuple(causes[:CAUSES_KEPT])


def _with_own(failure: Failure) -> tuple[Failure, ...]:
    return (replace(failure, causes=()), *failure.causes)[:CAUSES_KEPT]


def _named(failure: Failure, node: str) -> str:
    """Give a failure's message, with the node's name where that is nested in this one."""
    return failure.message if failure.node == node else f"{failure.node}: {failure.message}"


def values(state: Any) -> Mapping[str, Any]:
    """Give a state's values by key: of a TypedDict, a dataclass or a pydantic model."""
    if type(state) is dict or isinstance(state, Mapping):
        return state
    if isinstance(state, BaseModel):
        return {name: getattr(state, name) for name in type(state).model_fields}
    if not hasattr(state, "__dict__"):
        raise DesignError(f"{state!r:.60} is no state: give a dict of its keys")
    return cast(Mapping[str, Any], vars(state))


def one_of(names: tuple[str, ...]) -> Any:
    """Give the type of exactly these texts, for a model's structured output."""
    return Literal[names]


def one_line(value: Any, length: int = 160) -> str:
    """Give the start of a value's text, in one line of at most `length` characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 1] + "…"
