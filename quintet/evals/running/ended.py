"""Call the code that is evaluated, and turn whatever it raises into a finding.

A tool that ends with `sys.exit(0)`, a coroutine that raises `CancelledError` by itself, an
exception class below `BaseException`: none of these may end an evaluation, which would then look
good with most of its rows missing. Three things still end it: `KeyboardInterrupt`, which comes from
the person at the keyboard; a `DesignError`, which is a mistake in the suite; and a cancellation of
the evaluation. Targets run in tasks of their own, so a cancellation of our own task is real, and
any other one was made up by the target.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from quintet.errors import DesignError


class Ended(NamedTuple):
    """The end of a call: the value that it returned, or the exception that it raised.

    Args:
        value: the returned value.
        problem: the exception; None where the call returned.
    """

    value: Any = None
    problem: BaseException | None = None

    @property
    def error(self) -> str:
        """Describe the exception in one line; empty where the call returned.

        Raises:
            BaseException: the exception itself, where it must stop the evaluation.
        """
        if self.problem is None:
            return ""
        if isinstance(self.problem, BaseExceptionGroup) and interrupts(self.problem):
            raise KeyboardInterrupt from self.problem
        if isinstance(self.problem, DesignError | KeyboardInterrupt):
            raise self.problem
        return error_text(self.problem)


def called(function: Callable[..., Any], *arguments: Any) -> Ended:
    """Call a function; keep its exception instead of raising it."""
    try:
        return Ended(function(*arguments))
    except BaseException as problem:  # noqa: BLE001 - whatever it raises is a finding
        return Ended(None, problem)


async def awaited(work: Awaitable[Any]) -> Ended:
    """Await something in a task of its own; keep its exception instead of raising it.

    Raises:
        asyncio.CancelledError: the calling task is being cancelled, whatever the work returned.
    """
    task = asyncio.create_task(_kept(work))
    try:
        ended = await task
    except asyncio.CancelledError as problem:
        if inspect.iscoroutine(work):
            work.close()  # a coroutine that never began would warn that it was not awaited
        ended = Ended(problem=problem)
    if cancelled() and not interrupts(ended.problem):
        raise asyncio.CancelledError
    return ended


def cancelled() -> bool:
    """Tell whether the current task is being cancelled from outside."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return False
    return task is not None and task.cancelling() > 0


def stops_evaluation(problem: BaseException) -> bool:
    """Tell whether an exception must end the evaluation, so that a target may not keep it."""
    if isinstance(problem, asyncio.CancelledError):
        return cancelled()
    # A generator that is closed must not go on, so GeneratorExit is not kept here.
    return isinstance(problem, DesignError | GeneratorExit) or interrupts(problem)


def interrupts(problem: BaseException | None) -> bool:
    """Tell whether an exception is, or holds in a group, a `KeyboardInterrupt`."""
    if isinstance(problem, BaseExceptionGroup):
        return problem.subgroup(KeyboardInterrupt) is not None
    return isinstance(problem, KeyboardInterrupt)


def error_text(problem: BaseException) -> str:
    """Describe an exception: its class, and its text or exit code."""
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
