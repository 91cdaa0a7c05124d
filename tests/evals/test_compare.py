from __future__ import annotations

import random
from dataclasses import replace

import pytest

from quintet.evals import Case, Gate, Metric, Suite, Trajectory, compare, evaluate, load_report
from quintet.evals.metric import as_metric
from quintet.state import DesignError

CASES = tuple(Case(id=f"{number:03}", input=str(number), route="a") for number in range(200))


def routed(right: set[str]):
    return lambda case: Trajectory(
        status="routed", route="a" if case.id in right else "b", seconds=0.01
    )


def report(right: int, start: int = 0, repeats=None, into=None, progress=None, **options):
    ids = {case.id for case in CASES[start : start + right]}
    suite = Suite(cases=CASES, target=routed(ids), **options)
    return evaluate(suite, repeats=repeats, into=into, progress=progress)


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


def noisy(seed: int):
    dice = random.Random(seed)

    def target(case: Case) -> Trajectory:
        return Trajectory(
            route="a" if dice.random() < 0.8 else "b",
            confidence=dice.random(),
            status=dice.choice(["done", "escalated"]),
            seconds=0.02 * dice.uniform(0.9, 1.3),
            spent={"tokens": dice.randint(50, 150), "model_calls": 2},
        )

    return target


def test_a_target_is_not_better_than_itself_in_one_of_many_metrics():
    labelled = [replace(case, outcome=("done",), escalate=False) for case in CASES]
    told = []
    for seed in range(4):
        one, other = (evaluate(noisy(2 * seed + side), labelled) for side in (0, 1))
        found = compare(one, other)
        assert len(found.differences) >= 12
        told += [*found.better, *found.worse]
    assert told == []


def test_a_verdict_goes_by_the_corrected_chance():
    found = compare(report(184), report(176)).differences.values()
    for item in found:
        assert item.adjusted is None or item.adjusted >= item.p
        assert item.verdict == "cannot tell" or item.adjusted <= 0.05


def test_what_a_correction_takes_back_says_how_many_cases_would_tell():
    def half(name: str) -> Metric:
        return Metric(name=name, score=lambda case, run: int(case.id) % 2 > 0)

    many = [half(f"half_{number}") for number in range(200)]
    new, old = report(186, metrics=many), report(177, metrics=many)
    alone, among = compare(new, old), compare(new, old, metrics=many)
    assert alone["routing_accuracy"].verdict == "better"
    found = among["routing_accuracy"]
    assert found.verdict == "cannot tell"
    assert found.cases_needed is not None
    assert found.cases_needed > 200
    gates = [Gate(metric="routing_accuracy", at_least=0.5)]
    gated = compare(report(186, metrics=many, gates=gates), old, metrics=many)
    assert gated["routing_accuracy"].verdict == "better", "a gate asked for it beforehand"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(0.001, 0.004, "cannot tell"), (1.0, 1.1, "cannot tell"), (1.0, 2.0, "worse")],
)
def test_times_differ_only_by_more_than_the_load_of_a_machine(before, after, verdict):
    old, new = (
        evaluate(lambda case, s=seconds: Trajectory(route="a", seconds=s), CASES)
        for seconds in (before, after)
    )
    assert compare(new, old)["latency_p50"].verdict == verdict


def test_cases_that_are_gone_or_new_are_told_with_what_was_wrong_of_them():
    old = evaluate(Suite(cases=CASES[:60], target=routed({case.id for case in CASES[:43]})))
    new = evaluate(Suite(cases=CASES[3:45], target=routed({case.id for case in CASES})))
    found = compare(new, old)
    assert len(found.removed) == 18
    assert found.removed[0] == "045"
    assert found.removed[-1] == "002"
    assert found.notes[0].startswith("18 of the 60 earlier cases are gone, 15 of them were wrong")
    assert "18 cases are new, and compared with nothing" in compare(old, new).notes


def test_a_metric_that_is_not_given_and_one_that_raised_are_told():
    def brittle(case: Case, run: Trajectory) -> bool:
        return 1 / int(case.id) > 0

    one = report(9, metrics=(brittle,))
    assert "not compared: brittle" in compare(one, one).notes
    gated = report(9, metrics=(brittle,), gates=[Gate(metric="brittle", at_least=0.0)])
    assert "not compared: brittle (it has a gate)" in compare(gated, one).notes
    assert "not compared: brittle (it has a gate)" in compare(gated, report(9)).notes
    notes = compare(one, one, metrics=[as_metric(brittle)]).notes
    assert "brittle: the metric raised in 1 of 200 runs on some side" in notes


def test_reports_of_different_versions_are_told():
    new, old = report(9), replace(report(9), versions={"quintet": "0.0.1"})
    assert any("earlier by 0.0.1" in note for note in compare(new, old).notes)
    assert not compare(new, new).notes


def test_pass_hat_k_is_compared(tmp_path):
    found = compare(report(150, repeats=2), report(200, repeats=2))
    assert found["pass_hat_2"].verdict == "worse"
    assert found.notes == ()


def test_a_suites_own_metric_is_compared_with_a_report_that_was_cut_off(tmp_path):
    def polite(case: Case, run: Trajectory) -> bool:
        return run.route == "a"

    def stop(done: int, total: int) -> None:
        if done == 150:
            raise KeyboardInterrupt

    path = tmp_path / "rows.jsonl"
    with pytest.raises(KeyboardInterrupt):
        report(200, metrics=(polite,), into=path, progress=stop)
    found = compare(report(9, metrics=(polite,)), load_report(path), metrics=[as_metric(polite)])
    assert found["polite"].verdict == "worse"


def test_repeats_that_only_one_report_has_and_a_cut_off_report_are_told():
    twice = evaluate(Suite(cases=CASES[:9], target=routed({"000"})), repeats=2)
    once = evaluate(Suite(cases=CASES[:9], target=routed({"000"})))
    assert "9 runs are of repeats that only one report has" in compare(twice, once).notes
    part = replace(once, expected=20)
    assert "the earlier report is cut off: 9 of 20 runs" in compare(twice, part).notes
