"""Runs on the page: each wrong one with all that is known of it, the right ones as a list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from quintet.evals.metrics.routing import expected_and_chosen
from quintet.evals.report import Report
from quintet.evals.reports.markup import badge, breakable, esc, head, link, tag
from quintet.evals.reports.words import (
    Judged,
    beside,
    calls,
    counted,
    finite,
    said_error,
    short,
    written,
)

FULL = 400
"""So many wrong runs are shown with everything; further ones by what is wrong, for the size."""

TEXT, BRIEF, ITEMS = 1500, 300, 20
"""How long a text and that of a folded run may be, and how many decisions or failures are shown."""


def wrong_section(wrong: Sequence[Judged], broken: Collection[str]) -> str:
    """Every wrong run, folded: its input and what is wrong; then all that is known of it."""
    ordered = sorted(wrong, key=lambda item: item.row.case.id not in broken)
    full = "".join(_card(item, item.row.case.id in broken) for item in ordered[:FULL])
    brief = "".join(_brief(item) for item in ordered[FULL:])
    if not brief:
        return full
    said = (
        f"The page shows the first {FULL} with everything; of the further "
        f"{counted(len(ordered) - FULL, 'run')} only what is wrong."
    )
    return full + tag("p", said, class_="hint") + brief


def right_section(right: Sequence[Judged], report: Report) -> str:
    """The runs that nothing contradicts, one line each."""
    labelled = sum(bool(item.row.case.expects) for item in right)
    unlabelled = len(right) - labelled
    title = f"{counted(len(right), 'run')} that no label contradicts"
    if unlabelled:
        title += f", {unlabelled:,} of them without any label"
    lines = "".join(map(_line, right))
    top = head("run", "input", "route", "confidence", "tags", right=(3,))
    table = tag("div", tag("table", top + tag("tbody", lines), class_="right"), class_="scroll")
    return tag("details", tag("summary", title) + table, id="right") if report.rows else ""


def _line(item: Judged) -> str:
    row = item.row
    cells = (
        tag("th", esc(short(item.name, 60)), scope="row"),
        tag("td", esc(short(row.case.text, 140))),
        tag("td", esc(short(row.trajectory.route, 40))),
        tag("td", _sure(row.trajectory.confidence), class_="r"),
        tag("td", _tags(row.case.tags)),
    )
    return tag("tr", "".join(cells), class_="run")


def _opened(item: Judged, new: bool) -> str:
    row = item.row
    marks = badge("raised", "miss") if row.trajectory.error else ""
    marks += badge("newly wrong", "warn") if new else ""
    title = tag("b", esc(short(item.name, 80)), class_="id")
    why = tag("span", esc(short("; ".join(item.why), 400)), class_="why")
    text = tag("span", esc(short(row.case.text, BRIEF)), class_="text")
    return f"{title} {marks} {text} {why}"


def _pair(item: Judged) -> dict[str, Any]:
    pair = expected_and_chosen(item.row.case, item.row.trajectory)
    return {} if pair is None else {"data_told": pair[0], "data_got": pair[1]}


def _brief(item: Judged) -> str:
    inner = _opened(item, new=False) + tag("span", _tags(item.row.case.tags), class_="chips")
    return tag("div", inner, class_="run case brief", **_pair(item))


def _card(item: Judged, new: bool) -> str:
    body = "".join(_body(item))
    summary = tag("summary", _opened(item, new))
    return tag(
        "details", summary + tag("div", body, class_="body"), class_="run case", **_pair(item)
    )


def _body(item: Judged) -> Iterator[str]:
    row, run = item.row, item.row.trajectory
    if row.case.tags:
        yield tag("p", _tags(row.case.tags), class_="chips")
    if not _shown_above(item):
        yield _block("input", tag("pre", esc(_long(_input(item)))))
    yield _labels(item)
    if run.error:
        yield _block("raised", tag("pre", esc(_long(run.error)), class_="error"))
    if run.path:
        nodes = " → ".join(tag("span", esc(short(node, 60)), class_="node") for node in run.path)
        yield _block("path", tag("p", nodes, class_="path"))
    yield _listed("decisions", [_decision(each) for each in run.decisions])
    yield _listed("failures", [esc(short(each, 400)) for each in run.failures])
    if run.calls:
        yield _block("calls", tag("p", esc(_long(calls(run.calls)))))
    if run.answer not in (None, ""):
        yield _block("answer", tag("pre", esc(_long(written(run.answer)))))
    yield _listed("metrics that raised", [esc(_long(each)) for each in said_error(row.errors)])
    yield tag("p", " · ".join(_facts(item)), class_="hint")


def _shown_above(item: Judged) -> bool:
    """Whether the input is no more than the text that the folded run shows already."""
    given, text = item.row.case.input, item.row.case.text
    return len(text) <= BRIEF and (isinstance(given, str) or written(given) == text)


def _input(item: Judged) -> str:
    given = item.row.case.input
    return given if isinstance(given, str) else written(given)


def _labels(item: Judged) -> str:
    lines = []
    for each in beside(item.row):
        mark = badge("wrong", "miss") if each.wrong else ""
        cells = (
            tag("th", f"{esc(each.label)} {mark}", scope="row"),
            tag("td", breakable(_long(each.expected))),
            tag("td", breakable(_long(each.got))),
        )
        lines.append(tag("tr", "".join(cells), class_="off" if each.wrong else None))
    if not lines:
        return ""
    return tag("table", head("label", "expected", "got") + tag("tbody", "".join(lines)))


def _decision(decision: Any) -> str:
    sure = "" if decision.confidence is None else f" {_sure(decision.confidence)}"
    who = decision.who or decision.by
    place = tag("span", esc(short(f"{decision.kind} at {decision.node}", 100)), class_="dim")
    choice = tag("b", esc(short(decision.choice, 100)))
    return f"{place} {choice}{sure} by {esc(short(who, 60))}: {esc(short(decision.reason, 400))}"


def _facts(item: Judged) -> Iterator[str]:
    run = item.row.trajectory
    sure = "" if run.confidence is None else f" with confidence {_sure(run.confidence)}"
    if run.route or sure:
        tier = f" by {esc(run.tier)}" if run.tier else ""
        best = f", likeliest {esc(run.best)}" if run.best and run.best != run.route else ""
        yield f"route {esc(run.route or 'nobody')}{sure}{tier}{best}"
    yield f"status {esc(run.status)}" + (f": {esc(short(run.reason, 300))}" if run.reason else "")
    if run.faults:
        yield f"faults put in: {esc(', '.join(run.faults))}"
    if finite(run.seconds):
        yield f"{run.seconds:.3g} s"
    for name, amount in run.spent.items():
        yield f"{esc(name)} {amount:,.6g}"
    if run.url:
        yield link(run.url, "trace")


def _listed(name: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    more = [f"and {len(items) - ITEMS} more"] if len(items) > ITEMS else []
    inner = "".join(tag("li", each) for each in [*items[:ITEMS], *more])
    return _block(name, tag("ol", inner))


def _block(name: str, inner: str) -> str:
    return tag("div", tag("h4", esc(name)) + inner, class_="block")


def _tags(tags: Sequence[str]) -> str:
    return " ".join(tag("span", esc(name), class_="chip") for name in tags)


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.2f}"


def _long(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[:TEXT]}… ({len(text) - TEXT:,} more characters)"
