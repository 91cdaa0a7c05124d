"""Test planners whose steps do not come back to them, or go to nobody."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import END, START
from langgraph.types import Command

from quintet.checks import check
from quintet.graphs import by_plan, create_handoff, create_planner
from quintet.nodes import Act, ApprovalGate, Planner, Recovery, Router, fallback
from quintet.state import Budget, Plan, Step
from tests.checks.parts import PAY, codes, ended, graph_of, only, pays, run, worker

LATE = {"defer": True}


def two_steps(goal: str) -> list[Step]:
    first = Step(id="a", goal="x", assignee="w")
    return [first, Step(id="b", goal="y", assignee="w", after=("a",))]


PLANNER = Planner(make=two_steps, assignees=("w",))


def desk(*edges: Any, **nodes: Any) -> Any:
    given = {"plan": (PLANNER, LATE), "w": worker()} | nodes
    return graph_of(given, (START, "plan"), *edges)


# The way back


def test_an_assignee_without_a_way_back_ends_the_plan_half_way_and_is_named():
    graph = desk(("w", "end"), ("end", END), end=ended)
    end = run(graph)
    assert (end["outcome"]["status"], list(end["results"])) == ("done", ["a"])
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("lost-step", "w", "error")
    assert "goes to 'end'" in finding.fault
    assert "add_edge('w', 'plan')" in finding.remedy


def test_an_assignee_that_ends_at_once_is_named():
    assert ("lost-step", "w") in codes(desk(("w", END)))
    assert "the run ends there" in next(f.fault for f in check(desk()) if f.code == "lost-step")


def test_an_edge_a_path_and_a_worker_that_goes_by_itself_are_ways_back():
    assert check(desk(("w", "plan"))) == ()
    path = by_plan("plan", otherwise="finish")
    assert check(desk().add_conditional_edges("w", path, path.targets)) == ()
    assert check(desk(("w", "note"), ("note", "plan"), note=worker())) == ()
    assert check(desk(w=worker(then="finish"))) == ()


def back(state: Any) -> Command[Any]:
    return Command(goto="plan", update={"results": {"a": 1}})


def away(state: Any) -> Command[Any]:
    return Command(goto="finish", update={"results": {"a": 1}})


def anywhere(state: Any) -> Command[Any]:
    return Command(goto=state["message"])


def test_an_assignee_that_is_a_function_is_read():
    assert check(desk(w=back)) == ()
    assert check(desk(w=anywhere)) == ()
    assert codes(desk(w=away)) == [("lost-step", "w")]


def test_an_assignee_that_is_a_graph_is_read():
    team = graph_of({"a": worker()}, (START, "a"), ("a", END)).compile()
    assert check(desk(("w", "plan"), w=team)) == ()
    assert ("lost-step", "w") in codes(desk(("w", "finish"), w=team))


def test_a_way_back_that_only_a_failure_takes_is_none():
    handled = (worker(), {"error_handler": Recovery()})
    assert codes(desk(("w", "end"), ("end", END), w=handled, end=ended)) == [("lost-step", "w")]


def test_who_takes_a_step_over_must_come_back_too():
    handler = {"error_handler": Recovery(unknown=fallback("basic"))}
    nodes = {"w": (worker(), handler), "basic": worker()}
    assert codes(desk(("w", "plan"), ("basic", "finish"), **nodes)) == [("lost-step", "basic")]
    assert check(desk(("w", "plan"), ("basic", "plan"), **nodes)) == ()
    passed = {"w": worker(then="finish", handoffs=("other",)), "other": worker()}
    assert codes(desk(("other", "finish"), **passed)) == [("lost-step", "other")]
    assert check(desk(("other", "plan"), **passed)) == ()


def test_an_edge_beside_the_way_back_is_followed_after_each_step():
    graph = desk(("w", "plan"), ("w", "end"), ("end", END), end=ended)
    finding = only(graph)
    assert (finding.code, finding.node) == ("lost-step", "w")
    assert "its edge to 'end' is followed after each step as well" in finding.fault
    assert check(desk(("w", "plan"), ("w", "note"), ("note", "plan"), note=worker())) == ()


def test_steps_that_propose_come_back_before_the_gate():
    gate = ApprovalGate(rejected="finish")
    planner = Planner(make=two_steps, assignees=("w",), then="approve")
    nodes = {
        "plan": (planner, LATE),
        "w": worker(effects=(PAY,), agent=pays, gate=gate),
        "approve": gate,
        "act": Act(effects=(PAY,), gate=gate, then="finish"),
    }
    assert check(graph_of(nodes, (START, "plan"), ("w", "plan"))) == ()


# When it looks, and for whom its steps are


def test_a_planner_that_is_not_deferred_is_named():
    graph = graph_of({"plan": PLANNER, "w": worker()}, (START, "plan"), ("w", "plan"))
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("hasty-planner", "plan", "error")
    assert "defer=True" in finding.remedy


def by_helper(goal: str) -> list[Step]:
    return [made(part) for part in goal.split()]


def made(part: str) -> Step:
    return Step(id=part, goal=part, assignee="writer")


STEP = Step(id="a", goal="x", assignee="writer")


@pytest.mark.parametrize("make", [by_helper, Plan(goal="g", steps=(STEP,))])
def test_a_step_for_a_stranger_is_named(make):
    planner = Planner(make=make, assignees=("w",))
    graph = graph_of({"plan": (planner, LATE), "w": worker()}, (START, "plan"), ("w", "plan"))
    finding = only(graph)
    assert (finding.code, finding.node) == ("unknown-assignee", "plan")
    assert "'writer'" in finding.fault


@pytest.mark.parametrize(
    ("step", "more", "fault"),
    [
        (
            Step(id="a", goal="x", assignee="w", kind="until", condition="good", most=2),
            {},
            "no condition 'good' is declared",
        ),
        (Step(id="a", goal="x", assignee="w", criterion="good"), {}, "nobody judges its criterion"),
        (
            Step(id="a", goal="x", assignee="w", kind="vote", most=9),
            {"budget": Budget(steps=3)},
            "over its budget of 3",
        ),
    ],
)
def test_a_template_that_every_run_refuses_is_told_before(step, more, fault):
    planner = Planner(make=Plan(goal="g", steps=(step,)), assignees=("w",), **more)
    finding = only(create_planner(planner, {"w": worker()}))
    assert (finding.code, finding.node) == ("refused-plan", "plan")
    assert fault in finding.fault


def test_who_allows_steps_is_not_called_by_a_check():
    def allow(step: Step, effects: Any) -> bool:
        raise AssertionError("it is called")

    template = Plan(goal="g", steps=(Step(id="a", goal="x", assignee="w"),))
    planner = Planner(make=template, assignees=("w",), allow=allow)
    assert check(create_planner(planner, {"w": worker()})) == ()


def test_an_assignee_that_is_no_node_is_named():
    planner = Planner(make=two_steps, assignees=("w", "v"))
    graph = graph_of({"plan": (planner, LATE), "w": worker()}, (START, "plan"), ("w", "plan"))
    assert codes(graph) == [("unknown-target", "plan")]


def test_a_planner_of_a_subgraph_is_looked_at():
    inner = desk(("w", "finish")).compile()
    graph = graph_of({"team": inner}, (START, "team"), ("team", "finish"))
    assert codes(graph) == [("lost-step", "team/w")]


def test_the_ready_made_desk_brings_every_step_back():
    router = Router(choose=lambda text: "plan", to=("plan", "w"), otherwise="person")
    recover = Recovery(unknown=fallback("basic"))
    workers = {"w": worker(), "basic": worker(), "plan": PLANNER}
    assert check(create_handoff(router, workers, recover=recover)) == ()
    gated = {"w": worker(effects=(PAY,), agent=pays), "plan": PLANNER, "basic": worker()}
    assert check(create_handoff(router, gated, recover=recover, gate=ApprovalGate())) == ()
