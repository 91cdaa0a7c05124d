"""Write a report as one HTML file that needs nothing else, on a disk as well as on a server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from quintet.evals.beside import SideBySide
from quintet.evals.compare import Compared
from quintet.evals.report import Report
from quintet.evals.reports.matrix import matrix_section
from quintet.evals.reports.render import own_source, render
from quintet.evals.reports.sections import (
    against_section,
    beside_section,
    figures_section,
    gates_section,
    modes_section,
    risk_section,
    runs_section,
    slices_section,
)
from quintet.evals.reports.words import (
    JudgedRow,
    capitalized,
    counted,
    cut_off,
    facts,
    judge_rows,
    other_notes,
    verdict_reason,
    verdict_word,
)

KINDS = {"pass": "good", "MISS": "miss", "no gates": "plain"}


def page(
    report: Report, against: Compared | None = None, *, beside: SideBySide | None = None
) -> str:
    """Write a report as one HTML file that loads nothing, follows light and dark, fits a phone.

    Verdict and gates come first, then the figures with their intervals, the confusion matrix, risk
    against coverage, the tags, every wrong run with its path and reasons, and a list of the right
    ones. Without a script only the filter is missing. The page forbids itself any other script
    than its own, and any connection.

    Args:
        report: the report.
        against: `compare(report, earlier)`; the changes are then shown too.
        beside: other targets on the same cases; all figures are then shown side by side.
    """
    rows = judge_rows(report)
    wrong = [item for item in rows if item.why]
    word = verdict_word(report)
    style, script = own_source("page.css"), own_source("page.js")
    html = render(
        "page.html",
        report=report,
        policy=_policy(script),
        style=style,
        script=script,
        word=word,
        kind=KINDS[word],
        lead=f"{capitalized(verdict_reason(report, len(wrong)))}.",
        facts=[*facts(report), *([_minute(report.began)] if report.began else [])],
        notes=[*_notes(report, against)],
        sections=[section for section in _sections(report, rows, against, beside) if section[2]],
    )
    return f"{html}\n"


def _policy(script: str) -> str:
    """Allow our own script, known by its hash, and nothing from any address."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _sections(
    report: Report,
    rows: Sequence[JudgedRow],
    against: Compared | None,
    beside: SideBySide | None,
) -> Iterator[tuple[str, str, str]]:
    """Yield each section's id, title and HTML."""
    wrong = [item for item in rows if item.why]
    right = [item for item in rows if not item.why]
    if beside is not None:
        yield "beside", "Side by side", beside_section(beside)
    yield "gates", "Gates", gates_section(report)
    if against is not None:
        yield "against", "Against the earlier report", against_section(report, against)
    yield "figures", "Figures", figures_section(report)
    yield "confusion", "Routes mixed up", matrix_section(rows, report.confidence)
    yield "risk", "Risk and coverage", risk_section(report)
    yield "slices", "By tag", slices_section(report)
    yield "modes", "Failure modes", modes_section(report)
    if rows:
        title = f"Runs: {len(wrong):,} wrong, {len(right):,} right"
        broken = set(against.broken) if against else set[str]()
        yield "wrong", title, runs_section(report, wrong, right, broken)


def _minute(began: str) -> str:
    try:
        return datetime.fromisoformat(began).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return began  # of a file that somebody else has written


def _notes(report: Report, against: Compared | None) -> Iterator[str]:
    if cut := cut_off(report):
        yield f"{capitalized(cut)}."
    yield from other_notes(report)
    if against is not None:
        yield from against.notes
        if against.unpaired:
            yield f"{counted(against.unpaired, 'run')} had no partner to be compared with"
