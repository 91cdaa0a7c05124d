"""Build the incident desk: who reacts to which events, and who is asked about a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs import create_event_driven
from quintet.nodes import ApprovalGate, Collect, Dispatcher, Subscriber, Worker
from quintet.state import Action

from .agents import RULES, opens, triage
from .contracts import contracts
from .desk import TicketDesk
from .events import SEAL, Alert, Incident, Resolved, Symptom, Ticketed
from .records import is_critical, on_call, services


def of_critical(action: Action) -> bool:
    """Say whether an action is on a critical service; only restarts are asked about."""
    return action.name == "restart" and is_critical(action.arguments["service"])


def who_is_on_call(action: Action) -> tuple[str, ...]:
    """Name who may answer about a restart."""
    return (on_call(action.arguments["service"], action.arguments["at"]),)


def build(desk: TicketDesk, agents: Mapping[str, Any] = RULES) -> StateGraph[Any]:
    """Build the graph over a ticket desk, with rules or a chat model for the agents."""

    def symptoms(state: Mapping[str, Any]) -> dict[str, Any]:
        found = [event["data"] for event in state["step"]["inputs"]["events"]]
        return {"symptoms": found, "services": services(), "open": desk.open_services()}

    def worker(name: str, read: Any = None) -> Worker:
        return Worker(agent=agents[name], contract=terms[name], read=read)

    terms = contracts(desk)
    find, book, shut = worker("diagnosis", symptoms), worker("ticketing", SEAL), worker("closing")
    tell, mend = worker("notification", SEAL), worker("remediation", SEAL)
    return create_event_driven(
        {
            "triage": Subscriber(handler=triage, by="service"),
            "diagnosis": Subscriber(handler=find, on=Symptom, by=lambda _: "all", batch=True),
            "opening": Subscriber(handler=opens(desk), emits=(Incident, Resolved)),
            "ticketing": Subscriber(handler=book, by="incident"),
            "notification": Subscriber(handler=tell, by="incident"),
            "remediation": Subscriber(handler=mend, by="incident"),
            "closing": Subscriber(
                handler=shut,
                on=(Ticketed, Resolved),
                by="incident",
                collect=Collect(at_least=2, carry=True),
            ),
        },
        dispatch=Dispatcher(inputs=(Alert,)),
        gate=ApprovalGate(when=of_critical, approvers=who_is_on_call, expires="1h"),
    )
