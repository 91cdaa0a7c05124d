"""A front door that routes by structured output, and one of three specialists with a tool."""

from __future__ import annotations

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph

from benchmarks import by_hand as desk_by_hand
from benchmarks.desks import quintet
from benchmarks.script import ROUTES, alookup_order, lookup_order
from benchmarks.shapes.shape import RETRY, Graph, Shape


class State(desk_by_hand.State, total=False):
    """The conversation, who has it, and how it ended."""

    outcome: dict[str, str]


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: a specialist's whole tool loop in one node, and an outcome at the end."""
    look_up = tool(alookup_order if awaited else lookup_order)
    make = desk_by_hand.specialists_of(awaited)
    front, specialist = make(model, look_up)
    graph: Graph = StateGraph(State)
    graph.add_node("front", front, destinations=(*ROUTES, "person"), retry_policy=RETRY)
    graph.add_node("person", desk_by_hand.person, retry_policy=RETRY)
    graph.add_node("finish", finish, retry_policy=RETRY)
    graph.add_edge(START, "front")
    for name in ROUTES:
        graph.add_node(name, specialist(name), retry_policy=RETRY)
        graph.add_edge(name, "finish")
    graph.add_edge("person", "finish")
    graph.add_edge("finish", END)
    return graph


def finish(state: State) -> dict[str, dict[str, str]]:
    """Write the outcome: done, if somebody took the request."""
    route = state.get("route", "")
    status = "escalated" if route in ("", "person") else "done"
    return {"outcome": {"status": status, "reason": f"answered by {route or 'nobody'}"}}


HANDOFF = Shape(
    name="handoff",
    ours=quintet,
    by_hand=by_hand,
    calls=3,
    depth=3,
    results=(),
    spoken=True,
)
