"""Keep the deadlines of the runs that this process moves, by the runs' ids.

A run's deadline is stored with its `run` key. Nodes find it here, since they may see a state that
was sent to them, or that of a graph nested in theirs, whose run's id begins with its parent's.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from quintet.state.clock import now

RUNS_KNOWN = 4096


@dataclass(frozen=True, slots=True)
class Deadline:
    """Say when a run must have ended.

    Attributes:
        limit: the seconds that it may take.
        until: when they are over, in seconds since the epoch.
    """

    limit: float
    until: float

    @property
    def left(self) -> float:
        """Give the seconds that are left; negative once it has passed."""
        return self.until - now()

    @property
    def passed(self) -> str | None:
        """Say in words that it has passed; None where it has not."""
        left = self.left
        if left > 0:
            return None
        taken = self.limit - left
        return f"deadline reached: the run may take {self.limit:g} s and has taken {taken:.3g} s"


_deadlines: OrderedDict[str, Deadline] = OrderedDict()
_lock = threading.Lock()


def note_deadline(run: str, deadline: Deadline | None) -> None:
    """Note when a run must have ended; None where it has no deadline."""
    with _lock:
        if deadline is None:
            _deadlines.pop(run, None)
            return
        _deadlines[run] = deadline
        _deadlines.move_to_end(run)
        if len(_deadlines) > RUNS_KNOWN:
            _deadlines.popitem(last=False)


def deadline_of(run: str) -> Deadline | None:
    """Give the first deadline of a run, or of those that it is nested in; None without any."""
    if not _deadlines or not run:
        return None
    found = [known for each in _with_parents(run) if (known := _deadlines.get(each)) is not None]
    return min(found, key=lambda deadline: deadline.until, default=None)


def _with_parents(run: str) -> Iterator[str]:
    parts = run.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))
