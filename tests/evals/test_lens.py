"""Test the failure lens: each mode of MAST on records that show it, and none on clean ones."""

from __future__ import annotations

import json

import pytest

from quintet.evals import Case, ToolCall, Trajectory, evaluate, failure_modes
from quintet.evals.lens.modes import RULES
from quintet.evals.reading.recorded import Recorded
from quintet.evals.reports import page
from quintet.evals.reports.summary import summary
from quintet.state import Decision, Failure

CASE = Case(id="a", input="refund order 7")


def call(name, status="ok", *, key="", node="", **arguments):
    return ToolCall(name=name, arguments=arguments, status=status, key=key, node=node)


def decided(kind, choice, *, node="router", reason="", **more):
    return Decision(kind=kind, node=node, choice=choice, reason=reason, at=1.0, **more)


def failed(error, message="", *, node="billing", kind="contract"):
    return Failure(node=node, kind=kind, error=error, message=message, at=2.0)


NEEDS = "contract 'Refund it' needs order"
ROUTE = decided("route", "billing", seen="refund order 7", candidates=("shipping",))
NO = decided("approval", "reject", node="gate", by="person", who="mo", seen="pay(order=7) [x]")

SHOWN = [
    ("1.1", {"never": "pay"}, {"calls": (call("pay"),)}),
    ("1.1", {}, {"failures": (failed("ContractBroken", "'reply' is missing"),)}),
    (
        "1.1",
        {"calls": [ToolCall(name="pay", arguments={"order": 7})]},
        {"calls": (call("pay", order=8),)},
    ),
    ("1.2", {}, {"calls": (call("pay", "refused", node="shipping"),)}),
    ("1.2", {}, {"failures": (failed("ToolRefused", "pay is not shipping's", kind="denied"),)}),
    ("1.3", {}, {"calls": (call("find", n=7), call("find", n=7))}),
    ("1.3", {}, {"calls": (*([call("find", n=7), call("log")] * 2), call("find", n=7))}),
    ("1.3", {}, {"calls": (call("pay", key="p7"), call("log"), call("pay", key="p7", n=1))}),
    ("1.4", {}, {"decisions": (decided("question", "asked", reason="Which order?"),) * 2}),
    ("1.5", {}, {"status": "exhausted", "reason": "8 steps"}),
    ("1.5", {}, {"status": "escalated", "failures": (failed("HandoffLoop", "a -> b -> a"),)}),
    ("1.5", {}, {"status": "error", "error": "GraphRecursionError: limit of 25"}),
    ("2.1", {}, {"decisions": (ROUTE, ROUTE)}),
    ("2.1", {}, {"calls": tuple(call(name) for name in ("a", "b", "c", "a", "b"))}),
    ("2.2", {"outcome": "asked"}, {}),
    ("2.2", {}, {"failures": (failed("ContractBroken", NEEDS),), "status": "aborted"}),
    ("2.3", {"calls": ["pay"]}, {"calls": (call("book"),)}),
    ("2.3", {"plan": ["pay"]}, {"plan": ("book",), "path": ("book",)}),
    ("2.3", {"path": ["pay"]}, {"path": ("book",)}),
    (
        "2.4",
        {},
        {
            "decisions": (decided("route", "front"), decided("handoff", "billing")),
            "failures": (failed("ContractBroken", NEEDS),),
            "status": "escalated",
        },
    ),
    ("2.5", {}, {"decisions": (decided("review", "reject", node="critic"),)}),
    ("2.5", {}, {"decisions": (NO,), "calls": (call("pay", order=7),)}),
    ("2.6", {}, {"decisions": (ROUTE,), "path": ("router", "shipping")}),
    ("2.6", {}, {"plan": ("a", "b"), "path": ("plan", "a")}),
    ("3.1", {}, {"status": "unfinished"}),
    ("3.1", {"calls": ["find", "pay"]}, {"calls": (call("find"),)}),
    ("3.1", {}, {"calls": (call("pay", "proposed"),)}),
    ("3.2", {}, {"calls": (call("pay", "unknown"),)}),
    ("3.2", {}, {"calls": (call("pay", "failed"),)}),
    ("3.2", {"state": {"paid": True}}, {}),
    ("3.3", {"state": {"paid": True}}, {"decisions": (decided("outcome", "done", node="finish"),)}),
]


@pytest.mark.parametrize(("code", "labels", "ran"), SHOWN)
def test_a_mode_is_named_where_the_records_show_it(code, labels, ran):
    case = Case(id="a", input="refund order 7", **labels)
    assert code in [mode.code for mode in failure_modes(case, Trajectory(**ran))]


def test_all_fourteen_have_a_rule_that_is_tested():
    assert {code for code, *_ in SHOWN} == set(RULES)
    assert len(RULES) == 14


CLEAN = [
    ({}, {}),
    ({"calls": ["find", "pay"]}, {"calls": (call("find"), call("pay"))}),
    ({}, {"calls": (call("find", "failed", n=7), call("find", n=7), call("pay"))}),
    ({}, {"calls": (call("status", n=7), call("wait"), call("status", n=7))}),
    ({}, {"calls": (call("find", n=7), call("find", n=8))}),
    ({"outcome": "asked"}, {"status": "asked", "decisions": (decided("question", "asked"),)}),
    ({"never": "pay"}, {"calls": (call("pay", "proposed"),), "status": "waiting"}),
    ({}, {"decisions": (ROUTE, decided("retry", "billing"), ROUTE)}),
    ({}, {"decisions": (ROUTE,), "path": ("router", "billing", "shipping")}),
    ({}, {"decisions": (NO, decided("approval", "approve")), "calls": (call("pay", order=7),)}),
    ({}, {"decisions": (NO,), "calls": (call("find", order=7),), "status": "rejected"}),
    (
        {},
        {
            "decisions": (
                decided("review", "reject", node="critic"),
                decided("review", "approve", node="critic"),
            )
        },
    ),
    ({}, {"failures": (failed("ContractBroken", NEEDS),), "status": "escalated"}),
    ({}, {"calls": (call("find", "failed"), call("search"))}),
    ({}, {"calls": (call("pay", "refused"),), "asked": ("pay",), "status": "rejected"}),
    ({}, {"calls": (call("pay", "refused"),), "decisions": (NO,), "status": "rejected"}),
    (
        {},
        {
            "decisions": (decided("route", "a, b", candidates=("a", "b", "c")),),
            "path": ("router", "a", "b"),
        },
    ),
    ({"state": {"paid": True}}, {"state": {"paid": True}}),
]


@pytest.mark.parametrize(("labels", "ran"), CLEAN)
def test_a_run_that_did_its_work_shows_none(labels, ran):
    case = Case(id="a", input="refund order 7", **labels)
    assert [str(mode) for mode in failure_modes(case, Trajectory(**ran))] == []


def test_a_report_shows_the_modes_in_text_json_and_page():
    again = Trajectory(calls=(call("find", n=7), call("find", n=7)))
    ran = {"a": (again,), "b": (again,), "c": (Trajectory(status="unfinished"),)}
    cases = [Case(id=name, input="x", outcome="done") for name in ran]
    report = evaluate(Recorded(trajectories=ran), cases)
    assert "1.3 step repetition in 2 runs, 0 of them wrong; a: find was called 2 times" in str(
        report
    )
    assert "3.1 premature termination in 1 run, 1 of them wrong; c: it stopped" in str(report)
    first, second = json.loads(json.dumps(summary(report)))["failure_modes"]
    assert (first["code"], first["runs"], first["wrong"]) == ("1.3", 2, 0)
    assert [run["id"] for run in first["first"]] == ["a", "b"]
    assert second["first"][0]["why"] == "it stopped without an end"
    assert "1.3 step repetition" in page(report)


def test_a_report_without_modes_shows_no_section():
    report = evaluate(Recorded(trajectories={"a": (Trajectory(),)}), [CASE])
    assert "failure modes" not in str(report)
    assert summary(report)["failure_modes"] == []
    assert "MAST" not in page(report)
