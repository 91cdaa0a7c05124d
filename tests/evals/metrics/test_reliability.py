from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals.figures import figures_of
from quintet.evals.metrics import pass_hat_k
from quintet.evals.metrics.reliability import all_labels
from quintet.evals.row import Row
from quintet.state import DesignError
from tests.evals.metrics.runs import case, point, run, value

LABEL = {"outcome": "done"}


def repeats(*passed: str):
    """Make runs of several cases, a text each: `x` passed, `.` did not."""
    return [
        (case(input=f"{number}", **LABEL), run(status="done" if each == "x" else "exhausted"))
        for number, text in enumerate(passed)
        for each in text
    ]


def test_a_run_passes_where_it_contradicts_no_label():
    both = case(outcome="done", route="billing")
    assert point(all_labels, both, run(route="billing")) == (1.0, 1.0)
    assert point(all_labels, both, run(route="shipping")) == (0.0, 1.0)
    assert point(all_labels, both, run(route="billing", error="ValueError: x")) == (0.0, 1.0)


def test_a_case_without_a_label_that_can_be_checked_says_nothing():
    for given_case in (case(), case(answer="7")):
        assert point(all_labels, given_case, run()) is None
        assert point(pass_hat_k(1), given_case, run()) is None


@pytest.mark.parametrize(
    ("k", "expected"), [(1, (1 + 3 / 4 + 0) / 3), (2, (1 + 3 / 6 + 0) / 3), (4, 1 / 3)]
)
def test_pass_hat_k_is_the_mean_over_cases(k, expected):
    metric = pass_hat_k(k)
    assert metric.name == f"pass_hat_{k}"
    assert value(metric, repeats("xxxx", "xx.x", "....")) == pytest.approx(expected)


def test_a_case_with_too_few_repeats_leaves_pass_hat_k_unknown():
    assert value(pass_hat_k(2), repeats("xx", "x")) is None
    assert value(pass_hat_k(1), []) is None


def test_its_interval_is_made_from_one_value_a_case():
    metric = pass_hat_k(2)
    pairs = repeats("xxxx", "xx..")
    points = [("group", point(metric, *pair)) for pair in pairs]
    assert metric.over.parts(points) == [("group", 1.0, 1.0), ("group", 1 / 6, 1.0)]
    assert metric.over.parts([*points, ("group", ("new", True))]) == []
    # A bootstrap over runs would take a case that it draws twice for this one:
    assert value(metric, repeats("xx..xx..")) == pytest.approx(6 / 28)


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_a_k_that_is_no_count_is_refused(k):
    with pytest.raises(DesignError, match="pass_hat_k"):
        pass_hat_k(k)


RUNS = st.lists(st.text("x.", min_size=3, max_size=5), min_size=1, max_size=5)


@given(RUNS, st.randoms(use_true_random=False))
def test_passing_every_time_is_no_likelier_the_more_often(texts, random):
    pairs = repeats(*texts)
    found = [value(pass_hat_k(k), pairs) for k in (1, 2, 3)]
    assert 1 >= found[0] >= found[1] >= found[2] >= 0
    shuffled = random.sample(pairs, len(pairs))
    assert value(pass_hat_k(2), shuffled) == pytest.approx(found[1])


@given(st.lists(st.text("x.", min_size=3, max_size=3), min_size=1, max_size=5))
def test_pass_hat_1_is_the_share_that_passes_where_all_cases_have_as_many_runs(texts):
    pairs = repeats(*texts)
    assert value(pass_hat_k(1), pairs) == pytest.approx(value(all_labels, pairs))


def test_pass_hat_k_may_be_asked_of_one_label():
    both = case(outcome="done", route="a")
    runs = [(both, run(status="exhausted", route="a")), (both, run(status="done", route="a"))]
    assert value(pass_hat_k(2), runs) == 0
    assert value(pass_hat_k(2, label="route"), runs) == 1
    assert value(pass_hat_k(2, label="outcome"), runs) == 0
    assert pass_hat_k(2, label="route").name == "pass_hat_2_route"
    assert point(pass_hat_k(2, label="plan"), both, run()) is None
    assert point(pass_hat_k(2, label="route"), both, run(route="a", error="x"))[1] is False
    with pytest.raises(DesignError, match="label='rout'"):
        pass_hat_k(2, label="rout")


@given(
    passed=st.integers(1, 4).flatmap(
        lambda n: st.lists(st.text("x.", min_size=n, max_size=n), min_size=2, max_size=8)
    )
)
def test_one_number_has_one_interval(passed):
    rows = []
    for number, (each, ran) in enumerate(repeats(*passed)):
        label = replace(each, id=each.input)
        scores = {metric.name: point(metric, label, ran) for metric in (all_labels, pass_hat_k(1))}
        rows.append(Row(case=label, trajectory=ran, repeat=number, scores=scores))
    found = figures_of(rows, (all_labels, pass_hat_k(1)))
    one, other = found["all_labels"], found["pass_hat_1"]
    for name in ("value", "low", "high", "bound_low", "bound_high"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
