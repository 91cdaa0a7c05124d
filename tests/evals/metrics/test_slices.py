from __future__ import annotations

import pytest

from quintet.evals.metrics import (
    latency_seconds,
    money_per_completed,
    routing_accuracy,
    routing_macro_f1,
    slices,
)
from quintet.state import DesignError
from quintet.stats import proportion, wilson
from tests.evals.metrics.runs import case, row, run


def routed(number: int, route: str, *tags: str, repeat: int = 0):
    label = case(input=f"{number}", route="a", tags=tags)
    return row(routing_accuracy, label, run(route=route), repeat)


def test_a_metric_is_told_by_tag_with_wilsons_interval():
    rows = [routed(1, "a", "short"), routed(2, "b", "short", "angry"), routed(3, "a")]
    found = slices(rows, routing_accuracy)
    assert list(found) == ["", "angry", "short"]
    assert (found["short"].part, found["short"].whole, found["short"].value) == (1, 2, 0.5)
    assert found["short"].interval == wilson(1, 2)
    assert found["short"].cases == 2
    assert (found["angry"].value, found[""].value) == (0, 1)


def test_repeats_of_a_case_are_one_cluster():
    rows = [routed(n, "ab"[n], "short", repeat=r) for n in range(2) for r in range(5)]
    found = slices(rows, routing_accuracy)["short"]
    clusters = [(each.case.id, each.trajectory.route == "a", 1) for each in rows]
    assert found.interval == proportion(clusters)
    assert found.cases == 2


def test_what_is_no_share_has_the_bootstraps_interval():
    rows = [
        row(latency_seconds, case(input=f"{n}", tags=["x"]), run(seconds=n + 1)) for n in range(9)
    ]
    found = slices(rows, latency_seconds)["x"]
    assert found.value == 5
    assert 1 <= found.interval.low < 5 < found.interval.high <= 9


def test_the_money_of_failed_runs_is_not_lost():
    rows = [
        row(money_per_completed, case(input=f"{n}", tags=["x"]), run(status=s, spent={"money": 3}))
        for n, s in enumerate(["done", "exhausted", "done"])
    ]
    assert slices(rows, money_per_completed)["x"].value == 4.5


def test_rows_that_the_metric_says_nothing_of_are_left_out():
    rows = [routed(1, "a", "x"), row(routing_accuracy, case(tags=["y"]), run())]
    assert list(slices(rows, routing_accuracy)) == ["x"]
    assert slices([], routing_accuracy) == {}


def test_a_tag_twice_counts_once():
    assert slices([routed(1, "a", "x", "x")], routing_accuracy)["x"].whole == 1


def test_a_measure_that_is_no_ratio_is_refused():
    with pytest.raises(DesignError, match="routing_macro_f1"):
        slices([], routing_macro_f1)


def test_runs_are_sliced_by_what_they_did():
    label = case(input="1", route="a")
    rows = [
        row(routing_accuracy, label, run(route="a", path=("x", "y", "x"), status="done"), 0),
        row(routing_accuracy, label, run(route="b", path=("x",), status="done"), 1),
        row(routing_accuracy, label, run(route="b", status="exhausted"), 2),
    ]
    assert {k: v.value for k, v in slices(rows, routing_accuracy, by="path").items()} == {
        "": 0,
        "x": 0.5,
        "y": 1,
    }
    assert list(slices(rows, routing_accuracy, by="status")) == ["done", "exhausted"]
    assert slices(rows, routing_accuracy, by="route")["a"].value == 1
    own = slices(rows, routing_accuracy, by=lambda row: [f"try {row.repeat}"])
    assert list(own) == ["try 0", "try 1", "try 2"]
    with pytest.raises(DesignError, match="by='mood'"):
        slices(rows, routing_accuracy, by="mood")
