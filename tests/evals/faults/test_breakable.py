"""Test a breakable graph: the same until a fault is armed, and then broken at one spot."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph

from quintet.evals import Fault, breakable
from quintet.evals.faults import FOR_GOOD, Instead, Spot, breakable_call, pass_by
from quintet.evals.faults.strike import Probe, Strike, armed
from quintet.nodes import Router, by_model, by_rules, cascade
from quintet.runs import start
from quintet.state import Contract, DesignError
from quintet.testing import ScriptedModel
from tests.evals.faults.small import Books, Request, desk, foreign

GIVEN = {"message": "refund please", "order": 7}


def down(blow: Any) -> Any:
    raise ConnectionError(f"{blow.spot.name} is down")


DOWN = Fault(kind="down", at=("tool",), before=down)


def ran(graph: StateGraph[Any], on: Any, given: Any = GIVEN) -> Any:
    app = breakable(graph).compile(checkpointer=InMemorySaver())
    with armed(on):
        return start(app, given)


def strike(fault: Fault, kind: Any, name: str, **more: Any) -> Strike:
    return Strike(fault=fault, spot=Spot(kind=kind, name=name), **more)


def test_a_breakable_graph_does_what_the_graph_does_until_a_fault_is_armed():
    books, others = Books(), Books()
    whole = start(desk(books).compile(checkpointer=InMemorySaver()), GIVEN)
    app = breakable(desk(others)).compile(checkpointer=InMemorySaver())
    same = start(app, GIVEN)
    assert (same.status, same.path, same.values["results"]) == (
        whole.status,
        whole.path,
        whole.values["results"],
    )
    assert books.refunds == others.refunds == [7]


def test_the_graph_that_was_given_stays_whole():
    graph = desk(Books())
    before = dict(graph.nodes)
    breakable(graph)
    assert graph.nodes == before


def test_a_probe_sees_what_a_run_passes_by_in_order():
    probe = Probe()
    ran(desk(Books()), probe)
    assert [str(visit.spot) for visit in probe.visits] == [
        "router router",
        "chooser router",
        "worker billing",
        "agent billing",
        "tool refund",
    ]
    assert all(visit.ended for visit in probe.visits)
    assert probe.visits[3].answer == "I have refunded order 7."


def test_what_writes_outcomes_and_asks_people_is_no_spot():
    probe = Probe()
    ran(desk(Books()), probe, {"message": "who knows", "order": 7})
    assert {visit.spot.name for visit in probe.visits} == {"router"}


def test_a_struck_tool_is_not_called_and_the_retry_calls_it():
    books, once = Books(), strike(DOWN, "tool", "refund")
    ended = ran(desk(books), once)
    assert (once.struck, books.refunds) == (1, [])
    assert ended.status == "escalated"  # of unknown end: the effect names no harmless error


def test_a_fault_strikes_as_often_as_it_may_and_from_its_visit_on():
    flaky = Fault(kind="flaky", at=("agent",), before=down)
    for times, struck, status in ((1, 1, "done"), (2, 2, "done"), (FOR_GOOD, 3, "escalated")):
        on = strike(flaky, "agent", "shipping", times=times)
        ended = ran(desk(Books()), on, {"message": "my parcel", "order": 7})
        assert (on.struck, ended.status) == (struck, status)
    late = strike(flaky, "agent", "shipping", nth=2)
    assert ran(desk(Books()), late, {"message": "my parcel", "order": 7}).status == "done"
    assert late.struck == 0


def test_a_fault_may_answer_in_place_of_the_thing_or_change_what_it_gave():
    books = Books()
    lie = Fault(kind="lie", at=("agent",), before=lambda blow: Instead(value=blow.recorded))
    recorded = strike(lie, "agent", "billing", recorded="All is well with 7.")
    ended = ran(desk(books), recorded)
    assert (ended.values["results"]["billing"], books.refunds) == ("All is well with 7.", [])
    shout = Fault(kind="shout", at=("agent",), after=lambda blow: blow.result.upper())
    ended = ran(desk(books), strike(shout, "agent", "billing"))
    assert ended.values["results"]["billing"] == "I HAVE REFUNDED ORDER 7."


def test_an_async_graph_is_broken_in_the_same_places():
    async def agent(request: Any, tools: Any) -> str:
        tools.refund(request["order"])
        return "I have refunded order 7."

    async def both() -> tuple[Any, Any]:
        books, probe = Books(), Probe()
        app = breakable(desk(books, agent=agent)).compile()
        with armed(probe):
            whole = await app.ainvoke(GIVEN)
        with armed(strike(DOWN, "tool", "refund")):
            broken = await app.ainvoke(GIVEN)
        assert [visit.spot.kind for visit in probe.visits][-2:] == ["agent", "tool"]
        return whole, broken

    whole, broken = asyncio.run(both())
    assert whole["outcome"]["status"] == "done"
    assert broken["outcome"]["status"] == "escalated"


def test_a_chat_model_is_broken_in_its_tool_loop_and_in_structured_output():
    books = Books()
    tool_call = {"name": "refund", "args": {"order": 7}, "id": "1"}
    script = [AIMessage("", tool_calls=[tool_call]), AIMessage("I have refunded order 7.")]
    probe = Probe()
    assert ran(desk(books, agent=ScriptedModel(script)), probe).status == "done"
    seen = [str(visit.spot) for visit in probe.visits]
    assert seen[-3:] == ["model billing", "tool refund", "model billing"]

    model = ScriptedModel([{"to": "billing", "confidence": 1.0, "reason": "r"}])
    graph = desk(Books())
    spec = graph.nodes["router"]
    tiers = cascade(by_rules([("never", "billing")]), by_model(model))
    spec.runnable = Router(choose=tiers, to=("billing", "shipping"), otherwise="person")
    probe = Probe()
    assert ran(graph, probe).status == "done"
    assert "model router" in [str(visit.spot) for visit in probe.visits]


def test_an_agent_that_is_a_graph_keeps_being_asked_as_one():
    inner = desk(Books()).compile()
    outer = desk(Books())
    needs = Contract(goal="pass on", needs=Request)
    spec = outer.nodes["shipping"]
    spec.runnable = replace(spec.runnable, agent=inner, contract=needs)
    probe = Probe()
    ended = ran(outer, probe, {"message": "my parcel", "order": 7})
    assert ended.status == "done"
    assert "agent shipping" in [str(visit.spot) for visit in probe.visits]


def test_a_graph_that_knows_nothing_of_us_is_broken_at_its_nodes():
    app = breakable(foreign(str.upper)).compile()
    probe = Probe()
    with armed(probe):
        assert app.invoke({"question": "x"})["answer"] == "It is X."
    assert [str(visit.spot) for visit in probe.visits] == ["node look", "node say"]
    fails = Fault(kind="fails", at=("node",), before=down)
    with armed(strike(fails, "node", "say")), pytest.raises(ConnectionError, match="say is down"):
        app.invoke({"question": "x"})


def test_what_is_named_whole_stays_whole_and_unknown_names_are_refused():
    graph = foreign(str.upper)
    probe = Probe()
    with armed(probe):
        breakable(graph, whole=("say",)).compile().invoke({"question": "x"})
    assert [visit.spot.name for visit in probe.visits] == ["look"]
    with pytest.raises(DesignError, match="no node 'sai'; there are look, say"):
        breakable(graph, whole=("sai",))
    with pytest.raises(DesignError, match="no node 'x'"):
        breakable(graph, fields={"x": ("found",)})
    with pytest.raises(DesignError, match="give a StateGraph"):
        breakable(object())


def test_a_workers_fields_are_its_contracts_and_a_users_are_named():
    nodes = breakable(desk(Books()), fields={"router": ("message",)}).nodes
    assert nodes["billing"].runnable.spot.fields == ("message", "order", "behalf")
    assert nodes["router"].runnable.spot.fields == ("message",)


def test_a_function_of_ones_own_is_broken_and_code_that_only_raises_passes_by():
    add = breakable_call(lambda x: x + 1, kind="tool", name="add")
    on = strike(DOWN, "tool", "add")
    with armed(on), pytest.raises(ConnectionError):
        add(1)
    assert add(1) == 2
    with armed(strike(DOWN, "tool", "gate")), pytest.raises(ConnectionError):
        pass_by("tool", "gate")
    pass_by("tool", "gate")


def test_a_fault_that_does_nothing_or_strikes_nowhere_is_refused():
    with pytest.raises(DesignError, match="does nothing"):
        Fault(kind="x", at=("tool",))
    with pytest.raises(DesignError, match="'moon' is no spot"):
        Fault(kind="x", at=("moon",), before=down)
    with pytest.raises(DesignError, match="name"):
        Fault(kind=" ", at=("tool",), before=down)
