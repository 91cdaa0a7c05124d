"""Build the incident desk: who reacts to which events, and who is asked about a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs import create_event_driven
from quintet.nodes import ApprovalGate, Collect, Dispatcher, Subscriber, Worker
from quintet.state import Action, Contract

from .agents import RULES, explains_all, opens, rests_on_map, triage
from .desk import TicketDesk
from .events import Alert, Asked, Diagnosis, Incident, Resolved, Symptom, Ticketed
from .records import is_critical, on_call, services

CAUSES = "Give each ill service its cause: the last ill one down its depends_on; a finding a cause"


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

    def worker(name: str, goal: str, needs: Any, **terms: Any) -> Worker:
        read = symptoms if name == "diagnosis" else None
        contract = Contract(goal=goal, needs=needs, **terms)
        return Worker(agent=agents[name], contract=contract, read=read)

    success = (explains_all, rests_on_map)
    find = worker("diagnosis", CAUSES, Asked, gives=Diagnosis, success=success)
    book = worker("ticketing", "Ticket it", Incident, gives=Ticketed, tools=(desk.opening,))
    tell = worker("notification", "Page for it", Incident, tools=(desk.paging,))
    mend = worker("remediation", "Mend it", Incident, tools=(desk.restarting,))
    shut = worker("closing", "Close it", ("incident", "service"), tools=(desk.closing,))
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
