"""Set the time in a test: it stands still, and waiting passes it at once."""

from __future__ import annotations

import asyncio

from quintet.state.clock import Clock


class Still(Clock):
    """Tell a time that only the test moves on."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)
