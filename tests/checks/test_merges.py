"""Test merges of results that nobody gives, or that come too late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.checks import check
from quintet.graphs import create_parallel
from quintet.nodes import FanOut, Finish, Join, Merge, Planner, Router, Worker
from quintet.state import OrchestrationState, Plan, Step
from tests.checks.parts import ENDS, answer, codes, contract, graph_of, only, run, worker


def merge(*of: str, **more: Any) -> Merge:
    return Merge(**{"of": of, "then": "finish", **more})


def beside(node: Merge, **nodes: Any) -> Any:
    """Put two workers side by side, and a merge after both."""
    given = {"alder": worker(), "birch": worker(), "merge": node} | nodes
    graph = graph_of(given, (START, "alder"), (START, "birch"))
    return graph.add_edge(["alder", "birch"], "merge")


# Sources that nobody gives


def missing(end: Any) -> Any:
    """Return the conflict about which a merge asks, as a source has given nothing."""
    return end["__interrupt__"][0].value["missing"]


def test_a_person_is_asked_for_a_misspelt_source_and_it_is_named():
    graph = beside(merge("alder", "brich"))
    assert missing(run(graph)) == ["brich"]
    finding = only(graph)
    assert "a person is asked about that conflict" in finding.fault
    assert (finding.code, finding.node, finding.level) == ("unknown-source", "merge", "error")
    assert "Write 'birch'" in finding.remedy
    assert check(beside(merge("alder", "birch"))) == ()


def test_a_misspelt_source_that_is_not_required_is_left_out_and_named():
    graph = beside(merge("alder", "brich", requires=("alder",)))
    assert run(graph)["outcome"]["status"] == "done"
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("unknown-source", "merge", "error")
    assert "it goes on without it" in finding.fault


def test_a_node_that_gives_no_result_is_no_source():
    note = {"note": lambda state: {"message": "x"}}
    graph = beside(merge("alder", "note"), **note).add_edge("birch", "note")
    graph.add_edge("note", END)
    [finding] = [each for each in check(graph) if each.code == "unknown-source"]
    assert "gives no result under its name" in finding.fault


def test_a_function_of_ones_own_may_be_a_source():
    def gives(state: Any) -> dict[str, Any]:
        return {"results": {"cedar": {"x": 1}}}

    graph = beside(merge("alder", "cedar"), birch=gives)
    assert check(graph) == ()
    assert codes(beside(merge("alder", "birch"), birch=gives)) == [("unknown-source", "merge")]


def test_a_worker_of_a_subgraph_is_a_source():
    team = graph_of({"cedar": worker()}, (START, "cedar"), ("cedar", END)).compile()
    assert check(beside(merge("alder", "cedar"), birch=team)) == ()
    assert codes(beside(merge("alder", "birch"), birch=team)) == [("unknown-source", "merge")]


def test_a_source_that_is_sent_to_by_hand_gives_its_steps():
    def fan(given: Any) -> Any:
        return lambda state: [Send("cedar", given(state))]

    def sent(given: Any, *of: str) -> Any:
        nodes = {"cedar": worker(), "merge": merge(*of)}
        graph = graph_of(nodes, ("cedar", "merge"))
        return graph.add_conditional_edges(START, fan(given), ["cedar"])

    plain = sent(lambda state: {"message": "x"}, "cedar", "other")
    assert codes(plain) == []  # the payload comes from a function that cannot be followed
    named = graph_of({"cedar": worker(), "merge": merge("cedar", "x")}, ("cedar", "merge"))
    named.add_conditional_edges(START, lambda state: [Send("cedar", {"message": "x"})], ["cedar"])
    assert codes(named) == [("unknown-source", "merge")]


def test_the_results_of_several_sends_are_sources_by_their_numbers():
    def twice(state: Any) -> list[Send]:
        return [Send("cedar", {"message": "x"}), Send("cedar", {"message": "y"})]

    nodes = {"cedar": worker(), "merge": merge("cedar", "cedar#2")}
    graph = graph_of(nodes, ("cedar", "merge")).add_conditional_edges(START, twice, ["cedar"])
    end = run(graph)
    assert (list(end["results"]), end["outcome"]["status"]) == (["cedar", "cedar#2"], "done")
    assert codes(graph) == [("shared-result", "cedar")]


# Sources that come too late


def test_a_source_that_cannot_run_before_is_named():
    nodes = {"alder": worker(), "merge": merge("alder", "birch", then="birch"), "birch": worker()}
    graph = graph_of(nodes, (START, "alder"), ("alder", "merge"), ("birch", "finish"))
    assert missing(run(graph)) == ["birch"]
    finding = only(graph)
    assert (finding.code, finding.node) == ("unknown-source", "merge")
    assert "only 'birch' gives" in finding.fault


def test_a_merge_beside_its_source_is_named():
    nodes = {"alder": worker(), "birch": worker(), "merge": merge("alder", "birch")}
    edges = [(START, "alder"), (START, "birch"), ("alder", "merge"), ("birch", "finish")]
    assert ("unknown-source", "merge") in codes(graph_of(nodes, *edges))


def test_a_merge_behind_conditional_edges_is_right():
    def where(state: Any) -> str:
        return "merge" if len(state["results"]) > 1 else "birch"

    nodes = {"alder": worker(), "birch": worker(), "merge": merge("alder", "birch")}
    graph = graph_of(nodes, (START, "alder"), ("birch", "merge"))
    assert check(graph.add_conditional_edges("alder", where, ["merge", "birch"])) == ()


def test_a_merge_after_a_router_that_chooses_one_is_right():
    router = Router(choose=lambda text: "alder", to=("alder", "birch"), otherwise="person")
    nodes = {"router": router, "alder": worker(), "birch": worker(), "m": merge("alder", "birch")}
    graph = graph_of(nodes, (START, "router"), ("alder", "m"), ("birch", "m"))
    assert check(graph) == ()


def test_a_merge_in_a_subgraph_takes_what_the_graph_around_it_gives():
    inner = StateGraph(OrchestrationState).add_node("merge", merge("alder", "birch"))
    inner.add_node("finish", Finish()).add_edge(START, "merge")
    nodes = {"alder": worker(), "birch": worker(), "sum": inner.compile()}
    graph = graph_of(nodes, (START, "alder"), (START, "birch"), ("sum", END))
    assert check(graph.add_edge(["alder", "birch"], "sum")) == ()
    assert "unknown-source" in [code for code, _ in codes(inner)]


# Steps of a plan


def planned(make: Any, *of: str) -> Any:
    planner = Planner(make=make, assignees=("w",), then="merge")
    nodes = {"plan": (planner, {"defer": True}), "w": worker(), "merge": merge(*of)}
    return graph_of(nodes, (START, "plan"), ("w", "plan"))


def two(goal: str) -> list[Step]:
    steps = [Step(id="a", goal=goal, assignee="w")]
    steps.append(Step(id="b", goal=goal, assignee="w"))
    return steps


def by_part(goal: str) -> list[Step]:
    return [Step(id=part, goal=part, assignee="w") for part in goal.split()]


def test_a_merge_of_steps_knows_their_ids():
    assert check(planned(two, "a", "b")) == ()
    assert codes(planned(two, "a", "c")) == [("unknown-source", "merge")]
    assert codes(planned(Plan(goal="g", steps=tuple(two("g"))), "a", "c")) == [
        ("unknown-source", "merge")
    ]
    assert check(planned(by_part, "a", "c")) == ()


def test_a_worker_that_only_takes_steps_gives_nothing_under_its_own_name():
    assert codes(planned(two, "a", "w")) == [("unknown-source", "merge")]


# Fields


class Priced(TypedDict):
    price: float


class Rated(BaseModel):
    price: float
    stars: int


@dataclass
class Found:
    price: float


@pytest.mark.parametrize("other", [Priced, Rated, Found])
def test_a_field_that_no_source_gives_is_named(other):
    def typed(kind: Any) -> Worker:
        return Worker(agent=answer, contract=contract(gives=kind))

    nodes = {"alder": typed(Priced), "birch": typed(other)}
    right = beside(merge("alder", "birch", fields=("price",)), **nodes)
    assert check(right) == ()
    finding = only(beside(merge("alder", "birch", fields=("prise",)), **nodes))
    assert (finding.code, finding.node) == ("unknown-source", "merge")
    assert "Write 'price'" in finding.remedy


@pytest.mark.parametrize("kind", [None, str, dict[str, int]])
def test_a_field_may_be_of_a_source_without_a_known_type(kind):
    loose = Worker(agent=answer, contract=contract(gives=kind))
    assert check(beside(merge("alder", "birch", fields=("prise",)), birch=loose)) == ()


# Races


@pytest.mark.parametrize("need", ["first", 2])
@pytest.mark.parametrize("of", [("alder", "birch"), ()])
def test_a_race_of_nodes_that_have_no_part_in_it_is_named(need: Any, of: tuple[str, ...]):
    def raced(join: Join) -> Any:
        nodes = {"alder": worker(), "birch": worker(), "join": (join, {"defer": True}), **ENDS}
        edges = [(START, name) for name in ("alder", "birch")]
        graph = graph_of(nodes, *edges, ("alder", "join"), ("birch", "join"))
        return graph.add_edge("finish", END).add_edge("person", END)

    finding = only(raced(Join(of=of, need=need)))
    assert (finding.code, finding.node, finding.level) == ("idle-join", "join", "error")
    assert "'alder' and 'birch' are not told: nobody is cut off" in finding.fault
    assert check(raced(Join(of=of))) == ()


def test_a_ready_made_race_is_right():
    def split(state: Any) -> list[str]:
        return ["a", "b"]

    pair = {"alder": worker(), "birch": worker()}
    assert check(create_parallel(pair, join="first")) == ()
    assert check(create_parallel({**pair, "cedar": lambda state: {"message": "m"}}, join=2)) == ()
    chosen = FanOut(to=("alder", "birch"), choose=lambda text: ("alder", "birch"))
    assert check(create_parallel(pair, fan_out=chosen, join="first")) == ()
    items = FanOut(each=split)
    assert check(create_parallel({"alder": worker()}, fan_out=items, join="first")) == ()
