"""Coroutines where no loop runs, and where one runs already, as in a notebook."""

from __future__ import annotations

import asyncio
import inspect
import threading
import traceback
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

R = TypeVar("R")

Passing = type[BaseException] | tuple[type[BaseException], ...]


def finished(work: Coroutine[Any, Any, R]) -> R:
    """Run to the end, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(work)
    ended: list[Any] = []

    def apart() -> None:
        try:
            ended.append((True, _run(work)))
        except BaseException as problem:  # noqa: BLE001 - it is raised again, in the caller
            ended.append((False, problem))

    thread = threading.Thread(target=copy_context().run, args=(apart,))
    thread.start()
    thread.join()
    well, said = ended[0]
    if not well:
        raise said
    return said  # type: ignore[no-any-return]


def _run(work: Coroutine[Any, Any, R]) -> R:
    """Run to the end; where a person or a signal wants an end, let the work end first."""
    with asyncio.Runner() as runner:
        task = runner.get_loop().create_task(work)
        try:
            _turn(runner, task, SystemExit)
        except BaseException:
            task.cancel()
            _turn(runner, task, (SystemExit, KeyboardInterrupt))
            _ = task.cancelled() or task.exception()  # or asyncio logs it as never looked at
            raise
        return task.result()


def _turn(runner: asyncio.Runner, task: asyncio.Task[Any], passing: Passing) -> None:
    """Run the loop until a task is done, also where another one raises what ends a loop.

    asyncio ends the loop where any task raises SystemExit, such as a node of a graph that is
    awaited. The task keeps it for whoever waits, so the loop goes on, and the case that waits hears
    of it. An exit that no task raised, such as a signal handler's, is meant for the process.
    """
    while not task.done():
        try:
            runner.run(_done(task))
        except passing as problem:
            if not _of_a_task(problem):
                raise


async def _done(task: asyncio.Task[Any]) -> None:
    await asyncio.wait([task])


def _of_a_task(problem: BaseException) -> bool:
    frames = traceback.walk_tb(problem.__traceback__)
    return any(frame.f_code.co_flags & inspect.CO_COROUTINE for frame, _ in frames)
