"""Test the pytest plugin, as a user's pytest has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

TESTS = """
from quintet.evals import Case, Gate, Suite, Trajectory

def suite(right):
    cases = [Case(id=str(n), input=str(n), route="a") for n in range(100)]
    return Suite(
        name="desk",
        cases=tuple(cases),
        target=lambda case: Trajectory(route="a" if int(case.id) < right else "b"),
        gates=(Gate(metric="routing_accuracy", at_least=0.9),),
    )

def test_good(quintet_gates):
    report = quintet_gates(suite(100))
    assert report["routing_accuracy"].value == 1

def test_bad(quintet_gates):
    quintet_gates(lambda: suite(92))

def test_sample(quintet_gates):
    assert len(quintet_gates(suite(100), sample=60, jobs=2).rows) == 60
"""

CRASHES = """
from quintet.graphs import create_single_agent
from quintet.nodes import Worker, effect
from quintet.state import Contract

def desk(reconcile):
    def pay(order: int) -> str:
        return f"receipt {order}"

    def agent(request, tools):
        return {"reply": tools.pay(order=1)}

    paying = effect(pay, key="{order}", reconcile=reconcile)
    contract = Contract(goal="Pay", needs=("message",), tools=(paying,))
    return lambda: create_single_agent(Worker(agent=agent, contract=contract))

def test_good(crashpoints):
    report = crashpoints(desk(None), {"message": "pay"})
    assert report.points > 10

def test_bad(crashpoints):
    def lies(order):
        return False

    crashpoints(desk(lies), {"message": "pay"})
"""


@pytest.fixture
def run(tmp_path):
    def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return pytest_in


def test_a_missed_gate_fails_its_test_with_the_report(tmp_path, run):
    (tmp_path / "test_desk.py").write_text(TESTS)
    done = run(tmp_path, "-q", "--junitxml=out.xml")
    assert done.returncode == 1, done.stdout
    assert "1 failed, 2 passed" in done.stdout
    assert "routing_accuracy: 0.920, lower bound 0.8" in done.stdout
    assert "Traceback" not in done.stdout
    assert 'name="routing_accuracy"' in (tmp_path / "out.xml").read_text()


def test_the_fixture_is_listed_with_what_it_does(tmp_path, run):
    done = run(tmp_path, "--fixtures")
    assert "quintet_gates" in done.stdout
    assert "fails the test where a gate is missed" in done.stdout


def test_the_plugin_costs_a_session_nothing_until_it_is_used(tmp_path, run):
    (tmp_path / "test_plain.py").write_text(
        "import sys\n"
        "def test_plain():\n"
        "    assert 'quintet.plugin' in sys.modules\n"
        "    assert not {'quintet.evals', 'langgraph', 'langchain_core'} & set(sys.modules)\n"
    )
    assert run(tmp_path, "-q").returncode == 0


def test_a_graph_that_a_crash_makes_pay_twice_fails_its_test_with_the_points(tmp_path, run):
    (tmp_path / "test_desk.py").write_text(CRASHES)
    done = run(tmp_path, "-q", "--junitxml=out.xml")
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert "NOT all recovered" in done.stdout
    assert "after call of effect pay:1 in work: duplicated pay:1" in done.stdout
    assert "Traceback" not in done.stdout
    assert 'name="duplicated"' in (tmp_path / "out.xml").read_text()
