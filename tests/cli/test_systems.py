"""Test `quintet demo`: its report, the runs that it leaves, and what it refuses."""

import json
import subprocess
import sys

import pytest

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
    assert "retail, support" in done.stderr
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
