"""Test that `quintet eval` replaces only files of its own, and loses no earlier result."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quintet.evals import load_report
from quintet.evals.reports import junit, markdown, page
from quintet.evals.reports.kinds import is_junit, is_markdown, is_page
from quintet.state import DesignError
from tests.evals.reports import samples

SUITE = """
import os
from pathlib import Path
from quintet.evals import Case, Suite, Trajectory

Path("ran.txt").write_text("imported")

def target(case):
    Path("ran.txt").write_text("ran")
    return Trajectory(route="a", reason=os.environ.get("MARK", ""))

suite = Suite(
    name="desk",
    cases=[Case(id=str(number), input=f"message {number}", route="a") for number in range(3)],
    target=target,
)
"""
OPTIONS = ("--out", "--html", "--junit", "--markdown")
REPORTS = OPTIONS[1:]
POSIX = pytest.mark.skipif(os.name == "nt", reason="there are no such places on Windows")


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "desk.py").write_text(SUITE)
    return tmp_path


def mark(path):
    return {row.trajectory.reason for row in load_report(path).rows}


def refused(done) -> str:
    """Return the refusal, if it came before the suite was even imported."""
    assert isinstance(done.exception, DesignError), done.output
    assert not Path("ran.txt").exists()
    return str(done.exception)


def test_every_earlier_result_is_kept_under_a_number(desk, within):
    for run in ("first", "second", "third", "fourth"):
        done = within("eval", "desk.py", MARK=run)
        assert done.exit_code == 0, done.exception
    assert "the earlier result is kept in quintet-eval-desk.3.jsonl" in done.stderr
    assert {path.name: mark(path) for path in desk.glob("*.jsonl")} == {
        "quintet-eval-desk.1.jsonl": {"first"},
        "quintet-eval-desk.2.jsonl": {"second"},
        "quintet-eval-desk.3.jsonl": {"third"},
        "quintet-eval-desk.jsonl": {"fourth"},
    }


def test_an_earlier_result_can_be_the_one_to_compare_with(desk, within):
    within("eval", "desk.py", "--out", "rows.jsonl")
    done = within("eval", "desk.py", "--out", "rows.jsonl", "--against", "rows.jsonl")
    assert (done.exit_code, "against rows.jsonl" in done.stdout) == (0, True)


def test_a_file_that_is_refused_ends_with_2_and_one_line(desk, command):
    (desk / "notes.txt").write_text("what we agreed on\n")
    done = command("eval", "desk", "--out", "notes.txt")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("quintet: DesignError: --out: notes.txt exists and is no report")


@pytest.mark.parametrize("resume", [(), ("--resume",)], ids=["anew", "resume"])
@pytest.mark.parametrize("option", OPTIONS)
def test_a_file_of_somebody_else_is_refused_before_anything_runs(desk, within, option, resume):
    (desk / "notes.txt").write_text("what we agreed on\n")
    said = refused(within("eval", "desk.py", option, "notes.txt", *resume))
    assert said.startswith(f"{option}: notes.txt exists")
    assert "name another file" in said
    assert {path.name for path in desk.iterdir()} == {"desk.py", "notes.txt"}
    assert (desk / "notes.txt").read_text() == "what we agreed on\n"


@pytest.mark.parametrize("option", OPTIONS)
def test_the_suite_itself_is_never_written_over(desk, within, option):
    refused(within("eval", "desk.py", option, "desk.py"))
    assert (desk / "desk.py").read_text() == SUITE


@POSIX
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_no_file_is_refused_and_stays(desk, within, option, make):
    make(desk / "place")
    assert f"{option}: place is a" in refused(within("eval", "desk.py", option, "place"))
    assert {path.name for path in desk.iterdir()} == {"desk.py", "place"}
    assert not (desk / "place").is_file()


@POSIX
def test_rows_are_not_kept_on_a_device_and_the_device_stays(desk, within):
    name = os.ttyname(os.openpty()[1])
    before = os.stat(name).st_ino
    assert "is a device" in refused(within("eval", "desk.py", "--out", name))
    assert os.stat(name).st_ino == before


@pytest.mark.parametrize("option", REPORTS)
def test_a_report_takes_the_place_of_its_own_kind_and_of_no_other(desk, within, option):
    other = REPORTS[REPORTS.index(option) - 1]
    (desk / "r").write_text("")
    for _ in range(2):
        assert within("eval", "desk.py", option, "r").exit_code == 0
    (desk / "ran.txt").unlink()
    before = (desk / "r").read_bytes()
    for wrong in (other, "--out"):
        refused(within("eval", "desk.py", wrong, "r"))
        assert (desk / "r").read_bytes() == before


def test_a_file_that_turns_up_meanwhile_is_left_and_the_report_is_printed(desk, within):
    with (desk / "desk.py").open("a") as suite:
        suite.write('Path("r.html").write_text("mine")\n')
    done = within("eval", "desk.py", "--html", "r.html")
    assert isinstance(done.exception, DesignError)
    assert "routing_accuracy" in done.stdout
    assert (desk / "r.html").read_text() == "mine"


@POSIX
@pytest.mark.parametrize("option", REPORTS)
def test_a_report_goes_to_standard_output_behind_the_table(desk, environment, option):
    with (desk / "said.txt").open("w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "quintet", "eval", "desk", option, "/dev/stdout"],
            cwd=desk,
            env=environment,
            stdout=file,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    said = (desk / "said.txt").read_bytes()
    assert said.startswith(b"desk: 3 cases")
    starts = {"--html": b"<!doctype", "--junit": b"<?xml", "--markdown": b"### desk"}
    at = said.index(starts[option])
    assert any(is_it(said[at:]) for is_it in (is_page, is_junit, is_markdown))


@POSIX
def test_a_report_may_be_thrown_away(desk, within):
    before = os.stat(os.devnull)
    done = within("eval", "desk.py", "--html", os.devnull, "--junit", os.devnull)
    assert done.exit_code == 0, done.exception
    assert os.stat(os.devnull).st_ino == before.st_ino


@pytest.mark.parametrize(
    "options",
    [("--out", "r", "--html", "./r"), ("--junit", "r", "--markdown", "r")],
    ids=str,
)
def test_one_file_for_two_things_is_refused(desk, within, options):
    assert "give two files" in refused(within("eval", "desk.py", *options))


def test_a_report_in_the_place_where_the_rows_go_by_default_is_refused(desk, within):
    done = within("eval", "desk.py", "--html", "quintet-eval-desk.jsonl")
    assert "give two files" in str(done.exception)
    assert (desk / "ran.txt").read_text() == "imported"


def test_a_home_that_no_shell_opened_is_opened(desk, within):
    (desk / "home").mkdir()
    home = {"HOME": str(desk / "home"), "USERPROFILE": str(desk / "home")}
    done = within("eval", "desk.py", "--out=~/rows.jsonl", "--html=~/r.html", **home)
    assert done.exit_code == 0, done.exception
    assert {path.name for path in (desk / "home").iterdir()} == {"rows.jsonl", "r.html"}
    assert not (desk / "~").exists()


def test_an_agent_that_changes_the_folder_and_the_home_moves_no_file(desk, within, monkeypatch):
    (desk / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(desk))
    with (desk / "desk.py").open("a") as suite:
        suite.write("os.chdir('elsewhere')\nos.environ['HOME'] = os.getcwd()\n")
    done = within("eval", "desk.py", "--html", "r.html", "--markdown", "~/r.md")
    assert done.exit_code == 0, done.exception
    assert {path.name for path in desk.glob("*.*")} >= {
        *("quintet-eval-desk.jsonl", "r.html", "r.md"),
    }
    assert {path.name for path in (desk / "elsewhere").iterdir()} <= {"ran.txt"}


def test_missing_folders_are_made_for_rows(desk, within):
    assert within("eval", "desk.py", "--out", "new/inner/rows.jsonl").exit_code == 0
    assert len(load_report(desk / "new" / "inner" / "rows.jsonl").rows) == 3


@pytest.mark.parametrize(
    "report",
    [samples.plain_report, samples.nasty_report, lambda: samples.large_report(400, 40)],
    ids=["plain", "nasty", "large"],
)
def test_our_own_reports_are_known_again_and_none_for_another(report):
    made = report()
    texts = [page(made), junit(made), markdown(made)]
    known = [[is_it(t.encode()) for t in texts] for is_it in (is_page, is_junit, is_markdown)]
    assert known == [[True, False, False], [False, True, False], [False, False, True]]


@pytest.mark.parametrize(
    "text",
    [
        "<!doctype html>\n<html><head><title>pass: a shop</title></head></html>",
        '<?xml version="1.0"?>\n<testsuites name="pytest tests"><testsuite name="quintet"/>',
        "### Notes: pass\n\nwe passed\n",
        "",
    ],
    ids=["page", "xml", "markdown", "nothing"],
)
def test_what_others_have_written_is_not_taken_for_ours(text):
    assert not any(is_it(text.encode()) for is_it in (is_page, is_junit, is_markdown))
