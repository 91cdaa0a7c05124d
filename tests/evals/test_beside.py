"""Test several targets on the same cases, side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quintet.evals import Case, Gate, Suite, Trajectory, evaluate, side_by_side
from quintet.evals.reports import page
from quintet.state import DesignError

CASES = [Case(id=f"{number:03}", input=f"text {number}", route="x") for number in range(120)]
SUITE = Suite(
    cases=CASES, target=None, gates=[Gate(metric="routing_accuracy", at_least=0.6)], seed=3
)


def right(share: float):
    return lambda case: Trajectory(
        route="x" if int(case.id) < share * len(CASES) else "y", seconds=0.5
    )


def test_targets_stand_side_by_side_with_verdicts_against_the_first():
    ended: list[tuple[int, int]] = []
    both = side_by_side(
        SUITE,
        {"old": right(0.8), "new": right(1.0), "bad": right(0.3)},
        progress=lambda done, total: ended.append((done, total)),
    )
    assert both.compared["new"]["routing_accuracy"].verdict == "better"
    assert both.compared["bad"]["routing_accuracy"].verdict == "worse"
    assert not both.passed
    assert both["new"].passed
    assert ended[-1] == (360, 360)
    lines = str(both).splitlines()
    assert lines[0].split() == ["figure", "old", "new", "bad"]
    line = next(line for line in lines if line.startswith("routing_accuracy"))
    assert "1.000" in line
    assert line.endswith("-")
    assert [line.split() for line in lines if line.startswith("gates")] == [
        ["gates", "pass", "pass", "MISS"]
    ]


def test_a_report_stands_for_its_target_and_one_on_other_cases_is_refused():
    report = evaluate(SUITE.on(right(0.8)))
    both = side_by_side(SUITE, {"old": report, "new": right(0.8)})
    assert both["old"] is report
    assert not both.compared["new"].better
    other = evaluate(right(0.8), CASES[:5])
    with pytest.raises(DesignError, match="'old' is on other cases"):
        side_by_side(SUITE, {"old": other, "new": right(0.8)})


def test_one_target_alone_is_refused_and_an_unknown_name_too():
    with pytest.raises(DesignError, match="1 targets"):
        side_by_side(SUITE, {"old": right(0.8)})
    with pytest.raises(DesignError, match="no target is named 'odd'"):
        side_by_side(SUITE, {"old": right(0.8), "new": right(1.0)})["odd"]


def test_a_note_on_all_targets_is_told_once_and_one_on_some_with_their_names():
    both = side_by_side(SUITE, {"old": right(0.8), "new": right(1.0), "bad": right(0.0)})
    lines = str(both).splitlines()
    assert lines.count("route: always saying 'x' would score 1.00") == 1
    odd = replace(evaluate(SUITE.on(right(0.8))), notes=("slow", "slow"))
    lines = str(side_by_side(SUITE, {"old": right(0.8), "odd": odd})).splitlines()
    assert lines.count("odd: slow") == 1
    assert "old: route: always saying 'x' would score 1.00" in lines


def test_the_table_gives_each_figure_with_its_difference_and_names_the_worse_targets():
    both = side_by_side(SUITE, {"old": right(0.8), "new": right(1.0), "bad": right(0.3)})
    assert both.names == tuple(both["old"].figures)
    (old, none), (new, better), (bad, worse) = both.row("routing_accuracy")
    assert (old, new, bad) == tuple(each["routing_accuracy"] for each in both.reports.values())
    assert none is None
    assert better is not None
    assert worse is not None
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert both.worse == ("bad",)
    assert [*both.row("nothing")] == [(None, None)] * 3


def test_the_page_shows_the_targets_side_by_side():
    both = side_by_side(SUITE, {"old": right(0.8), "new <b>": right(1.0), "bad": right(0.3)})
    html = page(both["old"], beside=both)
    _, _, section = html.partition('id="beside"')
    table, _, _ = section.partition("</table>")
    assert table.count('<th scope="col" class="r">') == 3
    assert "new &lt;b&gt;" in table
    row = table[table.index("routing_") :].partition("</tr>")[0]
    assert row.count(">better<") == row.count(">worse<") == 1
    assert table.count(">MISS<") == 1
    assert 'id="beside"' not in page(both["old"])


def test_a_figure_that_one_target_lacks_is_none_in_the_table():
    def named(case):
        return Trajectory(route="x", seconds=0.5, confidence=0.5, best="x")

    both = side_by_side(replace(SUITE, gates=()), {"old": right(0.8), "sure": named})
    lines = str(both).splitlines()
    [line] = [line for line in lines if line.startswith("calibration_error")]
    assert line.split()[1] == "none"
    assert not any(line.startswith("gates") for line in lines)
    assert ">none<" in page(both["old"], beside=both)
