from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals.metrics import (
    latency_p50,
    latency_p95,
    latency_seconds,
    model_calls_per_completed,
    money_per_completed,
    tokens_per_completed,
)
from quintet.evals.metrics.cost import completed
from tests.evals.metrics.runs import case, point, run, value

PER_COMPLETED = {
    "model_calls": model_calls_per_completed,
    "tokens": tokens_per_completed,
    "money": money_per_completed,
}


@pytest.mark.parametrize(
    ("labels", "said", "expected"),
    [
        ({}, {"status": "done"}, True),
        ({}, {"status": "routed"}, True),
        ({}, {"status": "escalated", "escalated": True}, False),
        ({}, {"status": "done", "error": "ValueError: x"}, False),
        ({"outcome": "rejected"}, {"status": "rejected"}, True),
        ({"outcome": "rejected"}, {"status": "done"}, False),
        ({"escalate": True}, {"status": "escalated", "escalated": True}, True),
        ({"route": "billing"}, {"status": "exhausted", "route": "billing"}, False),
        ({"route": "billing"}, {"status": "done", "route": "shipping"}, False),
        ({"approval": False}, {"status": "done", "asked": ("refund",)}, False),
    ],
)
def test_a_run_is_completed_where_it_did_what_its_case_asks(labels, said, expected):
    assert completed(case(**labels), run(**said)) == expected


@pytest.mark.parametrize("resource", PER_COMPLETED)
def test_the_cost_of_failed_runs_is_borne_by_the_completed_ones(resource):
    label, metric = case(outcome="done"), PER_COMPLETED[resource]
    pairs = [
        (label, run(spent={resource: 10})),
        (label, run(spent={resource: 20})),
        (label, run(status="exhausted", spent={resource: 60})),
        (label, run()),
    ]
    assert value(metric, pairs) == 45
    assert metric.better == "lower"


@pytest.mark.parametrize("metric", PER_COMPLETED.values(), ids=lambda m: m.name)
def test_without_a_completed_run_or_a_known_cost_there_is_no_cost(metric):
    spent = {"tokens": 1, "money": 1, "model_calls": 1}
    assert value(metric, [(case(), run(status="exhausted", spent=spent))]) is None
    assert point(metric, case(), run()) is None


def test_latency_is_the_mean_and_its_percentiles():
    pairs = [(case(), run(seconds=float(second))) for second in range(1, 102)]
    assert value(latency_seconds, pairs) == 51
    assert value(latency_p50, pairs) == 51
    assert value(latency_p95, pairs) == 96


def test_a_run_of_unknown_length_has_no_latency():
    metrics = (latency_seconds, latency_p50, latency_p95)
    assert [point(metric, case(), run()) for metric in metrics] == [None] * 3
    assert [value(metric, []) for metric in metrics] == [None] * 3
    assert value(latency_p95, [(case(), run(seconds=2.0))]) == 2.0


@given(st.lists(st.floats(0.001, 1000), min_size=1), st.randoms(use_true_random=False))
def test_percentiles_lie_among_the_runs_in_order_whatever_the_order(seconds, random):
    pairs = [(case(), run(seconds=each)) for each in seconds]
    half, most = value(latency_p50, pairs), value(latency_p95, pairs)
    least, longest = min(seconds), max(seconds)
    assert least * (1 - 1e-9) <= half <= most * (1 + 1e-9) <= longest * (1 + 1e-8)
    assert value(latency_p95, random.sample(pairs, len(pairs))) == most
