"""Test `quintet runs`: its lists and pages, and that looking makes and cuts off nothing."""

import json
import shutil
from typing import get_args

import pytest
from click.testing import CliRunner

from quintet.cli.main import cli
from quintet.runs.run import RunStatus
from quintet.state import checkpointer

LONG = "desk-20260101-101112/5f2c9a40-3f8e-4a55-9d3b-3b1a6a1d7c11"
TERMINAL = {"FORCE_COLOR": "1", "COLUMNS": "80", "LINES": "25"}


def runs(*arguments, **env):
    return CliRunner(env={"QUINTET_DB": None, **env}).invoke(cli, ["runs", *arguments])


def data(*arguments):
    done = runs(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_list_has_a_line_for_each_run_the_newest_first(database):
    done = runs("list", "--db", database)
    assert done.exit_code == 0
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["run", "thread", "status", "updated", "reason"]
    assert [line.split()[1:3] for line in lines] == [
        ["desk/3", "waiting"],
        [LONG, "escalated"],
        ["desk/1", "done"],
    ]


def test_a_reason_is_printed_as_it_is_brackets_and_all(database):
    printed = runs("list", "--db", database).stdout
    assert "paid [back] in full" in printed
    assert "may [/this] go out?" in printed


def test_the_list_as_json_has_every_run_and_the_total(database):
    found = data("list", "--db", database)
    assert found["total"] == 3
    assert [run["thread"] for run in found["runs"]] == ["desk/3", LONG, "desk/1"]
    assert all(
        set(run) == {"run", "thread", "status", "reason", "updated"} for run in found["runs"]
    )


def test_status_keeps_only_runs_of_that_status(database):
    found = data("list", "--db", database, "--status", "escalated")
    assert [run["thread"] for run in found["runs"]] == [LONG]
    assert found["total"] == 1


def test_a_status_that_no_run_has_says_that_there_are_no_runs(database):
    done = runs("list", "--db", database, "--status", "exhausted")
    assert done.exit_code == 0
    assert "no runs" in done.stdout


def test_a_status_that_does_not_exist_is_refused_by_name(command, database):
    done = command("runs", "list", "--db", database, "--status", "escalted")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such status; give done, asked, escalated, rejected" in done.stderr


def test_every_status_of_a_run_can_be_asked_for(database):
    for status in get_args(RunStatus):
        assert runs("list", "--db", database, "--status", status).exit_code == 0


def test_a_database_in_the_home_folder_or_with_a_blank_is_found(database, monkeypatch, tmp_path):
    home = tmp_path / "a home"
    home.mkdir()
    shutil.copy(database.removeprefix("sqlite:///"), home / "kept.db")
    monkeypatch.setenv("HOME", str(home))
    for name in ("~/kept.db", f"{tmp_path}/a%20home/kept.db"):
        assert data("list", "--db", f"sqlite:///{name}")["total"] == 3


def test_limit_keeps_the_newest_and_says_that_there_are_more(database):
    found = data("list", "--db", database, "--limit", "1")
    assert ([run["thread"] for run in found["runs"]], found["total"]) == (["desk/3"], 3)
    assert "1 of 3 runs" in runs("list", "--db", database, "--limit", "1").stdout


def test_a_limit_of_nothing_is_a_usage_error(database):
    assert runs("list", "--db", database, "--limit", "0").exit_code == 2


def test_an_empty_database_has_no_runs(tmp_path):
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    checkpointer(url).close()
    assert data("list", "--db", url) == {"runs": [], "total": 0}
    assert "no runs" in runs("list", "--db", url).stdout


@pytest.mark.parametrize("terminal", ["xterm-256color", "dumb"])
def test_a_thread_is_never_cut_off_where_the_terminal_is_narrow(database, terminal):
    printed = runs("list", "--db", database, TERM=terminal, **TERMINAL).stdout
    assert LONG in printed
    assert "escalated" in printed


def test_a_run_is_shown_with_its_path_and_reason(database):
    printed = runs("show", "desk/1", "--db", database).stdout
    assert "run desk/1: done" in printed
    assert "paid [back] in full" in printed
    assert "path: end" in printed


def test_a_run_is_shown_by_its_id_or_by_the_beginning_of_an_id(database):
    listed = data("list", "--db", database)["runs"]
    assert all(len(run["run"]) == 8 for run in listed)
    for run in listed:
        assert run["run"] in runs("list", "--db", database).stdout
        for text in (run["run"], run["run"][:7], run["thread"], run["thread"][:-1]):
            if text == "desk/":
                continue
            assert data("show", text, "--db", database)["thread"] == run["thread"]
    assert f"id: {listed[0]['run']}" in runs("show", listed[0]["run"], "--db", database).stdout


def test_a_beginning_that_several_have_is_refused(command, database):
    done = command("runs", "show", "desk", "--db", database)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'desk' is of 3 threads" in done.stderr
    assert "give more of the id" in done.stderr


def test_a_run_as_json_is_the_whole_run(database):
    found = data("show", "desk/1", "--db", database)
    assert found["path"] == ["end"]
    assert found["waiting"] == []
    assert found["values"]["message"] == "done paid [back] in full"
    assert found["values"]["outcome"]["status"] == "done"


def test_a_waiting_run_says_what_it_waits_for(database):
    found = data("show", "desk/3", "--db", database)
    assert (found["status"], found["waiting"]) == ("waiting", ["may [/this] go out?"])
    assert "waits for: may [/this] go out?" in runs("show", "desk/3", "--db", database).stdout


def test_an_unknown_thread_is_named_and_ends_with_2(command, database):
    done = command("runs", "show", "desk/9", "--db", database)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'desk/9'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("list",), ("show", "desk/1")])
def test_a_missing_database_is_named_and_not_made(command, tmp_path, arguments):
    done = command("runs", *arguments, "--db", "sqlite:///none.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'none.db'" in done.stderr
    assert list(tmp_path.iterdir()) == []
