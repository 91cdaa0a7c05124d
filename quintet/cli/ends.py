"""How a command ends where other people's code runs in it, or where nobody reads it any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


class BrokenOff(Exception):
    """The code that a command runs has asked for the command's end."""


@contextmanager
def guarded() -> Iterator[None]:
    """Let no exit and no closed pipe of the code that is run pass for the command's own good end.

    Raises:
        BrokenOff: it asked for an exit, or its pipe was closed.
    """
    try:
        yield
    except (SystemExit, click.exceptions.Exit) as problem:
        code = problem.code if isinstance(problem, SystemExit) else problem.exit_code
        kind = type(problem).__name__
        raise BrokenOff(f"the code that was run has exited ({kind}: {code})") from problem
    except BrokenPipeError as problem:
        raise BrokenOff(f"a pipe was closed ({problem})") from problem


@contextmanager
def while_read() -> Iterator[None]:
    """Print as long as somebody reads; where nobody does, the command goes on in silence."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        unread()


def unread() -> None:
    """Lead both streams to nowhere, so that Python does not stumble over them at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
