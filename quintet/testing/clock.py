"""Set the time in a test: hours pass at once, and nothing waits."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from quintet.errors import DesignError
from quintet.nodes.core.duration import seconds
from quintet.state.clock import Clock, told_by

TICK = 1e-6
"""The seconds that pass at each look, so that what comes later is later on record too."""

# LangGraph waits between two attempts in these, and for time-outs elsewhere in the same module.
_BACK_OFF = {("langgraph.pregel._retry", name) for name in ("run_with_retry", "arun_with_retry")}


class VirtualTime(Clock):
    """Tell a time that stands still until it is moved on.

    Args:
        at: the time that it begins at, in seconds since the epoch.
    """

    def __init__(self, at: float) -> None:
        self._at, self._monotonic = at, time.monotonic()
        self._lock = threading.Lock()
        self.waited: list[float] = []
        """The waits that took no time: back-offs and latencies, in seconds."""

    def advance(self, duration: str | float) -> None:
        """Let time pass: seconds, or a text such as `"25h"`.

        Raises:
            DesignError: it cannot be read, or is not positive.
        """
        length = seconds(duration)
        if length is None:
            raise DesignError("clock: advance(None); give seconds, or a text such as '25h'")
        self._pass(length)

    def now(self) -> float:
        """Give the time in seconds since the epoch."""
        self._pass(TICK)
        return self._at

    def monotonic(self) -> float:
        """Give seconds that only go forward."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Let the time pass that another clock would wait."""
        self.waited.append(seconds)
        self._pass(max(seconds, 0.0))

    async def asleep(self, seconds: float) -> None:
        """Let the time pass that another clock would wait, and others have their turn."""
        self.sleep(seconds)
        await asyncio.sleep(0)

    def _pass(self, length: float) -> None:
        with self._lock:
            self._at += length
            self._monotonic += length

    def __str__(self) -> str:
        return f"{datetime.fromtimestamp(self._at, UTC):%Y-%m-%d %H:%M:%S} UTC"

    def __repr__(self) -> str:
        return f"VirtualTime({self})"


@contextmanager
def clock(at: str | float | datetime | None = None) -> Iterator[VirtualTime]:
    """Set the time that Quintet goes by, in this process, for as long as the block runs.

        with clock(at="2026-03-01 09:00") as time:
            run = start(app, {"message": "refund 1042"}, thread="t")
            time.advance("25h")
            run.answer(approve(by="maria"))  # refused: it expired an hour ago

    Expiries, deadlines, records, budgets, breakers and back-offs go by it, and LangGraph's own
    retries wait no real time. Your functions' `time.time()` and `datetime.now()` stay as they are,
    and so do LangGraph's `timeout=` and the ids of checkpoints, whose order is that of real time.

    Args:
        at: the time to begin with: a datetime, a text in ISO format, or seconds since the epoch;
            without a zone it is UTC. The present by default.

    Yields:
        The time, to be moved on by `advance`.

    Raises:
        DesignError: the time cannot be read, or is moved on by a duration that is none.
    """
    passing = VirtualTime(_moment(at))
    real_sleep, real_asleep = time.sleep, asyncio.sleep

    def sleep(seconds: float) -> None:
        if _in_back_off():
            passing.sleep(seconds)
        else:
            real_sleep(seconds)

    def asleep(delay: float, result: Any = None) -> Awaitable[Any]:
        if _in_back_off():
            passing.sleep(delay)
            delay = 0
        return real_asleep(delay, result)

    # LangGraph has no seam for this wait: it calls these two by their modules.
    time.sleep, asyncio.sleep = sleep, asleep  # type: ignore[assignment]
    try:
        with told_by(passing):
            yield passing
    finally:
        time.sleep, asyncio.sleep = real_sleep, real_asleep


def _in_back_off() -> bool:
    """Say whether the caller of the caller is LangGraph, between two attempts."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = None if frame is None else frame.f_back
    if frame is None:
        return False
    return (frame.f_globals.get("__name__"), frame.f_code.co_name) in _BACK_OFF


def _moment(at: str | float | datetime | None) -> float:
    if at is None:
        return time.time()
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError as problem:
            raise DesignError(
                f"clock(at={at!r}): write it as '2026-03-01 09:00' or '2026-03-01T09:00:00+01:00'"
            ) from problem
    if isinstance(at, datetime):
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise DesignError(f"clock(at={at!r:.60}): give a datetime, a text or seconds")
    return float(at)
