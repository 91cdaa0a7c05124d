from __future__ import annotations

import io

import pytest
from rich.console import Console

from quintet.evals.metrics import STANDARD
from quintet.evals.report import Report
from quintet.evals.reports import show, text
from quintet.evals.reports.words import verdict_line
from tests.evals.reports.samples import large_report, nasty_report, plain_report, report_of


def shown(report: Report, **options) -> str:
    file = io.StringIO()
    show(report, Console(file=file, width=80, **options))
    return file.getvalue()


def test_every_figure_and_gate_is_a_line_and_the_verdict_is_the_last():
    report = plain_report()
    lines = text(report).splitlines()
    for figure in report.figures.values():
        line = next(line for line in lines if line.startswith(figure.metric))
        assert figure.shown(figure.value) in line
        assert figure.interval in line
    assert lines[-1] == verdict_line(report)
    assert "MISS routing_accuracy: 0.800" in text(report)
    assert "pass aurc" in text(report)


def test_the_first_wrong_runs_are_shown_with_what_is_wrong():
    assert "c0  message 0\n    route billing, expected shipping" in text(plain_report())


def test_a_report_with_all_metrics_fits_on_a_screen():
    report = large_report(60, 5, wrong=0.5, metrics=STANDARD, notes=tuple("abcdef"))
    said = text(report)
    assert len(said.splitlines()) <= 40
    assert "more figures" in said
    assert "and 2 more notes" in said


def test_gated_figures_are_shown_though_there_are_many():
    report = large_report(30, 5, metrics=STANDARD)
    assert all(each.gate.metric in text(report).split("and ")[0] for each in report.verdicts)


def test_the_text_has_no_colour_and_no_control_characters():
    said = text(nasty_report())
    assert [c for c in said if ord(c) < 32 and c != "\n"] == []
    said.encode()


def test_markup_in_a_case_is_not_read_as_markup():
    assert "[bold]x[/bold] [/]" in text(nasty_report("[bold]x[/bold] [/]"))


def test_a_terminal_gets_colours_and_no_color_takes_them_away(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31mMISS" in shown(plain_report(), force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in shown(plain_report(), force_terminal=True, color_system="standard")


@pytest.mark.parametrize("width", [20, 40, 200])
def test_any_width_shows_the_verdict(width):
    file = io.StringIO()
    show(plain_report(), Console(file=file, width=width))
    assert "2 of 10 runs wrong" in " ".join(file.getvalue().split())


def test_a_report_that_was_cut_off_says_so():
    assert "only 10 of 12 runs were made" in text(plain_report(expected=12))


def test_an_empty_report_is_two_lines():
    assert text(report_of(())) == "support: 0 cases, 12.5 s\n\nno gates: no case was run"
