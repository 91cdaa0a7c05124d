from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from quintet.evals.gate import Gate
from quintet.evals.report import Report
from quintet.evals.reports import junit
from tests.evals.reports.samples import nasty_report, pair, plain_report, report_of, rows_of

EASY = (Gate(metric="routing_accuracy", at_least=0.1),)


def suite_of(report: Report) -> ET.Element:
    found = ET.fromstring(junit(report).encode()).find("testsuite")
    assert found is not None
    return found


def cases_of(report: Report) -> dict[str, ET.Element]:
    return {test.get("name"): test for test in suite_of(report).iter("testcase")}


def test_each_gate_and_each_run_is_a_test():
    suite, tests = suite_of(plain_report()), cases_of(plain_report())
    assert [*tests][:2] == ["routing_accuracy: at least 0.500", "aurc: at most 0.600"]
    assert [*tests][2:] == [f"c{number}" for number in range(10)]
    assert suite.get("tests") == "12"
    assert suite.get("failures") == "3"


def test_a_missed_gate_is_a_failure_and_so_are_the_wrong_runs_then():
    tests = cases_of(plain_report())
    assert "lower bound" in tests["routing_accuracy: at least 0.500"].find("failure").get("message")
    assert tests["c0"].find("failure").get("message") == "route billing, expected shipping"
    assert tests["c1"].find("failure") is None


def test_while_the_gates_pass_a_wrong_run_is_skipped_with_its_reason():
    report = plain_report(gates=EASY)
    skipped = cases_of(report)["c0"].find("skipped")
    assert "route billing, expected shipping" in skipped.get("message")
    assert (suite_of(report).get("failures"), suite_of(report).get("skipped")) == ("0", "2")


@pytest.mark.parametrize("gates", [(), EASY, (Gate(metric="routing_accuracy", at_least=0.9),)])
@pytest.mark.parametrize("expected", [10, 11])
def test_the_file_is_red_exactly_where_the_report_does_not_pass(gates, expected):
    report = plain_report(gates=gates, expected=expected)
    suite = suite_of(report)
    red = int(suite.get("failures")) + int(suite.get("errors"))
    assert bool(red) is not report.passed


def test_a_run_that_raised_is_an_error():
    report = nasty_report()
    raised = next(test for test in cases_of(report).values() if test.find("error") is not None)
    assert raised.find("error").get("type") == "raised"
    assert "path: " in raised.find("system-out").text


def test_control_characters_brackets_and_emoji_leave_valid_xml():
    report = nasty_report()
    name = suite_of(report).get("name")
    assert "]]>" in name
    assert "🚚" in name
    assert "\x1b" not in name


def test_repeats_of_a_case_are_cases_of_their_own():
    report = plain_report()
    again = replace(report, rows=(*report.rows, replace(report.rows[0], repeat=1)))
    assert "c0 (run 2)" in cases_of(again)


def test_figures_are_properties():
    found = {
        item.get("name"): item.get("value") for item in suite_of(plain_report()).iter("property")
    }
    assert found["routing_accuracy"] == "0.800 [0.490, 0.943] (10 cases)"


def test_an_empty_report_is_valid():
    assert suite_of(report_of(())).get("tests") == "0"


def test_a_report_that_was_cut_off_has_an_error_of_its_own():
    right = rows_of([pair(1, "billing", "billing")])
    suite = suite_of(report_of(right, expected=2))
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert "only 1 of 2 runs were made" in suite.find("testcase/error").get("message")
