"""Write the sections of the page; a section with nothing to show is an empty text."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from quintet.evals.beside import SideBySide
from quintet.evals.compare import Compared
from quintet.evals.difference import Difference
from quintet.evals.figure import Figure
from quintet.evals.lens.modes import modes_of
from quintet.evals.metric import Metric
from quintet.evals.metrics import STANDARD
from quintet.evals.metrics.reliability import all_labels
from quintet.evals.metrics.routing import routing_accuracy
from quintet.evals.metrics.selective import risk_curve
from quintet.evals.metrics.slices import slices
from quintet.evals.report import Report
from quintet.evals.reports.charts import bar, gate_bar, risk_coverage_chart
from quintet.evals.reports.markdown import difference
from quintet.evals.reports.render import render
from quintet.evals.reports.words import JudgedRow, compare_labels, metric_errors, missed_first

DID = ("status", "route", "calls")
"""What runs did, by which the page slices them."""

SLICES = 12
"""The most slices of one kind that are shown."""

RISKS = (0.01, 0.02, 0.05, 0.1)
"""The risks for which the page says how much could be answered."""


def gates_section(report: Report) -> str:
    """Show every gate with its demand, its result and the reason; the missed ones first."""
    return render(
        "gates.html", verdicts=missed_first(report), figures=report.figures, gate_bar=gate_bar
    )


def figures_section(report: Report) -> str:
    """Show every figure with its interval, and below a sentence on what each one means."""
    meanings = {metric.name: metric.about for metric in STANDARD if metric.name in report.figures}
    return render(
        "figures.html",
        figures=report.figures,
        gated={verdict.gate.metric for verdict in report.verdicts},
        confidence=report.confidence,
        meanings=meanings,
        bar=bar,
    )


def against_section(report: Report, against: Compared) -> str:
    """Show each figure beside that of the earlier report, and the cases that moved.

    Figures without a gate whose difference may be chance are folded away.
    """
    gated = {verdict.gate.metric for verdict in report.verdicts}
    told: list[tuple[str, Figure, Difference]] = []
    rest: list[tuple[str, Figure, Difference]] = []
    for name, found in against.differences.items():
        if name in report.figures:
            unclear = found.verdict == "cannot tell" and name not in gated
            (rest if unclear else told).append((name, report.figures[name], found))
    moved = {"broken": against.broken, "fixed": against.fixed}
    return render(
        "against.html",
        moved=moved,
        told=told,
        rest=rest,
        difference=difference,
        notes=against.notes,
    )


def beside_section(both: SideBySide) -> str:
    """Show every figure of several targets in one table, marked where it is better or worse."""
    return render("beside.html", both=both, rows=[(name, [*both.row(name)]) for name in both.names])


def risk_section(report: Report) -> str:
    """Draw the risk-coverage curve, and show the threshold that keeps each of `RISKS`.

    Empty where no run has a confidence.
    """
    points = risk_curve(report.rows)
    if not points:
        return ""
    best = {
        risk: max(
            (point for point in points if point.risk <= risk),
            key=lambda point: point.coverage,
            default=None,
        )
        for risk in RISKS
    }
    chart = risk_coverage_chart(points, operating_point(report))
    return render("risk.html", levels=len(points), chart=chart, thresholds=best.items())


def operating_point(report: Report) -> tuple[float, float] | None:
    """Return the coverage and the risk of the run itself; None where it accepted nothing."""
    coverage = report.figures.get("routing_coverage")
    accuracy = report.figures.get("selective_accuracy")
    if coverage is None or accuracy is None or coverage.value is None or accuracy.value is None:
        return None
    return coverage.value, 1 - accuracy.value


def slices_section(report: Report) -> str:
    """Show the share of right runs by tag, and by what the runs did, the worst first.

    Empty where no case has a tag and all runs did the same.
    """
    shown = {
        metric.name: figures
        for metric in (all_labels, routing_accuracy)
        if any(row.case.tags for row in report.rows) and (figures := _slices(report, metric))
    }
    for by in DID:
        if len(figures := _slices(report, all_labels, by)) > 1:
            shown[f"{all_labels.name}, by {by}"] = figures[:SLICES]
    if not shown:
        return ""
    return render("slices.html", metrics=shown, confidence=report.confidence, bar=bar)


def _slices(report: Report, metric: Metric, by: str = "tags") -> list[tuple[str, Figure]]:
    found = slices(report.rows, metric, by=by, confidence=report.confidence).values()
    return [
        (
            part.tag,
            Figure(
                metric=f"{metric.name} of {part.tag or 'none'}",
                value=part.value,
                low=part.interval.low,
                high=part.interval.high,
                cases=part.cases,
            ),
        )
        for part in sorted(found, key=lambda part: (part.value or 0.0, part.tag))
    ]


def modes_section(report: Report) -> str:
    """Show the failure modes that rules find in the runs; empty where there is none."""
    found = modes_of(report.rows)
    return render("modes.html", found=found, runs=len(report.rows)) if found else ""


def runs_section(
    report: Report,
    wrong: Sequence[JudgedRow],
    right: Sequence[JudgedRow],
    broken: Collection[str],
) -> str:
    """Show each wrong run with all that is known of it, and a line for each right one.

    Args:
        report: the report.
        wrong: the rows that some label contradicts, or that raised.
        right: all others.
        broken: the ids of the cases that an earlier report had right; they come first.
    """
    return render(
        "runs.html",
        wrong=sorted(wrong, key=lambda item: item.row.case.id not in broken),
        right=right,
        broken=broken,
        unlabelled=sum(not item.row.case.expects for item in right),
        tags=sorted({tag for row in report.rows for tag in row.case.tags}),
        compare_labels=compare_labels,
        metric_errors=metric_errors,
    )
