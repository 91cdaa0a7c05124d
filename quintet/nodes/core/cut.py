"""Make a call that ends early: when it is cut off, or when its time is up.

An async call is cancelled. A plain function cannot be stopped: it goes on in a thread of its own,
and whatever it gives later is handed to `late`.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.errors import GraphBubbleUp

from quintet.nodes.core.call import Call
from quintet.nodes.core.gathering import Gathering, Signal
from quintet.state.verdict import is_async

CLEANING = 1.0
"""Seconds that a cancelled call has for its own clean-up before the node goes on."""


class Cut(GraphBubbleUp):
    """Raised where a branch is at work when its join is decided; it is no failure."""


class Overdue(Exception):
    """Raised where a call has not ended in its time."""


@dataclass(kw_only=True)
class CutCall:
    """Make one call that a decided join, or a time, may end.

    Args:
        call: the call.
        gathering: ends the call when it is decided.
        left: the seconds that it may take; None for any.
        late: takes a result, or an exception, that comes after the call was ended.
    """

    call: Call
    gathering: Gathering
    left: float | None
    late: Callable[[Any], None]
    signal: Signal = field(default_factory=Signal)
    over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def as_call(self) -> Call:
        """Give it as a call that a node's logic may make."""
        return Call(self.run, (), awaitable=self.arun)

    def run(self) -> Any:
        """Call, and wait in this thread.

        Raises:
            Cut: the join was decided first.
            Overdue: the time was up first.
        """
        self.gathering.on_decision(self.signal)
        ended: list[tuple[bool, Any]] = []
        context = contextvars.copy_context()

        def work() -> None:
            try:
                end = (True, context.run(self.call.run))
            except BaseException as problem:  # noqa: BLE001 - it is raised where the call was made
                end = (False, problem)
            with self.lock:
                if not self.over:
                    ended.append(end)
            if ended:
                self.signal.set()
            else:
                with suppress(BaseException):  # nobody is there any more to be told
                    self.late(end[1])

        threading.Thread(target=work, name="quintet-branch", daemon=True).start()
        self.signal.wait(self.left)
        self.gathering.forget(self.signal)
        with self.lock:
            self.over = not ended
        if self.over:
            raise self._why()
        fine, result = ended[0]
        if fine:
            return result
        raise result

    async def arun(self) -> Any:
        """Call, and await the result; see `run`."""
        self.gathering.on_decision(self.signal)
        call = self.call
        if call.blocks and not is_async(call.target) and not isinstance(call.target, Runnable):
            call = replace(call, target=self._watched(call.target))
        task = asyncio.ensure_future(call.arun())
        signal = self.signal.future()
        try:
            await asyncio.wait(
                {task, signal}, timeout=self.left, return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                return task.result()
            self.over = True
            task.cancel()
            await asyncio.wait({task}, timeout=CLEANING)
        except asyncio.CancelledError:
            self.over = True
            task.cancel()
            raise
        finally:
            self.gathering.forget(self.signal)
        task.add_done_callback(self._ended)  # it may have caught its cancellation
        raise self._why()

    def _why(self) -> Exception:
        return Cut() if self.gathering.decided else Overdue()

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*args: Any, **options: Any) -> Any:
            try:
                result = function(*args, **options)
            except BaseException as problem:
                if self.over:
                    self.late(problem)
                raise
            if self.over:
                self.late(result)
            return result

        return watched

    def _ended(self, task: asyncio.Future[Any]) -> None:
        if task.cancelled():
            return
        problem = task.exception()
        self.late(task.result() if problem is None else problem)
