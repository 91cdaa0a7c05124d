"""Test `quintet eval` with several suites: their targets stand side by side."""

from __future__ import annotations

import json

import pytest

from quintet.errors import DesignError

DESK = """
from quintet.evals import Case, Gate, Suite, Trajectory

CASES = [Case(id=f"{n:03}", input=f"text {n}", route="x") for n in range(60)]

def made(name, share, cases=CASES):
    def target(case):
        print("noise")
        return Trajectory(route="x" if int(case.id) < share * 60 else "y", seconds=0.5)

    gates = [Gate(metric="routing_accuracy", at_least=0.6)]
    return Suite(name=name, cases=cases, target=target, gates=gates)

old, new, bad, fair = made("old", 0.8), made("new", 1.0), made("bad/one", 0.3), made("fair", 0.9)
best = made("best", 1.0)
other, twin = made("other", 1, CASES[:5]), made("old", 1.0)
"""


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "bdesk.py").write_text(DESK)
    return tmp_path


def names(*suites):
    return ["eval", *(f"bdesk.py:{name}" for name in suites)]


def test_the_table_marks_each_target_and_the_rows_of_each_are_kept(desk, within):
    done = within(*names("old", "new", "fair"))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["figure", "old", "new", "fair"]
    [row] = [line for line in lines if line.startswith("routing_accuracy")]
    assert row.count("+") == 1
    for name in ("old", "new", "fair"):
        assert len((desk / f"quintet-eval-{name}.jsonl").read_text().splitlines()) == 62
    within(*names("old", "new", "fair"))
    assert (desk / "quintet-eval-new.1.jsonl").exists()


def test_json_holds_every_report_and_every_comparison(desk, command):
    done = command(*names("old", "new", "bad"), "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert (told["passed"], told["worse"]) == (False, ["bad/one"])
    assert [each["passed"] for each in told["targets"].values()] == [True, True, False]
    assert told["compared"]["new"]["differences"]["routing_accuracy"]["verdict"] == "better"
    assert "noise" in done.stderr


def test_a_gated_figure_that_is_worse_exits_with_1_though_every_gate_is_passed(desk, within):
    done = within(*names("best", "old"))
    assert done.exit_code == 1
    assert "MISS" not in done.stdout


def test_a_verdict_holds_for_all_targets_together(desk, within):
    # 6 of 60 cases turned right: better (p = 0.03) than one other, not proven beside two.
    verdicts = []
    for suites in (("old", "fair"), ("old", "fair", "new")):
        told = json.loads(within(*names(*suites), "--json").stdout)
        verdicts.append(told["compared"]["fair"]["differences"]["routing_accuracy"]["verdict"])
    assert verdicts == ["better", "cannot tell"]


def test_the_page_and_the_rows_go_where_they_are_asked_to(desk, within):
    done = within(*names("old", "new"), "--html", "p.html", "--out", "kept/r.jsonl")
    assert done.exit_code == 0, done.output
    assert 'id="beside"' in (desk / "p.html").read_text()
    assert sorted(path.name for path in (desk / "kept").iterdir()) == ["r-new.jsonl", "r-old.jsonl"]


def test_a_cut_off_evaluation_goes_on(desk, within):
    within(*names("old", "new"))
    file = desk / "quintet-eval-new.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:20]))
    done = within(*names("old", "new"), "--resume")
    assert done.exit_code == 0, done.output
    assert len(file.read_text().splitlines()) == 62
    assert done.stderr.count("noise") == 41


def test_suites_of_one_name_go_by_how_they_were_called(desk, within):
    done = within(*names("old", "twin"))
    assert done.stdout.splitlines()[0].split() == ["figure", "bdesk.py:old", "bdesk.py:twin"]


def test_suites_without_cases_exit_with_5(desk, within):
    assert within(*names("old", "new"), "--tag", "late").exit_code == 5


@pytest.mark.parametrize(
    ("suites", "options", "said"),
    [
        (("old", "other"), (), r"bdesk.py:other is on other cases than bdesk.py:old \(5 and 60\)"),
        (("old", "old"), (), "bdesk.py:old is given twice"),
        (("old", "new"), ("--junit", "x.xml"), "--junit is for one suite"),
        (("old", "new"), ("--against", "x.jsonl"), "--against is for one suite"),
        (("old", "new"), ("--langsmith",), "--langsmith is for one suite"),
        (("old", "new"), ("--html", "bdesk.py"), "is no page of a report"),
        (("old", "new"), ("--out", "/dev/null"), "--out: /dev/null is a device"),
    ],
)
def test_what_cannot_stand_side_by_side_is_refused(desk, within, suites, options, said):
    done = within(*names(*suites), *options)
    assert isinstance(done.exception, DesignError)
    with pytest.raises(DesignError, match=said):
        raise done.exception


def test_a_live_evaluation_is_of_one_suite(desk, within):
    done = within(*names("old", "new"), "--live", "sqlite:///x.db")
    assert (done.exit_code, "of one suite" in done.output) == (2, True)
