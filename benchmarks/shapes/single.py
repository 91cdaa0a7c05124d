"""One agent."""

from __future__ import annotations

from langchain_core.language_models import BaseChatModel
from langgraph.graph import START

from benchmarks.shapes.shape import Graph, Shape, add_step, asks, graph_with_end, said, worker
from quintet.graphs import create_single_agent

GOAL = "Answer the customer of an online shop in two sentences."


def ours(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it through Quintet."""
    return create_single_agent(worker(model, GOAL))


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand."""
    graph = graph_with_end()
    add_step(graph, "work", asks(model, awaited, "work", GOAL))
    graph.add_edge(START, "work")
    graph.add_edge("work", "finish")
    return graph


SINGLE = Shape(
    name="single",
    ours=ours,
    by_hand=by_hand,
    calls=1,
    depth=1,
    results=("work",),
    reply=said((GOAL, "It is on its way.")),
)
