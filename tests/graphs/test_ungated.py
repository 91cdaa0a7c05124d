"""Test that no gate is passed by in a graph within."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from langgraph.graph import StateGraph

from quintet.graphs import (
    Task,
    create_handoff,
    create_parallel,
    create_sequential,
    create_single_agent,
    create_workflow,
    govern,
)
from quintet.nodes import ApprovalGate, Router, Worker, by_rules, effect, over
from quintet.runs import approve, start
from quintet.state import Contract, DesignError, OrchestrationState, checkpointer

PAID: list[int] = []


def pay(order: int, amount: float) -> str:
    """Pay an order."""
    PAID.append(order)
    return "paid"


PAY = effect(pay, key="pay:{order}")
GATE = ApprovalGate(when=over(5, "amount"))


@pytest.fixture(autouse=True)
def nothing_is_paid() -> None:
    PAID.clear()


def payer(request: Any, tools: Any) -> str:
    return str(tools["pay"](order=7, amount=9.0))


def worker(agent: Any = lambda request: "seen", tools: Any = ()) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="g", needs=("message",), tools=tools))


def desk(gate: ApprovalGate | None) -> Any:
    return create_single_agent(worker(payer, (PAY,)), gate=gate)


FORMS: Mapping[str, Callable[..., Any]] = {
    "sequential": lambda inner: create_sequential({"look": worker(), "desk": inner}, gate=GATE),
    "parallel": lambda inner: create_parallel({"look": worker(), "desk": inner}, gate=GATE),
    "workflow": lambda inner: create_workflow(
        {"look": Task(run=worker()), "desk": Task(run=inner, after="look")}, gate=GATE
    ),
    "handoff": lambda inner: create_handoff(
        Router(choose=by_rules({"desk": "m"}), to=("look", "desk"), otherwise="look"),
        {"look": worker(), "desk": inner},
        gate=GATE,
    ),
    "two deep": lambda inner: create_sequential(
        {"look": worker(), "desk": create_sequential({"a": worker(), "b": inner}).compile()},
        gate=GATE,
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_effects_of_a_graph_within_do_not_pass_the_gate(form: Callable[..., Any]) -> None:
    with pytest.raises(DesignError, match="'work' does 'pay' past this graph's gate"):
        form(desk(None).compile())


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_graph_within_asks_by_a_gate_of_its_own(form: Callable[..., Any]) -> None:
    app = form(desk(GATE).compile()).compile(checkpointer=checkpointer("memory://"))
    run = start(app, {"message": "m"})
    assert ([w.packet["action"] for w in run.waiting], PAID) == (["pay"], [])
    assert (run.answer(approve(by="ann")).status, PAID) == ("done", [7])


def test_a_graph_without_a_gate_around_it_is_as_it_was() -> None:
    graph = create_sequential({"look": worker(), "desk": desk(None).compile()})
    run = start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "m"})
    assert (run.status, PAID) == ("done", [7])


def test_a_node_that_is_added_to_a_graph_of_yours_does_not_pass_the_gate() -> None:
    with pytest.raises(DesignError, match="past this graph's gate"):
        govern(StateGraph(OrchestrationState), {"desk": desk(None).compile()}, gate=GATE)
