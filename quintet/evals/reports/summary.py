"""Write a report as one JSON object, for scripts."""

from __future__ import annotations

from typing import Any

from quintet.evals.figure import Figure
from quintet.evals.gate import Verdict
from quintet.evals.lens.modes import Found, modes_of
from quintet.evals.report import Report
from quintet.evals.reports.words import JudgedRow, clean, cut_off, finite, judge_rows, verdict_line

MODE_RUNS = 20
"""The runs of a failure mode that are named."""


def summary(report: Report) -> dict[str, Any]:
    """Return a report as JSON data: every figure, every gate, and the wrong rows.

    All numbers are finite, or null where there is none; `seconds` are seconds of wall time.
    """
    wrong = [item for item in judge_rows(report) if item.why]
    return {
        "suite": clean(report.suite),
        "passed": report.passed,
        "verdict": clean(verdict_line(report, len(wrong))),
        "cases": len({row.case.id for row in report.rows}),
        "rows": len(report.rows),
        "expected": report.expected,
        "cut_off": bool(cut_off(report)),
        "confidence": report.confidence,
        "figures": {clean(name): _figure(figure) for name, figure in report.figures.items()},
        "gates": [_gate(verdict) for verdict in report.verdicts],
        "notes": [clean(note) for note in report.notes],
        "wrong": [_wrong(item) for item in wrong],
        "failure_modes": [_mode(item) for item in modes_of(report.rows)],
        "began": report.began,
        "seconds": finite(report.seconds),
        "fingerprint": report.fingerprint,
        "versions": {clean(name): clean(value) for name, value in report.versions.items()},
        "url": clean(report.url),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    numbers = ("value", "low", "high", "bound_low", "bound_high")
    return {
        **{name: finite(getattr(figure, name)) for name in numbers},
        "cases": figure.cases,
        "rows": figure.rows,
        "errors": figure.errors,
        "left_out": figure.left_out,
        "unit": figure.unit,
        "better": figure.better,
        "note": clean(figure.note),
    }


def _mode(found: Found) -> dict[str, Any]:
    """Return a failure mode with its runs; `MODE_RUNS` of them by name."""
    return {
        "code": found.mode.code,
        "name": found.mode.name,
        "runs": len(found.rows),
        "wrong": found.wrong,
        "first": [
            {"id": clean(row.case.id), "repeat": row.repeat, "why": clean(why)}
            for row, why in found.rows[:MODE_RUNS]
        ],
    }


def _gate(verdict: Verdict) -> dict[str, Any]:
    gate = verdict.gate
    return {
        "metric": clean(gate.metric),
        "at_least": finite(gate.at_least),
        "at_most": finite(gate.at_most),
        "none": gate.none,
        "passed": verdict.passed,
        "why": clean(verdict.why),
    }


def _wrong(item: JudgedRow) -> dict[str, Any]:
    row = item.row
    return {
        "id": clean(row.case.id),
        "repeat": row.repeat,
        "text": clean(row.case.text),
        "why": [clean(why) for why in item.why],
        "tags": [clean(tag) for tag in row.case.tags],
        "url": clean(row.trajectory.url),
    }
