"""Tell the time: the one place where a test may set it."""

from __future__ import annotations

import time
from collections.abc import Callable

_now: Callable[[], float] = time.time


def now() -> float:
    """Give the time in seconds since the epoch."""
    return _now()
