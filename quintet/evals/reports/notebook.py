"""A report in a notebook's cell, where style blocks, scripts and inline SVG do not survive."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from quintet.evals.figure import Figure
from quintet.evals.report import Report
from quintet.evals.reports.charts import FIXED, bar
from quintet.evals.reports.markup import esc
from quintet.evals.reports.sections import gate_bar
from quintet.evals.reports.words import (
    ARROW,
    Judged,
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

FIGURES, WRONG = 12, 20
GROUNDS = {"pass": "#1a7f4b", "MISS": "#b3341f", "no gates": "#5b6570"}

_CELL = (
    "text-align:left;vertical-align:middle;padding:3px 14px 3px 0;font-variant-numeric:tabular-nums"
)


def notebook(report: Report) -> str:
    """A report as HTML for a cell: inline styles only, pictures as data, nothing that runs."""
    rows = judged(report)
    wrong = [item for item in rows if item.why]
    said = verdict(report, len(wrong)).removeprefix(f"{word(report)}: ")
    seconds = f" · {report.seconds:,.1f} s" if finite(report.seconds) else ""
    title = f"<b>{esc(report.suite)}</b> <span>{esc(size(report))}{seconds}</span>"
    parts = [
        f'<div style="font-size:16px;margin:4px 0">{_badge(word(report))} {title}</div>',
        f'<div style="margin:4px 0 10px">{esc(said)}</div>',
        *(f'<div style="margin:2px 0"><b>Note:</b> {esc(note)}</div>' for note in _notes(report)),
        _gates(report),
        _figures(report),
        _wrong(wrong),
    ]
    return f'<div style="font:13px/1.5 system-ui,sans-serif">{"".join(parts)}</div>'


def _notes(report: Report) -> list[str]:
    cut = cut_off(report)
    notes = [note for note in report.notes if not (cut and note.startswith("cut off"))]
    return [*([cut] if cut else []), *notes]


def _gates(report: Report) -> str:
    lines = []
    for each in sorted(report.verdicts, key=lambda each: each.passed):
        figure = report.figures.get(each.gate.metric)
        asked = wanted(each.gate, figure.unit if figure else "share")
        drawn = gate_bar(each.gate, figure, FIXED) if figure else ""
        said = _badge("pass" if each.passed else "MISS")
        name = f"<b>{esc(each.gate.metric)}</b><br>{esc(asked)}"
        lines.append((said, name, picture(drawn, f"{each.gate.metric}, {asked}"), esc(each.why)))
    return _table(("", "gate", "on its scale", "why"), lines)


def _figures(report: Report) -> str:
    gated = {each.gate.metric for each in report.verdicts}
    lines = []
    for name, figure in sorted(report.figures.items(), key=lambda pair: pair[0] not in gated):
        drawn = bar(figure, paint=FIXED) if figure.unit == "share" else ""
        shown = picture(drawn, f"{name} {_value(figure)}")
        cells = (esc(name), f"<b>{_value(figure)}</b>", shown, figure.interval, f"{figure.cases:,}")
        lines.append(cells)
    interval = f"{report.confidence:.0%} interval"
    names = ("figure", "value", "from 0 to 1", interval, "cases")
    if len(lines) <= FIGURES:
        return _table(names, lines)
    title = f"{counted(len(lines) - FIGURES, 'more figure')}"
    return _table(names, lines[:FIGURES]) + _folded(title, _table(names, lines[FIGURES:]))


def _value(figure: Figure) -> str:
    if finite(figure.value) is None:
        return "none"
    unit = "" if figure.unit in ("share", "number") else f" {esc(figure.unit)}"
    return f"{figure.shown(figure.value or 0.0)}{unit}"


def _wrong(wrong: Sequence[Judged]) -> str:
    if not wrong:
        return ""
    lines = []
    for item in wrong[:WRONG]:
        way = esc(short(ARROW.join(item.row.trajectory.path), 120))
        why = esc(short("; ".join(item.why), 240))
        lines.append((esc(short(item.name, 40)), esc(short(item.row.case.text, 120)), why, way))
    first = f", the first {WRONG}" if len(wrong) > WRONG else ""
    title = f"{counted(len(wrong), 'wrong run')}{first}"
    return _folded(title, _table(("run", "input", "what is wrong", "path"), lines))


def _folded(title: str, inner: str) -> str:
    summary = f'<summary style="cursor:pointer;margin:6px 0"><b>{title}</b></summary>'
    return f"<details>{summary}{inner}</details>"


def _table(names: Iterable[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    top = "".join(f'<th scope="col" style="{_CELL}">{html.escape(name)}</th>' for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, line))}</tr>" for line in lines)
    look = "border-collapse:collapse;margin:6px 0;font-size:13px"
    return f'<table style="{look}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _cell(inner: str) -> str:
    return f'<td style="{_CELL}">{inner}</td>'


def picture(svg: str, alt: str) -> str:
    """An SVG as an image that carries its own data, which untrusted notebooks show too."""
    if not svg:
        return ""
    whole = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    data = base64.b64encode(whole.encode()).decode()
    source = f"data:image/svg+xml;base64,{data}"
    return f'<img src="{source}" alt="{esc(alt)}" style="width:200px;max-width:none">'


def _badge(said: str) -> str:
    ground = GROUNDS[said]
    look = f"background:{ground};color:#fff;border-radius:5px;padding:1px 8px;font-weight:600"
    return f'<span style="{look}">{said}</span>'
