"""An alert, two handlers that react to it at once, and one that waits for both of their events.

By hand, events have no envelope, no order by key and no duplicates, and each handler runs once.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import START
from langgraph.types import Command

from benchmarks.shapes.shape import Graph, Shape, State, add_step, asks, graph_with_end, said

TAKES = {"triage": "alert", "diagnose": "alert", "notify": "triaged+diagnosed"}
GIVES = {"triage": "triaged", "diagnose": "diagnosed", "notify": ""}
GOALS = {
    "triage": "Say how urgent the alert is.",
    "diagnose": "Say why the alert was raised.",
    "notify": "Write to whoever is on call.",
}


class Evented(State, total=False):
    """The events too, by type, and which handlers have run."""

    events: Annotated[list[str], operator.add]
    ran: Annotated[list[str], operator.add]


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: a dispatcher that looks at the events, handlers that add to them."""

    def dispatch(state: Evented) -> Command[str]:
        events, ran = [*(state.get("events") or ["alert"])], state.get("ran") or []
        first = [] if state.get("events") else ["alert"]
        ready = [
            name
            for name, types in TAKES.items()
            if name not in ran and set(types.split("+")) <= set(events)
        ]
        return Command(goto=ready or "finish", update={"events": first, "ran": ready})

    def handler(name: str, goal: str) -> Any:
        ask = asks(model, awaited, name, goal)
        given = [GIVES[name]] if GIVES[name] else []

        def handle(state: Evented) -> dict[str, Any]:
            return {**ask(state), "events": given}

        async def ahandle(state: Evented) -> dict[str, Any]:
            return {**(await ask(state)), "events": given}

        return ahandle if awaited else handle

    graph = graph_with_end(Evented)
    add_step(graph, "dispatch", dispatch, defer=True, destinations=(*TAKES, "finish"))
    for name, goal in GOALS.items():
        add_step(graph, name, handler(name, goal))
        graph.add_edge(name, "dispatch")
    graph.add_edge(START, "dispatch")
    return graph


EVENT_DRIVEN = Shape(
    name="event_driven",
    ours=None,
    by_hand=by_hand,
    calls=3,
    depth=2,
    results=tuple(GOALS),
    reply=said(*((goal, f"{name}: done") for name, goal in GOALS.items())),
)
