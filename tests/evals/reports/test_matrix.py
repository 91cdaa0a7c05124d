from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quintet.evals.metrics import confusion
from quintet.evals.reports.matrix import PART, WHOLE, matrix, matrix_section
from quintet.evals.reports.words import judge_rows
from tests.evals.reports.reading import Read
from tests.evals.reports.samples import large_report, pair, plain_report, report_of, rows_of

names = st.integers(min_value=0, max_value=40).map(lambda number: f"r{number:02}")


@given(st.lists(st.tuples(names, names), min_size=1, max_size=80))
def test_putting_routes_together_loses_no_run(pairs):
    rows = rows_of((pair(n, told, got) for n, (told, got) in enumerate(pairs)), metrics=())
    found = confusion(rows)
    shown = matrix(found)
    assert sum(map(sum, shown.counts)) == len(pairs)
    assert len(shown.labels) + shown.others == len(found.labels)
    side = len(shown.labels) + bool(shown.others)
    assert {len(line) for line in shown.counts} == {side}
    assert side <= max(WHOLE, PART + 1)
    right = sum(shown.counts[n][n] for n in range(side)) - shown.mixed
    assert right == sum(told == got for told, got in pairs)


def test_of_many_routes_those_that_are_mixed_up_most_keep_a_line():
    pairs = [pair(n, f"r{n}", f"r{n}") for n in range(40)]
    pairs += [pair(100 + n, "r7", "r9") for n in range(3)]
    shown = matrix(confusion(rows_of(pairs, metrics=())))
    assert (shown.labels, shown.others) == (("r7", "r9"), 38)
    section = matrix_section(judge_rows(report_of(rows_of(pairs))), 0.95)
    assert "“other” is the remaining 38 (0 runs mixed up among themselves)" in section


def test_few_routes_are_all_shown_with_their_counts():
    section = Read(matrix_section(judge_rows(plain_report()), 0.95)).text
    assert "shipping 2 6 8" in section
    assert "shipping → billing \N{MULTIPLICATION SIGN} 2" in section


def test_without_a_label_for_the_route_there_is_no_matrix():
    assert matrix_section((), 0.95) == ""


def test_each_route_has_its_precision_and_recall():
    report = large_report(200, 4, metrics=(), gates=())
    section = Read(matrix_section(judge_rows(report), 0.95)).text
    for each in confusion(report.rows).routes:
        if each.expected:
            assert f"{each.route} {each.expected} {each.chosen} {each.precision:.3f}" in section
