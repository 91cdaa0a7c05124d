"""Test several targets on the same cases, side by side."""

from __future__ import annotations

import pytest

from quintet.evals import Case, Gate, Suite, Trajectory, evaluate, side_by_side
from quintet.state import DesignError

CASES = [Case(id=f"{number:03}", input=f"text {number}", route="x") for number in range(120)]
SUITE = Suite(
    cases=CASES, target=None, gates=[Gate(metric="routing_accuracy", at_least=0.6)], seed=3
)


def right(share: float):
    return lambda case: Trajectory(
        route="x" if int(case.id) < share * len(CASES) else "y", seconds=0.5
    )


def test_targets_stand_side_by_side_with_verdicts_against_the_first():
    ended: list[tuple[int, int]] = []
    both = side_by_side(
        SUITE,
        {"old": right(0.8), "new": right(1.0), "bad": right(0.3)},
        progress=lambda done, total: ended.append((done, total)),
    )
    assert both.compared["new"]["routing_accuracy"].verdict == "better"
    assert both.compared["bad"]["routing_accuracy"].verdict == "worse"
    assert not both.passed
    assert both["new"].passed
    assert ended[-1] == (360, 360)
    lines = str(both).splitlines()
    assert lines[0].split() == ["figure", "old", "new", "bad"]
    line = next(line for line in lines if line.startswith("routing_accuracy"))
    assert "1.000" in line
    assert line.endswith("-")
    assert [line.split() for line in lines if line.startswith("gates")] == [
        ["gates", "pass", "pass", "MISS"]
    ]


def test_a_report_stands_for_its_target_and_one_on_other_cases_is_refused():
    report = evaluate(SUITE.on(right(0.8)))
    both = side_by_side(SUITE, {"old": report, "new": right(0.8)})
    assert both["old"] is report
    assert not both.compared["new"].better
    other = evaluate(right(0.8), CASES[:5])
    with pytest.raises(DesignError, match="'old' is on other cases"):
        side_by_side(SUITE, {"old": other, "new": right(0.8)})


def test_one_target_alone_is_refused_and_an_unknown_name_too():
    with pytest.raises(DesignError, match="1 targets"):
        side_by_side(SUITE, {"old": right(0.8)})
    with pytest.raises(DesignError, match="no target is named 'odd'"):
        side_by_side(SUITE, {"old": right(0.8), "new": right(1.0)})["odd"]
