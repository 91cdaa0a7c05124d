"""Test the scripts on a small project of the same shape, where there is only a Python."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
LOWEST, PINNED = "1.1.0", "2.0.0"  # of a package with neither dependencies nor many releases

PROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "small"
version = "1"
dependencies = ["iniconfig>=1.1.0"]
[project.optional-dependencies]
all = []

[dependency-groups]
test = []

[tool.hatch.build.targets.wheel]
packages = ["small"]
"""

START = """\
#!/usr/bin/env bash
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
prepare "$@" test
exec "$venv/bin/python" -c '
import importlib.metadata, small
print(importlib.metadata.version("iniconfig"), small.__file__)'
"""


def pins(text: str) -> dict[str, str]:
    """Return the versions that a constraints file names, by normalised name."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): version for name, version in pairs}


class Clone(NamedTuple):
    """Make a small project with our scripts; start it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Clone:
        for name in ("lib.sh", "environment.py"):
            (folder / "scripts").mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "scripts" / name, folder / "scripts")
        (folder / "scripts" / "start").write_text(START)
        held = re.sub(r"(?m)^iniconfig==.*", f"iniconfig=={PINNED}", CONSTRAINTS.read_text())
        (folder / "constraints.txt").write_text(held)
        (folder / "pyproject.toml").write_text(PROJECT)
        (folder / "small").mkdir()
        (folder / "small" / "__init__.py").touch()
        return cls(folder)

    def begin(self, *arguments: str, **setting: str) -> subprocess.Popen[str]:
        """Begin a start."""
        return subprocess.Popen(
            ["bash", self.folder / "scripts" / "start", *arguments],
            env={**os.environ, "PYTHON": sys.executable, "PIP_NO_COMPILE": "1", **setting},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, *arguments: str, **setting: str) -> tuple[int, str, str]:
        """Return the exit code, stdout and stderr of a start."""
        process = self.begin(*arguments, **setting)
        out, err = process.communicate(timeout=240)
        return process.returncode, out, err

    @property
    def runs(self) -> str:
        """Return all that stands on stdout when all is well."""
        return self.with_version(PINNED)

    def with_version(self, version: str) -> str:
        """Return the same for another installed version than that of constraints.txt."""
        return f"{version} {self.folder / 'small' / '__init__.py'}\n"


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Clone:
    """Make a clone that two starts at the same time have set up."""
    clone = Clone.make(tmp_path_factory.mktemp("a clone").resolve())
    both = [clone.begin(), clone.begin()]
    said = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [out for out, _ in said] == [clone.runs, clone.runs]
    assert sum("installing" in err for _, err in said) == 1
    return clone


@pytest.mark.slow
def test_a_second_start_installs_nothing(clone):
    assert clone.start() == (0, clone.runs, "")


@pytest.mark.slow
def test_a_changed_project_file_is_installed(clone):
    with (clone.folder / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    code, out, err = clone.start()
    assert (code, out) == (0, clone.runs)
    assert "installing" in err
    assert "again" not in err


@pytest.mark.slow
def test_a_changed_version_is_installed(clone):
    constraints = clone.folder / "constraints.txt"
    kept = constraints.read_text()
    constraints.write_text(kept.replace(f"iniconfig=={PINNED}", f"iniconfig=={LOWEST}"))
    assert clone.start()[:2] == (0, clone.with_version(LOWEST))
    constraints.write_text(kept)
    assert clone.start()[:2] == (0, clone.runs)


@pytest.mark.slow
def test_the_newest_and_the_lowest_versions_have_environments_of_their_own(clone):
    both = [clone.begin("--newest"), clone.begin("--lowest")]
    newest, lowest = (process.communicate(timeout=240) for process in both)
    assert lowest[0] == clone.with_version(LOWEST), lowest
    assert newest[0] not in ("", clone.with_version(LOWEST), clone.runs), newest
    assert "into .venv-newest" in newest[1]
    assert "into .venv-lowest" in lowest[1]
    assert clone.start("--newest") == (0, newest[0], "")
    assert clone.start("--lowest") == (0, lowest[0], "")
    assert clone.start() == (0, clone.runs, "")


def test_a_requirement_without_a_lower_bound_is_refused_where_the_lowest_is_asked_for(tmp_path):
    clone = Clone.make(tmp_path.resolve())
    (clone.folder / "pyproject.toml").write_text(PROJECT.replace("iniconfig>=1.1.0", "iniconfig"))
    code, out, err = clone.start("--lowest")
    assert (code, out) == (1, "")
    assert "'iniconfig' has no lower bound; write name>=version" in err


def test_missing_constraints_are_named_with_the_remedy(tmp_path):
    clone = Clone.make(tmp_path.resolve())
    (clone.folder / "constraints.txt").unlink()
    code, out, err = clone.start()
    assert (code, out) == (1, "")
    assert "constraints.txt is missing: restore it, or run scripts/constraints" in err


def test_the_constraints_are_names_and_versions_alone():
    lines = CONSTRAINTS.read_text().splitlines()
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line) for line in lines)
    assert "quintet" not in pins(CONSTRAINTS.read_text())


def test_whatever_the_project_names_is_held_at_a_version_that_it_accepts():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [
        *table["build-system"]["requires"],
        *table["project"]["dependencies"],
        *[each for extra in table["project"]["optional-dependencies"].values() for each in extra],
        *[each for group in table["dependency-groups"].values() for each in group],
    ]
    held = pins(CONSTRAINTS.read_text())
    wanted = [Requirement(each) for each in named if isinstance(each, str)]
    for each in wanted:
        if each.name != "quintet":
            assert held[canonicalize_name(each.name)] in each.specifier, each


@pytest.mark.slow
def test_a_start_that_was_killed_is_made_good(clone):
    (clone.folder / ".venv" / ".quintet" / "all.stamp").unlink()
    with clone.begin() as process:
        assert "installing" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGKILL)
    code, out, err = clone.start()
    assert (code, out) == (0, clone.runs)
    assert "making .venv again" in err


@pytest.mark.slow
def test_a_clone_that_has_moved_is_set_up_for_its_new_place(clone, tmp_path):
    moved = Clone(tmp_path.resolve() / "moved")
    shutil.copytree(clone.folder, moved.folder, symlinks=True)
    code, out, err = moved.start()
    assert (code, out) == (0, moved.runs)
    assert "making .venv again" in err


@pytest.mark.slow
def test_a_failing_installation_says_why_and_the_next_start_mends_it(tmp_path):
    clone = Clone.make(tmp_path.resolve())
    project = clone.folder / "pyproject.toml"
    project.write_text(PROJECT.replace("test = []", "test = ['no such requirement']"))
    code, out, err = clone.start()
    assert (code, out) == (1, "")
    assert "pip failed" in err
    assert "no such requirement" in err
    project.write_text(PROJECT)
    assert clone.start()[:2] == (0, clone.runs)


def test_a_folder_that_is_not_ours_is_refused_and_kept(tmp_path):
    clone = Clone.make(tmp_path.resolve())
    (clone.folder / ".venv").mkdir()
    (clone.folder / ".venv" / "diary").write_text("mine")
    code, out, err = clone.start()
    assert (code, out) == (1, "")
    assert "was not made by these scripts" in err
    assert (clone.folder / ".venv" / "diary").read_text() == "mine"


def test_a_python_that_is_too_old_is_named_with_the_remedy(tmp_path):
    clone = Clone.make(tmp_path.resolve())
    old = tmp_path / "python-of-old"
    old.write_text("#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.2\n")
    old.chmod(0o755)
    code, out, err = clone.start(PYTHON=str(old))
    assert (code, out) == (2, "")
    assert "is Python 3.9.2" in err
    assert "apt-get install python3 python3-venv" in err


def test_a_python_that_is_missing_is_named(tmp_path):
    code, out, err = Clone.make(tmp_path.resolve()).start(PYTHON="no-such-python")
    assert (code, out) == (2, "")
    assert "nothing at no-such-python" in err


@pytest.mark.parametrize(
    "name", ["scripts/demo", "scripts/test", "scripts/check", "scripts/constraints", ".ci/run"]
)
def test_a_script_may_be_run_and_stops_at_the_first_unset_name(name):
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
    assert "pipefail" in path.read_text()


def test_a_misspelt_option_of_check_is_refused():
    done = subprocess.run(
        [ROOT / "scripts" / "check", "--fx"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "usage: scripts/check [--fix]" in done.stderr
