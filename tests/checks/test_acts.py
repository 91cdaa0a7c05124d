"""Test an Act that does not know an effect, or does not check the approvals it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from langgraph.graph import START
from langgraph.types import Command

from quintet.checks import check
from quintet.nodes import Act, ApprovalGate, Router, effect, over, proposed
from quintet.state import Action, StepFailed
from tests.checks.parts import (
    MAIL,
    PAY,
    THREAD,
    codes,
    graph_of,
    numbered,
    only,
    pays,
    worker,
)

GATE = ApprovalGate(rejected="finish", approvers=("maria",))
WORK = worker(effects=(PAY,), agent=pays, gate=GATE)


def desk(act: Act, **nodes: Any) -> Any:
    given = {"work": WORK, "approve": GATE, "act": act} | nodes
    return graph_of(given, (START, "work"), ("work", "approve"))


def propose(state: Any) -> dict[str, Any]:
    return proposed(PAY.action(order=1, amount=5.0), Action(name="mail", arguments={"order": 1}))


# Effects that it does not have


def test_an_act_without_the_effect_refuses_the_action_and_is_named():
    free = ApprovalGate(rejected="finish", when=lambda action: False)
    act = Act(effects=(MAIL,), gate=free, then="finish")
    graph = graph_of({"propose": propose, "act": act}, (START, "propose"), ("propose", "act"))
    with pytest.raises(StepFailed, match="no effect 'pay'"):
        graph.compile().invoke({"message": "m"})
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("missing-effect", "act", "error")
    assert "'propose' may propose 'pay'" in finding.fault
    assert "it has 'mail'" in finding.fault


def test_a_worker_may_propose_more_than_an_act_knows():
    both = worker(effects=(PAY, MAIL), agent=pays, gate=GATE)
    assert codes(desk(Act(effects=(PAY,), gate=GATE, then="finish"), work=both)) == [
        ("missing-effect", "act")
    ]
    assert check(desk(Act(effects=(PAY, MAIL), gate=GATE, then="finish"), work=both)) == ()
    assert check(desk(Act(effects=(PAY, MAIL), gate=GATE, then="finish"))) == ()


@pytest.mark.parametrize(
    "node",
    numbered(
        lambda state: proposed(MAIL.action(order=1)),
        lambda state: proposed(Action(name="mail", arguments={})),
        lambda state: proposed(*[MAIL.action(order=each) for each in (1, 2)]),
        lambda state: proposed(MAIL.action(order=1) if state else PAY.action(order=1, amount=1)),
        lambda state: Command(update=proposed(MAIL.action(order=1)), goto="act"),
    ),
)
def test_what_a_function_proposes_is_read_by_name(node):
    edges = [(START, "propose")]
    act = Act(effects=(PAY,), then="finish")
    graph = graph_of({"propose": node, "act": act}, *edges)
    graph = graph if "Command" in node.__code__.co_names else graph.add_edge("propose", "act")
    assert codes(graph) == [("missing-effect", "act")]


@pytest.mark.parametrize(
    "node",
    numbered(
        lambda state: proposed(Action(name=state["message"], arguments={})),
        lambda state: proposed(*state["wishes"]),
        lambda state: proposed(PAY.action(order=1, amount=1)),
    ),
)
def test_what_cannot_be_read_may_be_an_effect_that_it_has(node):
    act = Act(effects=(PAY,), then="finish")
    graph = graph_of({"propose": node, "act": act}, (START, "propose"), ("propose", "act"))
    assert check(graph) == ()


def test_each_of_two_branches_has_an_act_for_its_own_effects():
    router = Router(choose=lambda text: "a", to=("a", "b"), otherwise="person")
    one, two = replace(GATE, approved="pay"), replace(GATE, approved="send")
    nodes = {
        "router": router,
        "a": worker(effects=(PAY,), agent=pays, gate=one),
        "b": worker(effects=(MAIL,), agent=pays, gate=two),
        "ask_a": one,
        "ask_b": two,
        "pay": Act(effects=(PAY,), gate=one, then="router"),
        "send": Act(effects=(MAIL,), gate=two, then="finish"),
    }
    assert check(graph_of(nodes, (START, "router"), ("a", "ask_a"), ("b", "ask_b"))) == ()
    crossed = graph_of(nodes, (START, "router"), ("a", "ask_b"), ("b", "ask_a"))
    assert codes(crossed) == [("missing-effect", "pay"), ("missing-effect", "send")]


def test_one_of_several_acts_is_enough():
    def which(state: Any) -> str:
        names = {action["name"] for action in state["actions"].values()}
        return "pay" if "pay" in names else "send"

    acts = {
        "pay": Act(effects=(PAY,), then="finish"),
        "send": Act(effects=(MAIL,), then="finish"),
    }
    graph = graph_of({"propose": propose, **acts}, (START, "propose"))
    assert check(graph.add_conditional_edges("propose", which, ["pay", "send"])) == ()


def test_a_function_of_ones_own_may_do_the_rest():
    def sends(state: Any) -> dict[str, Any]:
        return {"outcome": {"status": "done", "reason": str(state["actions"])}}

    nodes = {"propose": propose, "act": Act(effects=(PAY,), then="finish"), "send": sends}
    graph = graph_of(nodes, (START, "propose"), ("propose", "act"), ("propose", "send"))
    assert "missing-effect" not in [code for code, _ in codes(graph)]


def by_local(state: Any) -> dict[str, Any]:
    action = MAIL.action(order=1)
    return proposed(*[action])


def twice_over(state: Any) -> dict[str, Any]:
    return proposed(*(each for each in [MAIL.action(order=1)]))


def by_another_method(state: Any) -> dict[str, Any]:
    return proposed(MAIL.permit(state["message"]))


def test_an_action_in_a_local_name_is_read():
    act = Act(effects=(PAY,), then="finish")
    edges = [(START, "propose"), ("propose", "act")]
    assert codes(graph_of({"propose": by_local, "act": act}, *edges)) == [("missing-effect", "act")]
    assert check(graph_of({"propose": twice_over, "act": act}, *edges)) == ()
    assert check(graph_of({"propose": by_another_method, "act": act}, *edges)) == ()


# Gates


def test_an_act_without_a_gate_runs_what_nobody_approved_and_is_named():
    act = Act(effects=(PAY,), then="finish")
    nodes = {"work": WORK, "act": act}
    graph = graph_of(nodes, (START, "work"), ("work", "act"))
    end = graph.compile().invoke({"message": "m"}, THREAD)
    assert [action["status"] for action in end["actions"].values()] == ["done"]
    assert ("unchecked-act", "act") in codes(graph)
    assert codes(desk(act)) == [("unchecked-act", "act")]


def other(**changes: Any) -> Act:
    return Act(effects=(PAY,), gate=replace(GATE, **changes), then="finish")


@pytest.mark.parametrize(
    "changes",
    [{"name": "boss"}, {"when": over(100)}, {"approvers": ("cfo",)}],
)
def test_an_act_with_another_gate_refuses_every_approval_and_is_named(changes):
    finding = only(desk(other(**changes)))
    assert (finding.code, finding.node, finding.level) == ("other-gate", "act", "error")
    assert f"'{next(iter(changes))}'" in finding.fault


@pytest.mark.parametrize("changes", [{}, {"approved": "elsewhere"}, {"rejected": "person"}])
def test_where_a_gate_leads_makes_no_difference(changes):
    assert check(desk(other(**changes))) == ()


def test_a_worker_may_call_its_gate_as_it_likes_where_the_graphs_own_asks():
    act = Act(effects=(PAY,), gate=GATE, then="finish")
    held = replace(WORK, gate=ApprovalGate(name="mine"))
    assert check(desk(act, work=held)) == ()
    alone = graph_of({"work": held, "act": act}, (START, "work"), ("work", "act"))
    assert ("other-gate", "act") in codes(alone)


def limit(most: float) -> Any:
    return lambda action: action.arguments["amount"] > most


def test_gates_that_are_made_twice_alike_are_the_same():
    def made(most: float) -> ApprovalGate:
        return ApprovalGate(rejected="finish", when=limit(most))

    nodes = {"work": replace(WORK, gate=made(5)), "approve": made(5)}
    same = Act(effects=(PAY,), gate=made(5), then="finish")
    assert check(desk(same, **nodes)) == ()
    differs = Act(effects=(PAY,), gate=made(6), then="finish")
    assert codes(desk(differs, **nodes)) == [("other-gate", "act")]


def test_the_gate_of_the_graph_must_be_that_of_the_act_too():
    asked = desk(Act(effects=(PAY,), gate=GATE, then="finish"), approve=replace(GATE, name="boss"))
    assert codes(asked) == [("other-gate", "act")]
    nodes = {"propose": propose, "approve": GATE}
    act = Act(effects=(PAY, MAIL), gate=replace(GATE, name="boss"), then="finish")
    graph = graph_of(nodes | {"act": act}, (START, "propose"), ("propose", "approve"))
    assert codes(graph) == [("other-gate", "act")]


def test_each_of_two_gates_has_an_act_of_its_own():
    def which(state: Any) -> str:
        return "clerk" if state["message"] else "boss"

    asking = ApprovalGate(rejected="finish")
    clerk = replace(asking, name="clerk", approved="small")
    boss = replace(asking, name="boss", approved="large", approvers=("boss",))
    nodes = {
        "work": worker(effects=(PAY,), agent=pays, gate=asking),
        "clerk": clerk,
        "boss": boss,
        "small": Act(effects=(PAY,), gate=clerk, then="finish"),
        "large": Act(effects=(PAY,), gate=boss, then="finish"),
    }
    graph = graph_of(nodes, (START, "work"))
    assert check(graph.add_conditional_edges("work", which, ["clerk", "boss"])) == ()
    swapped = nodes | {"small": nodes["large"], "large": nodes["small"]}
    graph = graph_of(swapped, (START, "work"))
    graph.add_conditional_edges("work", which, ["clerk", "boss"])
    assert codes(graph) == [("other-gate", "large"), ("other-gate", "small")]


def test_a_function_that_proposes_wants_no_gate_at_the_act():
    act = Act(effects=(PAY, MAIL), then="finish")
    nodes = {"propose": propose, "approve": GATE, "act": act}
    assert check(graph_of(nodes, (START, "propose"), ("propose", "approve"))) == ()


def test_two_workers_of_different_gates_do_not_fit_one_act():
    second = effect(lambda_free, key="x:{order}")
    nodes = {
        "router": Router(choose=lambda text: "work", to=("work", "b"), otherwise="person"),
        "work": WORK,
        "b": worker(effects=(second,), agent=pays, gate=replace(GATE, when=over(3, "order"))),
        "approve": GATE,
        "act": Act(effects=(PAY, second), gate=GATE, then="finish"),
    }
    graph = graph_of(nodes, (START, "router"), ("work", "approve"), ("b", "approve"))
    finding = only(graph)
    assert (finding.code, finding.node) == ("other-gate", "act")
    assert "'b'" in finding.fault


def lambda_free(order: int) -> str:
    return f"{order}"
