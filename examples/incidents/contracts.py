"""State what each handler gets and gives, and what it must have done when it says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quintet.nodes import Effect
from quintet.state import Contract, Unmet, belongs_to, performed, unmet

from .desk import TicketDesk
from .events import Asked, Diagnosis, Incident, Ticketed
from .records import above, on_call

CAUSES = "Give each ill service its cause: the last ill one down its depends_on; a finding a cause"


def explains_all(asked: Asked, result: Diagnosis) -> bool | Unmet:
    """Check that each service with a symptom has one cause, which is on the service map."""
    named = sorted(service for finding in result.findings for service in finding["services"])
    ill = sorted({symptom["service"] for symptom in asked["symptoms"]})
    if named != ill:
        return unmet(f"it explains {named}, and the symptoms are of {ill}")
    strange = [f["root"] for f in result.findings if f["root"] not in asked["services"]]
    return not strange or unmet(f"{strange[0]} is not on the service map")


def rests_on_map(asked: Asked, result: Diagnosis) -> bool | Unmet:
    """Check that a cause is something that the services depend on, or the service itself."""
    for finding in result.findings:
        for service in finding["services"]:
            if finding["root"] not in {service, *above(service)}:
                return unmet(f"{service} does not depend on {finding['root']}")
    return True


def tells_of_symptoms(asked: Asked, result: Diagnosis) -> bool | Unmet:
    """Check that what a finding says of its symptoms is what they say."""
    for finding in result.findings:
        shown = [one for one in asked["symptoms"] if one["service"] in finding["services"]]
        own = [one for one in shown if one["service"] == finding["root"]]
        told = dict(finding)
        said = {
            "first": min((one["first"] for one in shown), default=None),
            "fired": any(one["fired"] for one in shown),
            "over": bool(own) and all(one["over"] for one in own),
            "flapping": any(one["flapping"] for one in own),
        }
        wrong = [name for name, value in said.items() if told[name] != value]
        if finding["signal"] not in {one["signal"] for one in own or shown}:
            wrong.append("signal")
        if wrong:
            return unmet(f"{wrong[0]} of {finding['root']} is not what its symptoms say")
    return True


def ticketed(incident: Incident, _: Any = None) -> dict[str, str]:
    """Give the ticket that an incident needs."""
    return {
        "incident": incident.incident,
        "service": incident.service,
        "cause": incident.cause,
    }


def paged(incident: Incident, _: Any = None) -> dict[str, str] | None:
    """Give the page that an incident needs, to who is on call; None where nobody is woken."""
    if not incident.page:
        return None
    return {"person": on_call(incident.service, incident.at), "incident": incident.incident}


def restarted(incident: Incident, _: Any = None) -> dict[str, str] | None:
    """Give the restart that an incident needs, or None."""
    if not incident.restart:
        return None
    return {"service": incident.service, "incident": incident.incident, "at": incident.at}


def closed(request: Mapping[str, Any], _: Any = None) -> Mapping[str, Any]:
    """Give the closing that a recovery needs."""
    return request


def same_incident(incident: Incident, result: Ticketed) -> bool | Unmet:
    """Check that the ticket that was opened is said to be that of the incident."""
    return (result.incident, result.service) == (incident.incident, incident.service) or unmet(
        f"the incident is {incident.incident} of {incident.service}"
    )


def contracts(desk: TicketDesk) -> dict[str, Contract]:
    """Give the contract of each handler that is an agent, over a ticket desk."""

    def acting(goal: str, effect: Effect, wanted: Any, needs: Any = Incident) -> dict[str, Any]:
        success = (performed(effect, wanted),)
        return {"goal": goal, "needs": needs, "tools": (effect,), "success": success}

    ticket = acting("Ticket it", desk.opening, ticketed)
    ticket["success"] += (same_incident,)
    close = acting("Close it", desk.closing, closed, ("incident", "service"))
    close["success"] += (belongs_to("closed", whose="incident"),)
    success = (explains_all, rests_on_map, tells_of_symptoms)
    return {
        "diagnosis": Contract(goal=CAUSES, needs=Asked, gives=Diagnosis, success=success),
        "ticketing": Contract(**ticket, gives=Ticketed),
        "notification": Contract(**acting("Page for it", desk.paging, paged)),
        "remediation": Contract(**acting("Mend it", desk.restarting, restarted)),
        "closing": Contract(**close),
    }
