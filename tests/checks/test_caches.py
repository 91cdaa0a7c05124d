"""Test a cache on a node that does effects."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy

from quintet.checks import check
from quintet.nodes import Finish, Worker, effect
from quintet.runs import start
from quintet.state import Contract, OrchestrationState, checkpointer
from tests.checks.parts import only


def graph_of(agent: Any, policy: CachePolicy, *tools: Any) -> StateGraph[Any]:
    graph: StateGraph[Any] = StateGraph(OrchestrationState)
    contract = Contract(goal="pay", needs=("message",), tools=tools)
    graph.add_node("work", Worker(agent=agent, contract=contract), cache_policy=policy)
    graph.add_node("finish", Finish())
    graph.add_edge(START, "work")
    graph.add_edge("work", "finish")
    graph.add_edge("finish", END)
    return graph


def by_message(state: Any) -> str:
    return str(state["message"])


def test_an_effect_under_a_cache_by_message_is_named():
    paid: list[str] = []

    def pay(to: str) -> str:
        paid.append(to)
        return "paid"

    graph = graph_of(
        lambda request, tools: tools.pay(to=request["message"]),
        CachePolicy(key_func=by_message),
        effect(pay, key="pay:{to}"),
    )
    app = graph.compile(checkpointer=checkpointer("memory://"), cache=InMemoryCache())
    ends = [start(app, {"message": "ada"}, thread=thread).status for thread in ("1", "2")]
    assert (ends, paid) == (["done", "done"], ["ada"])  # the second was told, and not done
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("cached-effect", "work", "error")


@pytest.mark.parametrize("tools", [(), (len,)])
def test_a_cache_of_what_has_no_effects_is_right(tools: tuple[Any, ...]):
    assert check(graph_of(lambda r: "x", CachePolicy(key_func=by_message), *tools)) == ()


def test_langgraphs_own_key_holds_the_run_and_is_never_met_again():
    def pay(to: str) -> str:
        return "paid"

    assert check(graph_of(lambda r: "x", CachePolicy(), effect(pay, key="k"))) == ()
