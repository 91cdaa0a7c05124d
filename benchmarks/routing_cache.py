"""Keep what a benchmark has fetched in `.cache` of the clone, each folder made once.

A folder appears whole or not at all. The first process that asks makes it; others wait for it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache"


class Unavailable(Exception):
    """Raised when a benchmark cannot fetch something it needs; the message says what, and why."""


def prepared(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder, filled by `make` if it is absent.

    Raises:
        Unavailable: `make` could not, and said why.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            beginning = f"{folder.name}.unfinished-"
            for left in folder.parent.glob(f"{beginning}*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=beginning, dir=folder.parent) as unfinished:
                made = Path(unfinished) / "made"
                made.mkdir()
                make(made)
                made.rename(folder)
    return folder


def pip(*arguments: str, python: str | Path = sys.executable) -> None:
    """Run pip without questions.

    Raises:
        Unavailable: it failed; the message has its last words.
    """
    command = [str(python), "-m", "pip", *arguments, "--quiet", "--no-input"]
    run(command, environment={"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"})


def run(command: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
    """Run a program to its end, and show its output only if it fails.

    Raises:
        Unavailable: it does not start, or its exit code is not 0.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except OSError as problem:
        raise Unavailable(f"{command[0]} does not start: {problem}") from problem
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
        ended = "\n  ".join(lines[-8:])
        raise Unavailable(f"{' '.join(command[:5])} ... ended with {done.returncode}:\n  {ended}")
