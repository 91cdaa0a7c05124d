from __future__ import annotations

import re

from quintet.evals.compare import compare
from quintet.evals.reports import markdown
from tests.evals.reports.samples import (
    large_report,
    nasty_report,
    pair,
    plain_report,
    report_of,
    rows_of,
)


def cells(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line))


def test_the_verdict_comes_first_then_gates_and_figures_with_intervals():
    report = plain_report()
    lines = markdown(report).splitlines()
    assert lines[0] == "### support: MISS"
    assert "1 of 2 gates missed (routing_accuracy); 2 of 10 runs wrong" in lines[2]
    for figure in report.figures.values():
        line = next(
            line for line in lines if f"`{figure.metric}` | {figure.shown(figure.value)}" in line
        )
        assert figure.interval in line
    assert any("at least 0.500 | **MISS** |" in line for line in lines)


def test_wrong_runs_are_folded_away():
    said = markdown(plain_report())
    folded = said[said.index("<details>") : said.index("</details>")]
    assert "2 wrong runs" in folded
    assert "route billing, expected shipping" in folded


def test_what_stands_in_a_case_makes_no_cell_no_tag_no_link_and_mentions_nobody():
    said = markdown(nasty_report())
    assert "<script>" not in said
    assert "://" not in said
    assert "@maria" not in said
    assert "`tick`" not in said
    table = [line for line in said.splitlines() if line.startswith("| <code>")]
    assert [cells(line) for line in table] == [4]


def test_against_an_earlier_report_figures_stand_beside_the_earlier_ones():
    now = plain_report()
    before = report_of(rows_of([pair(n, "shipping", "billing") for n in range(10)]))
    found = compare(now, before)
    said = markdown(now, found)
    line = next(line for line in said.splitlines() if line.startswith("| `latency_seconds`"))
    assert "| 0.01 |" in line
    assert f"**broken** ({len(found.broken)} case" in said or not found.broken
    assert f"**fixed** ({len(found.fixed)} case" in said
    head = next(line for line in said.splitlines() if line.startswith("| figure"))
    rows = [line for line in said.splitlines() if line.startswith(("| `all", "| `rout", "| `lat"))]
    assert {cells(line) for line in rows if "at least" not in line} == {cells(head)}


def test_a_difference_has_its_sign_and_interval():
    now = plain_report()
    better = plain_report(gates=())
    said = markdown(now, compare(now, better))
    assert "+0.000 [" in said


def test_a_long_report_fits_into_a_comment():
    said = markdown(large_report(300, 20, wrong=1.0))
    assert len(said) < 65_536
    assert "25 of them here" in said


def test_a_report_that_was_cut_off_says_so():
    assert "> **note:** cut off: only 10 of 40 runs were made" in markdown(
        plain_report(expected=40)
    )


def test_an_empty_report_has_no_table():
    assert "|" not in markdown(report_of(()))
