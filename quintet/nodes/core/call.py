"""Call what may wait, from logic that is written once for `invoke` and `ainvoke`.

A node's logic is a generator. It yields a `Call` wherever something may wait (an agent, a model,
an effect, a graph) and gets the result sent back. The sync driver calls, the async driver awaits,
so nothing is written twice, and a node that only decides costs no thread hop under `ainvoke`.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from langchain_core.runnables import Runnable, RunnableConfig

from quintet.errors import DesignError
from quintet.state.verdict import is_async, name_of

R = TypeVar("R")
M = TypeVar("M")

ASYNC = "run the graph with ainvoke or astart, or give a plain function"


class NotCalled(DesignError):
    """Raised when an async function is called where nothing can await it; none of it has run."""


class TimeUp(Exception):
    """Raised when a call took longer than it may. It may still run; its result is dropped."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call something that may wait: a function, an async function or a Runnable.

    Args:
        target: the function or Runnable; `awaitable`, where it is given, takes its place in an
            async run, such as `graph.aget_state` for `graph.get_state`.
        blocks: whether a plain function may wait, so that an async run puts it into a thread.
        seconds: after this time `TimeUp` is raised. A plain function cannot be stopped: it goes on
            in a thread of its own, and its result is dropped.
    """

    target: Any
    args: tuple[Any, ...]
    config: RunnableConfig | None = None
    blocks: bool = False
    options: Mapping[str, Any] | None = None
    seconds: float | None = None
    awaitable: Callable[..., Any] | None = None

    def run(self) -> Any:
        """Call it, and wait for the result in this thread."""
        return self._call() if self.seconds is None else _within(self.seconds, self._call)

    def _call(self) -> Any:
        if isinstance(self.target, Runnable):
            return _called(self.target.invoke, (self.args[0], self.config), {})
        result = _called(self.target, self.args, self.options or {})
        if inspect.iscoroutine(result):
            result.close()  # else Python warns that it was never awaited
            raise NotCalled(f"{name_of(self.target)!r} is async: {ASYNC}")
        return result

    async def arun(self) -> Any:
        """Call it, and await the result."""
        if self.seconds is None:
            return await self._acall()
        limit = asyncio.timeout(self.seconds)
        try:
            async with limit:
                return await self._acall()
        except TimeoutError as problem:
            if limit.expired():  # not a TimeoutError of the function's own
                raise TimeUp from problem
            raise

    async def _acall(self) -> Any:
        if isinstance(self.target, Runnable):
            return await _awaited(self.target, self.target.ainvoke(self.args[0], self.config))
        options = self.options or {}
        if self.blocks and not is_async(self.target):
            result = await asyncio.to_thread(_called, self.target, self.args, options)
        else:
            result = _called(self.awaitable or self.target, self.args, options)
        return await _awaited(self.target, result) if inspect.isawaitable(result) else result


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """Call in a thread of its own, with this context, and wait no longer than `seconds`."""
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


def _called(target: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Call, and turn the errors by which a generator ends: the logic would take them for its own.

    Asyncio would wait on a StopIteration of a thread for ever.
    """
    try:
        return target(*args, **options)
    except (StopIteration, GeneratorExit) as problem:
        raise RuntimeError(f"{name_of(target)} raised {type(problem).__name__}") from problem


async def _awaited(target: Any, result: Awaitable[Any]) -> Any:
    """Await a result, and turn a GeneratorExit that is not by this being closed from outside."""
    task = _running()
    try:
        return await result
    except GeneratorExit as problem:
        if task is None or _running() is not task:
            raise
        raise RuntimeError(f"{name_of(target)} raised GeneratorExit") from problem


def _running() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs any more
        return None


Logic = Generator[Call, Any, R]


def drive(logic: Logic[R]) -> R:
    """Run a node's logic to its end, waiting at each call."""
    return pump(logic, Call.run)


async def adrive(logic: Logic[R]) -> R:
    """Run a node's logic to its end, awaiting at each call."""
    return await apump(logic, Call.arun)


def pump(logic: Generator[M, Any, R], answer: Callable[[M], Any]) -> R:
    """Run a generator to its end, and send it the answer, or the error, to each request."""
    try:
        request = next(logic)
        while True:
            try:
                result = answer(request)
            except BaseException as problem:  # noqa: BLE001 - it goes on into the logic
                request = logic.throw(problem)
            else:
                request = logic.send(result)
    except StopIteration as end:
        return cast(R, end.value)


async def apump(logic: Generator[M, Any, R], answer: Callable[[M], Awaitable[Any]]) -> R:
    """Run a generator to its end as `pump` does, awaiting each answer."""
    try:
        request = next(logic)
        while True:
            try:
                result = await answer(request)
            except BaseException as problem:  # noqa: BLE001 - it goes on into the logic
                request = logic.throw(problem)
            else:
                request = logic.send(result)
    except StopIteration as end:
        return cast(R, end.value)


def call_any(thing: Any, *args: Any) -> Logic[Any]:
    """Call a user-supplied object from a node's logic: one of ours, or any function.

    Objects of ours have a generator method `logic`, which yields a `Call` wherever it waits.
    """
    if has_logic(thing):
        return (yield from thing.logic(*args))
    return (yield Call(thing, args))


def has_logic(thing: Any) -> bool:
    """Say whether an object is one of ours, whose logic may be gone through."""
    return inspect.isgeneratorfunction(getattr(type(thing), "logic", None))
