"""Test two parts that use one name or one key of the state, and take each other's place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from quintet.checks import check
from quintet.graphs import create_sequential
from quintet.nodes import (
    Act,
    ApprovalGate,
    Finish,
    Merge,
    Router,
    Worker,
    effect,
    over,
    proposed,
)
from quintet.state import DesignError, OrchestrationState
from tests.checks.parts import PAY, answer, contract, graph_of, only, pays, run, worker

ROUTER = Router(choose=lambda text: "one", to=("one", "two"), otherwise="person")


def alone(code: str, graph: Any) -> list[str]:
    return [finding.node for finding in check(graph) if finding.code == code]


# Merges


def merging(first: Merge, second: Merge) -> Any:
    given = {"a": {"price": 5}, "b": {"price": 5}, "c": {"weight": 9}, "d": {"weight": 9}}
    nodes = {
        name: worker(agent=lambda request, result=result: result) for name, result in given.items()
    }
    merges = {"prices": replace(first, then="weights"), "weights": second}
    graph = graph_of(nodes | merges, *((START, name) for name in given))
    return graph.add_edge(list(given), "prices")


PRICES, WEIGHTS = Merge(of=("a", "b"), then="weights"), Merge(of=("c", "d"), then="finish")


def test_two_merges_of_one_field_are_named():
    same = merging(replace(PRICES, fields=("price",)), replace(WEIGHTS, fields=("price", "x")))
    finding = only(same)
    assert (finding.code, finding.node, finding.level) == ("shared-name", "weights", "error")
    assert "the field 'price'" in finding.fault


def test_two_merges_of_whatever_there_is_may_write_the_same_field():
    graph = merging(PRICES, WEIGHTS)
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("shared-name", "weights", "warning")


def test_merges_of_fields_of_their_own_are_right():
    apart = merging(replace(PRICES, fields=("price",)), replace(WEIGHTS, fields=("weight",)))
    assert check(apart) == ()


class Priced(TypedDict):
    price: float


class Weighed(TypedDict):
    weight: float


def test_the_fields_of_a_merge_may_be_known_by_its_sources():
    def typed(kind: Any) -> Worker:
        return Worker(agent=answer, contract=contract(gives=kind))

    kinds = {"a": Priced, "b": Priced, "c": Weighed, "d": Weighed}
    nodes = {name: typed(kind) for name, kind in kinds.items()}
    graph = graph_of(
        nodes | {"prices": PRICES, "weights": WEIGHTS}, *((START, name) for name in kinds)
    )
    assert check(graph.add_edge(list(kinds), "prices")) == ()


def test_merges_on_two_routes_are_right():
    merges = {
        "one": Merge(of=("a", "b"), then="finish"),
        "two": Merge(of=("a", "b"), then="finish"),
    }
    nodes = {"a": worker(), "b": worker(), "router": ROUTER} | merges
    graph = graph_of(nodes, (START, "a"), (START, "b")).add_edge(["a", "b"], "router")
    assert check(graph) == ()


def test_merges_side_by_side_write_one_key():
    merges = {
        "one": Merge(of=("a", "b"), then="finish"),
        "two": Merge(of=("a", "b"), then="finish"),
    }
    nodes = {"a": worker(), "b": worker()} | merges
    graph = graph_of(nodes, (START, "a"), ("a", "b"), ("b", "one"), ("b", "two"))
    assert alone("shared-name", graph) == ["two"]


def team(name: str, merge: Merge, output: Any = OrchestrationState) -> Any:
    graph = StateGraph(OrchestrationState, output_schema=output).add_node(name, merge)
    return graph.add_node("finish", Finish()).add_edge(START, name).add_edge("finish", END)


class Silent(TypedDict, total=False):
    results: dict[str, Any]


def test_merges_in_graphs_of_their_own_share_what_these_hand_on():
    merge = Merge(of=("a", "b"), then="finish")
    nodes = {"a": worker(), "b": worker()}
    edges = [(START, "a"), ("a", "b"), ("b", "north"), ("b", "south")]
    shared = {"north": team("m", merge).compile(), "south": team("m", merge).compile()}
    assert alone("shared-name", graph_of(nodes | shared, *edges)) == ["south/m"]
    apart = shared | {"south": team("m", merge, Silent).compile()}
    assert alone("shared-name", graph_of(nodes | apart, *edges)) == []


def test_a_merge_beside_others_of_one_graph_is_found_inside_it():
    def either(state: Any) -> str:
        return "one" if state["message"] else "two"

    merges = {
        "one": Merge(of=("a", "b"), then="finish"),
        "two": Merge(of=("a", "b"), then="finish"),
    }
    inner = graph_of(merges | {"look": lambda state: {}}, (START, "look"))
    inner = inner.add_conditional_edges("look", either, ["one", "two"]).compile()
    nodes = {"a": worker(), "b": worker(), "team": inner}
    graph = graph_of(nodes, (START, "a"), ("a", "b"), ("b", "team"))
    assert alone("shared-name", graph) == []


# Gates


def gated(**changes: Any) -> Any:
    gate = ApprovalGate(rejected="finish")
    one = replace(gate, approved="pay")
    nodes = {
        "router": ROUTER,
        "one": lambda state: proposed(PAY.action(order=1, amount=1)),
        "two": lambda state: proposed(PAY.action(order=2, amount=2)),
        "ask": one,
        "pay": Act(effects=(PAY,), then="finish"),
        "boss": replace(one, **changes),
    }
    return graph_of(nodes, (START, "router"), ("one", "ask"), ("two", "boss"))


@pytest.mark.parametrize("changes", [{"when": over(100)}, {"approvers": ("cfo",)}])
def test_two_gates_of_one_name_that_differ_are_named(changes):
    finding = only(gated(**changes))
    assert (finding.code, finding.node, finding.level) == ("shared-name", "boss", "error")
    assert "of the name 'approval'" in finding.fault


@pytest.mark.parametrize("changes", [{}, {"rejected": "person"}, {"name": "b", "when": over(1)}])
def test_one_gate_at_two_places_and_two_names_are_right(changes):
    assert check(gated(**changes)) == ()


# Effects


def other_shop() -> Any:
    def pay(order: int, amount: float) -> str:
        """Pay at the other shop."""
        return "paid elsewhere"

    return effect(pay, key="pay:{order}:{amount}")


def made_again() -> Any:
    return effect(PAY.function, key="pay:{order}:{amount}", undo=lambda receipt: None)


def acting(held: Any, runs: Any) -> Any:
    gate = ApprovalGate(rejected="finish")
    nodes = {
        "work": worker(effects=(held,), agent=pays, gate=gate),
        "approve": gate,
        "act": Act(effects=(runs,), gate=gate, then="finish"),
    }
    return graph_of(nodes, (START, "work"), ("work", "approve"))


def test_two_effects_of_one_name_are_named():
    finding = only(acting(PAY, other_shop()))
    assert (finding.code, finding.node, finding.level) == ("shared-name", "work", "error")
    assert "different effects of the name 'pay'" in finding.fault
    assert alone("shared-name", acting(PAY, replace(PAY, key="pay:{order}"))) == ["work"]


def test_an_effect_that_is_declared_twice_alike_is_one():
    assert check(acting(PAY, PAY)) == ()
    assert check(acting(made_again(), made_again())) == ()


# Results


class Drafts(OrchestrationState, total=False):
    draft: str


def reviewed(*needs: str, **more: Any) -> Any:
    nodes = {
        "draft": worker(agent=lambda request: "by the worker"),
        "review": worker(*needs, agent=lambda request: {"read": request.get("draft")}, **more),
    }
    edges = [(START, "draft"), ("draft", "review"), ("review", "finish")]
    return graph_of(nodes, *edges, state=Drafts)


def test_a_worker_named_like_a_key_that_a_contract_needs_is_named():
    end = run(reviewed("draft"), draft="by the state")
    assert end["results"]["review"] == {"read": "by the worker"}
    finding = only(reviewed("draft"))
    assert (finding.code, finding.node, finding.level) == ("shared-name", "draft", "warning")
    assert "the contract of 'review' needs 'draft'" in finding.fault
    workers = {"draft": worker(), "review": worker("draft")}
    with pytest.raises(DesignError, match="'draft' has the name of a key of Drafts"):
        create_sequential(workers, state=Drafts)
    assert check(create_sequential(workers)) == ()


def test_a_worker_named_like_a_key_that_nobody_needs_is_right():
    assert check(reviewed()) == ()
    own = reviewed("draft", read=lambda state: {"draft": state["results"]["draft"]})
    assert check(own) == ()


# Workers of one name in a graph and a subgraph


def within(name: str, *ways: tuple[str, str]) -> Any:
    inner = graph_of({name: worker(), "finish": Finish()}, (START, name), (name, "finish"))
    inner.add_edge("finish", END)
    return inner.compile()


def test_a_worker_named_like_one_in_a_subgraph_is_named():
    def around(name: str) -> Any:
        nodes = {"draft": worker(), "team": within(name)}
        return graph_of(nodes, (START, "draft"), ("draft", "team"), ("team", END))

    finding = only(around("draft"))
    assert (finding.code, finding.node, finding.level) == ("shared-name", "team/draft", "warning")
    assert "hides" in finding.fault
    assert not check(around("other"))


def test_ways_that_no_run_goes_together_share_no_result():
    nodes = {"router": ROUTER, "one": worker(), "two": within("one"), "person": answer}
    ways = [("one", END), ("two", END), ("person", END)]
    assert not alone("shared-name", graph_of(nodes, (START, "router"), *ways))
