from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from quintet.evals.metrics import STANDARD
from quintet.evals.reports.notebook import notebook
from tests.evals.reports.reading import Read, pictures
from tests.evals.reports.samples import large_report, nasty_report, plain_report, report_of


@pytest.mark.parametrize(
    "report", [plain_report(), nasty_report(), report_of(())], ids=["plain", "nasty", "empty"]
)
def test_a_cell_holds_only_what_survives_in_an_untrusted_notebook(report):
    read = Read(notebook(report))
    assert {tag for tag, _ in read.elements} & {"style", "script", "svg", "link", "a"} == set()
    assert [
        a for _, attrs in read.elements for a in attrs if a.startswith("on") or a == "class"
    ] == []
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in read.all("img"))


def test_every_cell_of_a_table_is_aligned_to_the_left():
    cells = [a for tag, a in Read(notebook(plain_report())).elements if tag in ("td", "th")]
    assert cells
    assert all("text-align:left" in attributes["style"] for attributes in cells)


def test_the_numbers_in_the_cell_are_those_of_the_report():
    report = plain_report()
    said = Read(notebook(report)).text
    for figure in report.figures.values():
        assert f"{figure.metric} {figure.shown(figure.value)}" in said
        assert figure.interval in said
    assert "route billing, expected shipping" in said
    assert "1 of 2 gates missed (routing_accuracy)" in said


def test_every_picture_is_valid_and_says_what_it_shows():
    source = notebook(plain_report())
    found = pictures(source)
    assert len(found) == len(Read(source).all("img")) == 5
    for picture in found:
        assert ET.fromstring(picture).find("{http://www.w3.org/2000/svg}title").text
        assert "var(" not in picture
    assert all(image["alt"] for image in Read(source).all("img"))


def test_many_figures_and_wrong_runs_are_folded_away():
    report = large_report(60, 5, wrong=0.6, metrics=STANDARD)
    read = Read(notebook(report))
    assert len(read.all("details")) == 2
    assert "more figures" in read.text


def test_a_report_shows_itself_in_a_notebook_by_both_forms():
    bundle = plain_report()._repr_mimebundle_()
    assert bundle["text/html"] == notebook(plain_report())
    assert bundle["text/plain"].endswith("2 of 10 runs wrong")


def test_a_report_that_was_cut_off_says_so():
    assert "only 10 of 40 runs were made" in notebook(plain_report(expected=40))
