"""Test failure attribution on runs whose first wrong decision is known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quintet.evals import FAULTS, Case, Suite, ToolCall, Trajectory, evaluate
from quintet.evals.analysis.attribute import attribute, attributions
from quintet.evals.faults.inject import inject
from quintet.evals.row import Row
from quintet.state import Decision, Failure
from tests.evals.faults.small import Fresh, case

PATH = ("intake", "router", "billing", "approve", "act", "finish")
ROUTE = Decision(kind="route", node="router", choice="billing", reason="it says refund", at=1.0)
DONE = Decision(kind="effect", node="act", choice="pay:1", reason="done", at=5.0)
PAY = ToolCall(name="pay", arguments={"amount": 5}, node="billing", key="pay:1")


def failure(kind: Any, error: str, node: str = "billing", at: float = 2.0) -> Failure:
    return Failure(node=node, kind=kind, error=error, message="it broke", at=at)


def approval(choice: str, by: Any = "person", at: float = 3.0) -> Decision:
    return Decision(
        kind="approval", node="approve", choice=choice, reason="r", by=by, who="lena", at=at
    )


def ran(*decisions: Decision, **more: Any) -> Trajectory:
    return Trajectory(**{"path": PATH, "route": "billing", "decisions": decisions, **more})


def labelled(**labels: Any) -> Case:
    return Case(input="x", **labels)


def test_a_run_that_nothing_contradicts_is_nobodys_fault():
    assert attribute(labelled(route="billing", outcome="done"), ran(ROUTE)) is None
    assert attribute(Case(input="x"), ran(ROUTE)) is None


def test_a_wrong_route_is_the_routers():
    found = attribute(labelled(route=("shipping", "returns"), outcome="escalated"), ran(ROUTE))
    assert found is not None
    assert (found.duty, found.node, found.index) == ("routing", "router", 0)
    assert (found.why, found.right) == (
        "it chose billing (it says refund)",
        "shipping or returns",
    )


def test_a_needless_abstention_is_the_routers():
    asks = Decision(
        kind="route", node="router", choice="person", reason="abstained", who="otherwise"
    )
    run = ran(asks, status="escalated", escalated=True, route="person")
    found = attribute(labelled(escalate=False), run)
    assert found is not None
    assert (found.duty, found.index, found.right) == ("routing", 0, "an agent")


def test_a_wrong_plan_is_the_planners():
    made = Decision(kind="plan", node="plan", choice="plan 1", reason="first", at=2.0)
    run = ran(ROUTE, made, plan=("billing", "clerk"))
    found = attribute(labelled(plan=("billing", "shipping")), run)
    assert found is not None
    assert (found.duty, found.node, found.index) == ("planning", "plan", 1)
    assert found.right == "billing -> shipping"


@pytest.mark.parametrize(
    ("failed", "duty"),
    [
        (failure("contract", "ContractBroken"), "handoff"),
        (failure("invalid", "ContractBroken"), "work"),
        (failure("denied", "ToolRefused"), "tool"),
        (failure("denied", "EffectUnknown"), "tool"),
        (failure("transient", "ConnectionError", "act"), "tool"),
        (failure("transient", "ConnectionError", "router"), "routing"),
        (failure("permanent", "HandoffLoop", "router"), "routing"),
        (failure("unknown", "ValueError", "plan"), "planning"),
        (failure("permanent", "BudgetExhausted"), "work"),
        (failure("contract", "PersonNeeded"), "work"),
    ],
    ids=lambda given: getattr(given, "error", given),
)
def test_a_failure_belongs_to_the_duty_that_it_broke(failed: Failure, duty: str):
    run = ran(ROUTE, status="escalated", failures=(failed,))
    found = attribute(labelled(outcome="done"), run)
    assert found is not None
    assert (found.duty, found.node) == (duty, failed.node)
    assert found.why == f"{failed.error}: it broke"


def test_of_several_wrongs_the_first_in_time_is_named():
    later = failure("transient", "ConnectionError", at=9.0)
    run = ran(ROUTE, approval("reject"), status="rejected", failures=(later,))
    found = attribute(labelled(outcome="done"), run)
    assert found is not None
    assert found.duty == "approval"
    sooner = ran(ROUTE, approval("reject", at=10.0), status="rejected", failures=(later,))
    found = attribute(labelled(outcome="done"), sooner)
    assert found is not None
    assert found.duty == "work"


@pytest.mark.parametrize(
    ("choice", "by", "labels", "right"),
    [
        ("reject", "person", {"outcome": "done"}, "approve"),
        ("approve", "person", {"outcome": "rejected"}, "reject"),
        ("not needed", "rule", {"approval": True}, "ask a person"),
        ("approve", "person", {"approval": False}, "do not ask"),
    ],
)
def test_a_wrong_approval_is_the_gates(choice: str, by: Any, labels: Any, right: str):
    asked = () if by == "rule" else ("pay",)
    status = "rejected" if choice == "reject" else "done"
    run = ran(ROUTE, approval(choice, by), status=status, asked=asked)
    found = attribute(labelled(**labels), run)
    assert found is not None
    assert (found.duty, found.node, found.index, found.right) == ("approval", "approve", 1, right)


def test_a_call_that_should_not_be_is_the_workers_and_one_that_failed_is_the_tools():
    found = attribute(labelled(never="pay"), ran(ROUTE, DONE, calls=(PAY,)))
    assert found is not None
    assert (found.duty, found.node, found.index, found.right) == (
        "work",
        "billing",
        1,
        "leave out pay",
    )
    expected = ToolCall(name="pay", arguments={"amount": 4})
    found = attribute(labelled(calls=[expected]), ran(ROUTE, DONE, calls=(PAY,)))
    assert found is not None
    assert (found.duty, found.why) == ("work", "it called pay(amount=5)")
    broken = ToolCall(name="look", status="failed", node="shipping")
    found = attribute(labelled(outcome="done"), ran(ROUTE, status="escalated", calls=(broken,)))
    assert found is not None
    assert (found.duty, found.node) == ("tool", "shipping")


def test_control_that_goes_back_and_forth_is_a_handoff():
    there = Decision(kind="handoff", node="billing", choice="shipping", reason="r", at=2.0)
    back = Decision(kind="handoff", node="shipping", choice="billing", reason="r", at=3.0)
    found = attribute(labelled(outcome="done"), ran(ROUTE, there, back, status="exhausted"))
    assert found is not None
    assert (found.duty, found.node, found.index) == ("handoff", "shipping", 2)
    assert found.why == "it went back: router -> billing -> shipping -> billing"


def test_without_a_record_it_is_the_last_workers_or_the_remedys_before_it():
    silent = attribute(labelled(calls=["pay"]), ran(ROUTE))
    assert silent is not None
    assert (silent.duty, silent.node, silent.index) == ("work", "billing", None)
    assert silent.why == "it did not call pay, and nothing on record says so"
    fell = Decision(kind="fallback", node="billing", choice="basic", reason="r", at=2.0)
    found = attribute(labelled(calls=["pay"]), ran(ROUTE, fell))
    assert found is not None
    assert (found.duty, found.index, found.right) == ("recovery", 1, "call pay")


def test_what_raised_is_attributed_to_where_it_was():
    found = attribute(labelled(outcome="done"), ran(ROUTE, error="KeyError: x", status="error"))
    assert found is not None
    assert (found.duty, found.why) == ("work", "it raised KeyError: x")


def test_a_report_is_counted_by_duty_and_node():
    rows = [
        Row(case=labelled(id=str(n), route="shipping"), trajectory=ran(ROUTE)) for n in range(3)
    ]
    rows.append(Row(case=labelled(id="right", route="billing"), trajectory=ran(ROUTE)))
    found = attributions(rows)
    assert found.by_place == {("routing", "router"): 3}
    assert "3 runs went wrong" in str(found)
    assert "routing at router" in str(found)
    assert json.loads(json.dumps(found.as_data()))["wrong"] == 3
    assert str(attributions(rows[3:])) == "no run went wrong"
    report = evaluate(lambda given: ran(ROUTE), [labelled(route="shipping")])
    assert attributions(report).by_place == {("routing", "router"): 1}


def test_nine_in_ten_injected_faults_are_attributed_to_where_they_struck():
    texts = ("refund please", "where is my parcel")
    suite = Suite(cases=tuple(case(n, texts[n % 2]) for n in range(8)), target=Fresh())
    rows = [row for row in inject(suite, FAULTS, per_case=2).rows if row.wrong]
    named = [attribute(row.case, row.trajectory) for row in rows]
    right = [
        each is not None and each.node == row.node for row, each in zip(rows, named, strict=True)
    ]
    assert len(rows) > 50
    assert sum(right) / len(rows) >= 0.9


def test_an_attribution_reads_as_a_sentence():
    found = attribute(labelled(route="shipping"), ran(ROUTE))
    assert str(found) == "routing at router: it chose billing (it says refund); right: shipping"
