"""A report as one HTML file that needs nothing else, from a disk as well as from a server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from quintet.evals.compare import Compared
from quintet.evals.report import Report
from quintet.evals.reports.cases import right_section, wrong_section
from quintet.evals.reports.looks import SCRIPT, STYLE
from quintet.evals.reports.markup import badge, esc, link, tag
from quintet.evals.reports.matrix import matrix_section
from quintet.evals.reports.sections import (
    against_section,
    figures_section,
    gates_section,
    risk_section,
    slices_section,
)
from quintet.evals.reports.words import (
    Judged,
    counted,
    cut_off,
    finite,
    judged,
    size,
    verdict,
    word,
)

KINDS = {"pass": "good", "MISS": "miss", "no gates": "plain"}


def page(report: Report, against: Compared | None = None) -> str:
    """A report as one HTML file: it loads nothing, follows light and dark, and fits a phone.

    Verdict and gates come first, then the figures with their intervals, the confusion matrix, risk
    against coverage, the tags, every wrong run with its path and reasons, and a list of the right
    ones. Without a script only the filter is missing. The page forbids itself any other script
    than its own, and any connection.

    Args:
        report: the report.
        against: `compare(report, earlier)`; what changed is then shown too.
    """
    rows = judged(report)
    wrong = [item for item in rows if item.why]
    sections = [part for part in _sections(report, rows, wrong, against) if part[2]]
    nav = "".join(tag("a", esc(title), href=f"#{name}") for name, title, _ in sections)
    parts = "".join(
        tag(
            "section",
            tag("h2", esc(title), id=f"{name}-h") + inner,
            id=name,
            aria_labelledby=f"{name}-h",
        )
        for name, title, inner in sections
    )
    body = tag(
        "main",
        _header(report, len(wrong))
        + _notes(report, against)
        + tag("nav", nav, aria_label="Sections")
        + parts
        + _footer(report),
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{esc(_policy())}">'
        f"<title>{esc(word(report))}: {esc(report.suite)}</title><style>{STYLE}</style>"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>'
        f"<body>{body}<script>{SCRIPT}</script></body></html>\n"
    )


def _policy() -> str:
    """Only our own script, known by its hash, and nothing from anywhere."""
    own = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{own}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _sections(
    report: Report, rows: Sequence[Judged], wrong: Sequence[Judged], against: Compared | None
) -> Iterator[tuple[str, str, str]]:
    """Each section's id, title and HTML; empty ones are left out."""
    right = [item for item in rows if not item.why]
    yield "gates", "Gates", gates_section(report)
    if against is not None:
        yield "against", "Against the earlier report", against_section(report, against)
    yield "figures", "Figures", figures_section(report)
    yield "confusion", "Routes mixed up", matrix_section(rows, report.confidence)
    yield "risk", "Risk and coverage", risk_section(report)
    yield "slices", "By tag", slices_section(report)
    if rows:
        title = f"Runs: {len(wrong):,} wrong, {len(right):,} right"
        listed = wrong_section(wrong, set(against.broken) if against else ())
        none = "" if wrong else tag("p", "No label of any case is contradicted.")
        yield "wrong", title, _tools(report) + listed + none + right_section(right, report)


def _header(report: Report, wrong: int) -> str:
    said = verdict(report, wrong).removeprefix(f"{word(report)}: ")
    kind = KINDS[word(report)]
    top = tag("div", badge(word(report), kind) + tag("h1", esc(report.suite)), class_="top")
    facts = [size(report)]
    if finite(report.seconds):
        facts.append(f"{report.seconds:,.1f} s")
    facts += [_when(report.began)] if report.began else []
    lead = tag("p", esc(f"{said[:1].upper()}{said[1:]}."), class_="lead")
    about = tag("p", esc(" · ".join(facts)), class_="dim")
    return tag("header", top + lead + about, class_=kind)


def _when(began: str) -> str:
    try:
        return datetime.fromisoformat(began).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return began


def _notes(report: Report, against: Compared | None) -> str:
    cut = cut_off(report)
    notes = [note for note in report.notes if not (cut and note.startswith("cut off"))]
    notes = [*([cut[0].upper() + cut[1:] + "."] if cut else []), *notes]
    if against is not None:
        notes += against.notes
        if against.unpaired:
            notes.append(f"{counted(against.unpaired, 'run')} had no partner to be compared with")
    return "".join(tag("p", f"<b>Note:</b> {esc(note)}", class_="note") for note in notes)


def _tools(report: Report) -> str:
    tags = sorted({name for row in report.rows for name in row.case.tags})
    options = tag("option", "all tags", value="") + "".join(tag("option", esc(t)) for t in tags)
    field = (
        '<input id="find" type="search" placeholder="Filter by words" aria-label="Filter by words">'
    )
    parts = (
        field,
        tag("select", options, id="tag", aria_label="Filter by tag", hidden=not tags),
        tag("button", "open or close all", id="open", type="button"),
        tag("button", "show all", id="all", type="button", hidden=True),
        tag("span", "", id="said", class_="dim", aria_live="polite"),
    )
    return tag("div", "".join(parts), id="tools", class_="tools", hidden=True)


def _footer(report: Report) -> str:
    parts = [f"{esc(name)} {esc(value)}" for name, value in report.versions.items()]
    if report.fingerprint:
        parts.append(f"cases {esc(report.fingerprint)}")
    if report.url:
        parts.append(link(report.url, "the experiment"))
    parts.append(f"intervals at {report.confidence:.0%}")
    return tag("footer", " · ".join(parts))
