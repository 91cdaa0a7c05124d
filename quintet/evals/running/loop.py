"""Run coroutines to their end, with or without a running event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
import traceback
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

from quintet.evals.running.ended import Ended, called

GRACE = 1.0
"""Seconds in which an awaited target may clean up after it was given up."""

_STUCK: list[asyncio.Task[Any]] = []
"""Tasks that would not end, kept since Python complains of those that it collects."""

R = TypeVar("R")

Passing = type[BaseException] | tuple[type[BaseException], ...]


def run_to_end(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine to its end and return its result.

    Where an event loop runs already, as in a notebook, it runs in a thread with a loop of its own.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(work)
    ends: list[Ended] = []
    thread = threading.Thread(
        target=copy_context().run, args=(lambda: ends.append(called(_run, work)),)
    )
    thread.start()
    thread.join()
    result, problem = ends[0]
    if problem is not None:
        raise problem
    return result  # type: ignore[no-any-return]


def _run(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine to its end; on Ctrl-C or a signal, cancel it and wait for it first."""
    runner = asyncio.Runner()
    task = runner.get_loop().create_task(work)
    try:
        _turn(runner, task, SystemExit)
        return task.result()
    except BaseException:
        task.cancel()
        _turn(runner, task, (SystemExit, KeyboardInterrupt))
        _ = task.cancelled() or task.exception()  # else asyncio logs it as never retrieved
        raise
    finally:
        _close(runner)


def _close(runner: asyncio.Runner) -> None:
    """Close the loop; leave the tasks that go on after they were cancelled as they stand.

    A runner would wait for them for ever, though their cases were given up at their limit.
    """
    loop = runner.get_loop()
    for task in (left := asyncio.all_tasks(loop)):
        task.cancel()
    if left:
        ending = asyncio.wait(left, timeout=GRACE)
        _turn(runner, loop.create_task(ending), (SystemExit, KeyboardInterrupt))
    if stuck := asyncio.all_tasks(loop):
        _STUCK.extend(stuck)
        loop.set_exception_handler(lambda *_: None)
        asyncio.set_event_loop(None)
        loop.close()
    else:
        runner.close()


def _turn(runner: asyncio.Runner, task: asyncio.Task[Any], passing: Passing) -> None:
    """Run the loop until a task is done; start it again where another task's exit stopped it.

    asyncio stops the loop when any task raises SystemExit, such as a node of an awaited graph. The
    task keeps the exception for whoever awaits it, so the loop can go on and the case that awaits
    it gets the exception. An exit that no task raised, such as a signal handler's, is for the
    process and is raised.

    Args:
        runner: the loop.
        task: the task to wait for.
        passing: the exceptions of other tasks after which the loop is started again.
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
