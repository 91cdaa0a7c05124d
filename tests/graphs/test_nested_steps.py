"""Test graphs that take a plan's step as nodes: how they answer it, and that they must."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import START, StateGraph

from quintet.graphs import (
    create_handoff,
    create_parallel,
    create_planner,
    create_sequential,
    create_single_agent,
)
from quintet.nodes import Finish, Merge, Planner, Recovery, Router, Worker, hand_over
from quintet.runs import Run, start
from quintet.state import Contract, OrchestrationState, Step, checkpointer

HASTY = Recovery(transient=(), rate_limit=(), timeout=(), invalid=())


def says(answer: Any, *needs: str) -> Worker:
    """Give a worker that answers with a value, or with what a function makes of its request."""

    def agent(request: Any) -> Any:
        return answer(request) if callable(answer) else answer

    return Worker(agent=agent, contract=Contract(goal="Say", needs=needs or ("message",)))


def planned(inner: StateGraph[Any], **inputs: Any) -> Run:
    """Run a plan of two steps, of which a graph takes the second as a node."""

    def make(goal: str) -> tuple[Step, ...]:
        first = Step(id="first", goal=goal, assignee="one")
        after = (first.id,)
        return first, Step(id="second", goal=goal, assignee="graph", after=after, inputs=inputs)

    workers = {"one": says({"n": 1}), "graph": inner.compile()}
    plan = Planner(make=make, assignees=("one", "graph"))
    graph = create_planner(plan, workers, recover=HASTY)
    app = graph.compile(checkpointer=checkpointer("memory://"))
    return start(app, {"message": "m"}, thread="t")


def test_a_graph_without_a_result_of_its_own_does_not_answer_by_what_stood_before():
    def choose(text: str) -> str:
        return "finish"

    router = Router(choose=choose, to=("work", "finish"), otherwise="person")
    ended = planned(create_handoff(router, {"work": says({"n": 2})}))
    assert ended.status == "escalated"
    assert "second" not in ended.results
    assert "no worker gave a result" in ended.outcome.reason


def test_a_line_answers_by_its_last_worker():
    ended = planned(create_sequential({"a": says({"n": 2}), "b": says({"n": 3})}))
    assert (ended.status, ended.results["second"]) == ("done", {"n": 3})


def test_workers_that_end_at_once_answer_together():
    ended = planned(create_parallel({"a": says({"n": 2}), "b": says({"n": 3})}))
    assert ended.status == "done"
    assert ended.results["second"] == {"a": {"n": 2}, "b": {"n": 3}}
    assert not [name for name in ended.results if "#" in name]


def test_a_merge_answers_by_what_it_has_merged():
    branches = {"a": says({"n": 2, "x": 5}), "b": says({"n": 2, "y": 6})}
    ended = planned(create_parallel(branches, merge=Merge(of=("a", "b"))))
    assert (ended.status, ended.results["second"]) == ("done", {"n": 2, "x": 5, "y": 6})


def test_a_plan_within_a_step_answers_by_its_last_step():
    def make(goal: str) -> tuple[Step, ...]:
        low = Step(id="low", goal=goal, assignee="w", inputs={"message": "low"})
        return low, Step(
            id="high", goal=goal, assignee="w", after=("low",), inputs={"message": "high"}
        )

    def shout(request: Any) -> Any:
        return {"said": request["message"]}

    ended = planned(create_planner(make, {"w": says(shout)}))
    assert (ended.status, ended.results["second"]) == ("done", {"said": "high"})


@pytest.mark.parametrize("name", ["draft", "other"])
def test_a_worker_gets_its_steps_inputs_and_later_ones_what_became_of_them(name: str):
    def better(request: Any) -> Any:
        return f"{request['draft']}, revised"

    def shows(request: Any) -> Any:
        return {"shown": request[name]}

    line = {name: says(better, "draft"), "show": says(shows, name)}
    ended = planned(create_sequential(line), draft="rough")
    assert (ended.status, ended.results["second"]) == ("done", {"shown": "rough, revised"})


def test_a_single_worker_answers_alone():
    ended = planned(create_single_agent(says({"n": 2})))
    assert (ended.status, ended.results["second"]) == ("done", {"n": 2})


def line() -> Any:
    """Give a line that answers by its step's input, for a node of another graph."""
    first = says(lambda request: f"seat {request['to']}", "to")
    return create_sequential({"a": first, "b": says(lambda request: request["a"], "a")}).compile()


def trip(goal: str) -> tuple[Step, ...]:
    """Give two steps for the same graph, at once."""
    return tuple(
        Step(id=to, goal=goal, assignee="line", inputs={"to": to}) for to in ("oslo", "rome")
    )


def test_a_graph_takes_several_steps_at_once():
    ended = start(create_planner(trip, {"line": line()}).compile(), {"message": "m"})
    assert (ended.status, ended.results["oslo"], ended.results["rome"]) == (
        "done",
        "seat oslo",
        "seat rome",
    )


def test_a_step_that_a_graph_took_is_not_taken_for_that_of_a_later_worker():
    team = create_planner(lambda goal: trip(goal)[:1], {"line": line()})
    app = create_sequential({"team": team.compile(), "tell": says("told")}).compile()
    ended = start(app, {"message": "m"})
    assert (ended.status, ended.results["oslo"], ended.results["tell"]) == (
        "done",
        "seat oslo",
        "told",
    )


def test_after_a_plan_with_a_graph_in_it_the_run_goes_on_and_comes_to_its_end():
    told: list[str] = []
    tell = Worker(
        agent=lambda request: told.append(request["message"]) or "told",
        contract=Contract(goal="Tell", needs=("message",)),
        then="finish",
    )
    plan = Planner(make=lambda goal: trip(goal)[:1], assignees=("line",), then="tell")
    graph = StateGraph(OrchestrationState)
    graph.add_node("plan", plan, defer=True, destinations=plan.destinations)
    graph.add_node("line", line())
    graph.add_node("tell", tell, destinations=("finish",))
    graph.add_node("finish", Finish())
    graph.add_node("person", hand_over)
    graph.add_edge(START, "plan")
    graph.add_edge("line", "plan")
    app = graph.compile(checkpointer=checkpointer("memory://"))
    for message in ("one", "two"):
        ended = start(app, {"message": message}, thread="t")
        assert (ended.status, ended.results["oslo"]) == ("done", "seat oslo")
    assert told == ["one", "two"]
