"""An order: checked, refused or paid for, packed and written about at once, then shipped."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import START

from benchmarks.shapes.shape import (
    Graph,
    Shape,
    State,
    add_step,
    asks,
    graph_with_end,
    said,
    worker,
)
from quintet.graphs import Task, create_workflow
from quintet.state import Outcome

GOALS = {
    "look": "Say whether the item is in stock: yes or no.",
    "pay": "Take the payment.",
    "pack": "Pack the parcel.",
    "write": "Write to the customer.",
    "ship": "Ship the parcel.",
}
SOLD_OUT = "the item is sold out"


def ours(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it through Quintet."""
    runs = {name: worker(model, goal) for name, goal in GOALS.items()}
    sold_out = Outcome(status="rejected", reason=SOLD_OUT)
    return create_workflow(
        {
            "look": Task(run=runs["look"]),
            "pay": Task(run=runs["pay"], after="look", when={"results.look": "yes"}),
            "sold_out": Task(run=sold_out, after="look", when="else"),
            "pack": Task(run=runs["pack"], after="pay"),
            "write": Task(run=runs["write"], after="pay"),
            "ship": Task(run=runs["ship"], after=("pack", "write")),
        }
    )


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: a conditional edge, and a waiting edge from the two that run at once."""

    def in_stock(state: State) -> str:
        return "pay" if state["results"]["look"] == "yes" else "sold_out"

    def sold_out(state: State) -> dict[str, Any]:
        return {"outcome": {"status": "rejected", "reason": SOLD_OUT}}

    graph = graph_with_end()
    for name, goal in GOALS.items():
        add_step(graph, name, asks(model, awaited, name, goal))
    add_step(graph, "sold_out", sold_out)
    graph.add_edge(START, "look")
    graph.add_conditional_edges("look", in_stock, ["pay", "sold_out"])
    graph.add_edge("pay", "pack")
    graph.add_edge("pay", "write")
    graph.add_edge(["pack", "write"], "ship")
    graph.add_edge("ship", "finish")
    return graph


WORKFLOW = Shape(
    name="workflow",
    ours=ours,
    by_hand=by_hand,
    calls=5,
    depth=4,
    results=tuple(GOALS),
    reply=said(*((goal, "yes" if name == "look" else "done") for name, goal in GOALS.items())),
)
