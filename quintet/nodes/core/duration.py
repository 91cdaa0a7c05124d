"""Read durations, and write moments, as a person does."""

from __future__ import annotations

import re
import time

from quintet.errors import DesignError

MOST = 100 * 365.25 * 86400
"""The longest duration, in seconds: a hundred years."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(duration: str | float | None) -> float | None:
    """Read a duration: seconds, or a number with `s`, `m`, `h` or `d`.

    Raises:
        DesignError: it cannot be read, is not positive, or is longer than a clock can tell.
    """
    if duration is None:
        return None
    length = -1.0
    if isinstance(duration, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", duration)
        length = float(match[1]) * _UNITS[match[2]] if match else -1.0
    elif isinstance(duration, int | float) and not isinstance(duration, bool):
        length = float(duration)
    if not 0 < length <= MOST:
        raise DesignError(
            f"duration {duration!r:.60}: give seconds, or text such as '30m', '24h', '2d'; a "
            "hundred years at most"
        )
    return length


def utc(moment: float | None) -> str:
    """Write a moment, in seconds since the epoch, as a person reads it."""
    return time.strftime("at %Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
