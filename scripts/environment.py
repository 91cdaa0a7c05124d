"""Keep an environment of the clone: `environment.py [--newest | --lowest] [DEPENDENCY_GROUP ...]`.

Installs the project editable with all extras, and the groups named: into .venv the versions of
constraints.txt; into .venv-newest the newest releases of today; into .venv-lowest the lowest that
pyproject.toml declares. Does nothing when that has been done; repairs what was killed half-way;
waits for another start that is at work. Says what it does on stderr, and nothing on stdout.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "constraints.txt"
CACHE = ROOT / ".cache"
BOUNDED = re.compile(r"([\w.-]+)\s*(?:\[[^]]*\])?\s*>=\s*([\w.]+)")


class SetupError(Exception):
    """Raised when the person at the keyboard has to put something right."""


def main(arguments: Sequence[str]) -> int:
    """Make the environment ready; the exit code is 0, or 1 with the reason on stderr."""
    options = [argument.removeprefix("--") for argument in arguments if argument.startswith("--")]
    groups = [argument for argument in arguments if not argument.startswith("--")]
    environment = Environment(versions=options[0] if options else "tested")
    try:
        if not environment.ready(groups):
            with environment.locked() as lock:
                if not environment.ready(groups):
                    environment.build(groups, lock)
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


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Build and check the environment of one set of versions: tested, newest or lowest."""

    versions: str

    @property
    def folder(self) -> Path:
        """Return the environment's folder."""
        return ROOT / (".venv" if self.versions == "tested" else f".venv-{self.versions}")

    @property
    def python(self) -> Path:
        """Return its Python."""
        return self.folder / "bin" / "python"

    @property
    def notes(self) -> Path:
        """Return the folder of our notes: stamps, and the constraints it was installed with."""
        return self.folder / ".quintet"

    @property
    def made(self) -> Path:
        """Return the mark of an environment made here, which may be made again from nothing."""
        return self.notes / "made"

    @property
    def unfinished(self) -> Path:
        """Return the mark of a set-up under way; it outlives a folder that is being removed."""
        return CACHE / f"environment{self.folder.name}.unfinished"

    @property
    def log(self) -> Path:
        """Return the file of pip's output."""
        return CACHE / f"pip{self.folder.name}.log"

    def ready(self, groups: Sequence[str]) -> bool:
        """Tell whether nothing is left to do."""
        stamps = [self.notes / f"{name}.stamp" for name in ("all", *groups)]
        return (
            not self.unfinished.exists()
            and all(stamp.is_file() and stamp.read_text() == self.fingerprint() for stamp in stamps)
            and self.runs()
        )

    def fingerprint(self) -> str:
        """Digest what an installation depends on: project, versions, where the clone lies."""
        versions = self.constraints() or time.strftime("%Y-%m-%d")
        return hashlib.sha256(PROJECT.read_bytes() + versions.encode() + bytes(ROOT)).hexdigest()

    def constraints(self) -> str:
        """Return the versions to install, one a line; empty for the newest there are."""
        if self.versions == "newest":
            return ""
        if self.versions == "lowest":
            return lowest(PROJECT.read_text())
        if not CONSTRAINTS.is_file():
            raise SetupError(f"{CONSTRAINTS} is missing: restore it, or run scripts/constraints")
        return CONSTRAINTS.read_text()

    def runs(self) -> bool:
        """Tell whether it has a Python that starts and is new enough."""
        test = "import sys; sys.exit(sys.version_info < (3, 11))"
        try:
            done = subprocess.run([self.python, "-I", "-c", test], capture_output=True, check=False)
        except OSError:
            return False
        return done.returncode == 0

    def build(self, groups: Sequence[str], lock: int) -> None:
        """Install the project and these groups, from whatever state the environment is in."""
        started = time.monotonic()
        kept = self.constraints()
        if self.must_be_made():
            self.make()
        else:
            self.unfinished.write_text("ours" if self.made.exists() else "adopted")
            self.notes.mkdir(exist_ok=True)
        contents = " and ".join(["the project", *(f"the group {name!r}" for name in groups)])
        say(f"installing {contents} into {self.folder.name}; a first time takes a minute or two")
        self.log.unlink(missing_ok=True)
        held = str(self.notes / "constraints.txt")
        Path(held).write_text(kept)
        self.pip(["pip>=25.3", "-c", held], lock)
        wanted = ["-e", ".[all]", *(part for name in groups for part in ("--group", name))]
        self.pip([*wanted, "-c", held, "--build-constraint", held], lock)
        for name in ("all", *groups):
            (self.notes / f"{name}.stamp").write_text(self.fingerprint())
        self.unfinished.unlink()
        say(f"ready after {time.monotonic() - started:.0f} s")

    def must_be_made(self) -> bool:
        """Tell whether it is absent, broken, half-made, moved or stale; raise if it is not ours."""
        if not self.folder.exists():
            return True
        if self.unfinished.exists() and self.unfinished.read_text() == "ours":
            return True
        if self.made.exists():
            moved = self.made.read_text() != str(ROOT)
            return self.versions != "tested" or moved or not self.runs()
        if self.versions != "tested" or not self.runs():
            raise SetupError(f"{self.folder} was not made by these scripts: move it away")
        return False

    def make(self) -> None:
        """Make the environment from nothing."""
        if importlib.util.find_spec("ensurepip") is None:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise SetupError(
                f"{sys.executable} cannot make a virtual environment: its ensurepip module is "
                f"missing. On Debian and Ubuntu: apt-get install python{version}-venv"
            )
        self.unfinished.write_text("ours")
        if self.folder.exists():
            say(f"making {self.folder.name} again: it is unfinished, broken, old, or has moved")
            shutil.rmtree(self.folder)
        try:
            venv.EnvBuilder(symlinks=True, with_pip=True).create(self.folder)
        except subprocess.CalledProcessError as error:
            place = f"{sys.executable} could not put pip into {self.folder}"
            raise SetupError(f"{place}: {error}") from error
        self.notes.mkdir()
        self.made.write_text(str(ROOT))

    def pip(self, arguments: Sequence[str], lock: int) -> None:
        """Run `pip install`, its output in a log; raise with the end of the log if it fails."""
        command = [str(self.python), "-I", "-m", "pip", "install", "--no-input"]
        with self.log.open("a") as log:
            # pip holds the lock too: if only this process is killed, the next start waits for pip.
            done = subprocess.run(
                [*command, "--progress-bar=off", *arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                check=False,
                env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0"},
            )
        if done.returncode:
            lines = [line for line in self.log.read_text().splitlines() if line[:8] != "WARNING:"]
            raise SetupError("\n  ".join([f"pip failed; the end of {self.log}:", *lines[-12:]]))

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the environment's lock, waiting for whoever has it."""
        CACHE.mkdir(exist_ok=True)
        with (CACHE / f"environment{self.folder.name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"another start is setting up {self.folder.name}; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file.fileno()


def lowest(project: str) -> str:
    """List a project file's requirements, each pinned to its declared lower bound."""
    table = tomllib.loads(project)
    own = table["project"]
    named = [
        *table["build-system"]["requires"],
        *own.get("dependencies", ()),
        *(
            requirement
            for extra in own.get("optional-dependencies", {}).values()
            for requirement in extra
        ),
        *(
            requirement
            for group in table.get("dependency-groups", {}).values()
            for requirement in group
        ),
    ]
    pins = set()
    for requirement in named:
        if isinstance(requirement, dict) or requirement.startswith(f"{own['name']}["):
            continue  # it refers to a list that is read here anyway
        if (bounded := BOUNDED.match(requirement)) is None:
            raise SetupError(
                f"pyproject.toml: {requirement!r} has no lower bound; write name>=version"
            )
        pins.add(f"{bounded[1]}=={bounded[2]}\n")
    return "".join(sorted(pins))


def say(text: str) -> None:
    """Tell the person, on stderr."""
    print(f"quintet: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
