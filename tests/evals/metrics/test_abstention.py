from __future__ import annotations

import pytest

from quintet.evals.metrics import (
    abstention_precision,
    abstention_recall,
    router_metrics,
    routing_coverage,
    selective_accuracy,
)
from quintet.evals.suite import Suite
from quintet.state import DesignError
from tests.evals.metrics.runs import case, point, run

HIT, MISS = (1.0, 1.0), (0.0, 1.0)
METRICS = (abstention_precision, abstention_recall, routing_coverage, selective_accuracy)


@pytest.mark.parametrize(
    ("label", "route", "expected"),
    [
        ("person", "person", (HIT, HIT, MISS, None)),
        ("person", "", (HIT, HIT, MISS, None)),
        ("person", "billing", (None, MISS, HIT, MISS)),
        ("billing", "person", (MISS, None, MISS, None)),
        ("billing", "billing", (None, None, HIT, HIT)),
        ("billing", "shipping", (None, None, HIT, MISS)),
        (("billing", "person"), "person", (None, None, MISS, None)),
        (("billing", "person"), "billing", (None, None, HIT, HIT)),
        (None, "person", (None, None, None, None)),
        (None, "billing", (None, None, None, None)),
    ],
)
def test_what_a_choice_counts_as(label, route, expected):
    assert tuple(point(m, case(route=label), run(route=route)) for m in METRICS) == expected


def test_a_run_that_raised_has_not_abstained():
    broken = run(status="error", error="ValueError: x")
    found = [point(metric, case(route="person"), broken) for metric in METRICS]
    assert found == [None, MISS, MISS, None]


def test_people_may_have_other_names_and_then_take_the_standard_metrics_places():
    ours = {metric.name: metric for metric in router_metrics(("desk", "lawyer"))}
    assert {metric.name for metric in METRICS} < set(ours)
    assert point(ours["abstention_recall"], case(route="lawyer"), run(route="desk")) == HIT
    assert point(abstention_recall, case(route="lawyer"), run(route="desk")) is None
    Suite(cases=(case(),), target=print, metrics=tuple(ours.values()))


def test_one_name_in_place_of_a_tuple_is_refused():
    with pytest.raises(DesignError, match=r"\('person',\)"):
        router_metrics("person")
