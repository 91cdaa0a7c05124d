from __future__ import annotations

import json
from dataclasses import replace

from quintet.evals.reports.summary import summary
from tests.evals.reports.samples import nasty_report, plain_report, report_of


def test_every_number_of_the_report_is_in_the_summary():
    report = plain_report()
    found = summary(report)
    assert (found["suite"], found["passed"], found["cases"], found["rows"]) == (
        "support",
        False,
        10,
        10,
    )
    for name, figure in report.figures.items():
        for key in ("value", "low", "high", "bound_low", "bound_high", "cases", "unit", "better"):
            assert found["figures"][name][key] == getattr(figure, key)
    assert [(gate["metric"], gate["passed"]) for gate in found["gates"]] == [
        ("routing_accuracy", False),
        ("aurc", True),
    ]
    assert [(each["id"], each["why"]) for each in found["wrong"]] == [
        ("c0", ["route billing, expected shipping"]),
        ("c2", ["route billing, expected shipping"]),
    ]


def test_the_summary_is_json_whatever_is_in_the_report():
    report = nasty_report()
    figure = replace(report.figures["aurc"], value=float("nan"), high=float("inf"))
    odd = replace(report, figures={"aurc": figure}, seconds=float("nan"))
    found = json.loads(json.dumps(summary(odd), allow_nan=False, ensure_ascii=False).encode())
    assert found["figures"]["aurc"]["value"] is None
    assert found["figures"]["aurc"]["high"] is None
    assert found["seconds"] is None


def test_an_empty_report_has_an_empty_summary():
    found = summary(report_of((), expected=3))
    assert (found["rows"], found["wrong"], found["cut_off"], found["passed"]) == (
        0,
        [],
        True,
        False,
    )
