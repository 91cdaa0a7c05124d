"""Test workers one after the other."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from quintet.graphs import create_sequential
from quintet.nodes import (
    ApprovalGate,
    Handoff,
    Planner,
    Recovery,
    effect,
    escalate,
    fallback,
    retry,
)
from quintet.runs import approve
from quintet.state import Budget, DesignError
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
    run,
    saver,
    worker,
)


def find(request: Any) -> dict[str, Any]:
    return {"found": request["message"].upper()}


def write(request: Any) -> dict[str, Any]:
    return {"text": f"{request['find']['found']}!"}


async def awrite(request: Any) -> dict[str, Any]:
    return {"text": f"{request['find']['found']}!"}


def line(**options: Any) -> StateGraph[Any]:
    writer = worker(write, needs=("find",), goal="Write")
    return create_sequential({"find": worker(find), "write": writer}, **options)


@pytest.mark.parametrize("kind", SAVERS)
@pytest.mark.parametrize("way", WAYS)
async def test_each_has_what_the_ones_before_it_gave(way: str, kind: str, tmp_path: Any):
    writer = worker(awrite if way == "async" else write, needs=("find",), goal="Write")
    graph = create_sequential({"find": worker(find), "write": writer})
    with saver(kind, tmp_path) as kept:
        ended = await run(graph.compile(checkpointer=kept), way, message="hat")
    assert ended.status == "done"
    assert ended.values["results"] == {"find": {"found": "HAT"}, "write": {"text": "HAT!"}}
    if kept is not None:
        assert ended.path == ("find", "write", "finish")


def test_a_worker_under_the_name_of_a_key_of_the_state_is_refused():
    workers = {"order": worker(find), "last": worker(find, needs=("order",))}
    with pytest.raises(DesignError, match="worker 'order' has the name of a key of Desk"):
        create_sequential(workers, state=Desk)


def first(state: Desk) -> dict[str, Any]:
    return {"order": 7, "results": {"first": "ok"}}


async def second(state: Desk) -> dict[str, Any]:
    return {"results": {"second": state["order"] + 1}}


async def test_nodes_of_yours_stand_in_the_line():
    graph = create_sequential({"first": first, "second": second, "last": worker()}, state=Desk)
    ended = await run(graph, "async", message="hat")
    assert ended.status == "done"
    assert ended.values["results"]["second"] == 8
    assert ended.path == ("first", "second", "last", "finish")


@pytest.mark.parametrize("way", WAYS)
async def test_a_failure_leaves_the_line_for_a_person(way: str):
    workers = {"a": worker(), "b": worker(always(KeyError("gone"))), "c": worker()}
    ended = await run(create_sequential(workers), way, message="hat")
    assert (ended.status, reason(ended)) == ("escalated", "KeyError: 'gone'")
    assert ended.path == ("a", "b", "person")
    assert ended.outcome is not None
    assert set(ended.outcome.evidence["packet"]["results"]) == {"a"}


async def test_a_retried_worker_stays_in_the_line():
    flaky = worker(failing(ConnectionError("down")))
    recover = Recovery(transient=retry(2, wait=0))
    ended = await run(create_sequential({"a": flaky, "b": worker()}, recover=recover), message="m")
    assert ended.path == ("a", "b", "finish")
    assert kinds(ended) == ["retry", "outcome"]


async def test_a_fallback_goes_on_from_where_it_stands_in_the_line():
    workers = {"a": worker(always(KeyError("gone"))), "b": worker(), "c": worker()}
    graph = create_sequential(workers, recover=Recovery(permanent=fallback("c")))
    ended = await run(graph, message="m")
    assert (ended.status, ended.path) == ("done", ("a", "c", "finish"))


async def test_what_the_line_proposes_is_asked_at_its_end():
    paid: list[int] = []

    def pay(order: int) -> dict[str, Any]:
        paid.append(order)
        return {"receipt": 1}

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        return {"reply": tools.pay(order=request["order"])["status"]}

    payer = worker(agent, needs=("order",), tools=(effect(pay, key="pay:{order}"),), goal="Pay")
    graph = create_sequential({"pay": payer, "tell": worker()}, gate=ApprovalGate(), state=Desk)
    waits = await run(graph, message="m", order=4)
    assert (waits.status, paid) == ("waiting", [])
    assert waits.path == ("pay", "tell")
    ended = waits.answer(approve(by="anna"))
    assert (ended.status, paid) == ("done", [4])
    assert ended.path == ("pay", "tell", "approve", "act", "finish")


async def test_a_line_that_proposes_nothing_passes_no_gate():
    ended = await run(create_sequential({"a": worker()}, gate=ApprovalGate()), message="m")
    assert ended.path == ("a", "finish")


def skip_to_last(state: Desk) -> Command[Literal["last"]]:
    return Command(goto="last")


async def test_a_node_that_says_where_it_goes_is_not_sent_along_the_line_as_well():
    workers = {"first": skip_to_last, "between": worker(), "last": worker()}
    ended = await run(create_sequential(workers), message="m")
    assert ended.path == ("first", "last", "finish")


async def test_a_handoff_leaves_the_line_and_a_result_stays_in_it():
    for agent, path in (
        (lambda request: Handoff(to="c", reason="?"), ("a", "c", "finish")),
        (find, ("a", "b", "c", "finish")),
    ):
        first = worker(agent, handoffs=("c",), then="finish")
        ended = await run(
            create_sequential({"a": first, "b": worker(), "c": worker()}), message="m"
        )
        assert ended.path == path


async def test_the_success_of_the_whole_is_judged_on_what_all_gave():
    def both(state: Any) -> bool:
        return {"find", "write"} <= set(state["results"])

    assert (await run(line(success=(both,)), message="m")).status == "done"
    alone = create_sequential({"find": worker(find)}, success=(both,))
    assert reason(await run(alone, message="m")) == "not done: both: does not hold"


async def test_a_used_up_budget_ends_as_exhausted():
    stop = worker(areply, budget=Budget(steps=0))
    ended = await run(create_sequential({"a": stop}, recover=HASTY), "async", message="m")
    assert ended.status == "exhausted"
    assert "steps: 0 of 0 spent" in reason(ended)


@pytest.mark.parametrize("way", WAYS)
async def test_a_line_is_a_node_of_your_own_graph_and_takes_nodes_of_yours(way: str):
    class Mine(Desk, total=False):
        title: str

    inner = line(state=Mine)
    inner.add_node("title", lambda state: {"title": state["results"]["write"]["text"]})
    inner.add_edge("finish", "title")
    graph = StateGraph(Mine)
    graph.add_node("line", inner.compile()).add_edge(START, "line")
    graph.add_node("end", lambda state: {"title": state["title"] + "!"}).add_edge("line", "end")
    ended = await run(graph, way, message="hat")
    assert ended.values["title"] == "HAT!!"


def test_no_workers_are_refused():
    with pytest.raises(DesignError, match="create_sequential: it has no workers"):
        create_sequential({})


@pytest.mark.parametrize("name", ["approve", "act", "finish", "person", "undo"])
def test_a_worker_under_the_name_of_a_node_of_ours_is_refused(name: str):
    with pytest.raises(DesignError, match=f"worker '{name}': that name is taken"):
        create_sequential({name: worker()})


def test_the_names_that_only_a_front_door_takes_are_free_here():
    assert create_sequential({"intake": worker(), "router": worker()})


def test_a_planner_in_the_line_is_refused():
    planner = Planner(make=find, assignees=("a",))
    with pytest.raises(DesignError, match=r"'plan' is a Planner.*give it to create_handoff"):
        create_sequential({"a": worker(), "plan": planner})


@pytest.mark.parametrize(
    ("workers", "recover", "who"),
    [
        ({"a": worker()}, Recovery(permanent=fallback("b")), "Recovery"),
        ({"a": worker()}, Recovery(otherwise=escalate("b")), "Recovery"),
        ({"a": worker(then="b")}, None, "Node 'a'"),
        ({"a": worker(handoffs=("b",), then="finish")}, None, "Node 'a'"),
    ],
)
def test_a_way_to_a_node_that_does_not_exist_is_refused(workers: Any, recover: Any, who: str):
    with pytest.raises(DesignError, match=f"{who} goes to 'b', which this graph does not have"):
        create_sequential(workers, recover=recover)
