"""Print a report on one screen, and write it as plain text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quintet.evals.figure import Figure
from quintet.evals.gate import Verdict
from quintet.evals.lens.modes import modes_of
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
    short,
    unit_text,
    value_text,
    verdict_line,
    verdict_word,
)

WIDTH = 100
FIGURES, GATES, NOTES, WRONG, MODES = 14, 8, 4, 3, 3
"""The number of each that is shown, so that a report fits on a screen."""

COLOURS = {"pass": "green", "MISS": "red", "no gates": "yellow"}


def text(report: Report) -> str:
    """Write a report as plain text of about 40 lines at most, as `print(report)` shows it."""
    file = io.StringIO()
    # In a notebook a console shows what it prints at once, whatever file it was given.
    console = Console(
        file=file, width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False
    )
    show(report, console)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()).strip("\n")


def show(report: Report, console: Console) -> None:
    """Print a report: figures, gates, notes, the first wrong cases, and the verdict at the end.

    Args:
        report: the report.
        console: where to; it decides on colours (`NO_COLOR` takes them away) and on the width.
    """
    wrong = [item for item in judge_rows(report) if item.why]
    _print(console, Text(f"{short(report.suite, 60)}: {', '.join(facts(report))}", style="bold"))
    for part in (
        _figures(report, console.width),
        _gates(missed_first(report)),
        _notes(report),
        _wrong(wrong),
        _modes(report),
    ):
        lines = list(part)
        if lines:
            console.print()
        for line in lines:
            _print(console, line)
    console.print()
    style = f"bold {COLOURS[verdict_word(report)]}"
    _print(console, Text(clean(verdict_line(report, len(wrong))), style=style))


def _print(console: Console, line: Text | Table) -> None:
    # rich would colour numbers and quotes of users' texts.
    console.print(line, highlight=False, soft_wrap=isinstance(line, Text) and line.no_wrap)


def _figures(report: Report, width: int) -> Iterator[Text | Table]:
    if not report.figures:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    chosen = _chosen(report)
    longest = max(len(name) for name in chosen)
    table.add_column("figure", overflow="fold", max_width=min(longest, max(width - 44, 12)))
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column(f"{report.confidence:.0%} interval", no_wrap=True)
    table.add_column("cases", justify="right", no_wrap=True)
    remarks = [_remark(report.figures[name]) for name in chosen]
    if any(remarks):
        table.add_column("", overflow="fold", style="dim")
    for name, remark in zip(chosen, remarks, strict=True):
        figure = report.figures[name]
        table.add_row(
            Text(clean(name)),
            value_text(figure),
            figure.interval,
            f"{figure.cases:,}",
            *([Text(clean(remark))] if any(remarks) else []),
        )
    yield table
    if more := len(report.figures) - len(chosen):
        yield Text(f"and {counted(more, 'more figure')}, with --json and on the page", style="dim")


def _remark(figure: Figure) -> str:
    """Return the unit, and the number of times that the metric raised."""
    raised = f"raised {figure.errors} times" if figure.errors else ""
    lost = f"{figure.left_out} runs left out" if figure.left_out else ""
    return ", ".join(filter(None, (unit_text(figure), raised, lost)))


def _chosen(report: Report) -> list[str]:
    """Choose figures that gates look at before others, and keep the report's order."""
    gated = {verdict.gate.metric for verdict in report.verdicts}
    first = sorted(report.figures, key=lambda name: name not in gated)[:FIGURES]
    return [name for name in report.figures if name in first]


def _gates(verdicts: Sequence[Verdict]) -> Iterator[Text]:
    for verdict in verdicts[:GATES]:
        word = "pass" if verdict.passed else "MISS"
        line = Text(word, style=f"bold {COLOURS[word]}")
        yield line.append(clean(f" {verdict.gate.metric}: {verdict.why}"), style="not bold default")
    if more := verdicts[GATES:]:
        missed = sum(not verdict.passed for verdict in more)
        yield Text(f"and {counted(len(more), 'more gate')}, {missed} of them missed", style="dim")


def _notes(report: Report) -> Iterator[Text]:
    if cut := cut_off(report):
        yield Text(f"note: {cut}", style="yellow")
    notes = other_notes(report)
    for note in notes[:NOTES]:
        yield Text(f"note: {short(note, 180)}", style="yellow")
    if more := notes[NOTES:]:
        yield Text(f"and {counted(len(more), 'more note')}", style="dim")


def _wrong(wrong: Sequence[JudgedRow]) -> Iterator[Text]:
    if not wrong:
        return
    first = "" if len(wrong) <= WRONG else f", the first {WRONG}"
    yield Text(f"wrong ({len(wrong):,}{first})", style="bold")
    for item in wrong[:WRONG]:
        line = Text(f"  {short(item.name, 24)}", style="bold")
        yield line.append(f"  {short(item.row.case.text, 68)}", style="not bold default")
        yield Text(f"    {short('; '.join(item.why), 150)}")


def _modes(report: Report) -> Iterator[Text]:
    found = modes_of(report.rows)
    if not found:
        return
    first = "" if len(found) <= MODES else f", the first {MODES} of {len(found)}"
    yield Text(f"failure modes{first}", style="bold")
    for item in found[:MODES]:
        line = Text(f"  {item.mode.code} {item.mode.name}", style="bold")
        row, why = item.rows[0]
        runs = f" in {counted(len(item.rows), 'run')}, {item.wrong:,} of them wrong"
        example = f"; {short(row.case.id, 24)}: {short(why, 60)}"
        yield line.append(f"{runs}{example}", style="not bold default")
