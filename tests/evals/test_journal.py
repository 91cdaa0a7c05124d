"""Test the file of rows: `evaluate` and `Report.save` write it, and leave all others alone."""

from __future__ import annotations

import os
import threading

import pytest

from quintet.evals import (
    Case,
    Trajectory,
    evaluate,
    load_report,
    read_cases,
    save_runs,
    write_cases,
)
from quintet.evals.running.journal import Anew
from quintet.state import DesignError

CASES = tuple(Case(id=str(number), input=f"text {number}", route="a") for number in range(4))
POSIX = pytest.mark.skipif(os.name == "nt", reason="there are no such places on Windows")


def agent(mark: str = "", ran: list[str] | None = None):
    def target(case: Case) -> Trajectory:
        if ran is not None:
            ran.append(case.id)
        return Trajectory(route="a", reason=mark)

    return target


def marks(path) -> set[str]:
    return {row.trajectory.reason for row in load_report(path).rows}


def written_over(path):
    """Return the two ways in which Python code writes rows."""
    report = evaluate(agent(), CASES)
    return (lambda: evaluate(agent(), CASES, into=path), lambda: report.save(path))


@pytest.mark.parametrize("way", [0, 1], ids=["into", "save"])
@pytest.mark.parametrize(
    "text",
    ["what we agreed on\n", "\n", '{"input": "a case"}\n', '{"quintet_rows": 1, "sui', "[" * 9999],
    ids=["text", "blank", "cases", "torn", "deep"],
)
def test_a_file_that_holds_no_rows_is_refused_and_left(tmp_path, way, text):
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(DesignError, match=r"notes\.txt exists and is no report"):
        written_over(path)[way]()
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


@POSIX
@pytest.mark.parametrize("way", [0, 1], ids=["into", "save"])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_refused_and_left(tmp_path, way, make):
    path = tmp_path / "place"
    make(path)
    with pytest.raises(DesignError, match="place is a"):
        written_over(path)[way]()
    assert not path.is_file()


def test_nothing_runs_where_the_rows_cannot_be_kept(tmp_path):
    ran: list[str] = []
    with pytest.raises(DesignError):
        evaluate(agent(ran=ran), CASES, into=tmp_path)
    assert ran == []


@pytest.mark.parametrize("way", [0, 1], ids=["into", "save"])
def test_missing_folders_are_made_and_home_is_found(tmp_path, monkeypatch, way):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    written_over("~/new/rows.jsonl")[way]()
    assert len(load_report("~/new/rows.jsonl").rows) == 4
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["rows.jsonl"]
    with pytest.raises(DesignError, match="no folder can be made there"):
        written_over(tmp_path / "new" / "rows.jsonl" / "inner.jsonl")[way]()


def test_a_saved_report_takes_the_place_of_an_earlier_one(tmp_path):
    path = tmp_path / "rows.jsonl"
    for mark in ("first", "second"):
        evaluate(agent(mark), CASES).save(path)
        assert marks(path) == {mark}
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_begun_anew_keeps_every_earlier_report(tmp_path):
    path, kept = tmp_path / "rows.jsonl", []
    for mark in ("first", "second", "third", "fourth"):
        evaluate(agent(mark), CASES, into=Anew(path=path, told=kept.append))
        assert marks(path) == {mark}
    assert [each.name for each in kept] == ["rows.1.jsonl", "rows.2.jsonl", "rows.3.jsonl"]
    assert [marks(each) for each in kept] == [{"first"}, {"second"}, {"third"}]


def test_a_report_that_was_cut_off_is_kept_too_and_one_without_rows_is_not(tmp_path):
    def stops(case: Case) -> Trajectory:
        if case.id == ends[0]:
            raise KeyboardInterrupt
        return Trajectory()

    path, ends = tmp_path / "rows.jsonl", ["2", "0", "0"]
    while ends:
        with pytest.raises(KeyboardInterrupt):
            evaluate(stops, CASES, into=Anew(path=path))
        ends.pop(0)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rows.1.jsonl", "rows.jsonl"]
    assert len(load_report(tmp_path / "rows.1.jsonl").rows) == 2


@POSIX
@pytest.mark.parametrize("anew", [False, True])
def test_a_second_evaluation_into_one_file_is_refused_and_takes_nothing(tmp_path, anew):
    path, begun, free = tmp_path / "rows.jsonl", threading.Event(), threading.Event()

    def slow(case: Case) -> Trajectory:
        begun.set()
        free.wait(30)
        return Trajectory(reason="first")

    first = threading.Thread(target=lambda: evaluate(slow, CASES, into=path))
    first.start()
    assert begun.wait(30)
    ran: list[str] = []
    try:
        with pytest.raises(DesignError, match="being written by another evaluation"):
            evaluate(agent(ran=ran), CASES, into=Anew(path=path) if anew else path)
        with pytest.raises(DesignError, match="being written by another evaluation"):
            evaluate(agent(), CASES).save(path)
    finally:
        free.set()
        first.join(30)
    assert (ran, marks(path), len(load_report(path).rows)) == ([], {"first"}, 4)
    assert list(tmp_path.iterdir()) == [path]


def test_where_the_system_knows_no_such_locks_all_else_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("quintet.evals.claim.fcntl", None)
    path, ran = tmp_path / "rows.jsonl", []
    for mark in ("first", "second"):
        evaluate(agent(mark), CASES, into=Anew(path=path))
    evaluate(agent("third", ran), CASES, into=path)
    assert (ran, marks(path), marks(tmp_path / "rows.1.jsonl")) == ([], {"second"}, {"first"})


@POSIX
def test_behind_a_link_the_report_is_gone_on_with_and_kept(tmp_path):
    link = tmp_path / "link.jsonl"
    link.symlink_to("real.jsonl")
    for mark in ("first", "second"):
        evaluate(agent(mark), CASES, into=Anew(path=link))
    ran: list[str] = []
    evaluate(agent("third", ran), CASES, into=link)
    assert (ran, link.is_symlink(), marks(link)) == ([], True, {"second"})
    assert marks(tmp_path / "real.1.jsonl") == {"first"}


def test_cases_are_not_written_over_a_report(tmp_path):
    path = tmp_path / "rows.jsonl"
    evaluate(agent("first"), CASES, into=path)
    with pytest.raises(DesignError, match="is no file of cases"):
        write_cases(CASES, path)
    assert marks(path) == {"first"}
    write_cases(CASES, tmp_path / "cases.jsonl")
    write_cases(CASES[:2], tmp_path / "cases.jsonl")
    assert read_cases(tmp_path / "cases.jsonl") == CASES[:2]


def test_saved_runs_replace_saved_runs_and_nothing_else(tmp_path):
    path = tmp_path / "desk.py"
    path.write_text("app = 1\n")
    with pytest.raises(DesignError, match="is no file of saved runs"):
        save_runs([], path)
    assert path.read_text() == "app = 1\n"
