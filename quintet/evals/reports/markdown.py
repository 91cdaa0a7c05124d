"""Write a report as Markdown, for a comment on a pull request."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from quintet.evals.compare import Compared
from quintet.evals.difference import Difference
from quintet.evals.figure import Figure
from quintet.evals.report import Report
from quintet.evals.reports.words import (
    JudgedRow,
    clean,
    counted,
    cut_off,
    facts,
    judge_rows,
    missed_first,
    other_notes,
    requirement,
    short,
    unit_text,
    value_text,
    verdict_reason,
    verdict_word,
)

WRONG = 25
"""The number of wrong runs that are listed; a comment on GitHub ends at 65,536 characters."""

_PLAIN = re.compile(r"[\w.:-]+")
_MARKS = {ord(mark): f"&#{ord(mark)};" for mark in "\\`*_{}[]()#+!|~@:/"}
_LOUD = {ord(mark): f"&#{ord(mark)};" for mark in "\\`*[]|~"}
_LINKS = ("://", "www.")
"""GitHub makes links of texts that start so; an invisible space inside prevents it."""


def markdown(report: Report, against: Compared | None = None) -> str:
    """Write a report as Markdown: the verdict, gates, figures, and the wrong runs folded away.

    Texts of users stand in code, and every mark of Markdown or HTML in them is an entity, so they
    open no table cell, link nowhere and mention nobody.

    Args:
        report: the report.
        against: `compare(report, earlier)`; figures then stand beside the earlier ones.
    """
    wrong = [item for item in judge_rows(report) if item.why]
    word, reason = verdict_word(report), verdict_reason(report, len(wrong))
    parts = [
        # `is_markdown` knows our files by these two lines.
        f"### {_text(report.suite)}: {word}",
        f"**{word}**: {_text(reason)}  \n{_about(report)}",
        *_notes(report, against),
        "\n".join(_gates(report)),
        "\n".join(_figures(report, against)),
        "\n".join(_moved(against)),
        "\n".join(_wrong(wrong, against)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(report: Report) -> str:
    parts = [*facts(report), *(f"{name} {value}" for name, value in report.versions.items())]
    if report.fingerprint:
        parts.append(f"cases {report.fingerprint}")
    return _text(", ".join(parts))


def _notes(report: Report, against: Compared | None) -> Iterator[str]:
    notes = [cut_off(report), *other_notes(report), *(against.notes if against else ())]
    if against is not None and against.unpaired:
        notes.append(f"{counted(against.unpaired, 'run')} had no partner to be compared with")
    for note in filter(None, notes):
        yield f"> **note:** {_text(note)}"


def _gates(report: Report) -> Iterator[str]:
    if not report.verdicts:
        return
    yield "| gate | wanted | | why |"
    yield "| --- | --- | --- | --- |"
    for verdict in missed_first(report):
        gate = verdict.gate
        demand = requirement(gate, report.figures.get(gate.metric))
        answer = "pass" if verdict.passed else "**MISS**"
        yield f"| {_code(gate.metric)} | {demand} | {answer} | {_text(verdict.why)} |"


def _figures(report: Report, against: Compared | None) -> Iterator[str]:
    if not report.figures:
        return
    more = " before | difference | a change? |" if against else ""
    yield f"| figure | value | {report.confidence:.0%} interval | cases |{more}"
    yield "| --- | ---: | --- | ---: |" + (" ---: | --- | --- |" if against else "")
    for name, figure in report.figures.items():
        value = _text(f"{value_text(figure)} {unit_text(figure)}")
        raised = f" (raised {figure.errors} times)" if figure.errors else ""
        line = f"| {_code(name)} | {value} | {figure.interval} | {figure.cases:,}{raised} |"
        yield line + (_beside(figure, against.differences.get(name)) if against else "")


def _beside(figure: Figure, found: Difference | None) -> str:
    if found is None:
        return " | | not compared |"
    change = found.verdict if found.verdict == "cannot tell" else f"**{found.verdict}**"
    if found.better == "neither":
        change = "informs only"
    elif found.cases_needed:
        change += f", needs about {found.cases_needed:,} cases"
    return f" {figure.shown(found.b)} | {difference(figure, found)} | {change} |"


def difference(figure: Figure, found: Difference) -> str:
    """Write a difference with its sign and interval, in the figure's unit."""

    def signed(value: float) -> str:
        return f"{'+' if value >= 0 else '-'}{figure.shown(abs(value))}"

    if found.low is None or found.high is None or not isfinite(found.low + found.high):
        return signed(found.difference)
    return f"{signed(found.difference)} [{signed(found.low)}, {signed(found.high)}]"


def _moved(against: Compared | None) -> Iterator[str]:
    for name in ("broken", "fixed"):
        ids: Sequence[str] = getattr(against, name) if against else ()
        if ids:
            more = f" and {len(ids) - WRONG:,} more" if len(ids) > WRONG else ""
            listed = ", ".join(_code(short(item, 60)) for item in ids[:WRONG])
            yield f"**{name}** ({counted(len(ids), 'case')}): {listed}{more}  "


def _wrong(wrong: Sequence[JudgedRow], against: Compared | None) -> Iterator[str]:
    if not wrong:
        return
    broken = set(against.broken) if against else set()
    shown = sorted(wrong, key=lambda item: item.row.case.id not in broken)[:WRONG]
    first = f", {len(shown)} of them here" if len(wrong) > len(shown) else ""
    yield f"<details><summary>{counted(len(wrong), 'wrong run')}{first}</summary>\n"
    yield "| run | input | what is wrong |"
    yield "| --- | --- | --- |"
    for item in shown:
        new = " (new)" if item.row.case.id in broken else ""
        why = _text(short("; ".join(item.why), 300))
        name, text = short(item.name, 60), short(item.row.case.text, 160)
        yield f"| {_code(name)}{new} | {_code(text)} | {why} |"
    yield "\n</details>"


def _text(value: Any) -> str:
    """Write a text so that nothing in it is read as Markdown or HTML."""
    line = " ".join(clean(value).split())
    for start in _LINKS:
        line = line.replace(start, f"{start[:-1]}\u200b{start[-1]}")
    # An entity would not help here: GitHub looks for mentions and issues in the finished text.
    line = re.sub(r"([@#])(?=\w)", "\\1\u200b", line)
    line = html.escape(line, quote=False).translate(_LOUD)
    return re.sub(r"(?<!\w)_|_(?!\w)", "&#95;", line)  # inside a word it emphasises nothing


def _code(value: Any) -> str:
    """Write a text as code, in which GitHub sees no mention."""
    line = " ".join(clean(value).split())
    if _PLAIN.fullmatch(line):
        return f"`{line}`"
    # Between backticks an entity would be shown as it is written.
    return f"<code>{html.escape(line, quote=False).translate(_MARKS)}</code>"
