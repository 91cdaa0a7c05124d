"""Let the branches of one fan-out that run in this process wait for each other.

LangGraph starts the branches of a superstep at once and tells none of the others. So they meet
here, under the name of their fan-out, run and round. Nothing here outlives the process: the journal
says which branches have decided a join.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable

GRACE = 0.2
"""Seconds that a branch waits for siblings which LangGraph may be about to start."""


class Signal:
    """Wake one who waits, in a thread or in an event loop; it is set once."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._future: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake whoever waits, from any thread."""
        with self._lock:
            self._event.set()
            loop, future = self._loop, self._future
        if loop is not None and future is not None and not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, future)

    @property
    def is_set(self) -> bool:
        """Say whether it was set."""
        return self._event.is_set()

    def wait(self, seconds: float | None) -> bool:
        """Wait in this thread; say whether it was set."""
        return self._event.wait(seconds)

    def future(self) -> asyncio.Future[None]:
        """Give a future of the running loop that ends when this is set."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._future = self._loop.create_future()
            if self._event.is_set():
                self._future.set_result(None)
            return self._future


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Gathering:
    """Hold what the branches of one fan-out know of each other in this process.

    Attributes:
        decided: whether the join has enough results.
        running: the number of branches at work, where a width limits them.
        entered, asking: the branches that have begun, and those that hold back a question.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.decided = False
        self.running = 0
        self.entered: set[str] = set()
        self.ended: set[str] = set()
        self.asking: set[str] = set()
        self._watchers: set[Signal] = set()
        self._cut: set[Signal] = set()

    def change(self, change: Callable[[], object]) -> None:
        """Make a change, and wake all who wait for one."""
        with self.lock:
            change()
            watchers, self._watchers = self._watchers, set()
        for signal in watchers:
            signal.set()

    def decide(self) -> None:
        """Note that the join has enough results, and cut the others off."""

        def change() -> None:
            self.decided = True

        self.change(change)
        with self.lock:
            cut, self._cut = self._cut, set()
        for signal in cut:
            signal.set()

    def on_decision(self, signal: Signal) -> None:
        """Set a signal when the join is decided, or at once where it is."""
        with self.lock:
            if not self.decided:
                self._cut.add(signal)
                return
        signal.set()

    def forget(self, signal: Signal) -> None:
        """Set a signal no more."""
        with self.lock:
            self._cut.discard(signal)
            self._watchers.discard(signal)

    def until(self, ready: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait in this thread until a condition holds after some change; say whether it does."""
        end = None if seconds is None else time.monotonic() + seconds
        while (signal := self._unless(ready)) is not None:
            left = None if end is None else max(end - time.monotonic(), 0.0)
            if not signal.wait(left):
                self.forget(signal)
                return False
        return True

    async def auntil(self, ready: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait in this event loop until a condition holds; say whether it does."""
        end = None if seconds is None else time.monotonic() + seconds
        while (signal := self._unless(ready)) is not None:
            left = None if end is None else max(end - time.monotonic(), 0.0)
            try:
                await asyncio.wait_for(signal.future(), left)
            except TimeoutError:
                return False
            finally:
                self.forget(signal)
        return True

    def _unless(self, ready: Callable[[], bool]) -> Signal | None:
        """Give None where the condition holds, else a signal of the next change."""
        with self.lock:
            if ready():
                return None
            signal = Signal()
            self._watchers.add(signal)
            return signal


_gatherings: dict[Hashable, tuple[Gathering, list[object]]] = {}
_lock = threading.Lock()


def meet(key: Hashable, who: object) -> Gathering:
    """Give the gathering of this name, and hold it for one more branch."""
    with _lock:
        gathering, members = _gatherings.setdefault(key, (Gathering(), []))
        members.append(who)
        return gathering


def part(key: Hashable, who: object) -> None:
    """Let go of a gathering; the last branch ends it."""
    with _lock:
        _, members = _gatherings[key]
        members[:] = [member for member in members if member is not who]
        if not members:
            del _gatherings[key]
