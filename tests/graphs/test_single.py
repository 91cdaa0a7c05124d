"""Test one agent, with approval, recovery and an outcome."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import START, StateGraph

from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Recovery, abort, effect, fallback, retry
from quintet.runs import approve, start
from quintet.state import DesignError
from quintet.testing import ScriptedModel
from tests.graphs.desks import (
    HASTY,
    SAVERS,
    WAYS,
    Desk,
    always,
    areply,
    failing,
    kinds,
    reason,
    reply,
    run,
    saver,
    worker,
)


@pytest.mark.parametrize("kind", SAVERS)
@pytest.mark.parametrize("way", WAYS)
async def test_one_agent_answers(way: str, kind: str, tmp_path: Any):
    graph = create_single_agent(worker(areply if way == "async" else reply))
    with saver(kind, tmp_path) as kept:
        ended = await run(graph.compile(checkpointer=kept), way, message="hat")
    assert ended.status == "done"
    assert ended.values["results"] == {"work": {"reply": "about hat"}}
    if kept is not None:
        assert ended.path == ("work", "finish")


@pytest.mark.parametrize("way", WAYS)
async def test_a_chat_model_is_an_agent(way: str):
    ended = await run(create_single_agent(worker(ScriptedModel(["Hello."]))), way, message="hat")
    assert (ended.status, ended.values["results"]) == ("done", {"work": "Hello."})


async def test_a_function_of_yours_is_one_too():
    graph = create_single_agent(lambda state: {"results": {"mine": state["message"]}})
    ended = await run(graph, message="hat")
    assert (ended.status, ended.values["results"]) == ("done", {"mine": "hat"})


async def test_it_recovers_and_says_so():
    agent = failing(ConnectionError("down"))
    graph = create_single_agent(worker(agent), recover=Recovery(transient=retry(2, wait=0)))
    ended = await run(graph, message="hat")
    assert (ended.status, kinds(ended)) == ("done", ["retry", "outcome"])


@pytest.mark.parametrize("way", WAYS)
async def test_what_fails_for_good_goes_to_a_person(way: str):
    graph = create_single_agent(worker(always(ConnectionError("down"))), recover=HASTY)
    ended = await run(graph, way, message="hat")
    assert (ended.status, reason(ended)) == ("escalated", "ConnectionError: down")
    assert ended.values["failures"][0]["attempts"] == 3


async def test_missing_context_is_refused_before_the_agent_is_asked():
    asked: list[Any] = []
    graph = create_single_agent(worker(asked.append, needs=("order",)), state=Desk)
    ended = await run(graph, message="hat")
    assert ended.status == "escalated"
    assert "needs order, which the context lacks" in reason(ended)
    assert asked == []


async def test_its_action_is_asked_about_done_and_taken_back_by_an_abort():
    stock = {"hat": 1}

    def ship(item: str) -> str:
        stock[item] -= 1
        return item

    def unship(item: str) -> None:
        stock[item] += 1

    shipping = effect(ship, key="ship:{item}", undo=unship)

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        return {"reply": tools.ship(item=request["message"])["status"]}

    shipper = worker(agent, tools=(shipping,))
    graph = create_single_agent(shipper, gate=ApprovalGate(), recover=Recovery(otherwise=abort()))
    waits = await run(graph, message="hat")
    assert (waits.status, stock) == ("waiting", {"hat": 1})
    assert (waits.answer(approve(by="anna")).status, stock) == ("done", {"hat": 0})

    def agent_that_breaks(request: Any, tools: Any) -> dict[str, Any]:
        tools.ship(item=request["message"])
        raise KeyError("broken")

    stock["hat"] = 1
    breaking = worker(agent_that_breaks, tools=(shipping,))
    ended = await run(
        create_single_agent(breaking, recover=Recovery(otherwise=abort())), message="hat"
    )
    assert (ended.status, stock) == ("aborted", {"hat": 1})


async def test_a_gate_without_a_checkpointer_is_refused_before_anything_runs():
    asked: list[Any] = []
    graph = create_single_agent(worker(asked.append), gate=ApprovalGate())
    with pytest.raises(DesignError, match=r"'approve' stops for a person.*no checkpointer"):
        start(graph.compile(), {"message": "hat"})
    assert asked == []


async def test_it_is_a_node_of_your_own_graph_and_takes_nodes_of_yours():
    class Mine(Desk, total=False):
        title: str

    inner = create_single_agent(worker(), state=Mine)
    inner.add_node("title", lambda state: {"title": "hat"}).add_edge("finish", "title")
    graph = StateGraph(Mine)
    graph.add_node("agent", inner.compile()).add_edge(START, "agent")
    ended = await run(graph, message="m")
    assert (ended.status, ended.values["title"]) == ("done", "hat")


@pytest.mark.parametrize(
    ("node", "recover", "who"),
    [
        (worker(), Recovery(unknown=fallback("basic")), "Recovery"),
        (worker(then="basic"), None, "Node 'work'"),
    ],
)
def test_a_way_to_a_node_that_does_not_exist_is_refused(node: Any, recover: Any, who: str):
    with pytest.raises(DesignError, match=f"{who} goes to 'basic', which this graph does not"):
        create_single_agent(node, recover=recover)
