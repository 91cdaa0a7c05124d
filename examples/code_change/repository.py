"""Keep the shop's code in a git repository, and run its tests in a folder of their own."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from typing_extensions import TypedDict

SECONDS = 20.0
"""The longest that the tests may run."""

_GIT = {
    "GIT_AUTHOR_NAME": "desk",
    "GIT_AUTHOR_EMAIL": "desk@example.org",
    "GIT_COMMITTER_NAME": "desk",
    "GIT_COMMITTER_EMAIL": "desk@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class File(TypedDict):
    """A file with its whole text."""

    path: str
    text: str


class Ran(TypedDict):
    """The end of a run of the tests: `output` is theirs, word for word."""

    passed: bool
    tests: int
    output: str


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A git repository in a folder. Nothing but a commit changes it."""

    folder: Path

    def git(self, *arguments: str) -> bytes:
        """Run git in the repository.

        Raises:
            FileNotFoundError: git is not installed.
            RuntimeError: git says no.
        """
        if shutil.which("git") is None:
            raise FileNotFoundError("this example keeps its code in git; install git")
        command = ["git", "-C", str(self.folder), *arguments]
        environment = {"PATH": os.environ.get("PATH", ""), **_GIT}
        ran = subprocess.run(
            command, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
        if ran.returncode:
            raise RuntimeError(f"git {arguments[0]}: {ran.stderr.decode().strip()}")
        return ran.stdout

    @property
    def files(self) -> dict[str, str]:
        """Give the committed files by path."""
        return _archived(self, (self.folder / ".git" / "refs" / "heads" / "main").read_text())

    def commit(self, message: str, files: list[File]) -> str:
        """Commit files with their new texts; give the commit's id."""
        for file in files:
            path = self.folder / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["text"], "utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD").decode().strip()

    def revert(self, commit: str) -> None:
        """Take a commit back by another one."""
        self.git("revert", "--no-edit", commit)

    def committed(self, message: str) -> str | bool:
        """Give the id of the commit with this message; False where there is none."""
        for line in self.git("log", "--format=%H %s").decode().splitlines():
            commit, _, subject = line.partition(" ")
            if subject == message:
                return commit
        return False

    def changed(self) -> list[str]:
        """List the files of the first commit that the newest one has otherwise."""
        first = self.git("rev-list", "--max-parents=0", "HEAD").decode().strip()
        names = self.git("diff", "--name-only", "--diff-filter=a", first, "HEAD").decode()
        return sorted(names.split())

    def test(self, files: list[File]) -> Ran:
        """Run all tests on the committed code with these files in place; the repository stays.

        They run in a process of their own, in a folder of their own, without this one's
        environment, and no longer than `SECONDS`.
        """
        with tempfile.TemporaryDirectory(prefix="quintet-code-") as folder:
            for path, text in {**self.files, **{f["path"]: f["text"] for f in files}}.items():
                place = Path(folder, path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, "utf-8")
            command = [sys.executable, "-I", "-S", "-B", "-m", "unittest", "discover"]
            command += ["-s", "tests", "-t", "."]
            try:
                ran = subprocess.run(
                    command,
                    cwd=folder,
                    env={},
                    capture_output=True,
                    text=True,
                    timeout=SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return {"passed": False, "tests": 0, "output": f"longer than {SECONDS:g} s"}
        if ran.returncode < 0:  # which says nothing of the code
            raise ChildProcessError(f"the tests were ended by signal {-ran.returncode}")
        output = ran.stderr.replace(folder, "")[-2000:]
        count = next((int(line.split()[1]) for line in output.splitlines() if "Ran " in line), 0)
        return {"passed": ran.returncode == 0 and count > 0, "tests": count, "output": output}


@lru_cache(maxsize=8)
def _archived(repository: Repository, head: str) -> dict[str, str]:
    """Read all files of a commit, once."""
    with tarfile.open(fileobj=io.BytesIO(repository.git("archive", head.strip()))) as archive:
        members = [member for member in archive if member.isfile()]
        return {m.name: archive.extractfile(m).read().decode() for m in members}  # type: ignore[union-attr]


def build(folder: Path) -> Repository:
    """Write the shop's code into a folder, and commit it."""
    text = (resources.files(__package__) / "data" / "repository.txt").read_text("utf-8")
    repository = Repository(folder=folder)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.commit("The shop", [*_written(text)])
    return repository


@contextmanager
def copied(first: Repository) -> Iterator[Repository]:
    """Give a copy of a repository, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="quintet-code-") as folder:
        yield Repository(folder=Path(shutil.copytree(first.folder, Path(folder, "shop"))))


def _written(text: str) -> Iterator[File]:
    for part in text.split("=== ")[1:]:
        path, _, body = part.partition("\n")
        yield {"path": path, "text": body}


def changes(old: Mapping[str, str], files: list[File]) -> list[File]:
    """Give the files whose text is another one than before."""
    return [file for file in files if old.get(file["path"]) != file["text"]]
