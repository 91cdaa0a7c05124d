from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import pytest

from quintet.evals.case import Case
from quintet.evals.compare import compare
from quintet.evals.reports import page
from quintet.evals.reports.notebook import notebook
from quintet.evals.trajectory import Trajectory
from tests.evals.reports.reading import Read, joined
from tests.evals.reports.samples import (
    NASTY,
    QUICK,
    large_report,
    nasty_report,
    pair,
    plain_report,
    report_of,
    rows_of,
)

LOADING = ("src", "srcset", "data", "poster", "background", "action", "formaction", "xlink:href")


def unlabelled():
    return report_of(rows_of([(Case(input="hi"), Trajectory(path=("a",)))]))


REPORTS = {
    "plain": plain_report,
    "nasty": nasty_report,
    "empty": lambda: report_of(()),
    "unlabelled": unlabelled,
    "cut_off": lambda: plain_report(expected=40),
    "large": lambda: large_report(60, 30, wrong=0.4),
}


@pytest.mark.parametrize("name", REPORTS)
def test_every_element_is_closed_and_no_id_is_given_twice(name):
    read = Read(page(REPORTS[name]()))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_loads_nothing(name):
    source = page(REPORTS[name]())
    read = Read(source)
    assert {tag for tag, _ in read.elements} & {"link", "iframe", "object", "embed", "img"} == set()
    loaded = [key for _, attributes in read.elements for key in LOADING if key in attributes]
    assert loaded == []
    style = source[source.index("<style>") : source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_allows_no_script_but_its_own():
    source = page(nasty_report())
    policy = next(each["content"] for each in Read(source).all("meta") if "http-equiv" in each)
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL)[1]
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{own}'" in policy


@pytest.mark.parametrize("write", [page, notebook])
@pytest.mark.parametrize(
    "text",
    [
        NASTY,
        '" onmouseover="alert(1)',
        "</script><b>",
        "</style><i>",
        "</title></svg><i>",
        "' zz='",
        "{{ 7 * 7 }}{% raw %}",
    ],
)
def test_no_text_becomes_markup(text, write):
    read = Read(write(nasty_report(text)))
    plain = {tag for tag, _ in Read(write(nasty_report("plain"))).elements}
    assert {tag for tag, _ in read.elements} <= plain
    assert len(read.all("script")) == (write is page)
    assert [a for _, attrs in read.elements for a in attrs if a.startswith("on") or a == "zz"] == []
    if "quoted" not in text:
        assert text in read.text


@pytest.mark.parametrize("write", [page, notebook])
def test_html_is_a_plain_text_to_which_more_can_be_added(write):
    assert (write(plain_report()) + "<b>").endswith("<b>")


def test_a_trace_is_a_link_only_to_the_web():
    assert "javascript:" not in "".join(
        a.get("href") or "" for a in Read(page(nasty_report())).all("a")
    )
    report = plain_report(url="https://smith.example/x")
    link = next(a for a in Read(page(report)).all("a") if a["href"].startswith("https"))
    assert link["rel"] == "noreferrer noopener"
    unreadable = Read(page(plain_report(url="http://[bad")))
    assert not any("bad" in (a["href"] or "") for a in unreadable.all("a"))


@pytest.mark.parametrize("name", ["plain", "large"])
def test_the_numbers_on_the_page_are_those_of_the_report(name):
    report = REPORTS[name]()
    source = joined(page(report))
    section = source[source.index('id="figures"') :]
    for figure in report.figures.values():
        row = re.search(rf"<tr><th [^>]*>{figure.metric}\b.*?</tr>", section, re.DOTALL)
        assert f"<b>{figure.shown(figure.value)}</b>" in row[0]
        assert figure.interval in row[0]
        assert f">{figure.cases:,}<" in row[0]
    for verdict in report.verdicts:
        assert verdict.why in Read(source).text


def test_verdict_and_gates_stand_before_everything_else():
    source = page(plain_report())
    read = Read(source)
    assert "MISS" in read.text[:60]
    assert "1 of 2 gates missed (routing_accuracy); 2 of 10 runs wrong." in read.text
    sections = [attributes["id"] for attributes in read.all("section")]
    assert sections == ["gates", "figures", "confusion", "risk", "slices", "wrong"]


def test_a_wrong_run_is_shown_with_all_that_is_known_of_it():
    said = joined(page(large_report(200, 6, wrong=0.3, metrics=QUICK, gates=())))
    card = re.search(r'<details class="run case".*?</details>', said, re.DOTALL)[0]
    for part in ("expected", "got", " → ", "route at router", "nearest examples say", "lookup("):
        assert part in card
    assert "RuntimeError: the model is gone" in joined(
        page(large_report(900, 6, metrics=QUICK, gates=()))
    )


def test_what_raised_failed_and_was_called_is_on_the_page():
    text = "it broke"
    said = Read(page(nasty_report(text))).text
    assert "raised" in said
    assert "it broke: timeout: it broke" in said
    assert "it broke(a=it broke) [failed]" in said
    assert "faults put in: it broke" in said


def test_every_wrong_run_is_a_case_and_every_right_run_a_line():
    report = plain_report()
    read = Read(page(report))
    runs = read.classed("run")
    assert [tag for tag, _ in runs] == ["details"] * 2 + ["tr"] * 8


def test_more_wrong_runs_than_fit_are_shown_in_brief():
    report = large_report(420, 4, wrong=1.0, metrics=QUICK, gates=())
    read = Read(page(report))
    assert len(read.classed("case")) == len(report.wrong)
    assert len(read.classed("brief")) == len(report.wrong) - 400
    assert "of the further" in read.text


@pytest.mark.parametrize("wrong", [0.1, 1.0])
def test_two_thousand_cases_make_no_more_than_three_megabytes(wrong):
    assert (
        len(page(large_report(2000, 150, wrong=wrong, metrics=QUICK, gates=())).encode())
        < 3_000_000
    )


def test_a_cell_off_the_diagonal_leads_to_its_runs():
    read = Read(page(plain_report()))
    cells = [a for a in read.all("a") if a.get("data-told")]
    assert {(a["data-told"], a["data-got"]) for a in cells} == {("shipping", "billing")}
    assert "c0, c2" in cells[0]["title"]
    runs = [attributes for tag, attributes in read.classed("case")]
    assert {(a["data-told"], a["data-got"]) for a in runs} == {("shipping", "billing")}


def test_the_run_s_own_coverage_and_risk_are_on_its_curve():
    names = ("routing_accuracy", "routing_coverage", "selective_accuracy", "aurc")
    from quintet.evals.metrics import STANDARD

    metrics = [metric for metric in STANDARD if metric.name in names]
    report = large_report(200, 5, metrics=metrics, gates=())
    coverage = report["routing_coverage"].value
    risk = 1 - report["selective_accuracy"].value
    assert f"this run: coverage {coverage:.3f}, risk {risk:.3f}" in page(report)


def test_every_picture_has_a_title_and_every_head_a_scope():
    read = Read(page(plain_report()))
    assert len(read.all("svg")) == len(read.all("title")) - 1
    assert {attributes.get("scope") for attributes in read.all("th")} == {"col", "row"}
    assert len(read.all("desc")) == 1


def test_the_filter_is_hidden_where_no_script_runs():
    tools = next(a for _, a in Read(page(plain_report())).elements if a.get("id") == "tools")
    assert "hidden" in tools


def test_a_report_that_was_cut_off_says_so_at_the_top():
    said = Read(page(plain_report(gates=(), expected=40))).text
    assert "Cut off: only 10 of 40 runs were made" in said[:300]
    assert said.index("MISS") < 60


def test_an_empty_report_is_a_page():
    read = Read(page(report_of(())))
    assert "No case was run." in read.text
    assert [attributes["id"] for attributes in read.all("section")] == ["gates", "figures"]


def test_without_labels_no_run_is_called_right():
    said = Read(page(unlabelled())).text
    assert "1 run that no label contradicts, 1 of them without any label" in said
    assert "no case has a label" in said.lower()


def test_against_an_earlier_report_the_page_says_what_changed():
    before = report_of(rows_of([pair(n, "billing", "billing") for n in range(10)]))
    now = report_of(rows_of([pair(n, "billing", "shipping") for n in range(10)]))
    found = compare(now, before)
    said = Read(page(now, found)).text
    assert f"broken ({len(found.broken)} cases): c0, c1" in said
    assert "newly wrong" in said
    assert "worse" in said
    assert found["routing_accuracy"].verdict == "worse"


def test_a_metric_that_raised_is_said():
    report = plain_report()
    figure = replace(report["aurc"], errors=3)
    row = replace(report.rows[0], errors={"aurc": "ValueError: no"})
    odd = replace(report, figures={"aurc": figure}, rows=(row, *report.rows[1:]))
    said = Read(page(odd)).text
    assert "the metric raised 3 times" in said
    assert "metric aurc raised ValueError: no" in said


def test_few_confidences_are_said_to_be_little_to_rank_by():
    pairs = [pair(n, "billing", "billing", confidence=1.0) for n in range(5)]
    assert (
        "There is little to rank by: the confidence has only 1 level."
        in Read(page(report_of(rows_of(pairs)))).text
    )
    assert "little to rank by" not in page(large_report(60, 5))
