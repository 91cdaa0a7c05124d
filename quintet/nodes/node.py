"""What every node shares: one set of logic under `invoke` and `ainvoke`.

A node's logic is a generator that yields a `Call` wherever something may wait (an agent, a model,
an effect) and gets the result sent back. The sync driver calls, the async driver awaits, so that
nothing is written twice and a node that only decides costs no thread hop under `ainvoke`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from typing import Any, Literal, TypeVar, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import get_runtime
from langgraph.types import Command
from pydantic import BaseModel

from quintet.nodes.classify import classify
from quintet.state.decision import Decision
from quintet.state.errors import DesignError
from quintet.state.failure import Failure, StepFailed
from quintet.state.record import plain

R = TypeVar("R")
M = TypeVar("M")

ASYNC = "run the graph with ainvoke, or give a plain function"


class NotCalled(DesignError):
    """An async function was to be called where nothing can await it; none of it has run."""


@dataclass(frozen=True, slots=True)
class Call:
    """Something to call that may wait: a function, an async function or a Runnable.

    `blocks` says that a plain function may wait, so that async runs put it into a thread.
    """

    target: Any
    given: tuple[Any, ...]
    config: RunnableConfig | None = None
    blocks: bool = False

    def now(self) -> Any:
        """Call it and wait here."""
        if isinstance(self.target, Runnable):
            return self.target.invoke(self.given[0], self.config)
        result = self.target(*self.given)
        if inspect.iscoroutine(result):
            result.close()
            raise NotCalled(f"{name_of(self.target)!r} is async: {ASYNC}")
        return result

    async def soon(self) -> Any:
        """Call it and await it."""
        if isinstance(self.target, Runnable):
            return await self.target.ainvoke(self.given[0], self.config)
        if self.blocks and not is_async(self.target):
            result = await asyncio.to_thread(_in_thread, self.target, self.given)
        else:
            result = self.target(*self.given)
        return await result if inspect.isawaitable(result) else result


def _in_thread(target: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """Call it; asyncio waits for ever for a thread that raises StopIteration."""
    try:
        return target(*given)
    except StopIteration as problem:
        raise RuntimeError(f"{name_of(target)} raised StopIteration") from problem


Steps = Generator[Call, Any, R]


def drive(steps: Steps[R]) -> R:
    """Run a node's logic to its end, waiting at each call."""
    return pump(steps, Call.now)


async def adrive(steps: Steps[R]) -> R:
    """Run a node's logic to its end, awaiting at each call."""
    return await apump(steps, Call.soon)


def pump(moves: Generator[M, Any, R], make: Callable[[M], Any]) -> R:
    """Run a generator to its end: make what it yields, and send back what came of it."""
    try:
        move = next(moves)
        while True:
            try:
                result = make(move)
            except BaseException as problem:  # noqa: BLE001 - it goes on into the logic
                move = moves.throw(problem)
            else:
                move = moves.send(result)
    except StopIteration as end:
        return cast(R, end.value)


async def apump(moves: Generator[M, Any, R], make: Callable[[M], Awaitable[Any]]) -> R:
    """The same, awaiting what is made."""
    try:
        move = next(moves)
        while True:
            try:
                result = await make(move)
            except BaseException as problem:  # noqa: BLE001 - it goes on into the logic
                move = moves.throw(problem)
            else:
                move = moves.send(result)
    except StopIteration as end:
        return cast(R, end.value)


def asked(thing: Any, *given: Any) -> Steps[Any]:
    """Call something configured by the user, ours or a plain or async function, within steps.

    Ours have a generator method `steps`, which yields a `Call` wherever it waits. Other things have
    `steps` too, such as a RunnableSequence.
    """
    if inspect.isgeneratorfunction(getattr(type(thing), "steps", None)):
        return (yield from thing.steps(*given))
    return (yield Call(thing, given))


class Node(Runnable[Any, Any]):
    """A configured node: call it with a state as a plain function, or add it to a StateGraph.

    Subclasses are frozen dataclasses that give `steps`.
    """

    destinations: tuple[str, ...] = ()
    """The nodes that it may go to by `Command`; empty where it follows the graph's edges."""

    writes: frozenset[str] = frozenset()
    """The state keys that it writes."""

    asks: bool = False
    """Whether it may stop for a person."""

    effects: tuple[Any, ...] = ()
    """The effects that it may run."""

    def steps(self, state: Mapping[str, Any]) -> Steps[Any]:
        """The node's logic, a generator that yields a `Call` wherever it waits."""
        raise DesignError(f"{type(self).__name__} gives no steps")

    def given(self, state: Any) -> Any:
        """What `steps` gets of a state: its keys."""
        return values(state)

    def __call__(self, state: Any) -> Any:
        """Run the node on a state and return its update, outside or inside a graph."""
        return drive(self.steps(self.given(state)))

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the node on a state (LangGraph calls this)."""
        try:
            return self.noted(drive(self.steps(self.given(input))))
        except Exception as problem:
            failure = self.failed(problem)
            if failure is problem:
                raise
            raise failure from problem

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the node on a state without leaving the event loop's thread."""
        try:
            return self.noted(await adrive(self.steps(self.given(input))))
        except Exception as problem:
            failure = self.failed(problem)
            if failure is problem:
                raise
            raise failure from problem

    def failed(self, problem: Exception) -> Exception:
        """A failure inside a graph with its typed record, which a resume keeps; the rest as it is.

        A node that asks a person leaves its errors alone: LangGraph's refusal of an answer is one.
        So is a mistake in how parts were put together: it is for whoever did.
        """
        if self.asks or isinstance(problem, GraphBubbleUp | StepFailed | DesignError):
            return problem
        here = place(type(self).__name__)
        if not here.task:
            return problem
        record = Failure(
            node=here.node,
            kind=classify(problem),
            error=type(problem).__name__,
            message=str(problem)[:500],
            attempts=here.attempt,
        )
        return StepFailed(record)

    def noted(self, result: Any) -> Any:
        """The result, with a record of the retries that it took."""
        if _attempt() == 1:
            return result
        here = place(type(self).__name__)
        retried = Decision(
            kind="retry",
            node=here.node,
            choice=f"attempt {here.attempt}",
            reason=f"it succeeded after {here.attempt - 1} failed attempts",
        )
        update = result.update if isinstance(result, Command) else result
        if not isinstance(update, dict | None):
            return result
        records = [*((update or {}).get("decisions") or ()), plain(retried)]
        noted = {**(update or {}), "decisions": records}
        return replace(result, update=noted) if isinstance(result, Command) else noted


def values(state: Any) -> Mapping[str, Any]:
    """A state's keys, whichever of LangGraph's state kinds it is."""
    if isinstance(state, Mapping):
        return state
    if isinstance(state, BaseModel):
        return {name: getattr(state, name) for name in type(state).model_fields}
    return cast(Mapping[str, Any], vars(state))


_calls = count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node runs; outside a graph only its name is known.

    `superstep` is the same for all nodes that run at once, and for no others, in whatever saver.
    """

    node: str
    thread: str = ""
    task: str = ""
    attempt: int = 1
    superstep: str = ""


def place(default: str) -> Place:
    """Where we are, by LangGraph's public configuration and runtime."""
    try:
        config = get_config()
    except RuntimeError:
        return Place(default, superstep=f"call {next(_calls)}")
    node = str(config.get("metadata", {}).get("langgraph_node", default))
    info = get_runtime().execution_info
    if info is None:
        return Place(node, superstep=f"call {next(_calls)}")
    return Place(
        node.removeprefix("__error_handler__"),
        info.thread_id or "",
        info.task_id,
        info.node_attempt,
        _root(config) or info.checkpoint_id,
    )


def _attempt() -> int:
    """Which attempt this is; 1 outside a graph."""
    try:
        info = get_runtime().execution_info
    except RuntimeError:
        return 1
    return 1 if info is None else info.node_attempt


def _root(config: RunnableConfig) -> str:
    """The checkpoint of the outermost graph, where this one is nested."""
    outer: Mapping[str, str] = config.get("configurable", {}).get("checkpoint_map") or {}
    return outer.get("", "")


def one_of(names: tuple[str, ...]) -> Any:
    """The type of these texts and no others, for a model's structured output."""
    return Literal[names]


def name_of(thing: Any) -> str:
    """A readable name of a function, runnable or configured object."""
    name = getattr(thing, "__name__", None) or getattr(thing, "name", None)
    return name if isinstance(name, str) else type(thing).__name__


@lru_cache(maxsize=1024)
def _async_function(thing: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(thing) or inspect.iscoroutinefunction(
        getattr(type(thing), "__call__", None)  # noqa: B004 - it is looked at, not tested for
    )


def is_async(thing: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    try:
        return _async_function(thing)
    except TypeError:
        return inspect.iscoroutinefunction(thing)


def brief(value: Any, length: int = 160) -> str:
    """The start of a value's text, in one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 1] + "…"
