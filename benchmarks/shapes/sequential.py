"""Three agents in a row; each reads what the one before it gave.

By hand, a step that needs an earlier result fails where it is missing, as ours does.
"""

from __future__ import annotations

from langchain_core.language_models import BaseChatModel
from langgraph.graph import START

from benchmarks.shapes.shape import Graph, Shape, add_step, asks, graph_with_end, said, worker
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
        add_step(graph, name, node)
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
