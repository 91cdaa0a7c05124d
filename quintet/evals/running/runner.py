"""Run one case on any target, awaited or in a thread; keep what it raises as a finding."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.reading.recorded import Recorded
from quintet.evals.running.ended import Ended, awaited, called
from quintet.evals.running.loop import GRACE
from quintet.evals.running.sound import sound
from quintet.evals.target import is_awaited
from quintet.evals.trajectory import Trajectory
from quintet.state.budget import Budget


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Run cases on a target.

    Args:
        target: a function of a case, as `as_target` gives it.
        executor: the threads in which a sync target runs.
        jobs: how many cases run at once; with more than one, a target that can be awaited is
            awaited.
        limit: the most that one run may take.
    """

    target: Any
    executor: ThreadPoolExecutor
    jobs: int
    limit: Budget | None = None

    async def run_case(self, case: Case, repeat: int) -> Trajectory:
        """Run one case, and measure its time where the target did not; none for a recording.

        Raises:
            DesignError: the target's own, or the target returned no trajectory.
        """
        began = time.monotonic()
        ended = await self._bounded(case, repeat)
        ran = Trajectory(status="error", error=error) if (error := ended.error) else ended.value
        if not isinstance(ran, Trajectory):
            raise DesignError(
                f"the target returned {type(ran).__name__} for case {case.id!r}; "
                "return a Trajectory"
            )
        ran = sound(case, ran)
        if not ran.seconds and not isinstance(self.target, Recorded):
            # Of a recording, the time to look it up says nothing.
            ran = replace(ran, seconds=time.monotonic() - began)
        return within(ran, self.limit)

    async def _bounded(self, case: Case, repeat: int) -> Ended:
        """Call the target, and give it up after the seconds that it may take."""
        seconds = None if self.limit is None else self.limit.seconds
        if seconds is None:
            return await self._call(case, repeat)
        task = asyncio.create_task(self._call(case, repeat))
        try:
            await asyncio.wait({task}, timeout=seconds)
            if task.done():
                return task.result()
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE)
        finally:
            task.cancel()
            task.add_done_callback(_forgotten)
        return Ended(problem=TimeoutError(f"limit: no end within {seconds:g} seconds"))

    async def _call(self, case: Case, repeat: int) -> Ended:
        # By number: an evaluation that goes on from a file runs only the missing repeats.
        if isinstance(self.target, Recorded):
            return called(self.target.take, case, repeat)
        acall = getattr(self.target, "acall", None)
        if acall is not None and (is_awaited(self.target) or self.jobs > 1):
            return await _settled(called(acall, case))
        if is_awaited(self.target):
            return await _settled(called(self.target, case))
        # `called` runs within the thread: asyncio never ends a future that raises StopIteration.
        call = partial(copy_context().run, called, self.target, case)
        if self.limit is not None and self.limit.seconds is not None:
            return await _settled(await _in_own_thread(call))
        loop = asyncio.get_running_loop()
        return await _settled(await loop.run_in_executor(self.executor, call))


def within(run: Trajectory, limit: Budget | None) -> Trajectory:
    """Return a run, with an error where it took more than it may."""
    if limit is None or run.error:
        return run
    amounts = {"seconds": run.seconds, **run.spent}
    for name in limit.limited:
        most = getattr(limit, name)
        if amounts.get(name, 0) > most:
            error = f"limit: {amounts[name]:g} {name}, and a run may take {most:g}"
            return replace(run, status="error", error=error)
    return run


def _in_own_thread(call: Callable[[], Ended]) -> asyncio.Future[Ended]:
    """Call in a thread that nobody waits for when the process ends, unlike an executor's."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Ended] = loop.create_future()

    def settle(ended: Ended) -> None:
        if not future.done():
            future.set_result(ended)

    def run() -> None:
        ended = call()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, ended)

    threading.Thread(target=run, daemon=True, name="quintet-eval").start()
    return future


def _forgotten(task: asyncio.Task[Any]) -> None:
    """Take the exception of a task that was given up, or asyncio would log it."""
    if not task.cancelled():
        task.exception()


async def _settled(ended: Ended) -> Ended:
    """Await the value that a call returned, where it is awaitable."""
    return await awaited(ended.value) if inspect.isawaitable(ended.value) else ended


@contextmanager
def open_runner(target: Any, jobs: int, limit: Budget | None = None) -> Iterator[Runner]:
    """Open a runner with threads of its own.

    Ctrl-C must not wait for a target: asyncio joins its default pool's threads, not these.
    """
    executor = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="quintet-eval")
    try:
        yield Runner(target=target, executor=executor, jobs=jobs, limit=limit)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
