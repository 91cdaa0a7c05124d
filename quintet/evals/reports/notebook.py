"""Write a report for a notebook's cell, where style blocks, scripts and inline SVG are lost."""

from __future__ import annotations

from quintet.evals.report import Report
from quintet.evals.reports.charts import FIXED, bar, gate_bar
from quintet.evals.reports.render import render
from quintet.evals.reports.words import (
    cut_off,
    facts,
    judge_rows,
    missed_first,
    other_notes,
    verdict_reason,
    verdict_word,
)


def notebook(report: Report) -> str:
    """Write a report as HTML for a cell: inline styles, charts as data, nothing that runs."""
    wrong = [item for item in judge_rows(report) if item.why]
    gated = {verdict.gate.metric for verdict in report.verdicts}
    html = render(
        "notebook.html",
        report=report,
        word=verdict_word(report),
        reason=verdict_reason(report, len(wrong)),
        facts=facts(report),
        notes=[note for note in (cut_off(report), *other_notes(report)) if note],
        verdicts=missed_first(report),
        figures=sorted(report.figures.items(), key=lambda item: item[0] not in gated),
        wrong=wrong,
        bar=bar,
        gate_bar=gate_bar,
        paint=FIXED,
    )
    return str(html)  # a caller may add HTML of their own, which `Markup` would escape
