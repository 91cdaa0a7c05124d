from __future__ import annotations

import random

import pytest

from quintet.evals import Case, Metric, Suite, Trajectory, compare, evaluate
from quintet.state import DesignError

CASES = tuple(Case(id=f"{number:03}", input=str(number), route="a") for number in range(200))


def routed(right: set[str]):
    return lambda case: Trajectory(
        status="routed", route="a" if case.id in right else "b", seconds=0.01
    )


def report(right: int, start: int = 0, **options):
    ids = {case.id for case in CASES[start : start + right]}
    return evaluate(Suite(cases=CASES, target=routed(ids), **options))


def test_a_clear_gain_is_better_and_the_other_way_round_worse():
    new, old = report(190), report(170)
    found = compare(new, old)
    assert found["routing_accuracy"].verdict == "better"
    assert compare(old, new)["routing_accuracy"].verdict == "worse"
    assert found["routing_accuracy"].difference == pytest.approx(0.1)
    assert found["routing_accuracy"].low > 0
    assert len(found.fixed) == 20
    assert found.broken == ()
    assert "routing_accuracy" in found.better


def test_a_small_difference_cannot_be_told_and_says_how_many_cases_would():
    found = compare(report(192), report(190))["routing_accuracy"]
    assert found.verdict == "cannot tell"
    assert found.cases_needed is not None
    assert found.cases_needed > 200
    assert "needs about" in str(found)


def test_the_same_report_twice_is_no_difference_and_no_number_of_cases_would_show_one():
    found = compare(report(190), report(190))
    assert {each.verdict for each in found.differences.values()} == {"cannot tell"}
    assert found["routing_accuracy"].cases_needed is None


def test_pairing_sees_what_two_separate_intervals_do_not():
    new, old = report(184), report(176)
    assert new["routing_accuracy"].low < old["routing_accuracy"].high
    assert compare(new, old)["routing_accuracy"].verdict == "better"


def test_a_measure_over_all_rows_is_compared_by_drawing_both_sides_together():
    found = compare(report(190), report(120))["routing_macro_f1"]
    assert found.verdict == "better"
    assert found.low is not None
    assert 0 < found.low < found.difference < found.high


def test_a_ratio_of_sums_is_compared_as_one():
    dice = random.Random(1)
    wholes = {case.id: dice.randint(1, 9) for case in CASES}

    def share(hit: float) -> Metric:
        def score(case: Case, run: Trajectory):
            from quintet.evals.row import Share

            return Share(part=hit * wholes[case.id], whole=wholes[case.id])

        return Metric(name="share", score=score)

    new, old = report(100, metrics=(share(0.9),)), report(100, metrics=(share(0.5),))
    found = compare(new, old, metrics=(share(0.9),))["share"]
    assert found.difference == pytest.approx(0.4)
    assert found.verdict == "better"


def test_lower_is_better_where_a_metric_says_so():
    slow = Metric(name="slow", score=lambda case, run: len(case.id) > 1, better="lower")
    quick = Metric(name="slow", score=lambda case, run: False, better="lower")
    found = compare(report(9, metrics=(quick,)), report(9, metrics=(slow,)), metrics=(quick,))
    assert found["slow"].verdict == "better"


def test_runs_without_a_partner_are_counted_and_left_out():
    whole = evaluate(Suite(cases=CASES, target=routed({"000"})))
    part = evaluate(Suite(cases=CASES[:50], target=routed({"000"})))
    found = compare(whole, part)
    assert found.unpaired == 150
    assert found["routing_accuracy"].cases == 50


def test_cases_whose_labels_differ_are_told():
    other = tuple(Case(id=case.id, input=case.input, route="b") for case in CASES)
    found = compare(report(9), evaluate(Suite(cases=other, target=routed(set()))))
    assert found.notes == ("200 runs are of cases whose input or labels differ",)


def test_reports_without_a_common_case_are_refused():
    other = evaluate(lambda case: Trajectory(), [Case(id="z", input="z", route="a")])
    with pytest.raises(DesignError, match="no case in common"):
        compare(report(9), other)
    with pytest.raises(DesignError, match="was not compared"):
        compare(report(9), report(9))["nothing"]
