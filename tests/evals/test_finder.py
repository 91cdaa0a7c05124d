"""Test where `quintet eval` and the pytest fixture look for a suite."""

from __future__ import annotations

import sys

import pytest

from quintet.evals import Suite
from quintet.evals.running.finder import open_suite
from quintet.state import DesignError

SUITE = """
from contextlib import contextmanager
from quintet.evals import Case, Suite, Trajectory

def target(case):
    return Trajectory(route="a")

suite = Suite(name="{name}", cases=(Case(input="x", route="a"),), target=target)
events = []

def made():
    return suite

@contextmanager
def opened():
    events.append("open")
    yield suite
    events.append("closed")

def needs(something):
    return suite

number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Enter a folder; afterwards, forget what was imported from it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def name_of(given, packages=()):
    with open_suite(given, packages) as suite:
        return suite.name


def test_a_folder_a_file_and_a_module_are_found(here):
    desk = here / "fdesk"
    desk.mkdir()
    (desk / "evals.py").write_text(SUITE.format(name="plain folder"))
    (here / "falone.py").write_text(SUITE.format(name="file"))
    assert name_of("fdesk") == "plain folder"
    assert name_of(str(desk)) == "plain folder"
    assert name_of("falone.py") == name_of("falone") == "file"
    assert name_of("falone:made") == name_of("falone.py:made") == "file"


def test_a_module_inside_a_package_keeps_its_relative_imports(here):
    (here / "fpack" / "desk").mkdir(parents=True)
    (here / "fpack" / "__init__.py").write_text("")
    (here / "fpack" / "desk" / "__init__.py").write_text("")
    (here / "fpack" / "desk" / "names.py").write_text("NAME = 'relative'")
    source = "from .names import NAME\n" + SUITE.format(name="x").replace('"x"', "NAME", 1)
    (here / "fpack" / "desk" / "evals.py").write_text(source)
    for name in ("fpack/desk", "fpack/desk/evals.py", "fpack.desk", "fpack.desk.evals"):
        assert name_of(name) == "relative"
    assert name_of("desk", ("fpack",)) == "relative"


def test_two_files_of_one_name_in_two_folders_are_two(here):
    for name in ("one", "two"):
        (here / name).mkdir()
        (here / name / "evals.py").write_text(SUITE.format(name=name))
    assert [name_of("one"), name_of("two"), name_of("one")] == ["one", "two", "one"]


def test_a_context_manager_is_open_while_the_suite_is_used(here):
    (here / "fopen.py").write_text(SUITE.format(name="opened"))
    with open_suite("fopen:opened") as suite:
        assert isinstance(suite, Suite)
        assert sys.modules["fopen"].events == ["open"]
    assert sys.modules["fopen"].events == ["open", "closed"]


def test_a_suite_or_a_function_that_makes_one_is_taken_as_it_is():
    suite = Suite(cases=(), target=lambda case: None, name="mine")
    assert name_of(suite) == name_of(lambda: suite) == "mine"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "there is no suite 'nowhere'"),
        ("nowhere.py", "there is no file"),
        ("fempty", "folder without evals.py"),
        ("fthing.py:absent", "its suites are: suite"),
        ("fthing:number", "is a int, not a Suite"),
        ("fthing:needs", "cannot be called without arguments"),
        ("", "give a folder"),
        ("a..b", "there is no suite"),
    ],
)
def test_what_is_no_suite_is_refused_by_name(here, name, said):
    (here / "fempty").mkdir()
    (here / "fthing.py").write_text(SUITE.format(name="thing"))
    with pytest.raises(DesignError, match=said):
        name_of(name)


def test_an_error_inside_the_suites_module_is_shown_as_it_is(here):
    (here / "fbroken.py").write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        name_of("fbroken")
