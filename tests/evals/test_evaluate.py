from __future__ import annotations

import asyncio
import json
import threading
import time
from math import inf, nan
from statistics import fmean
from typing import Any

import pytest

from quintet.evals import Case, Gate, Metric, Suite, Trajectory, aevaluate, evaluate, load_report
from quintet.evals.metrics.judge import Judged
from quintet.evals.row import Share
from quintet.nodes import by_rules
from quintet.state import DesignError

RULES = by_rules([("refund", "billing"), ("parcel", "shipping")])
CASES = (
    Case(id="a", input="refund me", route="billing"),
    Case(id="b", input="my parcel", route="shipping"),
    Case(id="c", input="hello", route="person"),
    Case(id="d", input="a parcel and a refund", route="shipping"),
)


def echo(case: Case) -> Trajectory:
    return Trajectory(route=str(case.input))


def numbered(count: int) -> list[Case]:
    return [
        Case(id=f"n{number:04}", input=str(number), route=str(number)) for number in range(count)
    ]


def test_a_router_is_evaluated_with_an_interval_for_every_figure():
    report = evaluate(RULES, CASES)
    figure = report["routing_accuracy"]
    assert (figure.value, figure.cases) == (0.75, 4)
    assert 0 < figure.low < 0.75 < figure.high < 1
    assert [row.case.id for row in report.rows if row.wrong] == ["d"]
    assert report.passed


def test_a_missed_gate_does_not_pass_and_says_why():
    suite = Suite(cases=CASES, target=RULES, gates=(Gate(metric="routing_accuracy", at_least=0.9),))
    report = evaluate(suite)
    assert not report.passed
    assert "routing_accuracy" in str(report.verdicts[0])


def test_a_gate_on_a_metric_that_says_nothing_is_missed():
    report = evaluate(
        Suite(cases=CASES, target=RULES, gates=(Gate(metric="tool_success", at_least=0.1),))
    )
    assert not report.passed


def test_what_a_target_raises_is_a_wrong_case_and_stops_nothing():
    def broken(case: Case) -> Trajectory:
        if case.id == "b":
            raise ConnectionError("no shop")
        return echo(case)

    report = evaluate(broken, CASES)
    assert len(report.rows) == 4
    assert report.rows[1].trajectory.error == "ConnectionError: no shop"
    assert "it raised ConnectionError: no shop" in report.rows[1].wrong
    assert report["routing_accuracy"].cases == 4


def test_what_a_metric_raises_counts_as_the_worst_score_and_is_counted():
    def polite(case: Case, run: Trajectory) -> bool:
        if case.id == "a":
            raise KeyError("tone")
        return True

    report = evaluate(Suite(cases=CASES, target=RULES, metrics=(polite,)))
    figure = report["polite"]
    assert (figure.value, figure.errors, figure.cases) == (0.75, 1, 4)
    assert report.rows[0].errors == {"polite": "KeyError: 'tone'"}
    worst = Metric(name="rude", score=polite, better="lower")
    assert evaluate(Suite(cases=CASES, target=RULES, metrics=(worst,)))["rude"].value == 1.0


def test_a_users_metric_may_be_a_function_a_share_a_number_or_async():
    def calls(case: Case, run: Trajectory) -> Share:
        return Share(part=1, whole=2)

    def length(case: Case, run: Trajectory) -> float:
        return len(str(case.input))

    async def judged(case: Case, run: Trajectory) -> bool:
        await asyncio.sleep(0)
        return case.id != "c"

    seconds = Metric(name="length", score=length, unit="number", better="neither")
    report = evaluate(Suite(cases=CASES, target=RULES, metrics=(calls, seconds, judged)))
    assert report["calls"].value == 0.5
    assert report["length"].value == pytest.approx(sum(len(str(c.input)) for c in CASES) / 4)
    assert report["judged"].value == 0.75


@pytest.mark.parametrize(
    "odd",
    ["good", nan, inf, 10**400, (1.0, nan), (1, 2, 3), object()],
    ids=lambda odd: f"{odd!r:.9}",
)
def test_a_score_that_is_none_spoils_its_row_and_no_other(odd):
    def close(case: Case, run: Trajectory) -> Any:
        return odd if case.id == "b" else 1.0

    gates = [Gate(metric="close", at_least=0.1)]
    report = evaluate(Suite(cases=CASES, target=RULES, metrics=(close,), gates=gates))
    assert report["close"].value == 0.75
    assert report["close"].errors == 1
    (row,) = (row for row in report.rows if row.errors)
    assert row.case.id == "b"
    assert "'close' returned" in row.errors["close"]


def test_a_judge_out_of_its_range_spoils_its_row_and_no_other():
    def fair(case: Case, run: Trajectory) -> Any:
        return Judged(score=1.2 if case.id == "b" else 1)

    report = evaluate(Suite(cases=CASES, target=RULES, metrics=(fair,)))
    assert [row.case.id for row in report.rows if "score=1.2" in row.errors.get("fair", "")] == [
        "b"
    ]
    assert report["fair"].value == 0.75


def test_a_figure_without_a_worst_score_says_what_it_lacks_and_its_gate_does_not_pass():
    def mean(case: Case, run: Trajectory) -> Any:
        return nan if case.id == "b" else (1.0,)

    metric = Metric(name="mean", score=mean, over=lambda points: fmean(p[0] for p in points))
    gates = [Gate(metric="mean", at_least=0.5)]
    report = evaluate(Suite(cases=CASES, target=RULES, metrics=(metric,), gates=gates))
    assert report["mean"].left_out == 1
    assert not report.passed
    assert "left out" in report.verdicts[0].why
    assert any("mean" in note and "1 of 4 runs" in note for note in report.notes)


@pytest.mark.parametrize("problem", [ZeroDivisionError("no runs"), SystemExit(0)], ids=repr)
def test_a_measure_that_cannot_be_computed_loses_no_other_figure(problem):
    def over(points: Any) -> float:
        raise problem

    metric = Metric(name="mean", score=lambda case, run: (1.0,), over=over)
    gates = [Gate(metric="mean", at_least=0.5)]
    report = evaluate(Suite(cases=CASES, target=RULES, metrics=(metric,), gates=gates))
    assert "routing_accuracy" in report.figures
    assert not report.passed
    assert any(note.startswith("mean: it cannot be computed") for note in report.notes)


def test_a_target_that_returns_something_else_is_a_mistake_that_stops():
    with pytest.raises(DesignError, match="return a Trajectory"):
        evaluate(lambda case: "billing", CASES)


def test_rows_stand_in_the_order_of_the_cases_whichever_ends_first():
    async def slow_first(case: Case) -> Trajectory:
        await asyncio.sleep(0.02 if case.id == "a" else 0)
        return Trajectory(route=case.id)

    ended: list[int] = []
    report = evaluate(slow_first, CASES, jobs=4, repeats=2, progress=lambda n, of: ended.append(n))
    places = [(row.case.id, row.repeat) for row in report.rows]
    assert places == [(case.id, repeat) for case in CASES for repeat in (0, 1)]
    assert ended == list(range(1, 9))


def test_jobs_run_at_once_whether_the_target_waits_in_threads_or_on_the_loop():
    def gathering(parties: int):
        barrier = threading.Barrier(parties, timeout=10)

        def blocking(case: Case) -> Trajectory:
            barrier.wait()
            return Trajectory()

        return blocking

    report = evaluate(gathering(4), CASES, jobs=4)
    assert not any(row.trajectory.error for row in report.rows)

    met = asyncio.Event()
    inside = 0

    async def waiting(case: Case) -> Trajectory:
        nonlocal inside
        inside += 1
        if inside == 4:
            met.set()
        await asyncio.wait_for(met.wait(), 10)
        return Trajectory()

    assert not any(row.trajectory.error for row in evaluate(waiting, CASES, jobs=4).rows)


def test_it_runs_where_an_event_loop_runs_already():
    async def notebook():
        return evaluate(RULES, CASES), await aevaluate(RULES, CASES)

    now, awaited = asyncio.run(notebook())
    assert now["routing_accuracy"] == awaited["routing_accuracy"]


def test_an_interrupted_evaluation_goes_on_and_loses_nothing(tmp_path):
    path, ran = tmp_path / "rows.jsonl", []

    def stops(case: Case) -> Trajectory:
        ran.append(case.id)
        if len(ran) == 5:
            raise KeyboardInterrupt
        return echo(case)

    cases = numbered(12)
    with pytest.raises(KeyboardInterrupt):
        evaluate(stops, cases, into=path)
    cut = load_report(path)
    assert (len(cut.rows), cut.expected, cut.passed) == (4, 12, False)
    report = evaluate(stops, cases, into=path)
    assert sorted(ran) == sorted([*(case.id for case in cases), ran[4]])
    assert [row.case.id for row in report.rows] == [case.id for case in cases]
    assert report.passed


def test_a_torn_last_line_is_run_again(tmp_path):
    path, ran = tmp_path / "rows.jsonl", []
    target = lambda case: ran.append(case.id) or echo(case)  # noqa: E731
    evaluate(target, CASES, into=path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:3]) + "\n" + lines[3][:40])
    ran.clear()
    report = evaluate(target, CASES, into=path)
    assert ran == ["c", "d"]
    assert len(report.rows) == 4
    assert len(load_report(path).rows) == 4


def test_more_repeats_are_added_to_those_that_a_file_has(tmp_path):
    path, ran = tmp_path / "rows.jsonl", []
    target = lambda case: ran.append(case.id) or echo(case)  # noqa: E731
    evaluate(target, CASES, into=path)
    report = evaluate(target, CASES, into=path, repeats=3)
    assert len(ran) == 12
    assert len(report.rows) == 12
    assert len(load_report(path).rows) == 12


def test_a_whole_file_that_is_gone_on_with_and_cut_off_is_not_whole(tmp_path):
    path, ran = tmp_path / "rows.jsonl", []

    def stops(case: Case) -> Trajectory:
        ran.append(case.id)
        if len(ran) == 6:
            raise KeyboardInterrupt
        return echo(case)

    evaluate(stops, CASES, into=path)
    assert load_report(path).passed
    with pytest.raises(KeyboardInterrupt):
        evaluate(stops, CASES, into=path, repeats=2)
    cut = load_report(path)
    assert (len(cut.rows), cut.expected, cut.passed) == (5, 8, False)
    assert evaluate(stops, CASES, into=path, repeats=2).expected == 8


def test_a_file_of_other_cases_is_refused_and_kept(tmp_path):
    path = tmp_path / "rows.jsonl"
    evaluate(echo, CASES, into=path)
    before = path.read_text()
    with pytest.raises(DesignError, match="other cases"):
        evaluate(echo, CASES[:2], into=path)
    assert path.read_text() == before


@pytest.mark.parametrize(
    "text", ["hello\n", "[]\n", '{"rows": 1}\n', "{}\nnot json\n{}\n"], ids=repr
)
def test_a_file_that_is_no_report_is_refused(tmp_path, text):
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(DesignError, match=str(path)):
        load_report(path)
    with pytest.raises(DesignError):
        evaluate(echo, CASES, into=path)


def test_a_report_comes_back_from_its_file_as_it_was(tmp_path):
    gates = (Gate(metric="routing_accuracy", at_least=0.1),)
    whole = evaluate(Suite(cases=CASES, target=RULES, gates=gates), into=tmp_path / "a.jsonl")
    assert load_report(tmp_path / "a.jsonl") == whole
    whole.save(tmp_path / "b.jsonl")
    assert load_report(tmp_path / "b.jsonl") == whole
    for line in (tmp_path / "a.jsonl").read_text().splitlines():
        json.loads(line)


def test_of_a_large_end_state_only_what_is_labelled_is_kept():
    def target(case: Case) -> Trajectory:
        return Trajectory(state={"paid": 3, "catalogue": list(range(1000))})

    report = evaluate(target, [Case(input="x", state={"paid": 3})])
    assert report.rows[0].trajectory.state == {"paid": 3}
    assert report.rows[0].wrong == ()


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        ((RULES, []), {}, "no cases"),
        ((RULES,), {}, "no cases"),
        ((RULES, CASES), {"repeats": 0}, "repeats"),
        ((RULES, CASES), {"jobs": 0}, "jobs"),
        ((Suite(cases=CASES, target=RULES), CASES), {}, "leave them out"),
        ((7, CASES), {}, "no target"),
        ((RULES, (*CASES, CASES[0])), {}, "two cases have the id 'a'"),
        ((RULES, ("hello",)), {}, "not a Case"),
    ],
    ids=["empty", "none", "repeats", "jobs", "both", "target", "twice", "text"],
)
def test_a_mistake_is_refused_by_name(arguments, options, said):
    with pytest.raises(DesignError, match=said):
        evaluate(*arguments, **options)


def test_a_sample_is_drawn_by_the_seed_and_keeps_the_order():
    suite = Suite(cases=tuple(numbered(50)), target=echo)
    drawn = suite.sampled(10)
    assert drawn.cases == suite.sampled(10).cases
    assert len(drawn.cases) == 10
    assert [case.id for case in drawn.cases] == sorted(case.id for case in drawn.cases)
    assert suite.sampled(99) == suite
    with pytest.raises(DesignError):
        suite.sampled(0)


def test_a_slow_target_in_a_thread_does_not_keep_the_others_waiting():
    done: list[str] = []

    def target(case: Case) -> Trajectory:
        if case.id == "a":
            while len(done) < 3:
                time.sleep(0.001)
        done.append(case.id)
        return echo(case)

    assert len(evaluate(target, CASES, jobs=2).rows) == 4
    assert done[-1] == "a"


def test_with_repeats_it_says_how_many_cases_pass_every_time(tmp_path):
    def odd_ones_fail_once(case: Case) -> Trajectory:
        ran.append(case.id)
        fails = int(case.id[1:]) % 2 and ran.count(case.id) == 2
        return Trajectory(route="" if fails else str(case.input))

    ran: list[str] = []
    cases, path = numbered(10), tmp_path / "rows.jsonl"
    evaluate(odd_ones_fail_once, cases, into=path)
    report = evaluate(odd_ones_fail_once, cases, into=path, repeats=4)
    assert len(report.rows) == 40
    assert report["pass_hat_4"].value == 0.5
    assert report["routing_accuracy"].value == 35 / 40
    assert 0.2 < report["pass_hat_4"].low < 0.5 < report["pass_hat_4"].high < 0.8


def test_recordings_are_taken_by_their_repeat():
    from quintet.evals.reading.recorded import Recorded

    made = (Trajectory(route="billing"), Trajectory(route="shipping"))
    target = Recorded(trajectories={"a": made})
    report = evaluate(target, CASES[:1], repeats=2)
    assert [row.trajectory.route for row in report.rows] == ["billing", "shipping"]
    with pytest.raises(DesignError, match="repeats=2 at most"):
        evaluate(target, CASES[:1], repeats=3)


def test_a_judges_reason_is_kept_with_its_score():
    from quintet.evals.metrics import judged_by
    from quintet.evals.metrics.judge import Judged

    judge = judged_by(lambda case, run: Judged(score=1, reason="polite"), name="tone")
    row = evaluate(Suite(cases=CASES[:1], target=RULES, metrics=(judge,))).rows[0]
    assert (row.scores["tone"], row.reasons["tone"]) == ((1.0, 1.0), "polite")


@pytest.mark.parametrize("text", ["a\u2028b\u0085c", "\ud800", "\x00\x1f"], ids=ascii)
def test_any_text_comes_back_from_the_file(tmp_path, text):
    path = tmp_path / "rows.jsonl"
    report = evaluate(lambda case: Trajectory(answer=text, route="x"), [Case(input="q")], into=path)
    assert load_report(path) == report


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("routing_acuracy", "is 'routing_accuracy' meant"),
        ("pass_hat_4", "it needs repeats=4"),
        ("zzz", "no metric computes$"),
    ],
)
def test_a_gate_on_what_nobody_computes_is_refused_before_anything_runs(metric, said):
    ran = []
    suite = Suite(
        cases=CASES,
        target=lambda case: ran.append(case) or echo(case),
        gates=[Gate(metric=metric, at_least=0.5)],
    )
    with pytest.raises(DesignError, match=said):
        evaluate(suite)
    assert ran == []


def test_a_gate_on_every_time_passes_with_the_repeats_that_it_needs():
    gates = [Gate(metric="pass_hat_2", at_least=0.01)]
    suite = Suite(cases=numbered(30), target=echo, gates=gates)
    assert evaluate(suite, repeats=2).passed


def test_a_route_that_the_target_does_not_have_is_told():
    odd = [Case(input="my parcel", route="shiping"), Case(input="refund", route="billing")]
    told = "no route of the target is named shiping; it has billing, person, shipping"
    assert told in evaluate(RULES, odd).notes
    assert not any("no route" in note for note in evaluate(RULES, CASES).notes)
