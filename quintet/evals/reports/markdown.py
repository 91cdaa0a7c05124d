"""A report as Markdown, for a comment on a pull request."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from quintet.evals.compare import Compared, Difference
from quintet.evals.figure import Figure
from quintet.evals.report import Report
from quintet.evals.reports.words import (
    Judged,
    clean,
    counted,
    cut_off,
    finite,
    judged,
    short,
    size,
    verdict,
    wanted,
    word,
)

WRONG = 25
"""How many wrong runs are listed; a comment on GitHub ends at 65,536 characters."""

_PLAIN = re.compile(r"[\w.:-]+")
_MARKS = {ord(mark): f"&#{ord(mark)};" for mark in "\\`*_{}[]()#+!|~@:/"}
_LOUD = {ord(mark): f"&#{ord(mark)};" for mark in "\\`*[]|~"}
_LINKS = ("://", "www.")
"""Where a link would start by itself; an invisible space in it keeps it a text."""


def markdown(report: Report, against: Compared | None = None) -> str:
    """A report as Markdown: the verdict, gates, figures, and the wrong runs folded away.

    Texts of users stand in code, with all that Markdown or HTML could read in them written as
    entities: they make no table cell, no link, and mention nobody.

    Args:
        report: the report.
        against: `compare(report, earlier)`; figures then stand beside the earlier ones.
    """
    rows = judged(report)
    wrong = [item for item in rows if item.why]
    said = verdict(report, len(wrong)).removeprefix(word(report))
    parts = [
        f"### {_text(report.suite)}: {word(report)}",
        f"**{word(report)}**{_text(said)}  \n{_about(report)}",
        *_notes(report, against),
        "\n".join(_gates(report)),
        "\n".join(_figures(report, against)),
        "\n".join(_moved(against)),
        "\n".join(_wrong(wrong, against)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(report: Report) -> str:
    parts = [size(report)]
    if finite(report.seconds):
        parts.append(f"{report.seconds:,.1f} s")
    parts += [f"{name} {value}" for name, value in report.versions.items()]
    if report.fingerprint:
        parts.append(f"cases {report.fingerprint}")
    return _text(", ".join(parts))


def _notes(report: Report, against: Compared | None) -> Iterator[str]:
    cut = cut_off(report)
    notes = [note for note in report.notes if not (cut and note.startswith("cut off"))]
    notes = [*([cut] if cut else []), *notes, *(against.notes if against else ())]
    if against is not None and against.unpaired:
        notes.append(f"{counted(against.unpaired, 'run')} had no partner to be compared with")
    for note in notes:
        yield f"> **note:** {_text(note)}"


def _gates(report: Report) -> Iterator[str]:
    if not report.verdicts:
        return
    yield "| gate | wanted | | why |"
    yield "| --- | --- | --- | --- |"
    for each in sorted(report.verdicts, key=lambda each: each.passed):
        figure = report.figures.get(each.gate.metric)
        asked = wanted(each.gate, "share" if figure is None else figure.unit)
        answer = "pass" if each.passed else "**MISS**"
        yield f"| {_code(each.gate.metric)} | {asked} | {answer} | {_text(each.why)} |"


def _figures(report: Report, against: Compared | None) -> Iterator[str]:
    if not report.figures:
        return
    more = " before | difference | a change? |" if against else ""
    yield f"| figure | value | {report.confidence:.0%} interval | cases |{more}"
    yield "| --- | ---: | --- | ---: |" + (" ---: | --- | --- |" if against else "")
    for name, figure in report.figures.items():
        value = "none" if finite(figure.value) is None else figure.shown(figure.value or 0.0)
        unit = "" if figure.unit in ("share", "number") else f" {_text(figure.unit)}"
        raised = f" (raised {figure.errors} times)" if figure.errors else ""
        line = f"| {_code(name)} | {value}{unit} | {figure.interval} | {figure.cases:,}{raised} |"
        yield line + (_beside(figure, against.differences.get(name)) if against else "")


def _beside(figure: Figure, found: Difference | None) -> str:
    if found is None:
        return " | | not compared |"
    says = found.verdict if found.verdict == "cannot tell" else f"**{found.verdict}**"
    if found.better == "neither":
        says = "informs only"
    elif found.cases_needed:
        says += f", needs about {found.cases_needed:,} cases"
    return f" {figure.shown(found.b)} | {difference(figure, found)} | {says} |"


def difference(figure: Figure, found: Difference) -> str:
    """A difference with its sign and interval, in the figure's unit."""

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


def _wrong(wrong: Sequence[Judged], against: Compared | None) -> Iterator[str]:
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
    """A text of which Markdown and HTML read nothing as theirs."""
    line = " ".join(clean(value).split())
    for start in _LINKS:
        line = line.replace(start, f"{start[:-1]}\u200b{start[-1]}")
    line = re.sub(r"([@#])(?=\w)", "\\1\u200b", line)
    line = html.escape(line, quote=False).translate(_LOUD)
    return re.sub(r"(?<!\w)_|_(?!\w)", "&#95;", line)  # inside a word it emphasises nothing


def _code(value: Any) -> str:
    """A text as code: nobody is mentioned in it."""
    line = " ".join(clean(value).split())
    if _PLAIN.fullmatch(line):
        return f"`{line}`"
    return f"<code>{html.escape(line, quote=False).translate(_MARKS)}</code>"
