"""Build small graphs for the tests of runs: a desk that pays, and graphs without Quintet."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.graphs import create_handoff, create_single_agent
from quintet.nodes import ApprovalGate, Recovery, Router, Worker, effect, over, retry
from quintet.state import Contract, OrchestrationState, checkpointer

PAID: list[tuple[int, float]] = []


class Desk(OrchestrationState, total=False):
    order: int
    amount: float


def pay(order: int, amount: float) -> dict[str, Any]:
    """Pay an amount back."""
    PAID.append((order, amount))
    return {"receipt": len(PAID)}


def billing(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
    return {"reply": str(tools.pay(order=request["order"], amount=request["amount"]))}


def shipping(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"reply": "on its way"}


def choose(message: str) -> str | None:
    return next((name for name in ("billing", "shipping") if name in message), None)


GATE: dict[str, Any] = {}
"""More of the gate of each desk, for a test that has it made by a command."""


def desk(**gate: Any) -> StateGraph[Any]:
    """Build a desk that pays up to 100 by itself, and more when maria approves."""
    paying = effect(pay, key="pay:{order}:{amount}")
    workers = {
        "billing": Worker(
            agent=billing,
            contract=Contract(goal="Refund", needs=("order", "amount"), tools=(paying,)),
        ),
        "shipping": Worker(
            agent=shipping, contract=Contract(goal="Say where it is", needs=("message",))
        ),
    }
    return create_handoff(
        Router(choose=choose, to=("billing", "shipping"), otherwise="person"),
        workers,
        gate=ApprovalGate(**{"when": over(100), "approvers": ("maria",), **GATE, **gate}),
        recover=Recovery(transient=retry(3, wait=0)),
        state=Desk,
    )


def two_payments() -> StateGraph[Any]:
    """Build a graph that asks about two actions, one after the other."""

    def both(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        return {"reply": [tools.pay(order=1, amount=500.0), tools.pay(order=2, amount=700.0)]}

    paying = effect(pay, key="pay:{order}")
    return create_single_agent(
        Worker(agent=both, contract=Contract(goal="Pay", needs=("message",), tools=(paying,))),
        gate=ApprovalGate(when=over(100), approvers=("maria",)),
    )


def large(amount: float = 500.0, order: int = 1) -> dict[str, Any]:
    """Return the input of a run that waits for an approval."""
    return {"message": "billing", "order": order, "amount": amount}


class Log(TypedDict, total=False):
    log: Annotated[list[Any], operator.add]
    word: str


Node = Callable[[Log], Any]


def says(word: str) -> Node:
    """Make a node that writes a word."""

    def node(state: Log) -> dict[str, Any]:
        return {"log": [word]}

    return node


def asks(question: Any) -> Node:
    """Make a node of somebody who knows only LangGraph: it asks, and writes the answer."""

    def node(state: Log) -> dict[str, Any]:
        return {"log": [f"{question}: {interrupt(question)}"]}

    return node


def own(nodes: Mapping[str, Any], edges: Any = (), **options: Any) -> StateGraph[Any]:
    """Build a graph without a part of ours; in a line, unless the edges say otherwise."""
    graph: StateGraph[Any] = StateGraph(Log, **options)
    for name, node in nodes.items():
        graph.add_node(name, node)
    names = [START, *nodes]
    for start, end in edges or pairwise(names):
        graph.add_edge(start, end)
    return graph


def saved(graph: StateGraph[Any], **options: Any) -> Any:
    """Compile the graph with a checkpointer in memory."""
    return graph.compile(checkpointer=checkpointer("memory://"), **options)
