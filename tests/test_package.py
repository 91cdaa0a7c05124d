"""Test the package as its users get it: built, installed afresh, run from elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "quintet" / "evals" / "reports" / "templates"
HELD = Path(sys.prefix) / ".quintet" / "constraints.txt"  # the pins that scripts/ install us by

# Packages that make `import quintet` and `quintet --help` slow, or that not everybody has.
HEAVY = ("langgraph", "langchain_core", "langchain_openai", "langsmith", "openai", "pydantic")
HEAVY += ("numpy", "rich", "sklearn", "psycopg", "jinja2", "markupsafe")


class Built(NamedTuple):
    """The two files of a release."""

    sdist: Path
    wheel: Path

    def files(self) -> set[str]:
        """Return the names in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def metadata(self):
        """Return the wheel's METADATA."""
        with zipfile.ZipFile(self.wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
            return message_from_bytes(archive.read(name))


class Installed(NamedTuple):
    """Run programs where there is nothing but the wheel and what it asks for."""

    bin: Path
    elsewhere: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs from a folder that is not the clone."""
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        program, *arguments = command
        return subprocess.run(
            [self.bin / program, *arguments],
            check=False,
            cwd=self.elsewhere,
            env=own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )

    def says(self, *command: str) -> str:
        """Return what a program prints, which must end well."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def carry_out(*command: str | Path) -> None:
    own = {"PIP_CONSTRAINT": str(HELD)} if HELD.is_file() else {}
    done = subprocess.run(
        command,
        check=False,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    # The wheel is made from the sdist, so both are known to be whole.
    carry_out(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return Built(next(folder.glob("*.tar.gz")), next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    carry_out(sys.executable, "-m", "venv", folder / "venv")
    bin_folder = folder / "venv" / "bin"
    pip = (bin_folder / "python", "-m", "pip", "install", "-q")
    carry_out(*pip, "--no-compile", f"{built.wheel}[learn]")  # few of the modules are imported
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    return Installed(bin_folder, elsewhere)


def heavy_after(statement: str) -> set[str]:
    """Return the heavy packages that a fresh Python has imported after a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()} & set(HEAVY)


def test_importing_the_package_imports_nothing_heavy():
    assert heavy_after("import quintet") == set()


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_asking_the_command_for_itself_imports_nothing_heavy(option):
    ask = (
        "import contextlib, io\n"
        "from quintet.cli import main\n"
        f"sys.argv = ['quintet', {option!r}]\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    assert heavy_after(ask) == set()


@pytest.mark.parametrize("room", ["nodes", "state", "graphs", "runs", "stats", "evals"])
def test_numpy_is_loaded_where_it_counts_and_not_before(room):
    assert "numpy" not in heavy_after(f"import quintet.{room}")
    assert "numpy" in heavy_after("from quintet.stats import auroc\nauroc([1, 2], [False, True])")


@pytest.mark.parametrize("module", ["quintet.evals", "quintet.evals.reports", "quintet.cli.files"])
def test_templates_are_loaded_only_for_what_is_made_of_them(module):
    assert "jinja2" not in heavy_after(f"import {module}")
    report = "import asyncio\nfrom tests.evals.reports.samples import plain_report"
    assert "jinja2" not in heavy_after(f"import {module}\n{report}\nstr(plain_report())")
    assert "jinja2" in heavy_after(f"{report}\nplain_report()._repr_mimebundle_()")


def test_heavy_imports_are_seen():
    assert "pydantic" in heavy_after("import pydantic")


@pytest.mark.slow
def test_the_wheel_has_the_package_and_the_examples_with_their_data(built):
    files = built.files()
    assert {"quintet/__init__.py", "quintet/py.typed"} <= files
    templates = {path.relative_to(ROOT).as_posix() for path in TEMPLATES.iterdir()}
    assert len(templates) > 10
    assert templates <= files
    for path in (ROOT / "examples").rglob("*"):
        if path.is_file() and path.suffix in (".py", ".md", ".json", ".jsonl", ".sql", ".csv"):
            assert f"quintet_examples/{path.relative_to(ROOT / 'examples')}" in files


@pytest.mark.slow
def test_the_wheel_has_nothing_else(built):
    tops = {name.split("/")[0] for name in built.files()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "quintet",
        "quintet_examples",
    }
    assert not [name for name in built.files() if name.endswith((".pyc", ".db", ".sqlite"))]


@pytest.mark.slow
def test_the_wheel_says_what_it_is(built):
    metadata = built.metadata()
    assert metadata["Name"] == "quintet"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra")) == {"all", "encrypt", "learn", "postgres"}
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert not [line for line in needed if line.startswith(("pytest", "scikit-learn", "psycopg"))]


@pytest.mark.slow
def test_the_sdist_has_what_is_needed_to_test_it(built):
    with tarfile.open(built.sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "tests/conftest.py"} <= files
    assert {"constraints.txt", "scripts/test", "scripts/environment.py"} <= files


@pytest.mark.slow
def test_the_installed_package_is_not_the_clone(installed):
    where = installed.says("python", "-c", "import quintet; print(quintet.__file__)")
    assert str(ROOT) not in where
    version = installed.says("python", "-c", "import quintet; print(quintet.__version__)").strip()
    assert installed.says("quintet", "--version").split()[-1] == version


@pytest.mark.slow
def test_the_installed_package_writes_a_page(installed):
    text = "import quintet.evals as e, quintet.evals.reports as r\n"
    text += "cases = [e.Case(input='hi <b>', route='a')]\n"
    text += "suite = e.Suite(cases=cases, target=lambda case: e.Trajectory(route='b'))\n"
    text += "print(r.page(e.evaluate(suite)))"
    assert "hi &lt;b&gt;" in installed.says("python", "-c", text)


@pytest.mark.slow
def test_the_installed_command_explains_itself(installed):
    text = installed.says("quintet", "--help")
    assert all(command in text for command in ("demo", "check", "runs"))


@pytest.mark.slow
def test_the_installed_demo_ends_every_run_in_an_outcome(installed):
    report = json.loads(installed.says("quintet", "demo", "--json"))
    assert report["cases"] >= 80
    assert report["silent_ends"] == 0
    assert sum(report["outcomes"].values()) == report["cases"]


@pytest.mark.slow
def test_the_installed_command_checks_the_example_graph(installed):
    where = json.loads((ROOT / "langgraph.json").read_text())["graphs"]["support"]
    installed.says("quintet", "check", where.replace("examples.", "quintet_examples.", 1))
