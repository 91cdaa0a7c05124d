"""The upper parts of the page: gates, figures, what changed, risk and coverage, slices."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from quintet.evals.compare import Compared
from quintet.evals.figure import Figure
from quintet.evals.gate import Gate, Verdict
from quintet.evals.metric import Metric
from quintet.evals.metrics import STANDARD
from quintet.evals.metrics.reliability import all_labels
from quintet.evals.metrics.routing import routing_accuracy
from quintet.evals.metrics.selective import risk_curve
from quintet.evals.metrics.slices import slices
from quintet.evals.report import Report
from quintet.evals.reports.charts import Paint, around, bar, risk_coverage_chart
from quintet.evals.reports.markdown import difference
from quintet.evals.reports.markup import badge, breakable, esc, head, tag
from quintet.evals.reports.words import counted, finite, wanted
from quintet.stats import RiskPoint

SLICES, IDS, FEW = 60, 40, 5
RISKS = (0.01, 0.02, 0.05, 0.1)


def gates_section(report: Report) -> str:
    """Every gate: what it asks, whether it passed and why; the missed ones first."""
    if not report.verdicts:
        return tag("p", "The suite has no gates: nothing had to be reached.", class_="hint")
    ordered = sorted(report.verdicts, key=lambda each: each.passed)
    top = head("", "gate", "on its scale", "why")
    body = tag("tbody", "".join(_gate(each, report) for each in ordered))
    hint = (
        "Dot: the figure. Band: its interval. Tick: the bound that the gate looks at. Dashed line: "
        "what it asks for."
    )
    table = tag("div", tag("table", top + body, class_="gates"), class_="scroll")
    return table + tag("p", hint, class_="hint")


def _gate(verdict: Verdict, report: Report) -> str:
    gate, figure = verdict.gate, report.figures.get(verdict.gate.metric)
    said = badge("pass", "good") if verdict.passed else badge("MISS", "miss")
    asked = tag("span", wanted(gate, figure.unit if figure else "share"), class_="dim nowrap")
    cells = (
        tag("td", said),
        tag("th", f"{breakable(gate.metric)}<br>{asked}", scope="row"),
        tag("td", "" if figure is None else gate_bar(gate, figure), class_="bar"),
        tag("td", esc(verdict.why)),
    )
    return tag("tr", "".join(cells))


def gate_bar(gate: Gate, figure: Figure, paint: Paint | None = None) -> str:
    """A gate's figure, interval, bound and limit on a scale that shows all of them."""
    limit = 0.0 if gate.none else gate.at_most if gate.at_least is None else gate.at_least
    bound = figure.bound_high if gate.at_least is None else figure.bound_low
    known = [v for v in (figure.value, figure.low, figure.high, bound, limit) if v is not None]
    if not known or not all(map(isfinite, known)):
        return ""
    ends = around(known, share=figure.unit == "share")
    return bar(figure, ends, limit=limit, bound=bound, paint=paint)


def figures_section(report: Report) -> str:
    """Every figure with its interval, and below what they mean."""
    if not report.figures:
        return tag("p", "No figure: no case had anything to say.", class_="hint")
    gated = {each.gate.metric for each in report.verdicts}
    lines = []
    for name, figure in report.figures.items():
        mark = f" {badge('gate', 'plain')}" if name in gated else ""
        raised = f"the metric raised {figure.errors} times" if figure.errors else ""
        note = "; ".join(filter(None, (raised, figure.note)))
        small = f"<br>{tag('span', esc(note), class_='dim')}" if note else ""
        cells = (
            tag("th", f"{breakable(name)}{mark}{small}", scope="row"),
            tag("td", value_of(figure), class_="r"),
            tag("td", bar(figure) if figure.unit == "share" else "", class_="bar"),
            tag("td", esc(figure.interval), class_="nowrap"),
            tag("td", f"{figure.cases:,}", class_="r cases"),
            tag("td", "informs" if figure.better == "neither" else figure.better, class_="dim"),
        )
        lines.append(tag("tr", "".join(cells)))
    interval = f"{report.confidence:.0%} interval"
    top = head("figure", "value", "from 0 to 1", interval, "cases", "better", right=(1, 4))
    return _figures(top, lines) + _meanings(report)


def _figures(top: str, lines: Sequence[str]) -> str:
    """A table of figures, which a phone shows in two columns."""
    table = tag("table", top + tag("tbody", "".join(lines)), class_="figures")
    return tag("div", table, class_="scroll")


def value_of(figure: Figure) -> str:
    """A figure's value as HTML, with its unit where that is no share."""
    if finite(figure.value) is None:
        return "none"
    unit = (
        ""
        if figure.unit in ("share", "number")
        else f' <span class="dim">{esc(figure.unit)}</span>'
    )
    return f"<b>{figure.shown(figure.value or 0.0)}</b>{unit}"


def _meanings(report: Report) -> str:
    about = {metric.name: metric.about for metric in STANDARD if metric.name in report.figures}
    if not about:
        return ""
    items = "".join(tag("dt", esc(name)) + tag("dd", esc(said)) for name, said in about.items())
    summary = tag("summary", "What these figures mean")
    return tag("details", summary + tag("dl", items, class_="about"))


def against_section(report: Report, against: Compared) -> str:
    """Each figure beside that of the earlier report, and the cases that moved.

    Figures that no gate looks at and of which one cannot tell are folded away.
    """
    gated = {each.gate.metric for each in report.verdicts}
    told: list[str] = []
    rest: list[str] = []
    for name, found in against.differences.items():
        figure = report.figures.get(name)
        if figure is None:
            continue
        kind = {"better": "good", "worse": "miss"}.get(found.verdict, "plain")
        says = badge("informs only" if found.better == "neither" else found.verdict, kind)
        if found.cases_needed:
            says += tag("span", f" needs about {found.cases_needed:,} cases", class_="dim")
        cells = (
            tag("th", breakable(name), scope="row"),
            tag("td", figure.shown(found.b), class_="r"),
            tag("td", f"<b>{figure.shown(found.a)}</b>", class_="r"),
            tag("td", esc(difference(figure, found)), class_="nowrap"),
            tag("td", says),
        )
        plain = found.verdict == "cannot tell" and name not in gated
        (rest if plain else told).append(tag("tr", "".join(cells)))
    moved = "".join(_moved(name, getattr(against, name)) for name in ("broken", "fixed"))
    none = "" if told else tag("p", "Of no figure can one tell a change.")
    return moved + none + _changes(told) + _folded(rest)


def _changes(lines: Sequence[str]) -> str:
    top = head("figure", "before", "now", "difference", "a change?", right=(1, 2))
    table = tag("table", top + tag("tbody", "".join(lines)))
    return tag("div", table, class_="scroll") if lines else ""


def _folded(lines: Sequence[str]) -> str:
    title = tag("summary", f"{counted(len(lines), 'figure')} without a change that one can tell")
    return tag("details", title + _changes(lines)) if lines else ""


def _moved(name: str, ids: Sequence[str]) -> str:
    if not ids:
        return tag("p", f"{name}: no case", class_="hint")
    more = f" and {len(ids) - IDS:,} more" if len(ids) > IDS else ""
    return tag(
        "p", f"<b>{name}</b> ({counted(len(ids), 'case')}): {esc(', '.join(ids[:IDS]))}{more}"
    )


def risk_section(report: Report) -> str:
    """The risk-coverage curve, and what a lower or higher threshold would give.

    Empty where no run has a confidence.
    """
    points = risk_curve(report.rows)
    if not points:
        return ""
    hint = (
        "If only the surest answers were accepted and a person took the rest: how many could be "
        "answered, and how many of those would be wrong. The dotted line is the best order that "
        "the same answers could have; the dot is what this run did, where a case "
        "given to a person counts as not answered."
    )
    if len(points) < FEW:
        many = counted(len(points), "level")
        hint += f" There is little to rank by: the confidence has only {many}."
    chart = risk_coverage_chart(points, operating_point(report))
    beside = tag("figure", chart) + tag("div", _thresholds(points))
    return tag("p", hint, class_="hint") + tag("div", beside, class_="pair")


def operating_point(report: Report) -> tuple[float, float] | None:
    """The coverage and the risk of the run itself; None where it accepted nothing."""
    coverage = report.figures.get("routing_coverage")
    accuracy = report.figures.get("selective_accuracy")
    if coverage is None or accuracy is None or coverage.value is None or accuracy.value is None:
        return None
    return coverage.value, 1 - accuracy.value


def _thresholds(points: Sequence[RiskPoint]) -> str:
    lines = []
    for risk in RISKS:
        kept = [point for point in points if point.risk <= risk]
        best = max(kept, key=lambda point: point.coverage, default=None)
        cells = (
            ("none", "none", "")
            if best is None
            else (f"{best.threshold:.3f}", f"{best.coverage:.3f}", f"{best.risk:.3f}")
        )
        inner = "".join(tag("td", cell, class_="r") for cell in cells)
        lines.append(tag("tr", tag("th", f"at most {risk:.0%}", scope="row") + inner))
    top = head("wrong of those answered", "confidence from", "coverage", "risk", right=(1, 2, 3))
    hint = "Chosen on these same cases, so a little too good: fix a threshold on others."
    table = tag("table", top + tag("tbody", "".join(lines)), class_="narrow")
    return table + tag("p", hint, class_="hint")


def slices_section(report: Report) -> str:
    """Right runs by tag, the worst first; empty where no case has a tag."""
    if not any(row.case.tags for row in report.rows):
        return ""
    parts = "".join(_sliced(report, metric) for metric in (all_labels, routing_accuracy))
    hint = (
        "Shares by tag, the lowest first. Many slices are looked at here: one that stands out "
        "by chance is to be expected."
    )
    return tag("p", hint, class_="hint") + parts if parts else ""


def _sliced(report: Report, metric: Metric) -> str:
    found = slices(report.rows, metric, confidence=report.confidence)
    if not found:
        return ""
    ordered = sorted(found.values(), key=lambda each: (each.value or 0.0, each.tag))
    lines = []
    for each in ordered[:SLICES]:
        figure = Figure(
            metric=f"{metric.name} of {each.tag or 'untagged'}",
            value=each.value,
            low=each.interval.low,
            high=each.interval.high,
        )
        name = esc(each.tag) if each.tag else "without a tag"
        cells = (
            tag("th", tag("span", name, class_="chip" if each.tag else None), scope="row"),
            tag("td", value_of(figure), class_="r"),
            tag("td", bar(figure), class_="bar"),
            tag("td", esc(figure.interval), class_="nowrap"),
            tag("td", f"{each.cases:,}", class_="r cases"),
        )
        lines.append(tag("tr", "".join(cells)))
    more = len(ordered) - SLICES
    rest = tag("p", f"and {counted(more, 'more tag')}", class_="hint") if more > 0 else ""
    interval = f"{report.confidence:.0%} interval"
    top = head("tag", "value", "from 0 to 1", interval, "cases", right=(1, 4))
    table = _figures(top, lines)
    return tag("h3", breakable(metric.name)) + table + rest
