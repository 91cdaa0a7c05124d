from __future__ import annotations

from dataclasses import replace

import pytest

from quintet.evals import Case, Gate, Metric, Trajectory
from quintet.evals.figure import Figure
from quintet.evals.figures import figures_of
from quintet.evals.row import Row
from quintet.state import DesignError

HITS = Metric(name="hits", score=lambda case, run: None)
MISSES = Metric(name="misses", score=lambda case, run: None, better="lower")


def rows(metric: str, hits: int, of: int) -> list[Row]:
    return [
        Row(
            case=Case(input=str(number)),
            trajectory=Trajectory(),
            scores={metric: (float(number < hits), 1.0)},
        )
        for number in range(of)
    ]


def figure(metric: Metric, hits: int, of: int, **options) -> Figure:
    return figures_of(rows(metric.name, hits, of), [metric], **options)[metric.name]


def test_a_gate_passes_on_the_bound_and_not_on_the_mean():
    few, many = figure(HITS, 19, 20), figure(HITS, 950, 1000)
    gate = Gate(metric="hits", at_least=0.9)
    assert few.value == many.value == 0.95
    assert not gate.judged(few).passed
    assert gate.judged(many).passed
    assert "0.950, lower bound 0.7" in gate.judged(few).why


def test_fifty_nine_without_a_failure_prove_ninety_five_percent_and_fifty_eight_do_not():
    gate = Gate(metric="hits", at_least=0.95)
    assert gate.judged(figure(HITS, 59, 59)).passed
    assert not gate.judged(figure(HITS, 58, 58)).passed


def test_an_upper_gate_looks_at_the_upper_bound():
    gate = Gate(metric="misses", at_most=0.1)
    assert not gate.judged(figure(MISSES, 1, 20)).passed
    assert gate.judged(figure(MISSES, 5, 200)).passed


def test_none_means_not_one_and_says_what_is_ruled_out():
    gate = Gate(metric="misses", none=True)
    clean = gate.judged(figure(MISSES, 0, 59))
    assert clean.passed
    assert "more than 0.050 is ruled out" in clean.why
    assert not gate.judged(figure(MISSES, 1, 2000)).passed


def test_a_figure_that_is_not_there_does_not_pass():
    assert not Gate(metric="hits", at_least=0.0).judged(None).passed
    assert not Gate(metric="hits", at_most=1.0).judged(Figure(metric="hits", value=None)).passed


def test_a_number_passes_on_its_bootstrapped_bound():
    metric = Metric(name="seconds", score=lambda case, run: None, better="lower", unit="seconds")
    made = [
        Row(
            case=Case(input=str(number)),
            trajectory=Trajectory(),
            scores={"seconds": (float(number % 10), 1.0)},
        )
        for number in range(100)
    ]
    found = figures_of(made, [metric], gated={"seconds"})["seconds"]
    assert found.value == pytest.approx(4.5)
    assert found.bound_high is not None
    assert found.high is not None
    assert 4.5 < found.bound_high < found.high
    assert Gate(metric="seconds", at_most=found.bound_high).judged(found).passed
    assert not Gate(metric="seconds", at_most=4.6).judged(found).passed


def test_numbers_that_are_all_alike_are_judged_by_their_value():
    calls = Metric(name="calls", score=lambda case, run: None, better="lower", unit="calls")
    found = figures_of(rows("calls", 30, 30), [calls], gated={"calls"})["calls"]
    assert Gate(metric="calls", at_most=1.0).judged(found).passed
    assert not Gate(metric="calls", at_most=0.9).judged(found).passed


def test_a_number_with_errors_does_not_pass_since_no_worst_value_stands_for_them():
    metric = Metric(name="seconds", score=lambda case, run: None, better="lower", unit="seconds")
    made = rows("seconds", 7, 30)
    made.append(
        Row(case=Case(input="e"), trajectory=Trajectory(), errors={"seconds": "ValueError: no"})
    )
    found = figures_of(made, [metric], gated={"seconds"})["seconds"]
    verdict = Gate(metric="seconds", at_most=9.0).judged(found)
    assert not verdict.passed
    assert "raised 1 times" in verdict.why


def test_an_error_is_no_good_run_where_the_gate_wants_the_side_that_is_not_better():
    made = rows("hits", 0, 30)
    error = Row(
        case=Case(input="e"),
        trajectory=Trajectory(),
        scores={"hits": (0.0, 1.0)},
        errors={"hits": "ValueError: no"},
    )
    found = figures_of([*made, error], [HITS])["hits"]
    verdict = Gate(metric="hits", at_most=0.5).judged(found)
    assert not verdict.passed
    assert "raised 1 times, and such runs are no good ones" in verdict.why
    assert Gate(metric="hits", at_least=0.0).judged(found).passed


@pytest.mark.parametrize(
    ("score", "gate", "passed"),
    [
        (3.0, {"at_least": 0.8}, False),
        (-3.0, {"at_most": 0.2}, False),
        (1.0, {"at_least": 0.8}, True),
    ],
)
def test_a_score_on_another_scale_does_not_reach_a_share(score, gate, passed):
    scored = [replace(row, scores={"hits": (score, 1.0)}) for row in rows("hits", 0, 60)]
    found = figures_of(scored, [HITS], gated=["hits"])["hits"]
    verdict = Gate(metric="hits", **gate).judged(found)
    assert (verdict.passed, "it is no share" in verdict.why) == (passed, not passed)


def test_numbers_that_cancel_each_other_out_are_not_none():
    metric = Metric(name="gap", score=lambda case, run: None, better="neither", unit="number")
    made = [
        replace(row, scores={"gap": (float(5 - 10 * (number % 2)), 1.0)})
        for number, row in enumerate(rows("gap", 30, 30))
    ]
    found = figures_of(made, [metric], gated={"gap"})["gap"]
    verdict = Gate(metric="gap", none=True).judged(found)
    assert (found.value, verdict.passed) == (0.0, False)
    assert "cancel each other out" in verdict.why


@pytest.mark.parametrize(
    "wrong", [{}, {"at_least": 0.5, "at_most": 0.6}, {"at_least": 0.5, "none": True}], ids=str
)
def test_a_gate_wants_one_limit(wrong):
    with pytest.raises(DesignError, match="give one of"):
        Gate(metric="hits", **wrong)
