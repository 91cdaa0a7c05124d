"""Keep the clone's .venv as pyproject.toml says: `environment.py [DEPENDENCY_GROUP ...]`.

Installs the project editable with all extras, and the groups named. Does nothing when that has
been done for this pyproject.toml; repairs what was killed half-way; waits for another start that is
at work. Says what it does on stderr, and nothing on stdout.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NOTES = VENV / ".quintet"
MADE = NOTES / "made"  # in a .venv that was made here, and may be made again from nothing
LOG = ROOT / ".cache" / "pip.log"
LOCK = ROOT / ".cache" / "environment.lock"
UNFINISHED = ROOT / ".cache" / "environment.unfinished"  # outlives a .venv that is being removed


class SetupError(Exception):
    """Something that the person at the keyboard has to put right."""


def main(groups: Sequence[str]) -> int:
    """Make the environment ready; the exit code is 0, or 1 with the reason on stderr."""
    try:
        if not ready(groups):
            with locked() as lock:
                if not ready(groups):
                    build(groups, lock)
    except SetupError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"the environment could not be set up: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next start begins anew")
        return 130
    return 0


def ready(groups: Sequence[str]) -> bool:
    """Whether nothing is left to do."""
    stamps = [NOTES / f"{name}.stamp" for name in ("all", *groups)]
    return (
        not UNFINISHED.exists()
        and all(stamp.is_file() and stamp.read_text() == fingerprint() for stamp in stamps)
        and runs()
    )


def fingerprint() -> str:
    """What an installation depends on: the project file, and where the clone lies."""
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + bytes(ROOT)).hexdigest()


def runs() -> bool:
    """Whether the environment has a Python that starts and is new enough."""
    test = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([PYTHON, "-I", "-c", test], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def build(groups: Sequence[str], lock: int) -> None:
    """Bring the environment to what is asked, from whatever state it is in."""
    started = time.monotonic()
    if must_be_made():
        make()
    else:
        UNFINISHED.write_text("ours" if MADE.exists() else "adopted")
        NOTES.mkdir(exist_ok=True)
    what = " and ".join(["the project", *(f"the group {name!r}" for name in groups)])
    say(f"installing {what} into .venv; a first time takes a minute or two")
    LOG.unlink(missing_ok=True)
    pip(["pip>=25.1"], lock)
    pip(["-e", ".[all]", *(part for name in groups for part in ("--group", name))], lock)
    for name in ("all", *groups):
        (NOTES / f"{name}.stamp").write_text(fingerprint())
    UNFINISHED.unlink()
    say(f"ready after {time.monotonic() - started:.0f} s")


def must_be_made() -> bool:
    """Whether .venv is absent, broken, half-made or moved; raises when it is not ours to remake."""
    if not VENV.exists():
        return True
    if UNFINISHED.exists() and UNFINISHED.read_text() == "ours":
        return True
    if MADE.exists():
        return MADE.read_text() != str(ROOT) or not runs()
    if not runs():
        raise SetupError(f"{VENV} was not made by these scripts and does not run: move it away")
    return False


def make() -> None:
    """Make .venv from nothing."""
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"{sys.executable} cannot make a virtual environment: its ensurepip module is missing. "
            f"On Debian and Ubuntu: apt-get install python{version}-venv"
        )
    UNFINISHED.write_text("ours")
    if VENV.exists():
        say("making .venv again: it was left unfinished, is broken, or the clone has moved")
        shutil.rmtree(VENV)
    try:
        venv.EnvBuilder(symlinks=True, with_pip=True).create(VENV)
    except subprocess.CalledProcessError as error:
        raise SetupError(f"{sys.executable} could not put pip into {VENV}: {error}") from error
    NOTES.mkdir()
    MADE.write_text(str(ROOT))


def pip(arguments: Sequence[str], lock: int) -> None:
    """Run `pip install`, its words in a log; raises with the end of the log when it fails."""
    command = [str(PYTHON), "-I", "-m", "pip", "install", "--no-input", "--progress-bar=off"]
    with LOG.open("a") as log:
        # pip holds the lock too: if only this process is killed, the next start waits for pip.
        done = subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            check=False,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"},
        )
    if done.returncode:
        lines = [line for line in LOG.read_text().splitlines() if not line.startswith("WARNING")]
        raise SetupError("\n  ".join([f"pip failed; the end of {LOG}:", *lines[-12:]]))


@contextmanager
def locked() -> Iterator[int]:
    """Hold the clone's lock, waiting for whoever has it."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is setting up .venv; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def say(text: str) -> None:
    """Tell the person, on stderr."""
    print(f"quintet: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
