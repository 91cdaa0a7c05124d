"""Tell the time, and wait: the one place where a test may set it.

All of Quintet asks here: expiries, deadlines and records for the time of day; budgets, breakers and
limits for the time that goes on evenly; back-offs for waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Tell the real time, and really wait; a subclass may tell another and not wait."""

    def now(self) -> float:
        """Give the time in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Give seconds that only go forward, to measure how long something takes."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait without keeping the event loop from other work."""
        await asyncio.sleep(seconds)


_clocks: list[Clock] = [Clock()]


def now() -> float:
    """Give the time in seconds since the epoch."""
    return _clocks[-1].now()


def monotonic() -> float:
    """Give seconds that only go forward, to measure how long something takes."""
    return _clocks[-1].monotonic()


def sleep(seconds: float) -> None:
    """Wait in this thread."""
    _clocks[-1].sleep(seconds)


async def asleep(seconds: float) -> None:
    """Wait without keeping the event loop from other work."""
    await _clocks[-1].asleep(seconds)


@contextmanager
def told_by(clock: Clock) -> Iterator[None]:
    """Have another clock tell the time in this process, all of its threads included."""
    _clocks.append(clock)
    try:
        yield
    finally:
        _clocks.remove(clock)
