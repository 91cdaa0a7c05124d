"""Write to streams such as /dev/stdout, which are written to as they stand, never replaced."""

from __future__ import annotations

import os
import re
import stat
import sys

_OPEN = re.compile(r"/dev/(?:(stdout)|(stderr)|fd/(\d+))|/proc/self/fd/(\d+)")


def is_stream(path: str) -> bool:
    """Tell whether a path is open already under a number, or is a device such as a terminal.

    Raises:
        OSError: nothing is open under that number.
    """
    number = _number(path)
    if number is not None:
        os.fstat(number)
        return True
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except OSError:
        return False


def write_stream(path: str, data: bytes) -> None:
    """Write behind all that was written before."""
    number = _number(path)
    if number is not None and sys.stdout is not None:
        sys.stdout.flush()  # its buffer would else come behind these bytes
    # Opened by its path, a file that stdout is redirected to would be emptied first.
    with open(path if number is None else os.dup(number), "wb") as file:
        file.write(data)


def _number(path: str) -> int | None:
    match = _OPEN.fullmatch(os.path.abspath(path))
    if match is None:
        return None
    out, err, *numbers = match.groups()
    return 1 if out else 2 if err else int(next(filter(None, numbers)))
