"""Running one case on any target: awaited, or in a thread; what it raises is a finding."""

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
    """A target with the threads that it runs in.

    Args:
        target: a function of a case, as `as_target` gives it.
        executor: for targets that do not wait.
        jobs: how many cases are under way at once; with more than one, a target that can be
            awaited is.
    """

    target: Any
    executor: ThreadPoolExecutor
    jobs: int

    async def ran(self, case: Case, repeat: int) -> Trajectory:
        """Run one case.

        Raises:
            DesignError: the target's, or it returned something else than a trajectory.
        """
        began = time.monotonic()
        ended = await self._asked(case, repeat)
        said = Trajectory(status="error", error=error) if (error := ended.error) else ended.value
        if not isinstance(said, Trajectory):
            raise DesignError(
                f"the target returned {type(said).__name__} for case {case.id!r}; "
                "return a Trajectory"
            )
        return said if said.seconds else replace(said, seconds=time.monotonic() - began)

    async def _asked(self, case: Case, repeat: int) -> Ended:
        if isinstance(self.target, Recorded):
            return called(self.target.take, case, repeat)
        soon = getattr(self.target, "acall", None)
        if soon is not None and (is_awaited(self.target) or self.jobs > 1):
            return await _settled(called(soon, case))
        if is_awaited(self.target):
            return await _settled(called(self.target, case))
        loop = asyncio.get_running_loop()
        # Within the thread, since asyncio waits for ever for one that raises StopIteration.
        call = partial(copy_context().run, called, self.target, case)
        return await _settled(await loop.run_in_executor(self.executor, call))


async def _settled(ended: Ended) -> Ended:
    """Await what a call returned, where it is to be awaited."""
    return await awaited(ended.value) if inspect.isawaitable(ended.value) else ended


@contextmanager
def running(target: Any, jobs: int) -> Iterator[Runner]:
    """A runner with threads of its own: an interrupt must not wait for a default pool's."""
    executor = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="quintet-eval")
    try:
        yield Runner(target=target, executor=executor, jobs=jobs)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
