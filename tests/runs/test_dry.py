from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from quintet.errors import DesignError, RunError
from quintet.nodes import Finish, Recovery, Undo, Worker, effect, retry
from quintet.runs import Run, approve, astart, look, resume, start, stream
from quintet.runs.thread import App
from quintet.state import Contract, OrchestrationState, checkpointer
from quintet.testing import ScriptedModel
from tests.runs.desks import PAID, desk, large


class Order(OrchestrationState, total=False):
    order: int


@dataclass(frozen=True)
class Receipt:
    number: int = 0


DONE: list[int] = []


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    DONE.clear()


def ship(order: int) -> Receipt:
    """Ship an order."""
    DONE.append(order)
    return Receipt(7)


async def ship_later(order: int) -> Receipt:
    """Ship an order."""
    DONE.append(order)
    return Receipt(7)


def worker(of: Any, agent: Any, **more: Any) -> Worker:
    contract = Contract(goal="Ship", needs=("order",), tools=(of,))
    return Worker(agent=agent, contract=contract, **more)


def app_of(nodes: Mapping[str, Any], saver: Any = None) -> App:
    graph = StateGraph(Order)
    before = START
    for name, node in nodes.items():
        graph.add_node(name, node)
        graph.add_edge(before, name)
        before = name
    return graph.compile(checkpointer=saver or checkpointer("memory://"))


def would(run: Run) -> Any:
    assert run.outcome is not None
    assert run.outcome.reason.startswith("a dry run")
    return run.outcome.evidence["would_be_done"]


def test_an_effect_in_a_worker_is_recorded_and_not_done() -> None:
    app = desk().compile(checkpointer=checkpointer("memory://"))
    run = start(app, large(50.0), thread="a", dry_run=True)
    assert not PAID
    assert would(run) == ["pay(order=1, amount=50.0)"]
    assert "'status': 'dry run'" in run.results["billing"]["reply"]
    assert run.values["actions"]["pay:1:50.0"]["status"] == "dry"
    assert any("dry run" in d.reason for d in run.decisions if d.kind == "effect")
    saver: Any = app.checkpointer
    assert [e.kind for e in saver.journal.entries("a", "effect ")] == ["dry"]


def test_gates_still_ask_and_what_they_approve_is_not_done() -> None:
    app = desk().compile(checkpointer=checkpointer("memory://"))
    run = start(app, large(), thread="a", dry_run=True)
    assert run.waiting[0].packet["dry_run"]
    assert "dry run" in run.waiting[0].packet["if_yes"]
    assert would(run.answer(approve(by="maria"))) == ["pay(order=1, amount=500.0)"]
    assert not PAID


def test_it_holds_in_another_process_and_by_any_door(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with checkpointer(url) as one:
        start(desk().compile(checkpointer=one), large(), thread="a", dry_run=True)
    with checkpointer(url) as two:
        app = desk().compile(checkpointer=two)
        assert would(look(app, thread="a").answer(approve(by="maria")))
        app.invoke(large(50.0, order=2), {"configurable": {"thread_id": "a"}})
        assert would(look(app, thread="a")) == ["pay(order=2, amount=50.0)"]
    assert not PAID


def test_a_stand_in_is_given_as_the_result() -> None:
    shipping = effect(ship, key="ship:{order}", dry=lambda order, key: Receipt(order * 10))
    seen: list[Any] = []

    def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        seen.append(tools.ship(order=request["order"]))
        return {"reply": "shipped"}

    app = app_of({"ship": worker(shipping, agent), "finish": Finish()})
    run = start(app, {"order": 4}, thread="a", dry_run=True)
    assert (seen, DONE, would(run)) == ([Receipt(40)], [], ["ship(order=4)"])
    start(app, {"order": 4}, thread="b")
    assert (seen[1:], DONE) == ([Receipt(7)], [4])


def test_without_a_stand_in_no_result_is_made_up() -> None:
    seen: list[Any] = []

    def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        seen.append(tools.ship(order=request["order"]))
        return {"reply": "shipped"}

    # Read as a `Receipt`, whose fields have defaults, the note would be one of number 0.
    app = app_of({"ship": worker(effect(ship, key="ship:{order}"), agent), "finish": Finish()})
    start(app, {"order": 4}, thread="a", dry_run=True)
    assert seen[0]["status"] == "dry run"


async def test_an_async_effect_is_dry_too() -> None:
    async def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        return {"reply": str(await tools.ship_later(order=request["order"]))}

    app = app_of(
        {"ship": worker(effect(ship_later, key="ship:{order}"), agent), "finish": Finish()}
    )
    run = await astart(app, {"order": 4}, thread="a", dry_run=True)
    assert (DONE, would(run)) == ([], ["ship_later(order=4)"])


def test_a_tool_of_an_agent_graph_is_dry_too() -> None:
    shipping = effect(ship, key="ship:{order}")
    model = ScriptedModel([{"name": "ship", "args": {"order": 4}}, "shipped"])
    agent = create_agent(model, tools=[shipping.as_tool()])
    app = app_of({"ship": worker(shipping, agent), "finish": Finish()})
    run = start(app, {"order": 4}, thread="a", dry_run=True)
    assert (DONE, would(run)) == ([], ["ship(order=4)"])


def test_a_graph_on_a_thread_of_its_own_that_a_node_calls_is_dry_too() -> None:
    inner = desk().compile(checkpointer=checkpointer("memory://"))

    def call(state: Mapping[str, Any]) -> dict[str, Any]:
        return {"message": str(start(inner, large(50.0), thread="inner"))}

    app = app_of({"call": call})
    run = start(app, {"order": 4}, thread="a", dry_run=True)
    assert "would be done: pay(order=1, amount=50.0)" in run.values["message"]
    assert not PAID


def test_a_retry_of_its_step_is_given_what_it_had() -> None:
    tries: list[Any] = []
    shipping = effect(ship, key="ship:{order}", dry=lambda order: Receipt(len(tries)))

    def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        tries.append(tools.ship(order=request["order"]))
        if len(tries) == 1:
            raise ConnectionError
        return {"reply": "shipped"}

    graph = StateGraph(Order)
    recover = Recovery(transient=retry(3, wait=0))
    graph.add_node("ship", worker(shipping, agent), retry_policy=recover.retry_policy)
    graph.add_node("finish", Finish())
    graph.add_edge(START, "ship")
    graph.add_edge("ship", "finish")
    app = graph.compile(checkpointer=checkpointer("memory://"))
    run = start(app, {"order": 4}, thread="a", dry_run=True)
    assert tries == [Receipt(0), Receipt(0)]
    assert would(run) == ["ship(order=4)"]


def test_a_second_time_is_refused_as_in_a_real_run() -> None:
    app = desk().compile(checkpointer=checkpointer("memory://"))
    start(app, large(50.0), thread="a", dry_run=True)
    again = start(app, large(50.0), thread="a", dry_run=True)
    assert again.status == "escalated"
    assert "would have been done before in this thread, which is a dry run" in str(again.outcome)


def test_nothing_is_undone() -> None:
    undone: list[Any] = []
    shipping = effect(ship, key="ship:{order}", undo=undone.append)

    def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        return {"reply": str(tools.ship(order=request["order"]))}

    app = app_of({"ship": worker(shipping, agent), "undo": Undo(effects=(shipping,))})
    run = start(app, {"order": 4}, thread="a", dry_run=True)
    assert (run.status, would(run), undone) == ("aborted", ["ship(order=4)"], [])


def test_a_dry_run_without_an_effect_says_that_it_was_one() -> None:
    app = desk().compile(checkpointer=checkpointer("memory://"))
    run = start(app, {"message": "shipping"}, thread="a", dry_run=True)
    assert (run.status, would(run)) == ("done", [])


def test_more_effects_than_the_state_keeps_are_all_named() -> None:
    shipping = effect(ship, key="ship:{order}")

    def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        for order in range(200):
            tools.ship(order=order)
        return {"reply": "shipped"}

    app = app_of({"ship": worker(shipping, agent), "finish": Finish()})
    run = start(app, {"order": 4}, thread="a", dry_run=True)
    assert would(run) == [f"ship(order={order})" for order in range(200)]


def test_dry_and_real_effects_are_not_mixed() -> None:
    app = desk().compile(checkpointer=checkpointer("memory://"))
    start(app, large(50.0), thread="real")
    with pytest.raises(RunError, match="real effects"):
        start(app, large(50.0, order=2), thread="real", dry_run=True)
    start(app, large(), thread="waits")
    with pytest.raises(RunError, match="not finished"):
        start(app, large(), thread="waits", dry_run=True, withdraw=True)
    start(app, large(50.0), thread="dry", dry_run=True)
    with pytest.raises(RunError, match="is a dry run, and stays one"):
        start(app, large(50.0, order=3), thread="dry")
    assert PAID == [(1, 50.0)]


@pytest.mark.parametrize("saver", [InMemorySaver, lambda: None], ids=["foreign", "none"])
def test_a_dry_run_that_nothing_would_keep_is_refused(saver: Any) -> None:
    graph = desk(when=lambda action: False) if saver is InMemorySaver else StateGraph(Order)
    if saver is not InMemorySaver:
        graph.add_node("log", lambda state: {})
        graph.add_edge(START, "log")
    app = graph.compile(checkpointer=saver())
    with pytest.raises(DesignError, match="journal"):
        start(app, {"order": 1}, dry_run=True)
    assert not PAID


def test_a_stream_may_be_dry() -> None:
    app = desk().compile(checkpointer=checkpointer("memory://"))
    *_, run = stream(app, large(), thread="a", dry_run=True)
    assert run.status == "waiting"
    *_, run = run.stream(approve(by="maria"))
    assert (PAID, would(run)) == ([], ["pay(order=1, amount=500.0)"])
    with pytest.raises(RunError, match="dry already"):
        stream(app, None, thread="a", dry_run=True)
    assert resume(app, thread="a") == run


@pytest.mark.parametrize(
    ("given", "words"),
    [("no", "is no function"), (lambda other: 1, "other"), (ship_later, "async")],
    ids=["no function", "another argument", "async"],
)
def test_a_stand_in_that_cannot_be_called_is_refused(given: Any, words: str) -> None:
    with pytest.raises(DesignError, match=words):
        effect(ship, key="ship:{order}", dry=given)


def test_a_step_that_is_run_anew_after_a_crash_is_given_what_it_had(tmp_path: Path) -> None:
    numbers: list[int] = []
    cut_off: list[bool] = [True]

    def stand_in(order: int) -> Receipt:
        numbers.append(len(numbers))
        return Receipt(numbers[-1])

    def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        receipt = tools.ship(order=request["order"])
        if cut_off.pop():
            raise KeyboardInterrupt
        return {"reply": str(receipt.number)}

    shipping = effect(ship, key="ship:{order}", dry=stand_in)
    nodes = {"ship": worker(shipping, agent), "finish": Finish()}
    url = f"sqlite:///{tmp_path}/a.db"
    with checkpointer(url) as saver, pytest.raises(KeyboardInterrupt):
        start(app_of(nodes, saver), {"order": 4}, thread="a", dry_run=True)
    cut_off.append(False)
    with checkpointer(url) as saver:
        run = resume(app_of(nodes, saver), thread="a")
        assert [e.kind for e in saver.journal.entries("a", "effect ")] == ["dry"]
    assert (run.results["ship"]["reply"], numbers, DONE) == ("0", [0], [])
    assert would(run) == ["ship(order=4)"]


def test_parallel_branches_record_one_call_once() -> None:
    shipping = effect(ship, key="ship:{order}")

    def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        return {"reply": str(tools.ship(order=request["order"]))}

    graph = StateGraph(Order)
    for name, order in (("one", 1), ("two", 2), ("three", 3)):
        graph.add_node(
            name, worker(shipping, lambda request, tools, n=order: agent({"order": n}, tools))
        )
        graph.add_edge(START, name)
    graph.add_node("finish", Finish())
    graph.add_edge(["one", "two", "three"], "finish")
    app = graph.compile(checkpointer=checkpointer("memory://"))
    run = start(app, {"order": 0}, thread="a", dry_run=True)
    assert sorted(would(run)) == ["ship(order=1)", "ship(order=2)", "ship(order=3)"]
    assert not DONE
