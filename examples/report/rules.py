"""Hold a report to the house's rules (data/style.md), each a criterion on state and text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quintet.state import unmet

from .agents import Findings, figures, shortfall

State = Mapping[str, Any]


def _found(state: State) -> Findings:
    found: Findings = state["results"]["research"]
    return found


def names_the_figures(state: State, text: str) -> Any:
    """Hold where production and target are stated."""
    return figures(_found(state)) in text or unmet(f"state {figures(_found(state))}")


def knows_its_figures(state: State, text: str) -> Any:
    """Hold where no large figure is stated that the table does not have."""
    known = {_found(state)["kwh"], _found(state)["target"]}
    stated = {int(number.replace(",", "")) for number in re.findall(r"\d{1,3}(?:,\d{3})+", text)}
    unknown = sorted(stated - known)
    return not unknown or unmet(f"{unknown[0]:,} is not in the table")


def cites_each_note(state: State, text: str) -> Any:
    """Hold where each note of the month is cited."""
    missing = [name for name in _found(state)["notes"] if f"[{name}]" not in text]
    return not missing or unmet(f"cite {', '.join(missing)}")


def names_the_risk(state: State, text: str) -> Any:
    """Hold where a shortfall of ten per cent or more is named as a risk."""
    short = shortfall(_found(state))
    return short < 10 or "Risk:" in text or unmet(f"production is {short} % under target")


def names_the_outage(state: State, text: str) -> Any:
    """Hold where an outage of more than a day is stated."""
    hours = _found(state)["outage_hours"]
    return hours <= 24 or f"out for {hours} hours" in text or unmet(f"out for {hours} hours")


def promises_nothing(text: str) -> Any:
    """Hold where nothing is guaranteed, not in a quotation either."""
    return "guarantee" not in text.lower() or unmet("it guarantees something")


def short_enough(state: State, text: str) -> Any:
    """Hold where the report has no more words than were asked for."""
    words, most = len(text.split()), _found(state)["words"]
    return words <= most or unmet(f"{words} words, and {most} were asked for")


RULES = (
    names_the_figures,
    knows_its_figures,
    cites_each_note,
    names_the_risk,
    names_the_outage,
    promises_nothing,
    short_enough,
)
