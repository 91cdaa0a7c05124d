"""Test that the result of one graph's worker never stands for another's of the same name."""

from __future__ import annotations

from typing import Any

import pytest

from quintet.graphs import (
    Task,
    create_parallel,
    create_planner,
    create_sequential,
    create_single_agent,
    create_workflow,
)
from quintet.nodes import Planner, Worker
from quintet.runs import start
from quintet.state import Contract, DesignError, Step, checkpointer


def says(text: str, *needs: str) -> Worker:
    def agent(request: Any) -> str:
        return ", ".join([text, *(str(request[need]) for need in needs)])

    return Worker(agent=agent, contract=Contract(goal=text, needs=needs, gives=str))


def team() -> Any:
    return create_sequential({"draft": says("theirs"), "polish": says("p", "draft")}).compile()


def in_line(inner: Any) -> Any:
    return create_sequential({"draft": says("ours"), "team": inner, "send": says("s", "draft")})


def at_once(inner: Any) -> Any:
    branches = {"draft": says("ours"), "team": inner}
    return create_parallel(branches, then={"send": says("s", "draft")})


def afterwards(inner: Any) -> Any:
    branches = {"draft": says("ours"), "other": says("other")}
    return create_parallel(branches, then={"team": inner, "send": says("s", "draft")})


def beforehand(inner: Any) -> Any:
    return create_parallel({"draft": says("ours"), "other": says("other")}, intake=inner)


def declared(inner: Any) -> Any:
    tasks = {
        "draft": Task(run=says("ours")),
        "team": Task(run=inner, after="draft"),
        "send": Task(run=says("s", "draft"), after="team"),
    }
    return create_workflow(tasks)


OUTER = (in_line, at_once, afterwards, beforehand, declared)


@pytest.mark.parametrize("outer", OUTER, ids=lambda outer: outer.__name__)
def test_a_graph_whose_worker_has_the_name_of_one_of_ours_is_refused(outer):
    for inner in (team(), create_sequential({"deep": team(), "last": says("l")}).compile()):
        with pytest.raises(DesignError, match=r"'draft'.*Rename one, or give the graph as an ag"):
            outer(inner)


@pytest.mark.parametrize("outer", [in_line, at_once, afterwards, declared])
def test_as_an_agent_it_keeps_its_results_to_itself(outer):
    agent = Worker(agent=team(), contract=Contract(goal="t", needs=("message",), gives=str))
    app = outer(agent).compile(checkpointer=checkpointer("memory://"))
    ended = start(app, {"message": "m"}, thread="t")
    assert ended.status == "done"
    assert ended.results["send"] == "s, ours"


def test_a_name_that_several_graphs_have_is_nobodys_need():
    with pytest.raises(DesignError, match="several graphs"):
        create_sequential({"one": team(), "two": team(), "send": says("s", "draft")})


def test_several_graphs_may_have_a_name_that_nobody_needs():
    one, two = (create_single_agent(says(text)).compile() for text in ("1", "2"))
    app = create_sequential({"one": one, "two": two, "send": says("s", "message")}).compile()
    assert start(app, {"message": "m"}).status == "done"


def test_the_steps_of_a_plan_within_have_names_of_their_own():
    def make(goal: str) -> tuple[Step, ...]:
        return (Step(id="other", goal=goal, assignee="draft"),)

    planner = Planner(make=make, assignees=("draft",))
    inner = create_planner(planner, {"draft": says("theirs")}).compile()
    app = in_line(inner).compile(checkpointer=checkpointer("memory://"))
    ended = start(app, {"message": "m"}, thread="t")
    assert (ended.status, ended.results["send"]) == ("done", "s, ours")
