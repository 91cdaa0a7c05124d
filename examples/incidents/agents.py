"""React to alerts by rules: sum up, find causes, ticket, page, restart and close."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from quintet.state import Event

from .contracts import paged, restarted, ticketed
from .desk import TicketDesk
from .events import (
    SEAL,
    Alert,
    Asked,
    Diagnosis,
    Finding,
    Incident,
    Resolved,
    Symptom,
    Ticketed,
)
from .records import above, in_maintenance, is_critical, runbook, services

FLAPPING = 3
"""The times that a signal comes on from which it is flapping."""

MANY = 3
"""The services that suffer from one cause from which somebody is paged, whatever their tier."""


def triage(alerts: list[Alert]) -> list[Symptom] | dict[str, int]:
    """Sum up a service's alerts by signal, without those under maintenance."""
    service = alerts[0].service
    if service not in services():
        raise LookupError(f"service {service!r} is not on the service map")
    counted = sorted((a for a in alerts if not in_maintenance(service, a.at)), key=lambda a: a.at)
    if not counted:
        return {"suppressed": len(alerts)}
    signals = dict.fromkeys(alert.signal for alert in counted)
    return [_symptom([a for a in counted if a.signal == signal]) for signal in signals]


def _symptom(alerts: list[Alert]) -> Symptom:
    states = ["resolved", *(alert.state for alert in alerts)]
    times_on = sum(pair == ("resolved", "firing") for pair in pairwise(states))
    return Symptom(
        service=alerts[0].service,
        signal=alerts[0].signal,
        first=alerts[0].at,
        count=len(alerts),
        fired=times_on > 0,
        over=alerts[-1].state == "resolved",
        flapping=times_on >= FLAPPING,
    )


def diagnose(asked: Asked) -> dict[str, Any]:
    """Put the symptoms to their causes: what a service depends on and is ill as well."""
    symptoms = sorted(asked["symptoms"], key=lambda symptom: symptom["first"])
    ill = {symptom["service"] for symptom in symptoms if symptom["fired"]} | set(asked["open"])
    groups: dict[str, list[dict[str, Any]]] = {}
    for symptom in symptoms:
        groups.setdefault(_root(symptom["service"], ill), []).append(symptom)
    return {"findings": [_finding(root, group) for root, group in groups.items()]}


def _root(service: str, ill: set[str]) -> str:
    causes = sorted(above(service) & ill)
    return next((cause for cause in causes if not above(cause) & ill), service)


def _finding(root: str, symptoms: list[dict[str, Any]]) -> Finding:
    own = [symptom for symptom in symptoms if symptom["service"] == root]
    return Finding(
        root=root,
        signal=(own or symptoms)[0]["signal"],
        services=sorted({symptom["service"] for symptom in symptoms}),
        first=symptoms[0]["first"],
        fired=any(symptom["fired"] for symptom in symptoms),
        over=bool(own) and all(symptom["over"] for symptom in symptoms),
        flapping=any(symptom["flapping"] for symptom in own),
    )


def opens(desk: TicketDesk) -> Callable[[Diagnosis], Iterable[Event]]:
    """Make the handler that turns a diagnosis into incidents and recoveries."""

    def open_incidents(diagnosis: Diagnosis) -> list[Event]:
        found: list[Event] = []
        for finding in diagnosis.findings:
            known = desk.open_ticket_of(finding["root"])
            incident = known or desk.next_incident(finding["root"])
            if known is None and finding["fired"]:
                opened = _incident(incident, finding)
                found.append(Event.of(opened, id=f"opened {incident}", subject=incident))
            if (known or finding["fired"]) and finding["over"] and not finding["flapping"]:
                over = Resolved(incident, finding["root"])
                found.append(Event.of(over, id=f"resolved {incident}", subject=incident))
        return found

    return open_incidents


def _incident(incident: str, finding: Finding) -> Incident:
    book, root = runbook(finding["signal"]), finding["root"]
    quiet = finding["over"] or finding["flapping"]
    urgent = is_critical(root) or len(finding["services"]) >= MANY or book is None
    values: dict[str, Any] = {
        "incident": incident,
        "service": root,
        "cause": book["cause"] if book else f"{finding['signal']}: there is no runbook",
        "at": finding["first"],
        "page": urgent and not quiet,
        "restart": book is not None and book["remedy"] == "restart" and not quiet,
    }
    return Incident(**SEAL.on(values))


def ticket(incident: Incident, tools: Any) -> Ticketed:
    """Open a ticket."""
    return Ticketed(str(tools.open_ticket(**ticketed(incident))), incident.service)


def notify(incident: Incident, tools: Any) -> dict[str, str]:
    """Page who is on call, where the incident is urgent."""
    page = paged(incident)
    if page is None:
        return {"paged": "nobody"}
    tools.page(**page)
    return {"paged": page["person"]}


def remedy(incident: Incident, tools: Any) -> dict[str, str]:
    """Restart the service, where its runbook says so."""
    restart = restarted(incident)
    if restart is None:
        return {"restarted": "no"}
    answer = tools.restart(**restart)
    return {"restarted": "proposed" if isinstance(answer, Mapping) else "yes"}


def close(request: Mapping[str, Any], tools: Any) -> dict[str, str]:
    """Close the ticket of an incident that was opened and has recovered."""
    return {"closed": str(tools.close_ticket(**request))}


RULES: Mapping[str, Any] = {
    "diagnosis": diagnose,
    "ticketing": ticket,
    "notification": notify,
    "remediation": remedy,
    "closing": close,
}
