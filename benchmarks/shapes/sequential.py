"""Three agents in a row; each reads what the one before it gave."""

from __future__ import annotations

from langchain_core.language_models import BaseChatModel
from langgraph.graph import START

from benchmarks.shapes.shape import RETRY, Graph, Shape, asks, graph_with_end, said, worker
from quintet.graphs import create_sequential

GOALS = {
    "find": "Find the facts about the order.",
    "write": "Write a letter from the facts.",
    "shorten": "Shorten the letter to two sentences.",
}
NEEDS = {"find": (), "write": ("find",), "shorten": ("write",)}


def ours(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it through Quintet."""
    return create_sequential(
        {name: worker(model, goal, *NEEDS[name]) for name, goal in GOALS.items()}
    )


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand."""
    graph = graph_with_end()
    before = START
    for name, goal in GOALS.items():
        node = asks(model, awaited, name, goal, *NEEDS[name])
        graph.add_node(name, node, retry_policy=RETRY)
        graph.add_edge(before, name)
        before = name
    graph.add_edge(before, "finish")
    return graph


SEQUENTIAL = Shape(
    name="sequential",
    ours=ours,
    by_hand=by_hand,
    calls=3,
    depth=3,
    results=tuple(GOALS),
    reply=said(*((goal, f"{name}: done.") for name, goal in GOALS.items())),
)
