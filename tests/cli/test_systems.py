"""Test `quintet demo`: its report, the runs that it leaves, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quintet.cli import systems
from quintet.cli.systems import SHARED, system_names
from quintet.evals.running.finder import open_suite

KEYS = {
    "cases",
    "routing_accuracy",
    "outcomes",
    "silent_ends",
    "approvals",
    "recovered",
    "seconds",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory, environment):
    """Run five messages through the support desk; give the result, and the folder it ran in."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "quintet", "demo", "--limit", "5", "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return folder, done


def test_the_report_is_one_object_with_what_it_promises(demo):
    _, done = demo
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) >= KEYS
    assert report["cases"] == 5
    assert sum(report["outcomes"].values()) == 5
    assert report["silent_ends"] == 0
    assert 0 <= report["routing_accuracy"] <= 1


def test_progress_goes_to_stderr_alone(demo):
    _, done = demo
    assert "support: 5 of 5" in done.stderr
    assert "of 5\n" not in done.stdout


def test_the_runs_of_a_demo_are_there_to_be_listed(demo, command):
    folder, done = demo
    left = command("runs", "list", "--json", "--db", f"sqlite:///{folder / 'quintet-runs.db'}")
    assert left.returncode == 0, left.stderr
    report, kept = json.loads(done.stdout), json.loads(left.stdout)
    ended = {row["thread"]: row["outcome"] for row in report["runs"]}
    assert {run["thread"]: run["status"] for run in kept["runs"]} == ended


def test_an_unknown_system_is_told_the_known_ones(command, tmp_path):
    done = command("demo", "suport")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'suport'" in done.stderr
    for name in ("handbook", "quarterly", "retail", "support", "and all"):
        assert name in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_retail_without_its_data_says_where_it_looked(command, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    done = command("demo", "retail", QUINTET_DATA=str(empty))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(empty / "tau2_retail") in done.stderr
    assert "QUINTET_DATA" in done.stderr
    assert list(tmp_path.iterdir()) == [empty]


def test_a_demo_of_no_cases_is_a_usage_error(command, tmp_path):
    done = command("demo", "--limit", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--limit" in done.stderr
    assert list(tmp_path.iterdir()) == []


SMALL = sorted(set(system_names()) - {"support", "retail"})
"""The systems that need no data from elsewhere and are quick."""


def test_every_example_with_a_demo_is_a_system_and_shared_modules_are_none():
    folders = {path.parent.name for path in Path("examples").glob("*/demo.py")}
    assert set(system_names()) == folders
    assert "labelled" not in system_names()


@pytest.mark.parametrize("name", SMALL)
def test_every_system_reports_the_shared_figures(name, within):
    done = within("demo", name, "--json", "--limit", "3")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) >= set(SHARED)
    assert report["cases"] == 3 == sum(report["outcomes"].values())
    assert report["silent_ends"] == 0
    assert 0 <= report["decision_accuracy"] <= 1


@pytest.mark.parametrize("name", SMALL)
def test_every_system_has_a_suite_with_gates_by_its_name_and_by_its_folder(name):
    for where in (name, f"examples/{name}"):
        with open_suite(where, systems.PACKAGES) as suite:
            assert suite.cases
            assert suite.gates


class Fake:
    """Stand in for a system's demo."""

    def __init__(self, well, problem=None):
        self.well, self.problem = well, problem

    def run(self, *, url, progress, **options):
        if self.problem is not None:
            raise self.problem
        progress(1, 1)
        return {
            "cases": 1,
            "silent_ends": int(not self.well),
            "decision_accuracy": 1.0,
            "outcomes": {"done": 1},
            "seconds": 0.1,
            "well": self.well,
        }


def faked(monkeypatch, **demos):
    monkeypatch.setattr(systems, "system_names", lambda: sorted(demos))
    monkeypatch.setattr(systems, "_demo", lambda name: demos[name])


def test_all_systems_are_one_object_and_one_that_fails_makes_the_exit_code_1(within, monkeypatch):
    faked(monkeypatch, good=Fake(True), bad=Fake(False), gone=Fake(True, OSError("no [data]")))
    done = within("demo", "all", "--json")
    assert done.exit_code == 1
    reports = json.loads(done.stdout)
    assert {name: report["well"] for name, report in reports.items()} == {
        "good": True,
        "bad": False,
        "gone": False,
    }
    assert reports["gone"]["problem"] == "OSError: no [data]"


def test_all_systems_are_one_table(within, monkeypatch):
    faked(monkeypatch, good=Fake(True), gone=Fake(True, OSError("no [data]")))
    done = within("demo", "all")
    assert done.exit_code == 1
    assert "no [data]" in done.stdout
    good = next(line for line in done.stdout.splitlines() if line.startswith("good"))
    assert "100.0%" in good
    assert good.rstrip().endswith(" well")


def test_all_systems_that_are_well_exit_with_0(within, monkeypatch):
    faked(monkeypatch, one=Fake(True), two=Fake(True))
    assert within("demo", "all").exit_code == 0


def test_one_model_does_not_drive_all_systems(within):
    done = within("demo", "all", "--model", "openai:x")
    assert done.exit_code == 2
    assert "name it in place of all" in done.stderr


def test_help_names_what_a_system_is_and_how_it_exits(within):
    text = within("demo", "--help").stdout
    assert "all" in text
    assert "Exits with" in text
    assert "support" in text
