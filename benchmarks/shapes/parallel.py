"""Three agents at once on one request, and a node that puts their answers together."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import START
from langgraph.types import Send

from benchmarks.shapes.shape import RETRY, Graph, Shape, State, asks, graph_with_end, said

GOALS = {
    "policy": "Check the request against the policy.",
    "vendor": "Check the vendor.",
    "finance": "Check the budget.",
}


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: one `Send` for each branch, and an edge from each to the merge."""

    def split(state: State) -> list[Send]:
        return [Send(name, state) for name in GOALS]

    def merge(state: State) -> dict[str, Any]:
        verdicts = {state["results"][name] for name in GOALS}
        return {"results": {"merge": "yes" if verdicts == {"yes"} else "no"}}

    graph = graph_with_end()
    graph.add_node("merge", merge, retry_policy=RETRY)
    for name, goal in GOALS.items():
        graph.add_node(name, asks(model, awaited, name, goal), retry_policy=RETRY)
        graph.add_edge(name, "merge")
    graph.add_conditional_edges(START, split, list(GOALS))
    graph.add_edge("merge", "finish")
    return graph


PARALLEL = Shape(
    name="parallel",
    ours=None,
    by_hand=by_hand,
    calls=3,
    depth=1,
    results=tuple(GOALS),
    reply=said(*((goal, "yes") for goal in GOALS.values())),
)
