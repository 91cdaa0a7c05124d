"""Call what is evaluated, so that whatever it raises is a finding and only a person stops it.

A tool that ends with `sys.exit(0)`, a coroutine that raises `CancelledError` by itself, a class of
its own below `BaseException`: none of them may end an evaluation, which would then look well with
most of its rows missing. Three things still do. `KeyboardInterrupt` is a person at the keyboard, a
`DesignError` is a mistake in the suite, and a cancellation of the evaluation is told from one that
the target made up by asking our own task, in which the target does not run.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from quintet.errors import DesignError


class Ended(NamedTuple):
    """The end of a call: its value, or what it raised.

    Args:
        value: what it returned.
        problem: what it raised; None where it returned.
    """

    value: Any = None
    problem: BaseException | None = None

    @property
    def error(self) -> str:
        """The finding in one line; empty where the call returned.

        Raises:
            BaseException: what was raised, where that stops an evaluation.
        """
        if self.problem is None:
            return ""
        if isinstance(self.problem, BaseExceptionGroup) and interrupts(self.problem):
            raise KeyboardInterrupt from self.problem
        if isinstance(self.problem, DesignError | KeyboardInterrupt):
            raise self.problem
        return told(self.problem)


def called(function: Callable[..., Any], *given: Any) -> Ended:
    """Call a function, and keep what it raises."""
    try:
        return Ended(function(*given))
    except BaseException as problem:  # noqa: BLE001 - whatever it raises is a finding
        return Ended(None, problem)


async def awaited(work: Awaitable[Any]) -> Ended:
    """Await in a task of its own, and keep what is raised.

    Raises:
        asyncio.CancelledError: the task that called this is cancelled, whatever came of the work.
    """
    task = asyncio.create_task(_kept(work))
    try:
        ended = await task
    except asyncio.CancelledError as problem:
        if inspect.iscoroutine(work):
            work.close()  # it may not have begun
        ended = Ended(problem=problem)
    if cancelled() and not interrupts(ended.problem):
        raise asyncio.CancelledError
    return ended


def cancelled() -> bool:
    """Tell whether the task that asks this is being cancelled from outside."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return False
    return task is not None and task.cancelling() > 0


def stops(problem: BaseException) -> bool:
    """Tell whether a target that keeps what its run raises must let this pass."""
    if isinstance(problem, asyncio.CancelledError):
        return cancelled()
    return isinstance(problem, DesignError | GeneratorExit) or interrupts(problem)


def interrupts(problem: BaseException | None) -> bool:
    """Tell whether a person at the keyboard wants an end, be it in an exception group."""
    if isinstance(problem, BaseExceptionGroup):
        return problem.subgroup(KeyboardInterrupt) is not None
    return isinstance(problem, KeyboardInterrupt)


def told(problem: BaseException) -> str:
    """Say what was raised: its class, and its text or exit code."""
    name = type(problem).__name__
    try:
        return f"{name}: {problem.code if isinstance(problem, SystemExit) else problem}"
    except BaseException:  # noqa: BLE001 - a user's class may raise anything
        return f"{name} (it cannot be printed)"


async def _kept(work: Awaitable[Any]) -> Ended:
    try:
        return Ended(await work)
    except BaseException as problem:  # noqa: BLE001 - whatever it raises is a finding
        return Ended(None, problem)
