"""Test proposed actions that nobody decides on or carries out, and gates that are never asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langgraph.errors import NodeError
from langgraph.graph import END, START
from langgraph.types import Command, interrupt

from quintet.checks import check
from quintet.graphs import create_handoff, create_sequential, create_single_agent
from quintet.nodes import Act, ApprovalGate, Merge, Planner, Router, proposed
from quintet.state import Action, Plan, Step
from tests.checks.parts import PAY, codes, ended, graph_of, only, pays, run, worker

GATE = ApprovalGate(rejected="finish")
ACT = Act(effects=(PAY,), gate=GATE, then="finish")
WORK = worker(effects=(PAY,), agent=pays, gate=GATE)


def propose(state: Any) -> dict[str, Any]:
    return proposed(PAY.action(order=1, amount=5.0))


# Proposals that nobody hears


def test_a_proposal_that_nobody_hears_never_happens_and_is_named():
    graph = graph_of({"work": WORK, "end": ended}, (START, "work"), ("work", "end"), ("end", END))
    end = run(graph)
    assert end["outcome"]["status"] == "done"
    assert [action["status"] for action in end["actions"].values()] == ["proposed"]
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("unheard-proposal", "work", "error")
    assert "ApprovalGate" in finding.remedy


def test_a_proposal_that_comes_to_a_gate_and_an_act_is_right():
    nodes = {"work": WORK, "approve": GATE, "act": ACT}
    assert check(graph_of(nodes, (START, "work"), ("work", "approve"))) == ()
    nodes["propose"] = propose
    assert (
        check(graph_of(nodes, (START, "work"), ("work", "propose"), ("propose", "approve"))) == ()
    )


def test_a_gate_alone_and_an_act_alone_do_not_carry_it_out():
    gated = {"work": WORK, "approve": ApprovalGate(approved="end", rejected="end"), "end": ended}
    found = codes(graph_of(gated, (START, "work"), ("work", "approve"), ("end", END)))
    assert found == [("idle-gate", "approve"), ("unheard-proposal", "work")]
    unasked = graph_of({"work": WORK, "act": ACT}, (START, "work"), ("work", "act"))
    finding = only(unasked)
    assert (finding.code, finding.node) == ("unheard-proposal", "work")
    assert "no gate stands between it and the Act" in finding.fault


def test_a_gate_behind_the_act_asks_too_late():
    late = {"work": WORK, "act": Act(effects=(PAY,), gate=GATE, then="approve"), "approve": GATE}
    graph = graph_of(late, (START, "work"), ("work", "act"))
    assert ("unheard-proposal", "work") in codes(graph)


def test_a_merge_asks_about_conflicts_and_not_about_actions():
    merge = Merge(of=("work", "other"), then="act")
    nodes = {"work": WORK, "other": worker(), "merge": merge, "act": ACT}
    graph = graph_of(nodes, (START, "work"), (START, "other"))
    assert codes(graph.add_edge(["work", "other"], "merge")) == [("unheard-proposal", "work")]


def test_an_act_on_another_branch_does_not_help():
    router = Router(choose=lambda text: "work", to=("work", "other"), otherwise="person")
    nodes = {"router": router, "work": WORK, "other": WORK, "approve": GATE, "act": ACT}
    graph = graph_of(nodes, (START, "router"), ("other", "approve"), ("work", "finish"))
    assert codes(graph) == [("unheard-proposal", "work")]


def test_an_act_that_only_a_failure_leads_to_does_not_help():
    def rescue(state: Any, error: NodeError) -> Command[Any]:
        return Command(goto="approve")

    nodes = {"work": (WORK, {"error_handler": rescue}), "approve": GATE, "act": ACT}
    graph = graph_of(nodes, (START, "work"), ("work", "finish"))
    assert ("unheard-proposal", "work") in codes(graph)


def by_command(state: Any) -> Command[Any]:
    return Command(update=proposed(PAY.action(order=1, amount=5.0)), goto="end")


def by_helper(state: Any) -> dict[str, Any]:
    return {"message": "x", **propose(state)}


@pytest.mark.parametrize(
    "node", [propose, by_helper, lambda state: proposed(Action(name="pay", arguments={}))]
)
def test_a_function_that_proposes_wants_somebody_to_act(node):
    lost = graph_of({"propose": node, "end": ended}, (START, "propose"), ("propose", "end"))
    assert codes(lost.add_edge("end", END)) == [("unheard-proposal", "propose")]
    nodes = {"propose": node, "approve": GATE, "act": ACT}
    assert check(graph_of(nodes, (START, "propose"), ("propose", "approve"))) == ()
    free = {"propose": node, "act": Act(effects=(PAY,), then="finish")}
    assert check(graph_of(free, (START, "propose"), ("propose", "act"))) == ()


def test_a_function_that_goes_on_by_command_is_read_too():
    graph = graph_of({"propose": by_command, "end": ended}, (START, "propose"), ("end", END))
    assert codes(graph) == [("unheard-proposal", "propose")]


def sends(state: Any) -> dict[str, Any]:
    todo = [a for a in (state.get("actions") or {}).values() if a["status"] == "approved"]
    return {"message": str(todo), "outcome": {"status": "done", "reason": "sent"}}


def decides(state: Any) -> dict[str, Any]:
    return {**sends(state), "message": interrupt("all of them?")}


@pytest.mark.parametrize("node", [sends, decides])
def test_a_function_of_ones_own_may_carry_actions_out(node):
    graph = graph_of({"work": WORK, "send": node}, (START, "work"), ("work", "send"), ("send", END))
    assert check(graph) == ()


def test_a_function_that_hands_the_state_on_may_carry_actions_out():
    def node(state: Any) -> dict[str, Any]:
        return {"outcome": {"status": "done", "reason": json.dumps(state)}}

    graph = graph_of({"work": WORK, "send": node}, (START, "work"), ("work", "send"), ("send", END))
    assert check(graph) == ()


def test_a_worker_that_is_handed_the_actions_may_carry_them_out():
    for teller in (worker("actions"), worker("x", read=lambda state: {"x": state["actions"]})):
        nodes = {"work": WORK, "teller": teller}
        edges = [(START, "work"), ("work", "teller"), ("teller", "finish")]
        assert check(graph_of(nodes, *edges)) == ()
    blind = {"work": WORK, "teller": worker("x", read=lambda state: {"x": state["message"]})}
    graph = graph_of(blind, (START, "work"), ("work", "teller"), ("teller", "finish"))
    assert codes(graph) == [("unheard-proposal", "work")]


def test_what_cannot_be_read_may_carry_actions_out():
    scope: dict[str, Any] = {}
    exec("def node(state):\n    return {'outcome': {}}", scope)
    graph = graph_of({"work": WORK, "send": scope["node"]}, (START, "work"), ("work", "send"))
    assert check(graph) == ()


def test_a_gate_and_an_act_in_a_subgraph_hear_what_is_proposed_before_it():
    inner = graph_of({"approve": GATE, "act": ACT}, (START, "approve")).compile()
    assert check(inner.builder) == ()
    assert check(graph_of({"work": WORK, "desk": inner}, (START, "work"), ("work", "desk"))) == ()


def test_a_worker_in_a_subgraph_is_heard_by_the_graph_around_it():
    inner = graph_of({"work": WORK}, (START, "work"), ("work", END)).compile()
    nodes = {"team": inner, "approve": GATE, "act": ACT}
    assert check(graph_of(nodes, (START, "team"), ("team", "approve"))) == ()
    lost = graph_of({"team": inner, "end": ended}, (START, "team"), ("team", "end"), ("end", END))
    assert codes(lost) == [("unheard-proposal", "team/work")]


def test_steps_of_a_plan_are_heard_after_it():
    plan = Plan(goal="g", steps=(Step(id="a", goal="x", assignee="work"),))
    planner = Planner(make=plan, assignees=("work",), then="approve")
    nodes = {"plan": (planner, {"defer": True}), "work": WORK, "approve": GATE, "act": ACT}
    assert check(graph_of(nodes, (START, "plan"), ("work", "plan"))) == ()
    lost = Planner(make=plan, assignees=("work",))
    graph = graph_of(nodes | {"plan": (lost, {"defer": True})}, (START, "plan"), ("work", "plan"))
    assert ("unheard-proposal", "work") in codes(graph)


def test_the_ready_made_graphs_hear_their_workers():
    free = worker(effects=(PAY,), agent=pays)
    router = Router(choose=lambda text: "a", to=("a", "plan"), otherwise="person")
    planner = Planner(make=lambda goal: [Step(id="s", goal=goal, assignee="a")], assignees=("a",))
    for graph in (
        create_single_agent(free, gate=ApprovalGate()),
        create_sequential({"a": free, "b": worker()}, gate=ApprovalGate()),
        create_handoff(router, {"a": free, "plan": planner}, gate=ApprovalGate()),
    ):
        assert check(graph) == ()


# Gates that are never asked


def opens(state: Any) -> dict[str, Any]:
    return {"outcome": {"status": "done", "reason": "the door is open"}}


def test_a_gate_before_a_plain_function_asks_nobody_and_is_named():
    nodes = {"look": ended, "approve": ApprovalGate(approved="open"), "open": opens}
    graph = graph_of(nodes, (START, "look"), ("look", "approve"), ("open", END))
    end = run(graph)
    assert "__interrupt__" not in end
    assert end["outcome"]["reason"] == "the door is open"
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("idle-gate", "approve", "error")
    assert "'open' runs unasked" in finding.fault


def test_a_gate_after_a_worker_that_does_not_propose_is_idle():
    free = {"work": worker(), "approve": GATE, "act": ACT}
    finding = only(graph_of(free, (START, "work"), ("work", "approve")))
    assert (finding.code, finding.node, finding.level) == ("idle-gate", "approve", "warning")


def test_a_gate_whose_yes_leads_to_nobody_who_acts_is_idle():
    for approved in ("end", END):
        gate = ApprovalGate(approved=approved, rejected="finish")
        nodes = {"propose": propose, "approve": gate, "end": ended, "act": ACT}
        edges = [(START, "propose"), ("propose", "approve"), ("end", END)]
        found = codes(graph_of(nodes, *edges))
        assert ("idle-gate", "approve") in found


def test_a_gate_that_goes_to_no_node_has_that_finding_alone():
    nodes = {"propose": propose, "approve": ApprovalGate(rejected="finish")}
    graph = graph_of(nodes, (START, "propose"), ("propose", "approve"))
    assert codes(graph) == [("unknown-target", "approve")]


def test_a_gate_that_nobody_asks_and_that_goes_to_no_node_has_both_findings():
    nodes = {"look": ended, "approve": ApprovalGate(rejected="finish")}
    graph = graph_of(nodes, (START, "look"), ("look", "approve"))
    assert codes(graph) == [("unknown-target", "approve"), ("idle-gate", "approve")]


def test_a_graph_that_only_decides_on_what_it_is_given_is_right():
    router = Router(choose=lambda text: "approve", to=("approve",), otherwise="person")
    assert check(graph_of({"approve": GATE, "act": ACT}, (START, "approve"))) == ()
    nodes = {"router": router, "approve": GATE, "act": ACT}
    assert check(graph_of(nodes, (START, "router"))) == ()


def test_a_worker_whose_agent_is_a_desk_of_ours_may_propose():
    free = worker("message", effects=(PAY,), agent=pays)
    desk = create_single_agent(free, gate=ApprovalGate()).compile()
    nodes = {"work": worker("message", agent=desk), "approve": GATE, "act": ACT}
    assert check(graph_of(nodes, (START, "work"), ("work", "approve"))) == ()
    plain = create_single_agent(worker("message")).compile()
    nodes["work"] = worker("message", agent=plain)
    assert codes(graph_of(nodes, (START, "work"), ("work", "approve"))) == [
        ("idle-gate", "approve")
    ]


def test_a_function_that_writes_actions_may_propose():
    def by_hand(state: Any) -> dict[str, Any]:
        return {"actions": {"k": {"status": "proposed", "name": "pay"}}}

    nodes = {"propose": by_hand, "approve": GATE, "act": ACT}
    assert check(graph_of(nodes, (START, "propose"), ("propose", "approve"))) == ()


def test_a_gate_of_a_worker_without_effects_holds_nothing_back():
    plain = worker(gate=GATE, agent=lambda request: {"x": 1})
    graph = graph_of({"work": plain}, (START, "work"), ("work", "finish"))
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("idle-gate", "work", "warning")
