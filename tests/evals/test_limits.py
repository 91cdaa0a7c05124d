"""Test what one case's run may take, and when an evaluation stops by itself."""

from __future__ import annotations

import asyncio
import threading

import pytest

from quintet.evals import Case, Suite, Trajectory, evaluate, load_report
from quintet.evals.reading.recorded import Recorded
from quintet.state import Budget, DesignError

CASES = [Case(id=str(number), input=f"text {number}", route="x") for number in range(6)]


@pytest.mark.parametrize("awaited", [False, True], ids=["thread", "loop"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_that_hangs_is_given_up_and_all_others_are_made(awaited, jobs):
    free = threading.Event()

    def desk(case: Case) -> Trajectory:
        if case.id == "2":
            free.wait(60)
        return Trajectory(route="x")

    async def adesk(case: Case) -> Trajectory:
        if case.id == "2":
            await asyncio.sleep(60)
        return Trajectory(route="x")

    target = adesk if awaited else desk
    report = evaluate(Suite(cases=CASES, target=target, limit=Budget(seconds=0.2)), jobs=jobs)
    free.set()
    assert len(report.rows) == 6
    (wrong,) = report.wrong
    assert wrong.case.id == "2"
    assert "no end within 0.2 seconds" in wrong.trajectory.error


def test_a_run_that_swallows_its_end_is_given_up_too():
    async def stubborn(case: Case) -> Trajectory:
        if case.id == "2":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)
        return Trajectory(route="x")

    report = evaluate(Suite(cases=CASES, target=stubborn, limit=Budget(seconds=0.1)))
    assert [row.case.id for row in report.wrong] == ["2"]


def test_a_run_that_never_takes_its_end_does_not_hold_up_the_report():
    free = False

    async def stubborn(case: Case) -> Trajectory:
        while case.id == "2" and not free:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue
        return Trajectory(route="x")

    report = evaluate(Suite(cases=CASES, target=stubborn, limit=Budget(seconds=0.1)))
    free = True
    assert [row.case.id for row in report.wrong] == ["2"]


def test_recordings_that_do_not_tell_what_is_limited_are_told_of_or_refused():
    told = {str(number): (Trajectory(route="x", spent={"tokens": 5}),) for number in range(4)}
    silent = {str(number): (Trajectory(route="x"),) for number in range(4, 6)}
    limit = Budget(tokens=9)
    report = evaluate(Suite(cases=CASES, target=Recorded(trajectories=told | silent), limit=limit))
    assert "recorded runs are not held to the limit: 2 of 6 tell no tokens" in report.notes
    target = Recorded(trajectories={case.id: (Trajectory(route="x"),) for case in CASES})
    for limit, name in ((Budget(tokens=9), "tokens"), (Budget(seconds=9), "seconds")):
        with pytest.raises(DesignError, match=f"no recorded run tells its {name}"):
            evaluate(Suite(cases=CASES, target=target, limit=limit))


@pytest.mark.parametrize(
    ("limit", "spent"),
    [(Budget(tokens=100), {"tokens": 101}), (Budget(money=0.5), {"money": 0.6})],
    ids=["tokens", "money"],
)
def test_a_run_that_spends_too_much_is_wrong_and_one_at_the_limit_is_not(limit, spent):
    most = {name: getattr(limit, name) for name in spent}

    def desk(case: Case) -> Trajectory:
        return Trajectory(route="x", spent=spent if case.id == "2" else most)

    report = evaluate(Suite(cases=CASES, target=desk, limit=limit))
    assert [row.case.id for row in report.wrong] == ["2"]
    assert report.wrong[0].trajectory.error.startswith("limit: ")


def test_after_so_many_errors_no_more_is_begun_and_the_report_does_not_pass(tmp_path):
    path, ran = tmp_path / "rows.jsonl", list[str]()

    def desk(case: Case) -> Trajectory:
        ran.append(case.id)
        raise OSError("the line is dead")

    report = evaluate(Suite(cases=CASES, target=desk, max_errors=2), into=path)
    assert ran == ["0", "1"]
    assert len(report.rows) == 2
    assert not report.passed
    assert "stopped after 2 runs that raised" in report.notes
    assert not load_report(path).passed


def test_a_stopped_evaluation_is_gone_on_with(tmp_path):
    path, broken = tmp_path / "rows.jsonl", {"1", "2"}

    def desk(case: Case) -> Trajectory:
        if case.id in broken:
            raise OSError("the line is dead")
        return Trajectory(route="x")

    suite = Suite(cases=CASES, target=desk, max_errors=2)
    evaluate(suite, into=path)
    broken.clear()
    report = evaluate(suite, into=path)
    assert len(report.rows) == 6
    assert [row.case.id for row in report.wrong] == ["1", "2"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"limit": 5}, "limit=5"),
        ({"limit": Budget(steps=3)}, "steps"),
        ({"max_errors": 0}, "max_errors=0"),
        ({"max_errors": True}, "max_errors=True"),
    ],
)
def test_a_limit_that_is_not_held_is_refused(settings, named):
    with pytest.raises(DesignError, match=named):
        Suite(cases=CASES, target=lambda case: None, **settings)
