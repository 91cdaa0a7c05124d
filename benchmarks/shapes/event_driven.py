"""An alert, two handlers that react to it at once, and one that waits for both of their events.

By hand, events have no envelope, no order by key, no record of what was handled and no dead
letters, and each handler runs once.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.graph import START
from langgraph.types import Command

from benchmarks.shapes.shape import (
    Graph,
    Shape,
    State,
    add_step,
    asks,
    checked,
    graph_with_end,
    said,
)
from quintet.graphs import create_event_driven
from quintet.nodes import Collect, Dispatcher, Subscriber
from quintet.state import Event, EventState

TAKES = {"triage": "alert", "diagnose": "alert", "notify": "triaged+diagnosed"}
GIVES = {"triage": "triaged", "diagnose": "diagnosed", "notify": ""}
GOALS = {
    "triage": "Say how urgent the alert is.",
    "diagnose": "Say why the alert was raised.",
    "notify": "Write to whoever is on call.",
}


@dataclass
class Alert:
    """Something is wrong."""

    message: str


@dataclass
class Triaged(Alert):
    """How urgent it is."""

    urgency: str


@dataclass
class Diagnosed(Alert):
    """Why it happens."""

    cause: str


class Heard(EventState, total=False):
    """The message that the alert tells of."""

    message: str


def alerts(state: Mapping[str, Any]) -> list[Event]:
    """Read the alert that a run begins with."""
    return [Event.of(Alert(state["message"]), id="1", source="monitor")]


def ours(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it through Quintet."""
    triage, diagnose, notify = (handlers_that_await if awaited else handlers)(model)
    return create_event_driven(
        {
            "triage": triage,
            "diagnose": diagnose,
            "notify": Subscriber(handler=notify, collect=Collect(at_least=2)),
        },
        dispatch=Dispatcher(inputs=(Alert,), read=alerts),
        state=Heard,
    )


def handlers(model: BaseChatModel) -> tuple[Any, Any, Any]:
    """Give the three handlers; each asks the model."""

    def ask(name: str, message: str) -> str:
        return checked(model.invoke([SystemMessage(GOALS[name]), HumanMessage(message)]))

    def triage(alert: Alert) -> Triaged:
        return Triaged(alert.message, ask("triage", alert.message))

    def diagnose(alert: Alert) -> Diagnosed:
        return Diagnosed(alert.message, ask("diagnose", alert.message))

    def notify(parts: list[Triaged | Diagnosed]) -> str:
        return ask("notify", parts[0].message)

    return triage, diagnose, notify


def handlers_that_await(model: BaseChatModel) -> tuple[Any, Any, Any]:
    """Give the three handlers in their async form."""

    async def ask(name: str, message: str) -> str:
        return checked(await model.ainvoke([SystemMessage(GOALS[name]), HumanMessage(message)]))

    async def triage(alert: Alert) -> Triaged:
        return Triaged(alert.message, await ask("triage", alert.message))

    async def diagnose(alert: Alert) -> Diagnosed:
        return Diagnosed(alert.message, await ask("diagnose", alert.message))

    async def notify(parts: list[Triaged | Diagnosed]) -> str:
        return await ask("notify", parts[0].message)

    return triage, diagnose, notify


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
    ours=ours,
    by_hand=by_hand,
    calls=3,
    depth=2,
    results=("notify",),
    reply=said(*((goal, f"{name}: done") for name, goal in GOALS.items())),
)
