"""Run one case on any target, awaited or in a thread; keep what it raises as a finding."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.reading.recorded import Recorded
from quintet.evals.running.ended import Ended, awaited, called
from quintet.evals.target import is_awaited
from quintet.evals.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Run cases on a target.

    Args:
        target: a function of a case, as `as_target` gives it.
        executor: the threads in which a sync target runs.
        jobs: how many cases run at once; with more than one, a target that can be awaited is
            awaited.
    """

    target: Any
    executor: ThreadPoolExecutor
    jobs: int

    async def run_case(self, case: Case, repeat: int) -> Trajectory:
        """Run one case, and measure its time where the target did not; none for a recording.

        Raises:
            DesignError: the target's own, or the target returned no trajectory.
        """
        began = time.monotonic()
        ended = await self._call(case, repeat)
        ran = Trajectory(status="error", error=error) if (error := ended.error) else ended.value
        if not isinstance(ran, Trajectory):
            raise DesignError(
                f"the target returned {type(ran).__name__} for case {case.id!r}; "
                "return a Trajectory"
            )
        if ran.seconds or isinstance(self.target, Recorded):
            return ran  # of a recording, the time to look it up says nothing
        return replace(ran, seconds=time.monotonic() - began)

    async def _call(self, case: Case, repeat: int) -> Ended:
        # By number: an evaluation that goes on from a file runs only the missing repeats.
        if isinstance(self.target, Recorded):
            return called(self.target.take, case, repeat)
        acall = getattr(self.target, "acall", None)
        if acall is not None and (is_awaited(self.target) or self.jobs > 1):
            return await _settled(called(acall, case))
        if is_awaited(self.target):
            return await _settled(called(self.target, case))
        loop = asyncio.get_running_loop()
        # `called` runs within the thread: asyncio never ends a future that raises StopIteration.
        call = partial(copy_context().run, called, self.target, case)
        return await _settled(await loop.run_in_executor(self.executor, call))


async def _settled(ended: Ended) -> Ended:
    """Await the value that a call returned, where it is awaitable."""
    return await awaited(ended.value) if inspect.isawaitable(ended.value) else ended


@contextmanager
def open_runner(target: Any, jobs: int) -> Iterator[Runner]:
    """Open a runner with threads of its own.

    Ctrl-C must not wait for a target: asyncio joins its default pool's threads, not these.
    """
    executor = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="quintet-eval")
    try:
        yield Runner(target=target, executor=executor, jobs=jobs)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
