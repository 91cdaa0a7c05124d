"""Three agents at once on one request, and a node that puts their answers together.

Ours waits in a join of its own, which can pass over failures and cut branches off; by hand the node
that puts the answers together waits for all.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from quintet.graphs import create_parallel

GOALS = {
    "policy": "Check the request against the policy.",
    "vendor": "Check the vendor.",
    "finance": "Check the budget.",
}


def ours(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it through Quintet."""
    branches = {name: worker(model, goal) for name, goal in GOALS.items()}
    return create_parallel(branches, then={"verdict": verdict})


def verdict(state: Mapping[str, Any]) -> dict[str, Any]:
    """Say yes where all say yes."""
    verdicts = {state["results"][name] for name in GOALS}
    return {"results": {"verdict": "yes" if verdicts == {"yes"} else "no"}}


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: an edge to each branch, and a waiting edge from all to the merge."""

    def judge(state: State) -> dict[str, Any]:
        return verdict(state)

    graph = graph_with_end()
    add_step(graph, "verdict", judge)
    for name, goal in GOALS.items():
        add_step(graph, name, asks(model, awaited, name, goal))
        graph.add_edge(START, name)
    graph.add_edge(list(GOALS), "verdict")
    graph.add_edge("verdict", "finish")
    return graph


PARALLEL = Shape(
    name="parallel",
    ours=ours,
    by_hand=by_hand,
    calls=3,
    depth=1,
    results=(*GOALS, "verdict"),
    reply=said(*((goal, "yes") for goal in GOALS.values())),
)
