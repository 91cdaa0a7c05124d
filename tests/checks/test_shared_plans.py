"""Test planners that meet in one run, and take each other's steps or results."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import END, START

from quintet.checks import check
from quintet.graphs import create_handoff
from quintet.nodes import Planner, Router
from quintet.state import DesignError, Step, StepFailed
from tests.checks.parts import codes, graph_of, only, run, worker

LATE = {"defer": True}


def first(goal: str) -> list[Step]:
    return [Step(id="a", goal=goal, assignee="w")]


def second(goal: str) -> list[Step]:
    return [Step(id="b", goal=goal, assignee="w")]


def unread(goal: str) -> list[Step]:
    return [Step(id=part, goal=part, assignee="w") for part in goal.split()]


def planner(make: Any, then: str = "finish") -> Any:
    return Planner(make=make, assignees=("w",), then=then), LATE


def one_after_another(make: Any = second, *edges: Any, **work: Any) -> Any:
    nodes = {"one": planner(first, "two"), "two": planner(make), "w": worker(**work)}
    return graph_of(nodes, (START, "one"), *edges)


def side_by_side(make: Any) -> Any:
    nodes = {"one": planner(first), "two": planner(make), "w": worker(then="finish")}
    return graph_of(nodes, (START, "one"), (START, "two"))


def test_planners_whose_steps_go_back_to_each_by_themselves_are_right():
    for graph in (one_after_another(then="one"), side_by_side(second)):
        end = run(graph)
        assert (end["outcome"]["status"], sorted(end["results"])) == ("done", ["a", "b"])
        assert check(graph) == ()


def test_a_step_by_the_id_of_an_earlier_planners_is_refused_and_named():
    graph = one_after_another(first, then="one")
    with pytest.raises(StepFailed, match="step 'a' has the id of a step of the planner 'one'"):
        run(graph)
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("shared-plan", "two", "error")
    assert "both have a step 'a'" in finding.fault
    assert codes(side_by_side(first)) == [("shared-plan", "two")]


def test_planners_whose_steps_cannot_be_read_may_meet_which_is_a_warning():
    finding = only(side_by_side(unread))
    assert (finding.code, finding.node, finding.level) == ("shared-plan", "two", "warning")


def test_an_edge_back_to_one_of_two_planners_leaves_the_other_waiting_and_is_named():
    graph = one_after_another(second, ("w", "one"))
    assert run(graph).get("outcome") is None
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("shared-plan", "w", "error")
    assert "its edge to 'one'" in finding.fault
    both = one_after_another(second, ("w", "one"), ("w", "two"))
    assert run(both)["outcome"]["status"] == "escalated"
    assert codes(both) == [("shared-plan", "w")]


def test_planners_with_assignees_of_their_own_are_right():
    def other(goal: str) -> list[Step]:
        return [Step(id="b", goal=goal, assignee="v")]

    nodes = {
        "one": planner(first, "two"),
        "two": (Planner(make=other, assignees=("v",)), LATE),
        "w": worker(),
        "v": worker(),
    }
    graph = graph_of(nodes, (START, "one"), ("w", "one"), ("v", "two"))
    assert run(graph)["outcome"]["status"] == "done"
    assert check(graph) == ()


def test_planners_of_which_one_is_chosen_do_not_meet():
    router = Router(choose=lambda text: "one", to=("one", "two"), otherwise="person")
    nodes = {
        "router": router,
        "one": planner(first),
        "two": planner(first),
        "w": worker(then="finish"),
    }
    assert check(graph_of(nodes, (START, "router"))) == ()
    workers = {name: nodes[name][0] for name in ("one", "two")}
    with pytest.raises(DesignError, match="one and two are both Planners"):
        create_handoff(router, {**workers, "w": worker()})


def within(tail: str) -> Any:
    """Build a planner, of which one assignee is a graph with a planner of its own."""
    inner = {"plan": planner(second, tail), "w": worker(then="plan")}
    inner |= {"sum": worker()} if tail == "sum" else {}
    graph = graph_of(inner, (START, "plan"), *([("sum", END)] if tail == "sum" else []))
    nodes = {"plan": planner(first), "w": graph.compile()}
    return graph_of(nodes, (START, "plan"), ("w", "plan"))


def test_a_graph_that_plans_within_a_step_answers_it_at_its_finish():
    end = run(within("finish"))
    assert (end["outcome"]["status"], end["results"]["a"]) == ("done", {"text": "done"})
    assert check(within("finish")) == ()


def test_a_plan_within_a_step_that_never_finishes_gives_no_result_and_is_named():
    assert run(within("person"))["outcome"]["status"] == "escalated"
    finding = only(within("person"))
    assert (finding.code, finding.node, finding.level) == ("shared-plan", "w/plan", "error")


def test_a_worker_after_the_plan_within_a_step_gives_its_result():
    assert run(within("sum"))["outcome"]["status"] == "done"
    assert check(within("sum")) == ()


def test_a_planner_in_an_agent_has_results_of_its_own():
    inner = graph_of({"plan": planner(first), "w": worker(then="finish")}, (START, "plan"))
    nodes = {"plan": planner(first), "w": worker(agent=inner.compile())}
    assert check(graph_of(nodes, (START, "plan"), ("w", "plan"))) == ()
