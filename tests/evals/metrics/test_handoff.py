from __future__ import annotations

import pytest

from quintet.evals import ToolCall
from quintet.evals.metrics import (
    contract_violations,
    handoff_loops,
    missing_context,
    redundant_handoffs,
    superfluous_context,
)
from tests.evals.metrics.runs import case, decided, failed, point, run, value

NEEDS = "contract 'refund' needs order, which the context lacks (it has message)"
GIVES = "contract 'refund' gives Refund, the agent returned 'x': needs a number"
UNMET = "contract 'refund' is not met: cites_policy: needs a page (result {})"
HIT, MISS = (1.0, 1.0), (0.0, 1.0)


def routed(*choices: str, kind: str = "route"):
    return tuple(decided(kind, choice) for choice in choices)


def broken(message: str, node: str = "billing"):
    return failed(node, "ContractBroken", message, kind="contract")


def test_a_broken_contract_counts_against_the_handoffs():
    made = run(
        decisions=(*routed("billing", "shipping"), *routed("basic", kind="fallback")),
        failures=(broken(NEEDS),),
    )
    assert point(contract_violations, case(), made) == (1.0, 3.0)
    assert point(missing_context, case(), made) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        (NEEDS, 1),
        (GIVES, 0),
        (UNMET, 0),
        ('contract "what the user\'s bank needs " gives Refund, the agent returned 3: x', 0),
        ('contract "the user\'s" needs Order: order: missing', 1),
        (r"contract 'it\'s \"his\"' needs order, which the context lacks", 1),
        ("billing may not hand off to 'vendor'; it may to nobody", 0),
    ],
)
def test_missing_context_is_told_from_the_other_breaches(message, missing):
    made = run(decisions=routed("billing"), failures=(broken(message),))
    assert point(contract_violations, case(), made) == HIT
    assert point(missing_context, case(), made) == (missing, 1.0)


def test_a_contracts_own_condition_for_a_person_breaks_nothing():
    asked = failed("billing", "PersonNeeded", "contract 'refund': a lawyer", kind="contract")
    made = run(decisions=routed("billing"), failures=(asked,))
    assert point(contract_violations, case(), made) == MISS


def test_a_draft_that_is_no_plan_breaks_no_handoff():
    made = run(
        decisions=(decided("plan", "plan 1: a>x", node="plan"),),
        failures=(broken("the model's plan cannot run: a cycle", node="plan"),),
        plan=("x",),
        path=("plan", "x"),
    )
    assert point(contract_violations, case(), made) == MISS


def test_in_a_fixed_sequence_each_node_that_decided_nothing_is_a_handoff():
    made = run(
        path=("look", "write", "finish"), decisions=(decided("outcome", "done", node="finish"),)
    )
    assert point(contract_violations, case(), made) == (0.0, 2.0)


def test_each_step_of_a_plan_that_was_taken_up_is_a_handoff():
    made = run(
        decisions=(decided("plan", "plan 1: a>x, b>y", node="plan"),),
        plan=("x", "y"),
        path=("plan", "x", "y", "plan", "finish"),
    )
    assert point(contract_violations, case(), made) == (0.0, 2.0)


def test_failures_without_a_handoff_on_record_are_still_a_share():
    assert point(contract_violations, case(), run(failures=(broken(NEEDS), broken(GIVES)))) == (
        2,
        2,
    )


@pytest.mark.parametrize(
    "metric", [contract_violations, missing_context, redundant_handoffs, handoff_loops]
)
def test_a_router_alone_and_a_run_without_records_hand_nothing_off(metric):
    alone = run(status="routed", route="billing", path=("billing",))
    assert point(metric, case(), alone) is None
    assert point(metric, case(), run()) is None


def test_there_and_back_without_a_call_is_redundant():
    chain = routed("a", "b", "a")
    assert point(redundant_handoffs, case(), run(decisions=chain)) == (1.0, 3.0)
    idle = run(decisions=chain, path=("r", "a", "b", "a"), calls=(ToolCall(name="t", node="a"),))
    assert point(redundant_handoffs, case(), idle) == (1.0, 3.0)


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(name="t", node="b"),
        ToolCall(name="t"),
        ToolCall(name="t", node="b", status="unknown"),
    ],
)
def test_there_and_back_with_a_call_between_is_work(call):
    made = run(decisions=routed("a", "b", "a"), path=("r", "a", "b", "a"), calls=(call,))
    assert point(redundant_handoffs, case(), made) == (0.0, 3.0)


def test_a_call_that_was_refused_is_no_work():
    refused = ToolCall(name="t", node="b", status="refused")
    made = run(decisions=routed("a", "b", "a"), path=("r", "a", "b", "a"), calls=(refused,))
    assert point(redundant_handoffs, case(), made) == (1.0, 3.0)


def test_a_route_that_is_no_node_has_the_benefit_of_the_doubt():
    made = run(decisions=routed("a", "b", "a"), path=("r", "n1", "n2", "n1"))
    assert point(redundant_handoffs, case(), made) == (0.0, 3.0)


def test_the_same_again_is_redundant():
    assert point(redundant_handoffs, case(), run(decisions=routed("a", "a", "a"))) == (2.0, 3.0)
    assert point(redundant_handoffs, case(), run(decisions=routed("a", "b", "c"))) == (0.0, 3.0)


def test_what_was_stopped_as_a_loop_is_one():
    made = run(decisions=routed("a"), failures=(failed("router", "HandoffLoop"),))
    assert point(handoff_loops, case(), made) == HIT


@pytest.mark.parametrize(
    ("chain", "loop"), [("abab", 1), ("cabab", 1), ("aba", 0), ("abcab", 0), ("aaaa", 0)]
)
def test_a_loop_goes_there_and_back_twice(chain, loop):
    assert point(handoff_loops, case(), run(decisions=routed(*chain))) == (loop, 1.0)


def test_a_planner_that_sends_to_the_same_worker_again_makes_no_loop():
    made = run(
        decisions=(decided("plan", "plan 1: a>x, b>x", node="plan"),),
        plan=("x", "x"),
        path=("plan", "x", "plan", "x", "plan"),
    )
    assert point(handoff_loops, case(), made) == MISS


def test_without_records_only_nodes_that_did_nothing_make_a_loop():
    path = ("a", "b", "a", "b")
    assert point(handoff_loops, case(), run(path=path)) == HIT
    assert (
        point(handoff_loops, case(), run(path=path, calls=(ToolCall(name="t", node="b"),))) == MISS
    )
    assert point(handoff_loops, case(), run(path=("a", "b"))) == MISS


def test_superfluous_context_is_what_was_given_and_not_used():
    metric = superfluous_context(
        given=lambda trajectory: trajectory.state["given"],
        used=lambda trajectory: trajectory.state["used"],
    )
    made = run(state={"given": ["order", "history", "mood"], "used": ["order", "weather"]})
    nothing = run(state={"given": [], "used": []})
    assert point(metric, case(), made) == (2.0, 3.0)
    assert point(metric, case(), nothing) is None
    assert value(metric, [(case(), made), (case(), nothing)]) == pytest.approx(2 / 3)
