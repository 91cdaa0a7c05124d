"""Write a report as JUnit XML, for the test tab of a CI server."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from quintet.evals.compare import Compared
from quintet.evals.gate import Verdict
from quintet.evals.report import Report
from quintet.evals.reports.words import (
    ARROW,
    JudgedRow,
    clean,
    cut_off,
    judge_rows,
    metric_errors,
    requirement,
    short,
    verdict_line,
)


def junit(report: Report, against: Compared | None = None) -> str:
    """Write a report as JUnit XML, with a test for each gate and for each run of a case.

    The file is red exactly where `report.passed` is false, and so where `quintet eval` exits with
    1. Gates decide that: a suite that must reach 92 % is not broken by 5 wrong cases in 100, and a
    CI server that saw them as failures would be red for ever. So while everything passes a wrong
    case is a skipped test, with the reason as its message: it shows, and it breaks nothing. Once
    a gate is missed, wrong cases are failures, and those that raised are errors, so that the list
    of failed tests is the list of what to look at. A report that was cut off has an error of its
    own. The properties tell what a comparison with an earlier report leaves out.
    """
    rows = judge_rows(report)
    suite = Element("testsuite", name=clean(report.suite), tests="0")
    _properties(suite, report, () if against is None else against.notes)
    if cut := cut_off(report):
        problem = _test(suite, f"{report.suite}.gates", "the evaluation is whole", 0.0)
        SubElement(problem, "error", type="cut off", message=clean(cut))
    for verdict in report.verdicts:
        _gate(suite, report, verdict)
    for item in rows:
        _case(suite, report, item)
    _totals(suite, report)
    # `is_junit` knows our files by this name, and the format has no time on the outer element.
    root = Element("testsuites", {**suite.attrib, "name": "quintet"})
    root.attrib.pop("timestamp", None)
    root.append(suite)
    indent(root)
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _properties(suite: Element, report: Report, against: Iterable[str]) -> None:
    box = SubElement(suite, "properties")
    facts = {"verdict": verdict_line(report), "fingerprint": report.fingerprint, **report.versions}
    for name, figure in report.figures.items():
        facts[name] = str(figure).removeprefix(f"{figure.metric} ")
    for number, note in enumerate(report.notes, start=1):
        facts[f"note {number}"] = note
    for number, note in enumerate(against, start=1):
        facts[f"against, note {number}"] = note
    for name, value in facts.items():
        SubElement(box, "property", name=clean(name), value=clean(value))


def _test(suite: Element, place: str, name: str, seconds: float) -> Element:
    time = f"{seconds:.3f}" if isfinite(seconds) else "0.000"
    return SubElement(suite, "testcase", classname=clean(place), name=clean(name), time=time)


def _gate(suite: Element, report: Report, verdict: Verdict) -> None:
    figure = report.figures.get(verdict.gate.metric)
    name = f"{verdict.gate.metric}: {requirement(verdict.gate, figure)}"
    test = _test(suite, f"{report.suite}.gates", name, 0.0)
    if verdict.passed:
        SubElement(test, "system-out").text = clean(verdict.why)
    else:
        SubElement(test, "failure", type="gate missed", message=clean(verdict.why))


def _case(suite: Element, report: Report, item: JudgedRow) -> None:
    row = item.row
    test = _test(suite, report.suite, item.name, row.trajectory.seconds)
    message = clean("; ".join(item.why))
    if item.why and report.passed:
        SubElement(test, "skipped", message=f"wrong, gates pass: {message}")
    elif item.why:
        tag, kind = ("error", "raised") if row.trajectory.error else ("failure", "wrong")
        SubElement(test, tag, type=kind, message=message)
    if item.why or row.errors:
        SubElement(test, "system-out").text = clean("\n".join(_details(item)))


def _details(item: JudgedRow) -> Iterable[str]:
    case, run = item.row.case, item.row.trajectory
    yield f"input: {short(case.text, 500)}"
    if run.path:
        yield f"path: {ARROW.join(run.path)}"
    yield from map(str, run.decisions)
    yield from map(str, run.failures)
    yield from metric_errors(item.row.errors)
    if run.url:
        yield run.url


def _totals(suite: Element, report: Report) -> None:
    tests = suite.findall("testcase")
    suite.set("tests", str(len(tests)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(test.find(tag) is not None for test in tests)))
    suite.set("time", f"{report.seconds:.3f}" if isfinite(report.seconds) else "0.000")
    if report.began:
        suite.set("timestamp", clean(report.began))
