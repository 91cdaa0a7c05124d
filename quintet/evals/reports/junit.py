"""A report as JUnit XML, for the test tab of a CI server."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from quintet.evals.gate import Verdict
from quintet.evals.report import Report
from quintet.evals.reports.words import (
    ARROW,
    Judged,
    clean,
    cut_off,
    judged,
    said_error,
    short,
    verdict,
    wanted,
)


def junit(report: Report) -> str:
    """A report as JUnit XML: a test for each gate and for each run of a case.

    The file is red exactly where `report.passed` is false, and so where `quintet eval` exits with
    1. Gates decide that: a suite that must reach 92 % is not broken by 5 wrong cases in 100, and a
    CI server that saw them as failures would be red for ever. So while everything passes a wrong
    case is a skipped test, with the reason as its message: it shows, and it breaks nothing. Once
    a gate is missed, wrong cases are failures, and those that raised are errors, so that the list
    of failed tests is the list of what to look at. A report that was cut off has an error of its
    own.
    """
    rows = judged(report)
    suite = Element("testsuite", name=clean(report.suite), tests="0")
    _properties(suite, report)
    if cut := cut_off(report):
        problem = _test(suite, f"{report.suite}.gates", "the evaluation is whole", 0.0)
        SubElement(problem, "error", type="cut off", message=clean(cut))
    for each in report.verdicts:
        _gate(suite, report, each)
    for item in rows:
        _case(suite, report, item)
    _totals(suite, report)
    whole = Element("testsuites", {**suite.attrib, "name": "quintet"})
    whole.attrib.pop("timestamp", None)
    whole.append(suite)
    indent(whole)
    text = tostring(whole, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _properties(suite: Element, report: Report) -> None:
    box = SubElement(suite, "properties")
    found = {"verdict": verdict(report), "fingerprint": report.fingerprint, **report.versions}
    for name, figure in report.figures.items():
        found[name] = str(figure).removeprefix(f"{figure.metric} ")
    for number, note in enumerate(report.notes, start=1):
        found[f"note {number}"] = note
    for name, value in found.items():
        SubElement(box, "property", name=clean(name), value=clean(value))


def _test(suite: Element, place: str, name: str, seconds: float) -> Element:
    time = f"{seconds:.3f}" if isfinite(seconds) else "0.000"
    return SubElement(suite, "testcase", classname=clean(place), name=clean(name), time=time)


def _gate(suite: Element, report: Report, verdict: Verdict) -> None:
    figure = report.figures.get(verdict.gate.metric)
    asked = wanted(verdict.gate, "share" if figure is None else figure.unit)
    name = f"{verdict.gate.metric}: {asked}"
    made = _test(suite, f"{report.suite}.gates", name, 0.0)
    if verdict.passed:
        SubElement(made, "system-out").text = clean(verdict.why)
    else:
        SubElement(made, "failure", type="gate missed", message=clean(verdict.why))


def _case(suite: Element, report: Report, item: Judged) -> None:
    row = item.row
    made = _test(suite, report.suite, item.name, row.trajectory.seconds)
    message = clean("; ".join(item.why))
    if item.why and report.passed:
        SubElement(made, "skipped", message=f"wrong, gates pass: {message}")
    elif item.why:
        kind, said = ("error", "raised") if row.trajectory.error else ("failure", "wrong")
        SubElement(made, kind, type=said, message=message)
    told = [*_told(item)] if item.why or row.errors else []
    if told:
        SubElement(made, "system-out").text = clean("\n".join(told))


def _told(item: Judged) -> Iterable[str]:
    case, run = item.row.case, item.row.trajectory
    yield f"input: {short(case.text, 500)}"
    if run.path:
        yield f"path: {ARROW.join(run.path)}"
    yield from map(str, run.decisions)
    yield from map(str, run.failures)
    yield from said_error(item.row.errors)
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
