from __future__ import annotations

import pytest

from quintet.evals.case import Case
from quintet.evals.gate import Gate
from quintet.evals.reports.words import clean, compare_labels, requirement, short, verdict_line
from quintet.evals.row import Row
from quintet.evals.trajectory import ToolCall, Trajectory
from tests.evals.reports.samples import plain_report, report_of, rows_of


def test_the_verdict_counts_missed_gates_and_wrong_runs():
    assert verdict_line(plain_report()) == (
        "MISS: 1 of 2 gates missed (routing_accuracy); 2 of 10 runs wrong"
    )


def test_a_report_that_reaches_its_gate_passes_though_runs_are_wrong():
    report = plain_report(gates=(Gate(metric="routing_accuracy", at_least=0.1),))
    assert verdict_line(report) == "pass: its gate passed; 2 of 10 runs wrong"


def test_without_gates_nothing_is_said_to_pass():
    assert verdict_line(plain_report(gates=())) == "no gates: 2 of 10 runs wrong"


def test_a_report_that_was_cut_off_misses_and_says_so_first():
    said = verdict_line(plain_report(gates=(), expected=40))
    assert said.startswith("MISS: cut off: only 10 of 40 runs were made")


def test_an_empty_report_says_that_no_case_was_run():
    assert verdict_line(report_of(())) == "no gates: no case was run"


def test_cases_without_labels_are_not_called_right():
    report = report_of(rows_of([(Case(input="hi"), Trajectory())]))
    assert verdict_line(report) == "no gates: no case has a label, so nothing can be wrong"


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (Gate(metric="a", at_least=0.92), "at least 0.920"),
        (Gate(metric="a", at_most=0.03), "at most 0.030"),
        (Gate(metric="a", none=True), "none"),
    ],
)
def test_a_gate_says_what_it_asks_for(gate, said):
    assert requirement(gate) == said


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\x9b", "\ud800", "\u202e", "\uffff"])
def test_what_would_break_a_reader_is_replaced(bad):
    assert clean(f"a{bad}b") == "a\ufffdb"


def test_a_long_text_is_one_line_with_an_ellipsis():
    assert short("one\ntwo three four", 9) == "one two…"


def test_each_label_stands_beside_what_the_run_did_the_wrong_ones_first():
    case = Case(
        input="x",
        route=("a", "b"),
        plan=("a", "b"),
        calls=("pay",),
        path=("a", "end"),
        outcome="done",
        escalate=False,
        approval=True,
        never=("void",),
        state={"paid": 1},
        answer="yes",
    )
    run = Trajectory(
        route="a",
        plan=("a",),
        calls=(ToolCall(name="pay", arguments={"n": 2}, status="refused"),),
        path=("a", "end"),
        escalated=True,
        state={"paid": 1, "more": 2},
        answer="no",
    )
    found = {each.label: each for each in compare_labels(Row(case=case, trajectory=run))}
    assert [each.label for each in found.values() if each.wrong] == [*found][:4]
    assert {name for name, each in found.items() if each.wrong} == {
        "plan",
        "calls",
        "escalate",
        "approval",
    }
    assert (found["route"].expected, found["route"].got) == ("a or b", "a")
    assert (found["plan"].expected, found["plan"].got) == ("a → b", "a")
    assert found["calls"].got == "pay(n=2) [refused]"
    assert (found["escalate"].expected, found["escalate"].got) == (
        "stays with the agents",
        "goes to a person",
    )
    assert (found["approval"].expected, found["approval"].got) == ("asks for a yes", "did not ask")
    assert (found["never"].expected, found["never"].got) == ("never void", "none")
    assert found["state"].got == '{"paid": 1}'
    assert (found["answer"].expected, found["answer"].got) == ("yes", "no")


def test_a_run_that_raised_did_nothing_that_a_label_could_be_held_against():
    row = Row(case=Case(input="x", outcome="done"), trajectory=Trajectory(error="Boom"))
    assert [(each.got, each.wrong) for each in compare_labels(row)] == [
        ("nothing: it raised", True)
    ]
