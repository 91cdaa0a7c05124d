"""End a command well when the code that it runs exits, or when nobody reads its output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


class BrokenOff(Exception):
    """Raised when the code that a command runs asks for an exit, or closes a pipe."""


@contextmanager
def guarded() -> Iterator[None]:
    """Keep an exit or a closed pipe of the user's code from ending the command with success.

    Raises:
        BrokenOff: the code asked for an exit, or its pipe was closed.
    """
    # Else `sys.exit(0)` in a suite would look like passed gates, and so would a closed pipe, since
    # `main` ends that with 0.
    try:
        yield
    except (SystemExit, click.exceptions.Exit) as problem:
        code = problem.code if isinstance(problem, SystemExit) else problem.exit_code
        kind = type(problem).__name__
        raise BrokenOff(f"the code that was run has exited ({kind}: {code})") from problem
    except BrokenPipeError as problem:
        raise BrokenOff(f"a pipe was closed ({problem})") from problem


@contextmanager
def tolerating_closed_pipes() -> Iterator[None]:
    """Print as long as somebody reads; after that, let the command go on in silence."""
    try:
        yield
        if sys.stdout is not None:  # as it is where the caller has closed it
            sys.stdout.flush()
    except BrokenPipeError:
        silence_streams()


def silence_streams() -> None:
    """Lead both streams to /dev/null.

    Python flushes them at its end; on a closed pipe it would print an error and exit with 120.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(null, stream.fileno())
