from __future__ import annotations

import pytest

from quintet.evals import ToolCall
from quintet.evals.metrics import recovery_rate, time_to_recovery
from quintet.evals.metrics.recovery import faulted, handed_over
from tests.evals.metrics.runs import case, decided, failed, point, run, value

HIT, MISS = (1.0, 1.0), (0.0, 1.0)
FAULT = (failed("billing", "TimeoutError", at=10.0),)


@pytest.mark.parametrize(
    "said",
    [
        {"faults": ("tool_error",)},
        {"failures": FAULT},
        {"decisions": (decided("retry", "attempt 2"),)},
        {"calls": (ToolCall(name="look", status="failed"),)},
        {"error": "ValueError: x", "status": "error"},
    ],
    ids=lambda said: next(iter(said)),
)
def test_a_run_met_a_fault_where_anything_failed(said):
    assert faulted(run(**said))
    assert point(recovery_rate, case(), run(**said)) is not None


@pytest.mark.parametrize("metric", [recovery_rate, handed_over, time_to_recovery])
def test_a_run_without_a_fault_has_nothing_to_recover_from(metric):
    assert not faulted(run(decisions=(decided("route", "billing"),)))
    assert point(metric, case(outcome="done"), run()) is None


@pytest.mark.parametrize(
    ("labels", "said", "expected"),
    [
        ({"outcome": "done"}, {}, HIT),
        ({"outcome": "done"}, {"status": "escalated", "escalated": True}, MISS),
        ({"outcome": ["done", "escalated"]}, {"status": "escalated", "escalated": True}, HIT),
        ({"state": {"refunds": 1}}, {"state": {"refunds": 1}}, HIT),
        ({"state": {"refunds": 1}}, {"state": {"refunds": 2}}, MISS),
        ({"route": "billing"}, {"route": "shipping"}, MISS),
        ({"never": ["refund"]}, {"calls": (ToolCall(name="refund"),)}, MISS),
        ({"escalate": False}, {"status": "escalated", "escalated": True}, MISS),
        ({"escalate": True}, {"status": "escalated", "escalated": True}, HIT),
        ({}, {}, HIT),
        ({}, {"status": "exhausted"}, MISS),
        ({"route": "billing"}, {"route": "billing", "status": "waiting"}, MISS),
    ],
)
def test_a_run_recovers_where_it_reaches_its_goal_all_the_same(labels, said, expected):
    assert point(recovery_rate, case(**labels), run(failures=FAULT, **said)) == expected


def test_another_way_or_a_question_on_it_is_still_a_recovery():
    labels = case(outcome="done", path=["a"], calls=["a"], plan=["a"], approval=False)
    made = run(failures=FAULT, path=("b",), calls=(ToolCall(name="b"),), asked=("refund",))
    assert point(recovery_rate, labels, made) == HIT


def test_a_run_that_raised_has_not_recovered():
    broken = run(status="done", error="ValueError: x")
    assert point(recovery_rate, case(outcome="done"), broken) == MISS


def test_a_run_is_handed_over_where_it_ends_at_a_person():
    assert point(handed_over, case(), run(failures=FAULT, status="escalated")) == HIT
    assert point(handed_over, case(), run(failures=FAULT, escalated=True)) == HIT
    assert point(handed_over, case(), run(failures=FAULT)) == MISS
    assert handed_over.better == "neither"


def test_the_time_to_recovery_ends_with_the_first_success_after_the_fault():
    made = run(
        failures=(*FAULT, failed("basic", "ValueError", at=11.0)),
        decisions=(
            decided("effect", "look:1", at=9.0),
            decided("fallback", "basic", at=10.5),
            decided("effect", "refused", at=10.7),
            decided("effect", "refund:7", at=12.5),
            decided("outcome", "done", at=13.0),
        ),
    )
    assert point(time_to_recovery, case(), made) == (2.5, 1.0)


def test_without_a_success_on_record_or_an_end_there_is_no_time_to_recovery():
    done = decided("outcome", "done", at=12.0)
    ended = decided("outcome", "escalated", at=12.0)
    assert point(time_to_recovery, case(), run(failures=FAULT)) is None
    assert point(time_to_recovery, case(), run(decisions=(done,), faults=("x",))) is None
    worked = decided("effect", "refund:7", at=11.0)
    over = run(status="escalated", failures=FAULT, decisions=(worked, ended))
    assert point(time_to_recovery, case(), over) is None
    assert value(time_to_recovery, [(case(), run(failures=FAULT, decisions=(done,)))]) == 2.0
