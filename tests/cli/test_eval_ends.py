"""Test that `quintet eval` ends with 0 only if every row is there and every gate passed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from quintet.cli.ends import BrokenOff
from quintet.state import DesignError

SUITE = """
import asyncio, os, sys
from contextlib import contextmanager
from quintet.evals import Case, Gate, Metric, Suite, Trajectory

CASES = [Case(id=str(number), input=f"message {number}", route="a") for number in range(40)]
GATES = [Gate(metric="routing_accuracy", at_least=0.9)]

class Stop(BaseException):
    pass

def leave(case):
    if case.id == "2":
        raise {"exit": SystemExit(0), "own": Stop(), "cancelled": asyncio.CancelledError(),
               "closed": GeneratorExit()}[os.environ.get("HOW", "exit")]

def agent(case):
    leave(case)
    return Trajectory(route=os.environ.get("ROUTE", "b"))

async def waiting(case):
    return await asyncio.create_task(inner(case))

async def inner(case):
    return agent(case)

def made(target=agent, **more):
    return Suite(name="desk", cases=CASES, target=target, gates=GATES, **more)

suite = made()
awaited = made(waiting)
judged = made(lambda case: Trajectory(route="b"), metrics=[lambda case, run: leave(case)])
summed = made(metrics=[
    Metric(name="sum", score=lambda case, run: (1,), over=lambda points: sys.exit(0))
])

def closed():
    sys.exit(0)

@contextmanager
def torn_down():
    yield suite
    sys.exit(0)

def cut():
    raise BrokenPipeError("the shop hung up")

def stopped():
    raise Stop("at the door")

late = made(lambda case: "no trajectory" if case.id == "3" else Trajectory(route="a"))
"""


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "desk.py").write_text(SUITE)
    return tmp_path


@pytest.mark.parametrize("how", ["exit", "own", "cancelled", "closed"])
@pytest.mark.parametrize("suite", ["suite", "awaited", "judged"])
def test_an_agent_or_a_metric_that_exits_is_a_wrong_case_and_the_gate_is_judged(
    desk, within, suite, how
):
    done = within("eval", f"desk.py:{suite}", "--json", "--jobs", "2", HOW=how)
    assert done.exit_code == 1, done.exception
    assert json.loads(done.stdout)["rows"] == 40


def test_the_row_names_the_exit(desk, command):
    done = command("eval", "desk", "--json", ROUTE="a")
    wrong = json.loads(done.stdout)["wrong"]
    assert (done.returncode, len(wrong)) == (1, 1)
    assert "SystemExit: 0" in json.dumps(wrong)


@pytest.mark.parametrize("name", ["closed", "torn_down", "cut"])
def test_a_suite_whose_own_code_leaves_breaks_it_off(desk, within, name):
    assert isinstance(within("eval", f"desk.py:{name}").exception, BrokenOff)


def test_a_measure_over_all_runs_that_exits_is_told_and_loses_no_other_figure(desk, within):
    done = within("eval", "desk.py:summed", "--json")
    data = json.loads(done.stdout)
    assert data["rows"] == 40
    assert "sum" not in data["figures"]
    assert "sum: it cannot be computed: SystemExit: 0" in data["notes"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eval", "desk:closed"), "BrokenOff: the code that was run has exited (SystemExit: 0)"),
        (("eval", "desk:stopped"), "Stop: at the door"),
        (("eval", "gone.py"), "has exited (Exit: 0)"),
        (("check", "gone:graph"), "has exited (Exit: 0)"),
    ],
    ids=str,
)
def test_what_is_broken_off_ends_with_3_and_one_line(desk, command, arguments, said):
    (desk / "gone.py").write_text("import click\nraise click.exceptions.Exit(0)\n")
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (3, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("quintet: ")
    assert said in line


def test_a_mistake_that_shows_late_says_how_to_go_on(desk, within):
    done = within("eval", "desk.py:late")
    assert isinstance(done.exception, DesignError)
    assert "3 of 40 runs are kept in quintet-eval-desk.jsonl" in done.stderr


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["table", "json"])
def test_a_missed_gate_is_told_by_the_exit_code_where_nobody_reads(desk, environment, json):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "quintet", "eval", "desk", *json, "--html", "r.html"],
            cwd=desk,
            env=environment,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (desk / "r.html").exists()
