"""Research, write and export, as plain functions over the office's data."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict

from .office import rows

WORDS = 60
MONTHS = {name: number for number, name in enumerate(calendar.month_name)}
ASKED = re.compile(
    r"[Rr]eport on (?P<site>[A-Z]\w+) for (?P<month>[A-Z][a-z]+ \d{4}) to (?P<to>[^\s,]+@[^\s,]+)"
    r"(?:, at most (?P<words>\d+) words)?$"
)


class Findings(TypedDict):
    """Hold what is known for a report; `missing` says why there can be none."""

    report: str
    title: str
    to: str
    words: int
    kwh: int
    target: int
    outage_hours: int
    notes: dict[str, str]
    missing: NotRequired[str]


class Brief(TypedDict):
    """Hold what the writer gets: the findings, and from the second round on the last review."""

    research: Findings
    write: NotRequired[str]
    write_review: NotRequired[dict[str, Any]]


class Sent(TypedDict):
    """Hold to whom a report goes."""

    to: str


def research(request: Mapping[str, Any]) -> Findings:
    """Read the assignment, and look up the figures and notes of its site and month."""
    asked = ASKED.match(request["message"])
    if asked is None:
        return nothing("the assignment names no one site, month and addressee")
    site, title = asked["site"], f"{asked['site']}, {asked['month']}"
    name, _, year = asked["month"].partition(" ")
    month = f"{year}-{MONTHS.get(name, 0):02}"
    here = [row for row in rows("figures.csv") if (row["site"], row["month"]) == (site, month)]
    if not here:
        return nothing(f"there are no figures of {title}")
    notes = [row for row in rows("notes.csv") if (row["site"], row["month"]) == (site, month)]
    return Findings(
        report=f"{site.lower()}-{month}",
        title=title,
        to=asked["to"],
        words=int(asked["words"] or WORDS),
        kwh=int(here[0]["kwh"]),
        target=int(here[0]["target"]),
        outage_hours=int(here[0]["outage_hours"]),
        notes={row["id"]: row["text"] for row in notes},
    )


def nothing(missing: str) -> Findings:
    """Give findings that hold nothing but the reason."""
    return Findings(
        report="",
        title="",
        to="",
        words=WORDS,
        kwh=0,
        target=0,
        outage_hours=0,
        notes={},
        missing=missing,
    )


def nothing_found(result: Findings) -> str:
    """Say why a person must take over: there is nothing to report on."""
    return result.get("missing", "")


def write(brief: Brief) -> str:
    """Write a report, or mend the last version by the review's note."""
    found = brief["research"]
    if "write" not in brief:
        told = [f"{text} [{name}]" for name, text in found["notes"].items()]
        return " ".join([f"{found['title']}: {figures(found)} planned.", *told])
    return mended(brief["write"], brief.get("write_review", {}).get("note", ""), found)


def mended(text: str, note: str, found: Findings) -> str:
    """Mend each fault that a note names."""
    if any(rule in note for rule in ("short_enough", "promises_nothing", "knows_its_figures")):
        for name, told in found["notes"].items():
            text = text.replace(f" {told} [{name}]", f" See [{name}].")
    if "names_the_risk" in note:
        text += f" Risk: {shortfall(found)} % under target."
    if "names_the_outage" in note:
        text += f" It was out for {found['outage_hours']} hours."
    return text


def figures(found: Findings) -> str:
    """Give production and target in words."""
    return f"{found['kwh']:,} kWh of {found['target']:,}"


def shortfall(found: Findings) -> int:
    """Give by how many per cent production is under target."""
    return (found["target"] - found["kwh"]) * 100 // found["target"]


def export(request: Mapping[str, Any], tools: Any) -> Sent:
    """Send the report that has passed its review."""
    found: Findings = request["research"]
    tools.send_report(report=found["report"], to=found["to"], text=request["write"])
    return Sent(to=found["to"])


def archive(request: Mapping[str, Any], tools: Any) -> str:
    """Keep the report under the Message-ID that it was sent with."""
    [sent] = [done["result"] for done in request["effects"] if done["effect"] == "send_report"]
    name = request["research"]["report"]
    kept = tools.keep_report(report=name, text=request["write"], message_id=sent["message_id"])
    return str(kept)
