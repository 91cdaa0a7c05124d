"""Read the service map, the runbooks, the rota and the maintenance windows."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def read(name: str) -> Any:
    """Read a file of the data."""
    return json.loads((resources.files(__package__) / "data" / name).read_text("utf-8"))


def services() -> dict[str, Any]:
    """Give the service map: each service's team, tier, kind, and what it depends on."""
    return dict(read("services.json"))


def is_critical(service: str) -> bool:
    """Say whether a service is critical."""
    return bool(services()[service]["tier"] == "critical")


def above(service: str) -> set[str]:
    """Give all that a service depends on, directly or not."""
    found: set[str] = set()
    todo = [service]
    while todo:
        needed = set(services()[todo.pop()]["depends_on"]) - found
        found |= needed
        todo += needed
    return found


def runbook(signal: str) -> dict[str, str] | None:
    """Give the runbook of a signal, or None."""
    return read("runbooks.json").get(signal)  # type: ignore[no-any-return]


def on_call(service: str, at: str) -> str:
    """Name who is on call for a service's team at a moment.

    Raises:
        LookupError: nobody is.
    """
    team = services()[service]["team"]
    for shift in read("rota.json")[team]:
        if shift["from"] <= at[:10] < shift["until"]:
            return str(shift["person"])
    raise LookupError(f"nobody of team {team} is on call at {at}")


def in_maintenance(service: str, at: str) -> bool:
    """Say whether a service is under maintenance at a moment."""
    windows = read("maintenance.json")
    return any(w["service"] == service and w["from"] <= at < w["until"] for w in windows)
