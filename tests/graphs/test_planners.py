"""Test two planners in one graph: neither takes the other's steps for its own."""

from __future__ import annotations

from typing import Any

from langgraph.graph import START, StateGraph

from quintet.graphs import begin
from quintet.nodes import Finish, Planner, Recovery, Worker, escalate, hand_over
from quintet.runs import Run, start
from quintet.state import Contract, OrchestrationState, Plan, Step


def planned(name: str, *steps: str, to: str, then: str = "finish") -> Planner:
    plan = Plan(
        goal=name, steps=tuple(Step(id=one, goal=f"for {name}", assignee=to) for one in steps)
    )
    return Planner(make=plan, assignees=(to,), then=then, otherwise="person")


def works(request: Any) -> dict[str, Any]:
    return {"for": request["goal"]}


WORKER = Worker(agent=works, contract=Contract(goal="Do it", needs=("goal",)))


def run_of(graph: StateGraph[Any], *first: str) -> Run:
    graph.add_node("finish", Finish())
    graph.add_node("person", hand_over)
    path = begin(*first)
    graph.add_conditional_edges(START, path, path.targets)
    return start(graph.compile(), {"message": "hi"})


def side_by_side(one_step: str, other_step: str) -> Run:
    graph = StateGraph(OrchestrationState)
    recovery = Recovery(otherwise=escalate())
    for name, step in (("one", one_step), ("two", other_step)):
        planner = planned(name, step, to=f"{name}_worker")
        graph.add_node(name, planner, defer=True, error_handler=recovery)
        graph.add_node(f"{name}_worker", WORKER)
        graph.add_edge(f"{name}_worker", name)
    return run_of(graph, "one", "two")


def test_planners_side_by_side_each_judge_their_own_steps():
    run = side_by_side("a", "b")
    assert run.status == "done"
    assert {name: result["for"] for name, result in run.results.items()} == {
        "a": "for one",
        "b": "for two",
    }


def test_a_step_that_two_planners_send_out_is_refused_by_name():
    run = side_by_side("a", "a")
    assert run.status == "escalated"
    assert run.outcome is not None
    assert "step 'a' has the id of a step of the planner" in run.outcome.reason


def test_a_finished_planner_does_not_plan_again_when_a_step_of_another_comes_by():
    graph = StateGraph(OrchestrationState)
    graph.add_node("one", planned("one", "a", to="worker", then="two"), defer=True)
    graph.add_node("two", planned("two", "b", to="worker"), defer=True)
    graph.add_node("worker", WORKER)
    graph.add_edge("worker", "one")  # as `check` says, the steps of `two` do not come back to it
    run = run_of(graph, "one")
    plans = [item.node for item in run.decisions if item.kind == "plan"]
    assert plans == ["one", "two"]
    assert run.status == "unfinished"
