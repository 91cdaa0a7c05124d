"""A report on one screen: as plain text, and with colours."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quintet.evals.figure import Figure
from quintet.evals.gate import Verdict
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
    word,
)

WIDTH = 100
FIGURES, GATES, NOTES, WRONG = 14, 8, 2, 3
"""How many of each are shown, so that a report fits on a screen; missed gates come first."""

COLOURS = {"pass": "green", "MISS": "red", "no gates": "yellow"}


def text(report: Report) -> str:
    """A report as plain text of about 40 lines at most: what `print(report)` shows."""
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
    rows = judged(report)
    wrong = [item for item in rows if item.why]
    seconds = f", {report.seconds:,.1f} s" if finite(report.seconds) else ""
    _print(console, Text(f"{short(report.suite, 60)}: {size(report)}{seconds}", style="bold"))
    for part in (
        _figures(report, console.width),
        _gates(report.verdicts),
        _notes(report),
        _wrong(wrong),
    ):
        lines = list(part)
        if lines:
            console.print()
        for line in lines:
            _print(console, line)
    console.print()
    _print(console, Text(clean(verdict(report, len(wrong))), style=f"bold {COLOURS[word(report)]}"))


def _print(console: Console, line: Text | Table) -> None:
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
    if any(_beside(report.figures[name]) for name in chosen):
        table.add_column("", overflow="fold", style="dim")
    for name in chosen:
        figure = report.figures[name]
        table.add_row(
            Text(clean(name)),
            "none" if finite(figure.value) is None else figure.shown(figure.value or 0.0),
            figure.interval,
            f"{figure.cases:,}",
            *([Text(clean(_beside(figure)))] if len(table.columns) > 4 else []),
        )
    yield table
    if more := len(report.figures) - len(chosen):
        yield Text(f"and {counted(more, 'more figure')}, with --json and on the page", style="dim")


def _beside(figure: Figure) -> str:
    """The unit where it is no share, and what the metric raised."""
    unit = figure.unit if figure.unit not in ("share", "number") else ""
    raised = f"raised {figure.errors} times" if figure.errors else ""
    return ", ".join(filter(None, (unit, raised)))


def _chosen(report: Report) -> list[str]:
    """The figures that gates look at, then the first of the others, in the report's order."""
    gated = {each.gate.metric for each in report.verdicts}
    first = sorted(report.figures, key=lambda name: name not in gated)[:FIGURES]
    return [name for name in report.figures if name in first]


def _gates(verdicts: Sequence[Verdict]) -> Iterator[Text]:
    ordered = sorted(verdicts, key=lambda each: each.passed)
    for each in ordered[:GATES]:
        said = "pass" if each.passed else "MISS"
        line = Text(said, style=f"bold {COLOURS[said]}")
        yield line.append(clean(f" {each.gate.metric}: {each.why}"), style="not bold default")
    if more := ordered[GATES:]:
        lost = sum(not each.passed for each in more)
        yield Text(f"and {counted(len(more), 'more gate')}, {lost} of them missed", style="dim")


def _notes(report: Report) -> Iterator[Text]:
    if cut := cut_off(report):
        yield Text(f"note: {cut}", style="yellow")
    notes = [note for note in report.notes if not (cut and note.startswith("cut off"))]
    for note in notes[:NOTES]:
        yield Text(f"note: {short(note, 180)}", style="yellow")
    if more := notes[NOTES:]:
        yield Text(f"and {counted(len(more), 'more note')}", style="dim")


def _wrong(wrong: Sequence[Judged]) -> Iterator[Text]:
    if not wrong:
        return
    first = "" if len(wrong) <= WRONG else f", the first {WRONG}"
    yield Text(f"wrong ({len(wrong):,}{first})", style="bold")
    for item in wrong[:WRONG]:
        line = Text(f"  {short(item.name, 24)}", style="bold")
        yield line.append(f"  {short(item.row.case.text, 68)}", style="not bold default")
        yield Text(f"    {short('; '.join(item.why), 150)}")
