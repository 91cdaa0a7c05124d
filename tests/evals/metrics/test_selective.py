from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet import stats
from quintet.evals.metrics import (
    augrc,
    aurc,
    calibration_error,
    coverage_at_risk,
    eaurc,
    out_of_scope_auroc,
    out_of_scope_fpr95,
    risk_at_coverage,
    routing_auroc,
)
from quintet.evals.metrics.selective import risk_curve
from quintet.state import DesignError
from tests.evals.metrics.runs import bare, case, point, run, value

RISKS = (aurc, eaurc, augrc)
RANKS = (routing_auroc, out_of_scope_auroc, out_of_scope_fpr95)
ALL = (*RISKS, *RANKS, calibration_error, risk_at_coverage(0.5), coverage_at_risk(0.1))


def chosen(label, route, confidence, **more):
    return case(route=label), run(route=route, confidence=confidence, **more)


def right(confidence):
    return chosen("a", "a", confidence)


def wrong(confidence):
    return chosen("a", "b", confidence)


def test_the_areas_under_the_risk_curve_by_hand():
    # Surest first: right, wrong, right -> risks 0, 1/2, 1/3; best order: 0, 0, 1/3.
    pairs = [right(0.9), wrong(0.8), right(0.6)]
    assert value(aurc, pairs) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    assert value(eaurc, pairs) == pytest.approx((1 / 2) / 3)
    assert value(augrc, pairs) == pytest.approx(3 / 2 / 9)
    assert value(routing_auroc, pairs) == 0.5


def test_the_formulas_are_those_of_the_statistics():
    sure, flags = [0.9, 0.8, 0.6, 0.6], [True, False, True, False]
    pairs = [right(c) if flag else wrong(c) for c, flag in zip(sure, flags, strict=True)]
    assert value(aurc, pairs) == stats.aurc(sure, flags)
    assert value(eaurc, pairs) == stats.eaurc(sure, flags)
    assert value(augrc, pairs) == stats.augrc(sure, flags)
    assert value(routing_auroc, pairs) == stats.auroc(sure, flags)
    assert value(calibration_error, pairs) == stats.ece(sure, flags, bins=15)


def test_an_abstention_is_measured_by_the_route_that_it_abstained_from():
    unsure = chosen("a", "person", 0.4, best="a")
    assert point(aurc, *unsure) == (0.4, True)
    assert point(aurc, *chosen("b", "person", 0.4, best="a")) == (0.4, False)


def test_an_abstention_without_a_confidence_is_the_least_sure_answer():
    pairs = [wrong(0.1), (case(route="a"), run(route="person"))]
    assert point(aurc, *pairs[1]) == (None, False)
    assert [p.threshold for p in risk_curve([bare(*pair) for pair in pairs])] == [0.1, 0.0]


def test_an_abstention_that_is_right_is_no_wrong_answer():
    assert point(aurc, case(route="person"), run(route="")) == (None, True)
    assert point(aurc, case(route="person"), run(route="person")) == (None, True)


def test_a_choice_without_a_confidence_is_left_out():
    assert point(aurc, case(route="a"), run(route="a")) is None


def test_a_run_that_raised_is_the_least_sure_and_wrong():
    broken = run(status="error", error="ValueError: x")
    assert point(aurc, case(route="a"), broken) == (None, False)


@pytest.mark.parametrize("metric", ALL, ids=lambda m: m.name)
def test_without_any_confidence_there_is_nothing_to_say(metric):
    assert value(metric, [(case(route="a"), run(route="person"))] * 3) is None
    assert value(metric, []) is None
    assert point(metric, case(), run(route="a", confidence=0.9)) is None


@pytest.mark.parametrize("metric", RANKS, ids=lambda m: m.name)
def test_ranking_needs_both_kinds(metric):
    assert value(metric, [right(0.9), right(0.8)]) is None


def test_out_of_scope_is_ranked_by_the_confidence_that_an_agent_may_take_it():
    inside = [chosen("a", "a", 0.9), chosen("a", "b", 0.6)]
    outside = [
        chosen("person", "person", 0.3, best="a"),
        (case(route="person"), run(route="person")),
        chosen("person", "a", 0.7),
    ]
    assert [point(out_of_scope_auroc, *pair) for pair in (*inside, *outside)] == [
        (0.9, True),
        (0.6, True),
        (0.3, False),
        (None, False),
        (0.7, False),
    ]
    assert value(out_of_scope_auroc, [*inside, *outside]) == pytest.approx(5 / 6)
    assert value(out_of_scope_fpr95, [*inside, *outside]) == pytest.approx(1 / 3)


def test_a_rule_that_chose_a_person_for_sure_is_sure_that_no_agent_may():
    by_rule = chosen("person", "person", 1.0, best="person")
    assert point(out_of_scope_auroc, *by_rule) == (0.0, False)
    assert point(aurc, *by_rule) == (1.0, True)


def test_a_case_that_an_agent_or_a_person_may_take_is_in_no_scope():
    assert point(out_of_scope_auroc, *chosen(("a", "person"), "a", 0.9)) is None


def test_calibration_leaves_out_what_has_no_confidence():
    pairs = [right(0.8), wrong(0.8), (case(route="a"), run(route="person"))]
    assert value(calibration_error, pairs) == pytest.approx(0.3)


def test_risk_at_a_coverage_and_coverage_at_a_risk_read_the_same_curve():
    pairs = [right(0.9), right(0.8), wrong(0.7), right(0.6)]
    assert value(risk_at_coverage(0.5), pairs) == 0.0
    assert value(risk_at_coverage(0.51), pairs) == pytest.approx(1 / 3)
    assert value(risk_at_coverage(0.6), pairs) == pytest.approx(1 / 3)
    assert value(risk_at_coverage(1.0), pairs) == 0.25
    assert value(coverage_at_risk(0.25), pairs) == 1.0
    assert value(coverage_at_risk(0.2), pairs) == 0.5
    assert value(coverage_at_risk(0.2), [wrong(0.9)]) == 0.0
    assert risk_at_coverage(0.8).name == "risk_at_coverage_80"
    assert coverage_at_risk(0.025).name == "coverage_at_risk_2.5"


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(DesignError, match=f"coverage={share}"):
        risk_at_coverage(share)
    with pytest.raises(DesignError, match=f"risk={share}"):
        coverage_at_risk(share)


def test_no_rows_make_no_curve():
    assert risk_curve([]) == []


PAIRS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "person", ("a", "person")]).map(lambda label: case(route=label)),
        st.builds(
            run,
            route=st.sampled_from(["a", "b", "person", ""]),
            best=st.sampled_from(["", "a", "b"]),
            confidence=st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0])),
        ),
    )
)


@given(PAIRS, st.randoms(use_true_random=False))
def test_confidence_measures_stay_within_0_and_1_whatever_the_order(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    for metric in ALL:
        found = value(metric, pairs)
        assert found is None or -1e-9 <= found <= 1 + 1e-9
        assert found is None or found == pytest.approx(value(metric, shuffled))


@given(PAIRS)
def test_points_are_the_same_after_a_journal(pairs):
    for metric in ALL:
        kept = [each for pair in pairs if (each := point(metric, *pair)) is not None]
        again = [tuple(each) for each in json.loads(json.dumps(kept))]
        assert metric.over(again) == metric.over(kept)
