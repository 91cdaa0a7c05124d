"""Test `quintet eval`: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree as ET

import pytest

from quintet.errors import DesignError

SUITE = """
import os, time
from quintet.evals import Case, Gate, Suite, Trajectory

RIGHT = int(os.environ.get("RIGHT", "100"))

def target(case):
    time.sleep(float(os.environ.get("WAIT", "0")))
    return Trajectory(route="a" if int(case.id) < RIGHT else "b", status="routed")

suite = Suite(
    name="desk",
    cases=tuple(
        Case(id=f"{n:03}", input=f"message <{n}>", route="a", tags=[("even", "odd")[n % 2]])
        for n in range(100)
    ),
    target=target,
    gates=(Gate(metric="routing_accuracy", at_least=0.9),),
)
empty = Suite(name="empty", cases=(), target=target)
"""


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "desk.py").write_text(SUITE)
    return tmp_path


def test_gates_that_pass_exit_with_0_and_print_the_table(desk, command):
    done = command("eval", "desk.py")
    assert done.returncode == 0, done.stderr
    assert "routing_accuracy" in done.stdout
    assert "1.000" in done.stdout
    assert "100 of 100" in done.stderr


def test_a_missed_gate_exits_with_1(desk, command):
    done = command("eval", "desk.py", RIGHT="92")
    assert done.returncode == 1
    assert "MISS" in done.stdout


def test_json_alone_stands_on_stdout(desk, command):
    done = command("eval", "desk", "--json", RIGHT="92")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["passed"] is False
    figure = found["figures"]["routing_accuracy"]
    assert figure["value"] == 0.92
    assert figure["low"] < 0.92 < figure["high"]


def test_no_cases_exit_with_5(desk, command):
    assert command("eval", "desk:empty").returncode == 5
    done = command("eval", "desk", "--tag", "prime")
    assert done.returncode == 5
    assert "no cases with the tags prime" in done.stderr
    done = command("eval", "desk", "--tag", "odd", "--tag", "prime")
    assert done.returncode == 5
    assert "no cases with the tags prime" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "there is no suite 'nowhere'"),
        (("desk:absent",), "its suites are: suite, empty"),
        (("desk", "--jobs", "0"), "--jobs"),
        (("desk", "--against", "absent.jsonl"), "absent.jsonl cannot be read"),
        (("desk", "--html", "no/such/r.html"), "name a file in a folder that exists"),
        (("desk", "--junit", "."), "name a file in a folder that exists"),
        ((), "Missing argument 'SUITE...'"),
    ],
    ids=str,
)
def test_a_wrong_use_exits_with_2_and_says_what(desk, command, arguments, said):
    done = command("eval", *arguments)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr


def test_reports_are_written_where_they_are_asked_for(desk, command):
    done = command(
        "eval", "desk", "--html", "r.html", "--junit", "r.xml", "--markdown", "r.md", RIGHT="95"
    )
    assert done.returncode in (0, 1)
    assert (desk / "r.html").read_text().lstrip().lower().startswith("<!doctype html>")
    ET.fromstring((desk / "r.xml").read_text())
    assert "routing_accuracy" in (desk / "r.md").read_text()


def test_a_sample_and_tags_take_fewer_cases(desk, command):
    done = command("eval", "desk", "--sample", "30", "--tag", "odd", "--json")
    found = json.loads(done.stdout)
    assert found["cases"] == 30


def test_against_an_earlier_file_a_proven_loss_exits_with_1(desk, command):
    assert command("eval", "desk", "--out", "old.jsonl").returncode == 0
    same = command("eval", "desk", "--out", "new.jsonl", "--against", "old.jsonl", RIGHT="100")
    assert same.returncode == 0
    assert "cannot tell" in same.stdout
    itself = command("eval", "desk", "--out", "old.jsonl", "--resume", "--against", "./old.jsonl")
    assert itself.returncode == 2
    assert "would be compared with itself" in itself.stderr
    worse = command("eval", "desk", "--out", "new.jsonl", "--against", "old.jsonl", RIGHT="93")
    assert worse.returncode == 1
    assert "routing_accuracy: worse" in worse.stdout


def test_an_interrupt_keeps_what_is_done_and_resume_goes_on(desk, command, environment):
    process = subprocess.Popen(
        [sys.executable, "-m", "quintet", "eval", "desk"],
        cwd=desk,
        env=environment | {"WAIT": "0.05"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows = desk / "quintet-eval-desk.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and (not rows.exists() or rows.read_text().count("\n") < 5):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "--resume" in said
    kept = rows.read_text().count("\n") - 1
    assert kept >= 4
    done = command("eval", "desk", "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 100
    assert rows.read_text().count("\n") == 102


def test_help_says_what_a_suite_is_and_how_it_ends(command):
    done = command("eval", "--help")
    assert done.returncode == 0
    for word in (
        "SUITE",
        "evals.py",
        "--resume",
        "--against",
        "bound",
        "no cases",
        "broken off",
        "interrupted",
    ):
        assert word in done.stdout


def test_nothing_is_uploaded_unless_asked_and_then_the_experiment_is_named(desk, command):
    from tests.evals.langsmith.smith import KEY, smith_server

    with smith_server() as server:
        given = {"LANGSMITH_ENDPOINT": server.address, "LANGSMITH_API_KEY": KEY}
        assert command("eval", "desk", "--sample", "5", **given).returncode in (0, 1)
        assert server.calls == []
        done = command("eval", "desk", "--sample", "5", "--langsmith", "cli-set", "--json", **given)
        assert done.returncode in (0, 1), done.stderr
        assert json.loads(done.stdout)["rows"] == 5
        assert "langsmith: http" in done.stderr
        assert [each["name"] for each in server.datasets.values()] == ["cli-set"]
        assert len(server.examples) == 5


def test_an_upload_without_a_key_is_refused_before_anything_runs(desk, command):
    kept = {"LANGSMITH_API_KEY": "", "LANGCHAIN_API_KEY": ""}
    done = command("eval", "desk", "--langsmith", "set", **kept)
    assert done.returncode == 2
    assert "LANGSMITH_API_KEY" in done.stderr
    assert "of 100" not in done.stderr


def test_an_experiment_cannot_be_gone_on_with(desk, command):
    done = command("eval", "desk", "--resume", "--langsmith", "set")
    assert done.returncode == 2
    assert "leave one of them out" in done.stderr


PRINTING = """
import os, sys
from quintet.evals import Case, Gate, Suite, Trajectory

print("imported")
MANY = int(os.environ.get("MANY", "6"))

def target(case):
    print("looking at", case.id)
    os.write(1, b"from below")
    os.system("echo from a child")
    return Trajectory(route="a" if int(case.id) < 4 else "b")

suite = Suite(
    name="desk",
    cases=[Case(id=str(n), input=f"message {n}", route="a") for n in range(MANY)],
    target=target,
)
"""


def test_whatever_a_suite_prints_stdout_is_one_json_object(tmp_path, command):
    (tmp_path / "loud.py").write_text(PRINTING)
    done = command("eval", "loud.py", "--json")
    assert json.loads(done.stdout)["rows"] == 6
    for said in ("imported", "looking at 5", "from below", "from a child"):
        assert said in done.stderr


def test_cases_that_are_gone_are_told_in_text_json_junit_and_on_the_page(tmp_path, command):
    (tmp_path / "loud.py").write_text(PRINTING)
    assert command("eval", "loud.py", "--out", "old.jsonl").returncode == 0
    more = ("--out", "new.jsonl", "--against", "old.jsonl", "--junit", "o.xml", "--html", "o.html")
    done = command("eval", "loud.py", *more, MANY="4")
    told = "2 of the 6 earlier cases are gone, 2 of them were wrong; 4 are compared"
    assert told in done.stdout
    assert told in (tmp_path / "o.xml").read_text()
    assert told in (tmp_path / "o.html").read_text()
    data = json.loads(command("eval", "loud.py", *more, "--json", MANY="4").stdout)
    assert told in data["against"]["notes"]
    assert data["against"]["removed"] == ["4", "5"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_target_that_closes_a_stream_does_not_silence_the_command(tmp_path, command, stream):
    (tmp_path / "shut.py").write_text(
        f"""import sys
from quintet.evals import Case, Suite, Trajectory

def target(case):
    with sys.{stream} as out:
        print("looking", file=out)
    sys.{stream}.close()
    return Trajectory(route="a")

suite = Suite(name="shut", cases=[Case(id="1", input="x", route="a")], target=target)
"""
    )
    done = command("eval", "shut.py")
    assert done.returncode == 0, done.stderr
    assert "shut: 1 case" in done.stdout
    assert "looking" in done.stderr


def test_a_gate_that_the_earlier_report_cannot_be_compared_on_does_not_pass(tmp_path, command):
    (tmp_path / "gated.py").write_text(
        """import os
from quintet.evals import Case, Gate, Metric, Suite, Trajectory

polite = Metric(name="polite", score=lambda case, run: True)
OLD = os.environ.get("MANY") == "old"
suite = Suite(
    name="gated",
    cases=[Case(id=str(n), input=f"{n}", route="a") for n in range(9)],
    target=lambda case: Trajectory(route="a"),
    metrics=() if OLD else (polite,),
    gates=() if OLD else (Gate(metric="polite", at_least=0.5),),
)
"""
    )
    assert command("eval", "gated.py", "--out", "old.jsonl", MANY="old").returncode == 0
    against = ("--out", "new.jsonl", "--against", "old.jsonl")
    data = json.loads(command("eval", "gated.py", *against, "--json", MANY="new").stdout)
    done = command("eval", "gated.py", *against, MANY="new")
    assert data["against"]["gates_not_compared"] == ["polite"]
    assert done.returncode == 1
    assert "gates on polite could not be compared" in " ".join(done.stdout.split())


def test_limits_may_be_given_to_the_command(desk, command):
    done = command("eval", "desk.py", "--seconds", "0.01", "--max-errors", "3", WAIT="0.2")
    assert done.returncode == 1
    assert "stopped after 3 runs that raised" in done.stdout
    assert command("eval", "desk.py", "--tokens", "-1").returncode == 2


def test_a_suite_in_yaml_is_run_and_a_mistake_in_it_is_wrong_use(within, tmp_path):
    (tmp_path / "ydesk.py").write_text(
        "from quintet.evals import Trajectory\n"
        "def target(case):\n"
        "    print('noise')\n"
        "    return Trajectory(route='a')\n"
    )
    text = (
        "target: ydesk.py:target\ncases: [{input: x, route: a}]\nrepeats: 2\n"
        "gates: [{metric: routing_accuracy, at_least: 0.01}]\n"
    )
    (tmp_path / "front.yaml").write_text(text)
    done = within("eval", "front.yaml", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["suite"], told["passed"]) == ("front", True)
    assert len((tmp_path / "quintet-eval-front.jsonl").read_text().splitlines()) == 4
    (tmp_path / "front.yaml").write_text(text.replace("repeats", "repeat"))
    wrong = within("eval", "front.yaml")
    assert isinstance(wrong.exception, DesignError)
    assert "front.yaml, line 3: unknown key 'repeat'" in str(wrong.exception)
