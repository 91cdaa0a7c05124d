"""Test path functions by what the state says, each with its total map of targets."""

from __future__ import annotations

import logging
import operator
import pickle
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel

from quintet.graphs import by_actions, by_failure, by_outcome, by_plan, by_route
from quintet.nodes import proposed
from quintet.state import Action, DesignError, OrchestrationState, Outcome, plain
from quintet.state.outcome import STATUSES, Status

names = st.sampled_from(("a", "b", "c", "person", END))
anything = st.none() | st.text(max_size=8) | st.sampled_from(STATUSES)


class State(OrchestrationState, total=False):
    log: Annotated[list[str], operator.add]


def ended(status: Status) -> dict[str, Any]:
    return {"outcome": plain(Outcome(status=status, reason="it did"))}


@pytest.mark.parametrize("status", get_args(Status))
def test_an_outcome_goes_to_the_node_of_its_status(status: Status):
    path = by_outcome(otherwise="rest", **{status: "here"})
    assert path(ended(status)) == "here"
    others = [other for other in STATUSES if other != status]
    assert {path(ended(other)) for other in others} == {"rest"}


def test_a_run_without_an_outcome_goes_to_the_rest():
    path = by_outcome(done="here", otherwise="rest")
    assert path({}) == path({"outcome": None}) == "rest"


def test_a_status_that_does_not_exist_is_refused_by_name():
    with pytest.raises(DesignError, match=r"by_outcome\(finished=\.\.\.\): no such status.*done"):
        by_outcome(finished="here", otherwise="rest")


def test_routes_go_to_nodes_of_their_name_or_of_a_mapping():
    assert by_route(("a", "b"), otherwise="rest")({"route": "b"}) == "b"
    assert by_route({"a": "first"}, otherwise="rest")({"route": "a"}) == "first"


def test_a_route_outside_the_map_goes_to_the_rest():
    path = by_route(("a",), otherwise="rest")
    assert path({"route": "b"}) == path({"route": ""}) == path({}) == "rest"


def test_a_recorded_failure_decides():
    path = by_failure("mend", otherwise="go")
    assert path({"failures": [{"node": "a"}]}) == "mend"
    assert path({"failures": []}) == path({}) == "go"


def test_a_plan_under_way_goes_back_to_the_planner():
    path = by_plan("plan", otherwise="go")
    assert path({"kept": {"plan plan": {"over": ""}}}) == "plan"
    assert path({"kept": {"plan plan": {"over": "done"}}}) == path({}) == "go"


@pytest.mark.parametrize(
    ("status", "node"),
    [
        ("proposed", "gate"),
        ("approved", "gate"),
        ("rejected", "go"),
        ("done", "go"),
        ("failed", "go"),
        ("unknown", "go"),
        ("undone", "go"),
    ],
)
def test_actions_that_stand_open_go_to_the_gate(status: str, node: str):
    action = {"key": {"status": status}}
    assert by_actions("gate", otherwise="go")({"actions": action}) == node


def test_an_action_that_was_asked_for_again_goes_to_where_it_is_refused():
    again = {"key": {"status": "done", "again": {"status": "proposed"}}}
    assert by_actions("gate", otherwise="go")({"actions": again}) == "gate"


def test_what_a_node_proposes_stands_open():
    action = Action(name="pay", arguments={"amount": 3})
    assert by_actions("gate", otherwise="go")(proposed(action)) == "gate"


def test_a_path_may_leave_the_rest_to_another_path():
    path = by_plan("plan", otherwise=by_actions("gate", otherwise="finish"))
    under_way = {"plan plan": {"over": ""}}
    assert path({"kept": under_way, "actions": {"k": {"status": "proposed"}}}) == "plan"
    assert path({"actions": {"k": {"status": "proposed"}}}) == "gate"
    assert path({}) == "finish"
    assert path.targets == ["plan", "gate", "finish"]


@given(
    to=st.dictionaries(anything.map(str), names),
    rest=names,
    inner=st.dictionaries(anything.map(str), names),
    route=anything,
    status=anything,
)
def test_every_path_is_total(to: Any, rest: str, inner: Any, route: Any, status: Any):
    state = {"route": route, "outcome": status and {"status": status}}
    path = by_route(to, otherwise=by_route(inner, otherwise=rest))
    assert path(state) in path.targets
    statuses = {key: node for key, node in to.items() if key in STATUSES}
    told = by_outcome(otherwise=rest, **statuses)
    assert told(state) in told.targets


def test_no_target_is_listed_twice():
    assert by_outcome(done="x", escalated="x", otherwise="x").targets == ["x"]


@dataclass
class Data:
    route: str = "a"
    failures: list[Any] = field(default_factory=list)


class Model(BaseModel):
    route: str = "a"


@pytest.mark.parametrize("state", [Data(), Model()], ids=["dataclass", "pydantic"])
def test_a_path_reads_every_kind_of_state(state: Any):
    assert by_route(("a",), otherwise="rest")(state) == "a"


def test_paths_compare_print_and_pickle():
    path = by_outcome(done=END, otherwise="person")
    assert path == by_outcome(done=END, otherwise="person")
    assert path != by_outcome(done="person", otherwise=END)
    assert pickle.loads(pickle.dumps(path)) == path
    assert "done" in repr(path)


def test_several_paths_leave_one_node():
    graph = StateGraph(State)
    graph.add_node("work", lambda state: {"log": ["work"], "route": "a", **ended("done")})
    for name in ("a", "b", "c"):
        graph.add_node(name, lambda state, name=name: {"log": [name]})
    graph.add_edge(START, "work")
    by, told = by_route(("a",), otherwise="b"), by_outcome(done="c", otherwise="b")
    graph.add_conditional_edges("work", by, by.targets)
    graph.add_conditional_edges("work", told, told.targets)
    assert sorted(graph.compile().invoke({"log": []})["log"]) == ["a", "c", "work"]


def bare(state: State) -> str:
    return state["route"]


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_route_that_langgraph_drops_in_silence_goes_to_the_rest(way: str, caplog: Any):
    def desk(path: Any, targets: list[str] | None) -> Any:
        graph = StateGraph(State)
        graph.add_node("work", lambda state: {"log": ["work"], "route": "nowhere"})
        graph.add_node("a", lambda state: {"log": ["a"]})
        graph.add_node("person", lambda state: {"log": ["person"]})
        graph.add_edge(START, "work").add_edge("a", END).add_edge("person", END)
        return graph.add_conditional_edges("work", path, targets).compile()

    async def run(app: Any) -> list[str]:
        result = await app.ainvoke({"log": []}) if way == "async" else app.invoke({"log": []})
        return result["log"]

    with caplog.at_level(logging.CRITICAL):
        assert await run(desk(bare, None)) == ["work"]
    path = by_route(("a",), otherwise="person")
    assert await run(desk(path, path.targets)) == ["work", "person"]


def test_the_drawing_shows_every_way():
    path = by_outcome(done=END, otherwise="person")
    graph = StateGraph(State)
    graph.add_node("work", lambda state: ended("done")).add_edge(START, "work")
    graph.add_node("person", lambda state: {})
    graph.add_conditional_edges("work", path, path.targets)
    edges = graph.compile().get_graph().edges
    assert {edge.target for edge in edges if edge.source == "work"} == {END, "person"}
