"""Write to streams such as /dev/stdout, which are written to as they stand, never replaced."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, Self

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


@contextmanager
def stdout_for_results() -> Iterator[None]:
    """Lead whatever is printed meanwhile to stderr, by Python, a library in C or a child process.

    So a script that reads stdout gets the result of a command and nothing else.
    """
    with suppress(OSError, ValueError, AttributeError):  # a stream may be closed
        sys.stdout.flush()
    kept = None
    with suppress(OSError):
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        shown = _Kept(sys.stderr)
        with redirect_stdout(shown), redirect_stderr(shown):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


class _Kept:
    """A stream that code which is none of ours may write to, and cannot close for the command."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Write out what was printed, and stay open."""
        self._stream.flush()


def _number(path: str) -> int | None:
    match = _OPEN.fullmatch(os.path.abspath(path))
    if match is None:
        return None
    out, err, *numbers = match.groups()
    return 1 if out else 2 if err else int(next(filter(None, numbers)))
