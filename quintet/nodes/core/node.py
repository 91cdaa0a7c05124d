"""What every node shares: one set of logic under `invoke` and `ainvoke`.

A node's logic is a generator that yields a `Call` wherever something may wait (an agent, a model,
an effect) and gets the result sent back. The sync driver calls, the async driver awaits, so that
nothing is written twice and a node that only decides costs no thread hop under `ainvoke`.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal, TypeVar, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp, is_invalid_resume
from langgraph.runtime import get_runtime
from langgraph.types import Command
from pydantic import BaseModel

from quintet.errors import DesignError
from quintet.nodes.core.classify import classify
from quintet.state.decision import Decision
from quintet.state.failure import Failure, StepFailed, first_of, in_words
from quintet.state.record import plain
from quintet.state.run import mark
from quintet.state.verdict import is_async, name_of

R = TypeVar("R")
M = TypeVar("M")

ASYNC = "run the graph with ainvoke, or give a plain function"

log = logging.getLogger("quintet")
log.addHandler(logging.NullHandler())


class NotCalled(DesignError):
    """An async function was to be called where nothing can await it; none of it has run."""


class TimeUp(Exception):
    """A call took longer than it may; what it does from now on is nobody's."""


@dataclass(frozen=True, slots=True)
class Call:
    """Something to call that may wait: a function, an async function or a Runnable.

    `blocks` says that a plain function may wait, so that async runs put it into a thread. After
    `seconds`, `TimeUp` is raised; a plain function is then left behind in a thread of its own.
    """

    target: Any
    given: tuple[Any, ...]
    config: RunnableConfig | None = None
    blocks: bool = False
    options: Mapping[str, Any] | None = None
    seconds: float | None = None

    def now(self) -> Any:
        """Call it and wait here."""
        return self._call() if self.seconds is None else _within(self.seconds, self._call)

    def _call(self) -> Any:
        if isinstance(self.target, Runnable):
            return self.target.invoke(self.given[0], self.config)
        result = self.target(*self.given, **(self.options or {}))
        if inspect.iscoroutine(result):
            result.close()
            raise NotCalled(f"{name_of(self.target)!r} is async: {ASYNC}")
        return result

    async def soon(self) -> Any:
        """Call it and await it."""
        if self.seconds is None:
            return await self._acall()
        limit = asyncio.timeout(self.seconds)
        try:
            async with limit:
                return await self._acall()
        except TimeoutError as problem:
            if limit.expired():
                raise TimeUp from problem
            raise

    async def _acall(self) -> Any:
        if isinstance(self.target, Runnable):
            return await self.target.ainvoke(self.given[0], self.config)
        options = self.options or {}
        if self.blocks and not is_async(self.target):
            result = await asyncio.to_thread(_in_thread, self.target, self.given, options)
        else:
            result = self.target(*self.given, **options)
        return await result if inspect.isawaitable(result) else result


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """Call in a thread, and wait no longer than so; the context goes along."""
    ended: list[tuple[bool, Any]] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            ended.append((True, context.run(call)))
        except BaseException as problem:  # noqa: BLE001 - it is raised where the call was made
            ended.append((False, problem))

    thread = threading.Thread(target=run, name="quintet-timed", daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise TimeUp
    fine, result = ended[0]
    if fine:
        return result
    raise result


def _in_thread(
    target: Callable[..., Any], given: tuple[Any, ...], options: Mapping[str, Any]
) -> Any:
    """Call it; asyncio waits for ever for a thread that raises StopIteration."""
    try:
        return target(*given, **options)
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
            return self.noted(drive(self.steps(self.given(input))), input)
        except Exception as problem:
            failure = self.failed(problem)
            if failure is problem:
                raise
            raise failure from problem

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the node on a state without leaving the event loop's thread."""
        try:
            return self.noted(await adrive(self.steps(self.given(input))), input)
        except Exception as problem:
            failure = self.failed(problem)
            if failure is problem:
                raise
            raise failure from problem

    def failed(self, problem: Exception) -> Exception:
        """Give a failure inside a graph its typed record, which a resume keeps.

        A node that asks a person leaves its errors alone: LangGraph's refusal of an answer is one,
        which also comes by from a node of yours. So does a mistake in how parts were put together:
        it is for whoever did.
        """
        alone = isinstance(problem, GraphBubbleUp | StepFailed | DesignError)
        if self.asks or alone or is_invalid_resume(problem):
            return problem
        here = place(type(self).__name__)
        if not here.task:
            return problem
        return StepFailed(failure_of(problem, here))

    def noted(self, result: Any, input: Any) -> Any:
        """Give the result with a record of the retries that it took, and the mark of the run."""
        marked = mark(values(input), type(self).__name__)
        attempt = _attempt()
        if attempt == 1 and not marked:
            return result
        update = result.update if isinstance(result, Command) else result
        if not isinstance(update, dict | None):
            return result
        noted = {**marked, **(update or {})}
        if attempt > 1:
            retried = Decision(
                kind="retry",
                node=place(type(self).__name__).node,
                choice=f"attempt {attempt}",
                reason=f"it succeeded after {attempt - 1} failed attempts",
            )
            noted["decisions"] = [*(noted.get("decisions") or ()), plain(retried)]
        return replace(result, update=noted) if isinstance(result, Command) else noted


def failure_of(problem: BaseException, here: Place, *, step: str = "") -> Failure:
    """Record a failure, and leave its traceback in the log named `quintet`."""
    inner = problem.failure if isinstance(problem, StepFailed) else None
    failure = Failure(
        node=here.node,
        kind=classify(problem),
        error=type(first_of(problem)).__name__ if inner is None else inner.error,
        message=in_words(problem) if inner is None else _named(inner, here.node),
        step=step,
        attempts=here.attempt,
    )
    log.warning("%s (attempt %d)", failure, here.attempt, exc_info=problem)
    return failure


def _named(failure: Failure, node: str) -> str:
    """Give a failure's message; of a node nested in this one, with its name."""
    return failure.message if failure.node == node else f"{failure.node}: {failure.message}"


def values(state: Any) -> Mapping[str, Any]:
    """A state's keys, whichever of LangGraph's state kinds it is."""
    if type(state) is dict or isinstance(state, Mapping):
        return state
    if isinstance(state, BaseModel):
        return {name: getattr(state, name) for name in type(state).model_fields}
    return cast(Mapping[str, Any], vars(state))


_calls = count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node runs; outside a graph only its name is known.

    `path` is its name after those of the nodes that its graph is nested in, as `desk/plan`.
    `superstep` is the same for all nodes that run at once, and for no others, in whatever saver.
    `around` are the tasks that its graph is nested in, the outermost first.
    """

    node: str
    thread: str = ""
    task: str = ""
    attempt: int = 1
    superstep: str = ""
    path: str = ""
    around: tuple[str, ...] = ()


def place(default: str) -> Place:
    """Where we are, by LangGraph's public configuration and runtime."""
    try:
        config = get_config()
    except RuntimeError:
        return Place(default, superstep=f"call {next(_calls)}", path=default)
    node = str(config.get("metadata", {}).get("langgraph_node", default))
    info = get_runtime().execution_info
    if info is None:
        return Place(node, superstep=f"call {next(_calls)}", path=node)
    node = node.removeprefix("__error_handler__")
    around = [part.partition(":") for part in (info.checkpoint_ns or "").split("|")[:-1]]
    return Place(
        node,
        info.thread_id or "",
        info.task_id,
        info.node_attempt,
        _root(config) or info.checkpoint_id,
        "/".join((*(name for name, _, _ in around), node)),
        tuple(task for _, _, task in around),
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


def brief(value: Any, length: int = 160) -> str:
    """The start of a value's text, in one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 1] + "…"
