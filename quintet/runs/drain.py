"""End a process without breaking a run off: finish the superstep under way, and begin no other."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from langgraph.runtime import RunControl

from quintet.errors import DesignError, RunError

_active: list[Drain] = []


class Drain:
    """Tell whether this process was told to end."""

    def __init__(self) -> None:
        self.control = RunControl()

    @property
    def requested(self) -> bool:
        """Say whether this process was told to end."""
        return self.control.drain_requested

    def request(self, reason: str = "shutdown") -> None:
        """Ask all runs that `quintet.runs` moves here to stop at their next superstep."""
        self.control.request_drain(reason)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Take the signal: Python calls this between two instructions of the main thread."""
        self.request(signal.Signals(number).name)


@contextmanager
def draining(*signals: signal.Signals) -> Iterator[Drain]:
    """Let runs stop at a superstep's boundary when this process is told to end.

    On SIGTERM, each run that `quintet.runs` moves in this process finishes the superstep under way
    and saves it; the call returns the run, which is `unfinished`. `resume` goes on with it, in any
    process. No run is started, resumed or answered after the signal.

        with draining() as drain:
            while not drain.requested:
                start(app, queue.get())

    Args:
        signals: the signals to heed; SIGTERM by default.

    Yields:
        An object whose `requested` says whether the signal has come, and whose `request()` stands
        for one.

    Raises:
        DesignError: called outside the main thread, where Python takes no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        raise DesignError("draining() takes signals, which Python gives to the main thread alone")
    drain = Drain()
    before: dict[signal.Signals, Any] = {}
    _active.append(drain)
    try:
        for number in signals or (signal.SIGTERM,):
            before[number] = signal.signal(number, drain.on_signal)
        yield drain
    finally:
        for number, handler in before.items():
            # A handler that was not set from Python cannot be set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        _active.remove(drain)


def control_of_process() -> dict[str, Any]:
    """Give the option by which LangGraph stops a run when this process shall end."""
    return {"control": _active[-1].control} if _active else {}


def check_not_ending() -> None:
    """Refuse to move a run when this process was told to end.

    Raises:
        RunError: it was.
    """
    if any(drain.requested for drain in _active):
        raise RunError(
            "this process was told to end, and moves no run any more; nothing was done: move it in "
            "another process"
        )
