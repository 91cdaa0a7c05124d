"""Test that what a target, hook or metric raises is a wrong case; only a person ends it all."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from langgraph.graph import START, MessagesState, StateGraph

from quintet.evals import (
    Case,
    ChooserTarget,
    Gate,
    GraphTarget,
    Metric,
    Suite,
    Trajectory,
    aevaluate,
    evaluate,
    inject,
    load_report,
    tiers,
)
from quintet.evals.running.ended import awaited, error_text, stops_evaluation
from quintet.nodes.choosers.choose import Cascade
from quintet.state import DesignError


class Stop(BaseException):
    """An exception as a framework raises it to get through every `except Exception`."""


class Unprintable(BaseException):
    def __str__(self):
        raise SystemExit(0)


RAISED = {
    "well": (SystemExit(0), "SystemExit: 0"),
    "badly": (SystemExit("no stock"), "SystemExit: no stock"),
    "bare": (SystemExit(), "SystemExit: None"),
    "closed": (GeneratorExit(), "GeneratorExit: "),
    "stop": (Stop("out"), "Stop: out"),
    "unprintable": (Unprintable(), "Unprintable (it cannot be printed)"),
    "cancelled": (asyncio.CancelledError(), "CancelledError: "),
    "group": (BaseExceptionGroup("both", [SystemExit(0)]), "BaseExceptionGroup: both (1 sub"),
}
CASES = tuple(Case(id=name, input=name, route="a") for name in (*RAISED, "fine"))
ENDS = {name: error for name, (_, error) in RAISED.items()}


def agent(name: str) -> str:
    """Raise what the text names; a new one each time, since a traceback grows on it."""
    if name in RAISED:
        problem = RAISED[name][0]
        raise problem.with_traceback(None)
    return "a"


def plain(case: Case) -> Trajectory:
    return Trajectory(route=agent(case.id))


async def waiting(case: Case) -> Trajectory:
    await asyncio.sleep(0)
    return plain(case)


async def in_a_task(case: Case) -> Trajectory:
    return await asyncio.create_task(waiting(case))


async def side_by_side(case: Case) -> Trajectory:
    first, _ = await asyncio.gather(waiting(case), waiting(case))
    return first


def handed_on(case: Case):
    return waiting(case)


async def choose(text: str) -> str:
    await asyncio.sleep(0)
    return agent(text)


TARGETS = {
    "function": plain,
    "async": waiting,
    "in a task": in_a_task,
    "side by side": side_by_side,
    "function of an awaitable": handed_on,
    "chooser": ChooserTarget(chooser=agent),
    "async chooser": ChooserTarget(chooser=choose),
}


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_an_exit_of_any_kind_is_a_wrong_case_that_names_it(target, jobs):
    report = evaluate(target, CASES, jobs=jobs)
    rows = {row.case.id: row for row in report.rows}
    assert list(rows) == [case.id for case in CASES]
    ends = dict(ENDS)
    if isinstance(target, ChooserTarget):  # called as a node calls it: that is an error like others
        ends["closed"] = f"RuntimeError: {target.chooser.__name__} raised GeneratorExit"
    for name, error in ends.items():
        assert rows[name].trajectory.error.startswith(error)
        assert rows[name].wrong
    assert not rows["fine"].wrong


def graph(*nodes):
    builder = StateGraph(MessagesState)
    for number, node in enumerate(nodes):
        builder.add_node(f"n{number}", node)
        builder.add_edge(START, f"n{number}")
    return builder.compile()


def node(state):
    agent(state["messages"][-1].text)
    return {}


async def async_node(state):
    await asyncio.sleep(0)
    return node(state)


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize(
    "nodes",
    [(node,), (node, node), (async_node,), (async_node, async_node)],
    ids=["one", "two at once", "async", "two async at once"],
)
def test_a_node_that_exits_is_a_wrong_case_with_its_path(nodes, jobs):
    # GeneratorExit is left out: LangGraph's own coroutines cannot bear it.
    cases = [Case(id=name, input=name) for name in ("well", "badly", "stop", "cancelled", "fine")]
    report = evaluate(graph(*nodes), cases, jobs=jobs)
    errors = [row.trajectory.error for row in report.rows]
    assert [error.partition(":")[0] for error in errors] == [
        *("SystemExit", "SystemExit", "Stop", "NodeCancelledError", ""),
    ]
    assert all(row.trajectory.path for row in report.rows)


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("hook", ["given", "observe"])
def test_a_hook_that_exits_is_a_wrong_case(hook, jobs):
    def given(case):
        return {"messages": [("user", agent(case.id))]}

    def observe(run):
        agent(run.values["messages"][-1].text)
        return {"state": {}}

    hooks = {"given": given, "observe": observe}
    target = GraphTarget(app=graph(lambda state: {}), **{hook: hooks[hook]})
    rows = evaluate(target, CASES, jobs=jobs).rows
    assert {row.case.id: row.trajectory.error[:16] for row in rows if row.trajectory.error} == {
        name: error[:16] for name, error in ENDS.items()
    }


def test_a_thread_that_raises_stop_iteration_ends_its_case_and_not_the_evaluation():
    def exhausted(case: Case) -> Trajectory:
        return next(iter(()))

    assert evaluate(exhausted, CASES[:1]).rows[0].trajectory.error.startswith("StopIteration")


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_metric_that_exits_counts_as_the_worst_score(jobs):
    def strict(case: Case, run: Trajectory) -> bool:
        return bool(agent(case.id))

    async def judged(case: Case, run: Trajectory) -> bool:
        await asyncio.sleep(0)
        return bool(agent(case.id))

    async def in_parts(case: Case, run: Trajectory) -> bool:
        return await asyncio.create_task(judged(case, run))

    suite = Suite(
        cases=CASES,
        target=lambda case: Trajectory(route="a"),
        metrics=(strict, judged, in_parts),
        gates=(Gate(metric="strict", at_least=0.5),),
    )
    report = evaluate(suite, jobs=jobs)
    for name in ("strict", "judged", "in_parts"):
        assert (report[name].value, report[name].errors) == (1 / len(CASES), len(RAISED))
        assert report.rows[0].errors[name] == "SystemExit: 0"
    assert not report.passed


def test_a_target_that_cancels_its_own_task_is_a_wrong_case():
    async def gives_up(case: Case) -> Trajectory:
        asyncio.current_task().cancel()
        await asyncio.sleep(0)
        return Trajectory()

    report = evaluate(gives_up, CASES[:3], jobs=2)
    assert [row.trajectory.error for row in report.rows] == ["CancelledError: "] * 3


def test_a_tier_that_exits_is_booked_as_raised():
    book = tiers(Cascade(tiers=(agent,)), CASES).tiers[0]
    assert (book.asked, book.raised, book.decided) == (len(CASES), len(RAISED), 1)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_case_that_exits_is_left_out_where_faults_are_put_in(jobs):
    with pytest.raises(DesignError, match="go wrong without any fault"):
        inject(Suite(cases=CASES[:2], target=plain), jobs=jobs)


def test_an_exit_that_the_evaluation_itself_raises_still_ends_it():
    def progress(done, total):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        evaluate(lambda case: Trajectory(), CASES, progress=progress)


def test_a_person_still_stops_it_also_from_within_a_group(tmp_path):
    def interrupted(case: Case) -> Trajectory:
        if case.id == "bare":
            raise BaseExceptionGroup("tasks", [KeyboardInterrupt()])
        return plain(case)

    with pytest.raises(KeyboardInterrupt):
        evaluate(interrupted, CASES, into=tmp_path / "rows.jsonl")
    assert len(load_report(tmp_path / "rows.jsonl").rows) == 2


@pytest.mark.parametrize("stubborn", [False, True], ids=["polite", "stubborn"])
async def test_a_cancellation_of_the_evaluation_cancels_it_whatever_the_target_does(
    stubborn, tmp_path
):
    begun, third = [], asyncio.Event()

    async def slow(case: Case) -> Trajectory:
        begun.append(case.id)
        if case.id == "bare":
            third.set()
            try:
                await asyncio.sleep(60)
            except BaseException:
                if stubborn:
                    return Trajectory()
                raise
        return Trajectory()

    path = tmp_path / "rows.jsonl"
    task = asyncio.create_task(aevaluate(slow, CASES, into=path))
    await third.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert begun == ["well", "badly", "bare"]
    assert [row.case.id for row in load_report(path).rows] == ["well", "badly"]


async def test_work_that_is_cancelled_before_it_begins_is_put_away():
    async def never():
        raise AssertionError

    outer = asyncio.create_task(awaited(never()))
    await asyncio.sleep(0)  # it has made the task within, which has not begun
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer


def test_a_cancellation_stops_a_target_only_where_its_task_is_cancelled():
    assert not stops_evaluation(asyncio.CancelledError())
    assert stops_evaluation(GeneratorExit())
    assert stops_evaluation(DesignError("a mistake"))
    assert not stops_evaluation(SystemExit(0))


PROGRAM = """
import asyncio, signal, sys, time
from quintet.evals import Case, Trajectory, evaluate

def plain(case):
    time.sleep(0.05)
    return Trajectory()

async def awaited(case):
    await asyncio.sleep(0.05)
    return Trajectory()

async def swallows(case):
    try:
        await asyncio.sleep(0.05)
    except BaseException:
        pass
    return Trajectory()

async def exits(case):
    try:
        await asyncio.sleep(0.05)
    except BaseException:
        sys.exit(0)
    return Trajectory()

async def task_exits(case):
    return await asyncio.create_task(exits(case))

signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))
target, jobs = globals()[sys.argv[1]], int(sys.argv[2])
cases = [Case(id=str(number), input="") for number in range(2000)]
evaluate(target, cases, jobs=jobs, into="rows.jsonl")
"""


def _has_lines(path, count):
    return path.exists() and path.read_text().count("\n") >= count


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize(
    ("target", "jobs", "sent", "code"),
    [
        ("plain", 1, signal.SIGINT, -signal.SIGINT),
        ("plain", 3, signal.SIGINT, -signal.SIGINT),
        ("awaited", 1, signal.SIGINT, -signal.SIGINT),
        ("swallows", 1, signal.SIGINT, -signal.SIGINT),
        ("exits", 3, signal.SIGINT, -signal.SIGINT),
        ("task_exits", 3, signal.SIGINT, -signal.SIGINT),
        ("awaited", 1, signal.SIGTERM, 4),
    ],
    ids=str,
)
def test_a_signal_ends_it_at_once_and_keeps_what_is_done(tmp_path, target, jobs, sent, code):
    rows = tmp_path / "rows.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, target, str(jobs)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and not _has_lines(rows, 4):
                time.sleep(0.02)
            process.send_signal(sent)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == code, err
    assert "never retrieved" not in err
    assert 3 <= len(load_report(rows).rows) < 1000


def test_what_was_raised_is_told_with_its_exit_code():
    assert error_text(SystemExit(2)) == "SystemExit: 2"
    assert error_text(KeyError("a")) == "KeyError: 'a'"


def test_an_exit_does_not_fill_in_for_an_answer():
    metric = Metric(name="long", score=lambda case, run: sys.exit(0), unit="number")
    report = evaluate(Suite(cases=CASES[:1], target=waiting, metrics=(metric,)))
    assert report.rows[0].errors["long"] == "SystemExit: 0"
    assert "long" not in report.rows[0].scores
