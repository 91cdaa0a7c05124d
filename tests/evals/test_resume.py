"""Test what may stand beside the rows of a file, and what is told of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from quintet.evals import Case, GraphTarget, Suite, Trajectory, evaluate, load_report
from quintet.evals.reading.recorded import Recorded
from quintet.evals.running.identity import identity_of
from quintet.state import Budget, DesignError

CASES = [Case(id=str(number), input=f"text {number}", route="x") for number in range(6)]


def careful(case: Case, route: str = "x") -> Trajectory:
    return Trajectory(route=route)


def other(case: Case) -> Trajectory:
    return Trajectory(route="y")


def cut_off(path, target: Any = careful, metrics: Any = (), after: int = 3) -> None:
    """Leave a file of an evaluation that was interrupted."""

    def stop(done: int, total: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(Suite(cases=CASES, target=target, metrics=metrics), into=path, progress=stop)


def test_rows_of_another_target_are_refused_and_left(tmp_path):
    path = tmp_path / "rows.jsonl"
    cut_off(path)
    before = path.read_text()
    with pytest.raises(DesignError, match="another target, careful; this one is other"):
        evaluate(other, CASES, into=path)
    assert path.read_text() == before


def test_the_same_target_with_other_settings_is_told_for_ever(tmp_path):
    path = tmp_path / "rows.jsonl"
    cut_off(path, partial(careful, route="x"))
    cut_off(path, partial(careful, route="y"), after=5)
    report = evaluate(partial(careful, route="y"), CASES, into=path)
    told = [note for note in report.notes if "mix both" in note]
    assert len(told) == 1
    assert told[0].startswith("3 rows")
    assert told[0] in load_report(path).notes


def test_going_on_with_the_same_target_says_nothing(tmp_path):
    path = tmp_path / "rows.jsonl"
    cut_off(path)
    assert evaluate(careful, CASES, into=path).notes == evaluate(careful, CASES).notes


def dear(case: Case) -> Trajectory:
    return Trajectory(route="x", spent={"tokens": 500})


def test_rows_that_took_more_than_a_new_limit_allows_are_made_again(tmp_path):
    path = tmp_path / "rows.jsonl"
    cut_off(path, dear)
    suite = Suite(cases=CASES, target=dear, limit=Budget(tokens=100))
    report = evaluate(suite, into=path)
    assert len(report.wrong) == len(report.rows) == 6
    assert any("3 rows were made under another limit" in note for note in report.notes)
    again = evaluate(suite, into=path)
    assert len(again.wrong) == 6


def test_rows_that_another_version_scored_are_scored_again_by_the_standard_metrics(tmp_path):
    path = tmp_path / "rows.jsonl"

    def polite(case: Case, run: Trajectory) -> bool:
        return True

    cut_off(path, metrics=[polite])
    text = path.read_text()
    for now, old in (
        ('"routing_accuracy"', '"gone"'),
        ('"silent_ends": [0.0', '"silent_ends": [1.0'),
    ):
        assert text.count(now) == 3
        text = text.replace(now, old)
    path.write_text(text)
    report = evaluate(Suite(cases=CASES, target=careful, metrics=[polite]), into=path)
    assert (report["routing_accuracy"].rows, report["silent_ends"].value) == (6, 0.0)
    assert report["polite"].rows == 6


def test_where_all_runs_are_in_the_file_nothing_is_run_and_that_is_said(tmp_path):
    path = tmp_path / "rows.jsonl"
    first = evaluate(careful, CASES, into=path)
    again = evaluate(careful, CASES, into=path)
    [note] = set(again.notes) - set(first.notes)
    assert note.startswith(
        f"nothing was run: all 6 runs are those of the file, begun {first.began}"
    )


def test_a_metric_added_meanwhile_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    cut_off(path)

    def polite(case: Case, run: Trajectory) -> bool:
        return True

    with pytest.raises(DesignError, match="3 rows that were never scored by polite"):
        evaluate(Suite(cases=CASES, target=careful, metrics=[polite]), into=path)


def test_a_metric_changed_meanwhile_is_told(tmp_path):
    path = tmp_path / "rows.jsonl"

    def at_least(bar: float):
        def polite(case: Case, run: Trajectory) -> bool:
            return bar < 1

        return polite

    cut_off(path, metrics=[at_least(0.5)])
    suite = Suite(cases=CASES, target=careful, metrics=[at_least(2.0)])
    assert any("polite changed" in note for note in evaluate(suite, into=path).notes)


def test_a_saved_report_does_not_say_whose_rows_it_holds(tmp_path):
    path = tmp_path / "rows.jsonl"
    evaluate(careful, CASES).save(path)
    report = evaluate(other, CASES, into=path)
    assert any("does not say which target" in note for note in report.notes)


def test_runs_of_further_repeats_are_told(tmp_path):
    path = tmp_path / "rows.jsonl"
    evaluate(careful, CASES, into=path, repeats=3)
    report = evaluate(careful, CASES, into=path, repeats=2)
    assert any("6 runs of further repeats" in note for note in report.notes)


def test_counters_and_caches_make_no_other_target():
    seen: list[str] = []

    def counting(case: Case) -> Trajectory:
        seen.append(case.id)
        return Trajectory()

    before = identity_of(counting)
    counting(CASES[0])
    assert identity_of(counting) == before


def test_graphs_are_told_apart_by_their_nodes():
    from langgraph.graph import END, START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict):
        message: str

    def graph(node: Any) -> GraphTarget:
        built = StateGraph(State).add_node("say", node).add_edge(START, "say").add_edge("say", END)
        return GraphTarget(app=built.compile())

    def one(state: State) -> State:
        return {"message": "one"}

    def two(state: State) -> State:
        return {"message": "two"}

    assert identity_of(graph(one)) == identity_of(graph(one))
    assert identity_of(graph(one))["digest"] != identity_of(graph(two))["digest"]


def recorded(*counts: int) -> Recorded:
    return Recorded(
        trajectories={
            case.id: (Trajectory(route="x"),) * count
            for case, count in zip(CASES, counts, strict=False)
        }
    )


def test_recorded_runs_are_all_scored_where_repeats_are_left_alone():
    report = evaluate(recorded(2, 2), CASES[:2])
    assert len(report.rows) == 4
    assert not any("left out" in note for note in report.notes)


@pytest.mark.parametrize(
    ("counts", "cases", "repeats", "note"),
    [
        ((3, 2), 2, None, "1 of further repeats than 2"),
        ((4, 4), 2, 1, "6 of further repeats than 1"),
        ((1, 1, 1), 2, None, "1 of cases that are not in the suite, such as 2"),
    ],
)
def test_recorded_runs_that_are_left_out_are_told(counts, cases, repeats, note):
    report = evaluate(recorded(*counts), CASES[:cases], repeats=repeats)
    assert any(note in told for told in report.notes)
