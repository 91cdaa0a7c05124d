"""Build the graphs of the tests on changed graphs: a desk, and a line of plain nodes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NotRequired

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.graphs import create_handoff
from quintet.nodes import ApprovalGate, Recovery, Router, Worker, effect, escalate
from quintet.state import Contract, OrchestrationState

DONE: list[str] = []
DOWN: list[bool] = []


class Order(TypedDict):
    number: int


class Line(TypedDict):
    log: Annotated[list[str], operator.add]
    order: NotRequired[Order]
    word: NotRequired[str]


def first(state: Any) -> dict[str, Any]:
    DONE.append("first")
    return {"log": ["first"], "order": {"number": 1}}


def stops(state: Any) -> dict[str, Any]:
    """Stop for a person, or break down, as the test wants it."""
    if DOWN:
        raise ConnectionError("down")
    return {"log": [str(interrupt("go on?"))]}


def last(state: Any) -> dict[str, Any]:
    DONE.append("last")
    return {"log": ["last"]}


NODES: Mapping[str, Callable[[Any], Any]] = {"first": first, "stops": stops, "last": last}


def line(
    *names: str, state: Any = Line, nodes: Mapping[str, Any] = NODES, edges: Any = None
) -> StateGraph[Any]:
    """Build a graph of these nodes in a line; a new name stands for a node like `last`."""
    names = names or ("first", "stops", "last")
    graph: StateGraph[Any] = StateGraph(state)
    for name in names:
        graph.add_node(name, nodes.get(name, last))
    ways = edges or [*zip((START, *names), (*names, END), strict=True)]
    for start, end in ways:
        graph.add_edge(start, end)
    return graph


def around(inner: StateGraph[Any]) -> StateGraph[Any]:
    """Build a graph with a graph nested in it."""
    graph = StateGraph(Line).add_node("begin", first).add_node("inner", inner.compile())
    return graph.add_edge(START, "begin").add_edge("begin", "inner").add_edge("inner", END)


class Desk(OrchestrationState, total=False):
    amount: float


def pay(amount: float) -> str:
    DONE.append(f"paid {amount}")
    return "paid"


def billing(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
    """Pay, and then break down where the test wants it."""
    tools["pay"](amount=request["amount"])
    if DOWN:
        raise KeyboardInterrupt
    return {"reply": "paid"}


def desk(
    *,
    key: Any = "pay:{amount}",
    gate: str = "approval",
    worker: str = "billing",
    others: tuple[str, ...] = (),
    function: Any = pay,
    state: Any = Desk,
    when: Any = None,
) -> StateGraph[Any]:
    """Build a desk whose only worker pays."""
    contract = Contract(goal="Pay", needs=("amount",), tools=(effect(function, key=key),))
    plain = Contract(goal="Answer", needs=("message",))
    names = (worker, *others)
    options = {} if when is None else {"when": when}
    return create_handoff(
        Router(choose=lambda message: worker, to=names, otherwise="person"),
        {
            worker: Worker(agent=billing, contract=contract),
            **{
                name: Worker(agent=lambda request: {"reply": "?"}, contract=plain)
                for name in others
            },
        },
        gate=ApprovalGate(name=gate, **options),
        recover=Recovery(otherwise=escalate()),
        state=state,
    )
