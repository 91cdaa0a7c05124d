"""Test `quintet eval --live`: a database is watched, and a broken gate ends the watch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

SUITE = """
from quintet.evals import Gate, Suite

def helped(case, trajectory):
    return trajectory.status == "done"

def suite_of(at_least):
    gates = [Gate(metric="helped", at_least=at_least)]
    return Suite(name="live", cases=(), target=None, metrics=[helped], gates=gates)

easy, strict = suite_of(0.01), suite_of(1.0)
bare = Suite(name="bare", cases=(), target=None)
"""


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "desk.py").write_text(SUITE)
    return tmp_path


def test_one_look_prints_the_gates_and_exits_with_0(desk, command, database):
    done = command("eval", "desk.py:easy", "--live", database, "--once")
    assert done.returncode == 0, done.stderr
    assert "2 runs scored, 2 of them new; 1 have not ended" in done.stdout
    assert "helped: 0.500 [" in done.stdout


def test_a_broken_gate_exits_with_1_without_being_asked_to_end(desk, command, database):
    done = command("eval", "desk.py:strict", "--live", database)
    assert done.returncode == 1, done.stderr
    assert "broken helped" in done.stdout


def test_json_is_one_line_a_look(desk, command, database):
    done = command("eval", "desk.py:easy", "--live", database, "--once", "--json")
    [line] = done.stdout.splitlines()
    found = json.loads(line)
    assert (found["runs"], found["not_ended"], found["broken"]) == (2, 1, False)
    [gate] = found["gates"]
    assert (gate["metric"], gate["runs"], gate["mean"]) == ("helped", 2, 0.5)
    assert 0 <= gate["low"] <= 0.5 <= gate["high"] <= 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("desk.py:bare", "--once"), "has no gates"),
        (("desk.py:easy", "--once", "--out", "x.jsonl"), "leave out --out"),
        (("desk.py:easy", "--once", "--repeats", "2"), "leave out --repeats"),
        (("desk.py:easy", "--once", "--every", "soon"), "duration 'soon'"),
    ],
)
def test_wrong_use_exits_with_2(desk, command, database, options, said):
    done = command("eval", *options, "--live", database)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("option", [("--once",), ("--every", "10s"), ("--stale", "1h")])
def test_an_option_of_watching_is_refused_where_nothing_is_watched(desk, command, option):
    done = command("eval", "desk.py:easy", *option)
    assert (done.returncode, f"{option[0]} is for watching runs" in done.stderr) == (2, True)
    done = command("eval", "desk.py:easy", "--live", "memory://")
    assert (done.returncode, "no other process runs there" in done.stderr) == (2, True)


def test_a_database_that_is_not_there_exits_with_2(desk, command):
    done = command("eval", "desk.py:easy", "--live", "sqlite:///nowhere.db", "--once")
    assert done.returncode == 2
    assert "there is no database" in done.stderr


def test_a_watch_goes_on_until_it_is_interrupted(desk, environment, database):
    watch = subprocess.Popen(
        [sys.executable, "-m", "quintet", "eval", "desk.py:easy", "--live", database],
        cwd=desk,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stdout is not None
    assert "2 runs scored" in watch.stdout.readline()
    watch.send_signal(signal.SIGINT)
    _, err = watch.communicate(timeout=30)
    assert (watch.returncode, err.strip()) == (130, "interrupted")
