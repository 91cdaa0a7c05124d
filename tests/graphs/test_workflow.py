"""Test workflows: conditions, joins, loops, timers, failures, and what is refused before a run."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.graph import StateGraph
from langgraph.types import Command, RetryPolicy, Send, TimeoutPolicy, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.checks import check
from quintet.graphs import (
    Task,
    all_of,
    any_of,
    begin,
    create_sequential,
    create_single_agent,
    create_workflow,
)
from quintet.nodes import (
    ApprovalGate,
    Merge,
    Planner,
    Recovery,
    Review,
    Wait,
    effect,
    escalate,
)
from quintet.runs import Desk, approve, look, reject, start, sweep
from quintet.state import AnswerRefused, DesignError, Outcome, checkpointer
from quintet.testing import clock, crashpoints
from tests.graphs.desks import HASTY, WAYS, kinds, reason, run, saver, worker
from tests.graphs.desks import Desk as Shop


def charge(order: int) -> str:
    return f"receipt {order}"


PAY = effect(charge, key="{order}")


def gives(name: str, **result: Any) -> Any:
    """Make a task's function that gives a result under its name."""

    def function(state: Any) -> dict[str, Any]:
        return {"results": {name: result or {"ok": True}}}

    function.__name__ = name
    return function


def refusal(tasks: Any, **options: Any) -> str:
    with pytest.raises(DesignError) as caught:
        create_workflow(tasks, **options)
    return str(caught.value)


NO = Outcome(status="rejected", reason="sold out")


def order(in_stock: bool = True, **changes: Any) -> dict[str, Any]:
    """Declare an order: checked, paid for or refused, packed and written about at once, shipped."""
    tasks = {
        "look": Task(run=gives("look", stock=in_stock)),
        "pay": Task(run=gives("pay"), after="look", when={"results.look.stock": True}),
        "sold_out": Task(run=NO, after="look", when="else"),
        "pack": Task(run=gives("pack"), after="pay"),
        "write": Task(run=gives("write"), after="pay"),
        "ship": Task(run=gives("ship"), after=("pack", "write")),
    }
    return tasks | changes


@pytest.mark.parametrize("kind", ["none", "memory", "sqlite"])
@pytest.mark.parametrize("way", WAYS)
async def test_tasks_run_after_each_other_by_their_conditions(way, kind, tmp_path):
    for in_stock in (True, False):
        with saver(kind, tmp_path) as kept:
            app = create_workflow(order(in_stock)).compile(checkpointer=kept)
            ended = await run(app, way, message="hat")
        if in_stock:
            assert ended.status == "done"
            assert set(ended.results) == {"look", "pay", "pack", "write", "ship"}
        else:
            assert (ended.status, reason(ended)) == ("rejected", "sold out")
            assert set(ended.results) == {"look"}
        if kept is not None and in_stock:
            assert ended.path == ("look", "pay", "pack", "write", "ship", "finish")


async def test_a_second_run_on_a_thread_begins_anew():
    app = create_workflow(order()).compile(checkpointer=checkpointer("memory://"))
    first = start(app, {"message": "hat"}, thread="t")
    second = start(app, {"message": "hat"}, thread="t")
    assert first.status == second.status == "done"
    assert first.path == second.path
    assert len(second.values["kept"]) == len(first.values["kept"])


def test_a_ready_made_workflow_has_no_finding():
    pay = worker(gives("pay"), tools=(PAY,))
    looping = {
        "write": Task(run=worker(), after={"start": None, "judge": "else"}, rounds=3),
        "judge": Task(run=worker(), after="write"),
        "print": Task(run=worker(), after="judge", when={"results.judge.ok": True}),
    }
    for graph in (
        create_workflow(order()),
        create_workflow(order(pay=Task(run=pay, after="look", when={"results.look.stock": True}))),
        create_workflow({"pay": Task(run=pay)}, gate=ApprovalGate(approvers=("lead",))),
        create_workflow(looping),
        create_workflow({"a": Task(run=worker()), "wait": Task(run=Wait(duration=1), after="a")}),
    ):
        assert [str(finding) for finding in check(graph)] == []


# Conditions


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"results.look.n": 3}, True),
        ({"results.look.n": {">": 2, "<=": 3}}, True),
        ({"results.look.n": {">": 3}}, False),
        ({"results.look.n": {"in": [1, 3]}}, True),
        ({"results.look.n": {"!=": 3}}, False),
        ({"results.look.n": True}, False),
        ({"results.look.yes": 1}, False),
        ({"results.look.missing": None}, False),
        ({"results.look.missing": {"!=": 1}}, False),
        ({"not": {"results.look.missing": 1}}, True),
        ({"results.look.n": 3, "results.look.yes": False}, False),
        ([{"results.look.n": 4}, {"results.look.yes": True}], True),
        ({"results.look.list.1": "b"}, True),
        (lambda state: state["message"] == "hat", True),
        (lambda state: None, False),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
async def test_a_condition_is_a_function_or_declared_data(when, holds):
    tasks = {
        "look": Task(run=gives("look", n=3, yes=True, list=["a", "b"])),
        "yes": Task(run=gives("yes"), after="look", when=when),
        "no": Task(run=gives("no"), after="look", when="else"),
    }
    ended = await run(create_workflow(tasks), message="hat")
    assert ended.status == "done"
    assert ("yes" in ended.results, "no" in ended.results) == (holds, not holds)


async def test_a_condition_that_cannot_be_told_goes_to_a_person_and_the_work_is_not_done_again():
    calls = []

    def look_up(state: Any) -> dict[str, Any]:
        calls.append(1)
        return {"results": {"look": {"n": "many"}}}

    for when in ({"results.look.n": {">": 2}}, lambda state: state["nothing"], lambda state: "yes"):
        calls.clear()
        tasks = {
            "look": Task(run=look_up),
            "yes": Task(run=gives("yes"), after="look", when=when),
            "no": Task(run=gives("no"), after="look", when="else"),
        }
        ended = await run(create_workflow(tasks, recover=HASTY), message="hat")
        assert ended.status == "escalated"
        assert "a condition could not be told" in reason(ended)
        assert (len(calls), set(ended.results)) == (1, {"look"})


async def test_a_condition_sees_what_its_task_wrote_by_the_states_own_reducers():
    tasks = {
        "a": Task(run=lambda state: {"order": 7, "seen": ["a"]}),
        "yes": Task(run=gives("yes"), after="a", when=lambda state: state["order"] == 7),
        "no": Task(run=gives("no"), after="a", when="else"),
    }
    assert "yes" in (await run(create_workflow(tasks, state=Shop), message="x")).results


async def test_all_whose_condition_holds_run_at_once():
    tasks = {
        "a": Task(run=gives("a")),
        "b": Task(run=gives("b"), after="a", when=lambda state: True),
        "c": Task(run=gives("c"), after="a", when=lambda state: True),
        "d": Task(run=gives("d"), after="a", when="else"),
        "e": Task(run=gives("e"), after="a"),
    }
    assert set((await run(create_workflow(tasks), message="x")).results) == {"a", "b", "c", "e"}


# Joins


def joined(after: Any, **options: Any) -> dict[str, Any]:
    return {
        "a": Task(run=gives("a")),
        "short": Task(run=gives("short"), after="a"),
        "long": Task(run=gives("long"), after="a"),
        "longer": Task(run=gives("longer"), after="long"),
        "end": Task(run=count("end"), after=after, **options),
    }


COUNTED: dict[str, int] = {}


def count(name: str) -> Any:
    def counted(state: Any) -> dict[str, Any]:
        COUNTED[name] = COUNTED.get(name, 0) + 1
        return {"results": {name: sorted(state["results"])}}

    return counted


@pytest.mark.parametrize("way", WAYS)
async def test_all_of_waits_for_all_and_any_of_for_the_first_and_each_runs_once(way):
    for after, had in (
        (("short", "longer"), ["a", "long", "longer", "short"]),
        (all_of("short", "longer"), ["a", "long", "longer", "short"]),
        (any_of("short", "longer"), ["a", "long", "short"]),
    ):
        COUNTED.clear()
        ended = await run(create_workflow(joined(after)), way, message="x")
        assert ended.status == "done"
        assert (ended.results["end"], COUNTED) == (had, {"end": 1})


async def test_a_condition_after_several_is_asked_once_all_have_come():
    def both(state: Any) -> bool:
        return {"short", "longer"} <= set(state["results"])

    for when, expected in ((both, "end"), (lambda state: False, "other")):
        tasks = joined(("short", "longer"), when=when)
        tasks["other"] = Task(run=gives("other"), after=("longer", "short"), when="else")
        ended = await run(create_workflow(tasks), message="x")
        assert ended.status == "done"
        assert {"end", "other"} & set(ended.results) == {expected}


async def test_a_join_whose_branch_does_not_come_is_named_in_the_outcome():
    tasks = {
        "a": Task(run=gives("a")),
        "b": Task(run=gives("b"), after="a"),
        "c": Task(run=gives("c"), after="a", when=lambda state: False),
        "end": Task(run=gives("end"), after=("b", "c")),
    }
    ended = await run(create_workflow(tasks), message="x")
    assert ended.status == "escalated"
    assert "end waits for c, which has not come" in reason(ended)


# Loops


def loop(verdicts: list[bool], **options: Any) -> dict[str, Any]:
    left = iter(verdicts)
    return {
        "write": Task(
            run=count("write"), after={"start": None, "judge": "else"}, rounds=3, **options
        ),
        "judge": Task(run=lambda s: {"results": {"judge": {"ok": next(left)}}}, after="write"),
        "print": Task(run=gives("print"), after="judge", when={"results.judge.ok": True}),
        "shorten": Task(run=gives("shorten")),
    }


async def test_a_loop_goes_round_as_often_as_it_may_and_then_elsewhere():
    for verdicts, otherwise, status, rounds in (
        ([False, True], "", "done", 2),
        ([False, False, True], "", "done", 3),
        ([False] * 4, "", "exhausted", 3),
        ([False] * 4, "shorten", "done", 3),
    ):
        COUNTED.clear()
        tasks = loop(verdicts, **({"otherwise": otherwise} if otherwise else {}))
        if not otherwise:
            del tasks["shorten"]
        ended = await run(create_workflow(tasks), message="x")
        assert (ended.status, COUNTED["write"]) == (status, rounds), str(ended)
        assert ("shorten" in ended.results) == bool(otherwise)


async def test_a_first_come_join_in_a_loop_runs_once_in_each_round():
    COUNTED.clear()
    tasks = {
        "go": Task(run=gives("go"), after={"start": None, "meet": again}, rounds=2),
        "left": Task(run=gives("left"), after="go"),
        "right": Task(run=gives("right"), after="go"),
        "meet": Task(run=count("meet"), after=any_of("left", "right")),
        "out": Task(run=gives("out"), after="meet", when="else"),
    }
    ended = await run(create_workflow(tasks), message="x")
    assert (ended.status, COUNTED["meet"]) == ("done", 2)


def again(state: Any) -> bool:
    return COUNTED["meet"] < 2


# Refused before the first run, all at once


def test_all_complaints_come_at_once():
    text = refusal(
        {
            "a": Task(run=gives("a")),
            "b": Task(run=gives("b"), after="chek", on_failure="nowhere"),
            "c": Task(run=7, after="a", when={"total": {">": 3}}),
            "d": {"run": "d", "after": "a", "rounds": 0},
            "e": Task(run=gives("e"), after="f"),
            "f": Task(run=gives("f"), after="e"),
        },
    )
    assert text.startswith("create_workflow: ")
    for part in (
        "d: run='d': no such node",
        "b: after='chek': there is no such task",
        "b: on_failure='nowhere': there is no such task",
        "c: run=7 is no node",
        "c: when='total': OrchestrationState has no key 'total'",
        "e -> f -> e is a loop without a bound",
    ):
        assert part in text
    assert int(text.split()[1]) == text.count("\n- ")


class Judged(TypedDict):
    ok: bool


@pytest.mark.parametrize(
    ("tasks", "part"),
    [
        ({"b": Task(run=1, after="a")}, "is no node"),
        ({"b": Task(run=gives("b"), when=bool)}, "when= without after="),
        ({"b": Task(run=gives("b"), after="a", when=bool)}, "nothing follows where no condition"),
        ({"b": Task(run=gives("b"), after="a", when="else")}, "no other task has a condition"),
        ({"b": Task(run=gives("b"), after={"start": bool})}, "the beginning has no condition"),
        ({"finish": Task(run=gives("b"), after="a")}, "that name is taken"),
        ({"start": Task(run=gives("b"), after="a")}, "that name is taken"),
        ({"message": Task(run=worker(), after="a")}, "has the name of a key"),
        ({"b": Task(run=NO, after="a"), "c": Task(run=gives("c"), after="b")}, "ends the workflow"),
        (
            {"b": Task(run=Outcome(status="done", reason="x"), after="a")},
            "needs evidence",
        ),
        (
            {"b": Task(run=Planner(make=list, assignees=("a",)), after="a")},
            "a Planner sends its steps out",
        ),
        ({"b": Task(run=worker(), after="a", timeout="3s")}, "Budget(seconds="),
        (
            {"b": Task(run=Wait(duration=1), after="a", retry_policy=RetryPolicy())},
            "is not tried again",
        ),
        ({"b": Task(run=gives("b"), after="a", on_failure="b")}, "leads to the task itself"),
        (
            {
                "b": Task(run=worker(gives=Judged), after="a"),
                "c": Task(run=worker(), after="b", when={"results.b.okay": True}),
                "d": Task(run=worker(), after="b", when="else"),
            },
            "b gives no 'okay' (ok)",
        ),
        (
            {
                "b": Task(run=gives("b"), after="a", when=bool),
                "c": Task(run=gives("c"), after="a", when="else"),
                "d": Task(run=gives("d"), after=("b", "c")),
            },
            "d: it waits for b, c, and never do all of them come",
        ),
        (
            {
                "b": Task(run=Review(of="a", approved="c", rejected="a"), after="a"),
                "c": Task(run=gives("c"), after="b", when=bool),
            },
            "leave the condition of c out",
        ),
        ({"b": 7}, "is no task"),
    ],
)
def test_a_mistake_is_refused(tasks, part):
    whole = {"a": Task(run=gives("a"), rounds=2), **tasks}
    assert part in refusal(whole)


@pytest.mark.parametrize(
    "parts",
    [
        {"rounds": 0},
        {"rounds": True},
        {"timeout": "soon"},
        {"after": {"a": None}, "when": bool},
        {"after": ("", "b")},
        {"after": "a", "when": {}},
        {"after": "a", "when": {"x": {">": "3", "~": 1}}},
        {"after": "a", "when": {"x": {">": None}}},
        {"after": "a", "when": {"x": {"in": 3}}},
        {"after": "a", "when": {"x.": 3}},
        {"after": "a", "when": 3},
    ],
)
def test_a_part_that_cannot_be_read_is_refused(parts):
    with pytest.raises(DesignError):
        Task(run=gives("a"), **parts)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"duration": "2h", "until": 3.0},
        {"duration": "later"},
    ],
)
def test_a_wait_needs_one_time(parts):
    with pytest.raises(DesignError):
        Wait(**parts)


def test_a_task_to_which_nothing_leads_is_refused():
    pair = {"b": Task(run=gives("b"), after="c"), "c": Task(run=gives("c"), after="b", rounds=1)}
    text = refusal({"a": Task(run=gives("a")), **pair})
    assert "b: nothing leads there\n- c: nothing leads there" in text


def test_no_tasks_are_refused():
    for tasks in ({}, [Task(run=gives("a"))]):
        with pytest.raises(DesignError, match="give tasks by name"):
            create_workflow(tasks)


# From plain data

DATA = """{
  "look": {"run": "look", "retry_policy": {"max_attempts": 2, "initial_interval": 0.01}},
  "pay": {"run": "pay", "after": "look", "when": {"results.look.n": {">=": 2}}, "timeout": "5s"},
  "sold_out": {"outcome": "rejected", "reason": "sold out", "after": "look", "when": "else"},
  "grace": {"wait": "2h", "after": "pay"},
  "pack": {"run": "pack", "after": "pay", "on_failure": "undone"},
  "ship": {"run": "ship", "after": ["grace", "pack"]},
  "undone": {"outcome": "aborted", "reason": "could not be packed"},
  "told": {"run": "told", "after": {"any": ["ship"]}}
}"""


def test_a_workflow_is_read_from_plain_data():
    nodes = {name: gives(name) for name in ("pay", "pack", "ship", "told")}
    nodes["look"] = gives("look", n=2)
    app = create_workflow(json.loads(DATA), nodes=nodes).compile(checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        assert start(app, {"message": "hat"}, thread="t").status == "waiting"
        time.advance("2h")
        [ended] = sweep(app)
    assert ended.status == "done"
    assert set(ended.results) == {"look", "pay", "pack", "ship", "told"}


@pytest.mark.parametrize(
    ("task", "part"),
    [
        ({"run": "nowhere"}, "no such node; nodes= has a"),
        ({"run": "a", "wait": "2h"}, "give one of run, wait, outcome"),
        ({"after": "a"}, "give one of run, wait, outcome"),
        ({"run": "a", "retries": 3}, "'retries' is no part of a task"),
        ({"run": "a", "retry_policy": {"tries": 3}}, "is no policy of LangGraph"),
        ({"wait": {"for": 3}}, "wait: 'for' is no part"),
        ({"wait": "later"}, "later"),
        ({"outcome": "happy", "reason": "x"}, "happy"),
        ({"outcome": "rejected"}, "needs a reason"),
    ],
)
def test_data_that_cannot_be_read_is_refused(task, part):
    assert part in refusal({"first": {"run": "a"}, "x": task}, nodes={"a": gives("a")})


# Timers


def timed(**waits: Any) -> Any:
    tasks: dict[str, Any] = {"go": Task(run=gives("go"))}
    for name, wait in waits.items():
        tasks[name] = Task(run=wait, after="go")
        tasks[f"{name}_over"] = Task(run=gives(f"{name}_over"), after=name)
    return create_workflow(tasks)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_timer_outlives_its_process(kind, way, tmp_path):
    url = f"sqlite:///{tmp_path}/a.db" if kind == "sqlite" else "memory://"
    with clock(at="2026-03-01 09:00") as time, checkpointer(url) as first:
        app = timed(rest=Wait(duration="2h")).compile(checkpointer=first)
        waiting = await run(app, way, message="x")
        assert waiting.status == "waiting"
        [question] = waiting.waiting
        assert question.packet["until"] == pytest.approx(1772355600 + 7200, abs=1)
        with saver("none", tmp_path) if kind == "memory" else checkpointer(url) as second:
            later = timed(rest=Wait(duration="2h")).compile(checkpointer=second or first)
            desk = Desk(later)
            time.advance("1h")
            moved = (await desk.asweep()) if way == "async" else desk.sweep()
            assert moved == ()
            with pytest.raises(AnswerRefused, match="ends at 2026-03-01 11:00:00"):
                look(later, thread=waiting.thread).answer({"answer": "wake"})
            with pytest.raises(AnswerRefused, match="takes no signal"):
                look(later, thread=waiting.thread).answer("go on")
            time.advance("1h")
            moved = (await desk.asweep()) if way == "async" else desk.sweep()
            assert [ended.status for ended in moved] == ["done"]
            assert "rest_over" in moved[0].results
            assert desk.sweep() == ()


def test_a_timer_stands_in_the_inbox_and_nobody_is_asked_to_answer_it():
    app = timed(rest=Wait(duration="2h"), paid=Wait(duration="1h", gives=int)).compile(
        checkpointer("memory://")
    )
    start(app, {"message": "x"}, thread="t")
    [question] = Desk(app).waiting()
    assert (question.node, question.until is not None) == ("paid", True)
    assert Desk(app).waiting(approver="maria") == (question,)
    other = timed(rest=Wait(duration="2h")).compile(checkpointer("memory://"))
    start(other, {"message": "x"}, thread="t")
    assert len(Desk(other).waiting()) == 1
    assert Desk(other).waiting(approver="maria") == ()


def test_timers_at_once_end_each_at_its_own_time():
    graph = timed(short=Wait(duration="1h"), long=Wait(duration="24h"), same=Wait(duration="1h"))
    app = graph.compile(checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        start(app, {"message": "x"}, thread="t")
        time.advance("61m")
        [moved] = sweep(app)
        assert {"short_over", "same_over"} <= set(moved.results)
        assert (moved.status, "long_over" in moved.results) == ("waiting", False)
        assert sweep(app) == ()
        time.advance("23h")
        [ended] = sweep(app)
    assert (ended.status, "long_over" in ended.results) == ("done", True)


def test_a_timer_does_not_hold_up_the_other_branches():
    tasks = {
        "go": Task(run=gives("go")),
        "rest": Task(run=Wait(duration="2h"), after="go"),
        **{
            f"s{n}": Task(run=gives(f"s{n}"), after="go" if n == 0 else f"s{n - 1}")
            for n in range(6)
        },
        "end": Task(run=gives("end"), after=("rest", "s5")),
    }
    app = create_workflow(tasks).compile(checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        waiting = start(app, {"message": "x"}, thread="t")
        assert "s5" in waiting.results
        assert "end" not in waiting.results
        time.advance("3h")
        assert sweep(app)[0].status == "done"


def paid(by: str) -> dict[str, Any]:
    return {
        "bill": Task(run=gives("bill")),
        "payment": Task(run=Wait(duration="48h", gives=Payment), after="bill"),
        "ship": Task(run=gives("ship"), after="payment", when={"results.payment.by": "signal"}),
        "expired": Task(
            run=Outcome(status="aborted", reason=f"{by} did not pay"), after="payment", when="else"
        ),
    }


class Payment(BaseModel):
    amount: float


def test_a_signal_ends_a_timer_early_and_else_its_time_does():
    app = create_workflow(paid("maria")).compile(checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        waiting = start(app, {"message": "x"}, thread="a")
        with pytest.raises(AnswerRefused, match="amount"):
            waiting.answer({"sum": 3})
        ended = look(app, thread="a").answer({"amount": 12})
        assert ended.status == "done"
        assert ended.results["payment"] == {"by": "signal", "value": {"amount": 12.0}}
        start(app, {"message": "x"}, thread="b")
        time.advance("49h")
        [late] = sweep(app)
    assert (late.status, reason(late)) == ("aborted", "maria did not pay")


def test_a_signal_that_comes_after_the_time_is_on_record():
    app = create_workflow(paid("maria")).compile(checkpointer=checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        waiting = start(app, {"message": "x"}, thread="a")
        time.advance("49h")
        ended = waiting.answer({"amount": 12})
    assert (ended.status, reason(ended)) == ("aborted", "maria did not pay")
    [told] = [d.reason for d in ended.decisions if d.kind == "answer"]
    assert "an answer that came after it is not used: {'amount': 12}" in told


@pytest.mark.parametrize(
    ("until", "seconds"),
    [
        ("2026-03-01 10:00", 3600),
        ("2026-03-01T10:00:00+00:00", 3600),
        ("results.go.at", 3600),
        (lambda state: 1772355600 + 60, 60),
        (1772355600.0 - 5, None),
    ],
)
def test_a_moment_may_be_fixed_or_read_from_the_state(until, seconds):
    tasks = {
        "go": Task(run=gives("go", at="2026-03-01 10:00")),
        "rest": Task(run=Wait(until=until), after="go"),
    }
    app = create_workflow(tasks).compile(checkpointer("memory://"))
    with clock(at="2026-03-01 09:00"):
        stands = start(app, {"message": "x"}, thread="t")
    if seconds is None:
        assert stands.status == "done"
    else:
        assert stands.waiting[0].packet["until"] == pytest.approx(1772355600 + seconds, abs=1)


@pytest.mark.parametrize(
    "until", ["results.go.never", lambda state: "soon", lambda state: None], ids=["a", "b", "c"]
)
@pytest.mark.parametrize("way", WAYS)
async def test_a_moment_that_cannot_be_read_goes_to_a_person(until, way):
    tasks = {"go": Task(run=gives("go")), "rest": Task(run=Wait(until=until), after="go")}
    ended = await run(create_workflow(tasks), way, message="x")
    assert ended.status == "escalated"
    assert "Wait(until=" in reason(ended)


def test_a_wait_stands_in_a_graph_of_the_users_own():
    graph = StateGraph(Shop)
    graph.add_node("rest", Wait(duration="1h", then="end"), destinations=("end",))
    graph.add_node("end", gives("end"))
    path = begin("rest")
    graph.add_conditional_edges("__start__", path, path.targets)
    app = graph.compile(checkpointer=checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        start(app, {"message": "x"}, thread="t")
        time.advance("1h")
        [ended] = sweep(app)
    assert "end" in ended.results
    with pytest.raises(DesignError, match="give then="):
        Wait(duration="1h")({"message": "x"})


# Failures


class Broken(Exception):
    pass


def broken(state: Any) -> Any:
    raise Broken("no stock file")


async def abroken(state: Any) -> Any:
    raise Broken("no stock file")


@pytest.mark.parametrize("way", WAYS)
async def test_a_failure_leads_where_the_task_says_and_else_to_the_policy(way):
    failing = abroken if way == "async" else broken
    for on_failure, status, why in (
        ("", "escalated", "no stock file"),
        ("sorry", "rejected", "we are sorry"),
    ):
        tasks = order(pack=Task(run=failing, after="pay", on_failure=on_failure))
        if on_failure:
            sorry = Outcome(status="rejected", reason="we are sorry")
            tasks["sorry"] = Task(run=sorry)
        ended = await run(create_workflow(tasks, recover=HASTY), way, message="x")
        assert (ended.status, why in reason(ended)) == (status, True)
        assert "write" in ended.results
        assert "ship" not in ended.results


async def test_a_join_goes_on_where_a_failure_leads_to_it():
    tasks = order(pack=Task(run=broken, after="pay", on_failure="ship"))
    ended = await run(create_workflow(tasks, recover=HASTY), message="x")
    assert "ship" in ended.results


async def test_a_loop_by_failures_needs_a_bound_too():
    tasks = {"a": Task(run=broken, on_failure="b"), "b": Task(run=gives("b"))}
    tasks["a"] = Task(run=broken, after={"start": None, "b": None}, on_failure="b")
    assert "loop without a bound" in refusal(tasks)
    tasks["b"] = Task(run=gives("b"), rounds=2)
    ended = await run(create_workflow(tasks, recover=HASTY), message="x")
    assert ended.status == "exhausted"


async def test_langgraphs_own_retry_policy_is_passed_through():
    tries = []

    def flaky(state: Any) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 4:
            raise Broken("again")
        return {"results": {"a": 1}}

    policy = RetryPolicy(max_attempts=4, initial_interval=0.0, jitter=False, retry_on=Broken)
    ended = await run(create_workflow({"a": Task(run=flaky, retry_policy=policy)}), message="x")
    assert (ended.status, len(tries)) == ("done", 4)
    assert "retry" in kinds(ended)


@pytest.mark.parametrize("way", WAYS)
async def test_a_task_that_takes_too_long_is_a_time_out(way):
    import asyncio
    import time

    async def aslow(state: Any) -> dict[str, Any]:
        await asyncio.sleep(3)
        return {}

    def slow(state: Any) -> dict[str, Any]:
        time.sleep(0.3)
        return {}

    tasks = {
        "a": Task(run=aslow if way == "async" else slow, timeout=0.05, on_failure="late"),
        "late": Task(run=Outcome(status="aborted", reason="too late")),
    }
    recover = Recovery(timeout=())
    ended = await run(create_workflow(tasks, recover=recover), way, message="x")
    assert (ended.status, reason(ended)) == ("aborted", "too late")
    [failure] = ended.values["failures"]
    assert (failure["kind"], failure["remedy"]) == ("timeout", "fallback:late")


async def test_langgraphs_own_timeout_is_passed_through():
    async def aslow(state: Any) -> dict[str, Any]:
        import asyncio

        await asyncio.sleep(3)
        return {}

    tasks = {"a": Task(run=aslow, timeout=TimeoutPolicy(run_timeout=0.05))}
    ended = await run(create_workflow(tasks, recover=Recovery(timeout=())), "async", message="x")
    assert ended.status == "escalated"
    assert ended.values["failures"][0]["kind"] == "timeout"


@pytest.mark.parametrize(
    ("agent", "options", "status", "text"),
    [
        (lambda request: {"wrong": 1}, {"gives": Judged}, "escalated", "ok"),
        (
            lambda request: {"ok": True},
            {"success": (lambda result: False,)},
            "escalated",
            "not met",
        ),
        (lambda request, tools: {"ok": tools.steal()}, {"tools": (PAY,)}, "escalated", "steal"),
        (lambda request: {"ok": interrupt("which?")}, {}, "waiting", ""),
        (lambda request: {"refused": "out of policy"}, {}, "rejected", "out of policy"),
    ],
    ids=["wrong shape", "false success", "forbidden tool", "needs a person", "refuses"],
)
@pytest.mark.parametrize("way", WAYS)
async def test_a_worker_that_goes_wrong_ends_as_it_does_everywhere(
    agent, options, status, text, way
):
    tasks = {"a": Task(run=worker(agent, **options)), "b": Task(run=gives("b"), after="a")}
    ended = await run(create_workflow(tasks, recover=HASTY), way, message="x")
    assert ended.status == status
    if status == "waiting":
        ended = ended.answer("the blue one") if way == "sync" else await ended.aanswer("the blue")
        assert ended.status == "done"
    else:
        assert text in reason(ended)


# The user's own nodes


@dataclass
class AsDataclass:
    order: int = 0


class AsModel(BaseModel):
    order: int = 0


def of_dataclass(state: AsDataclass) -> dict[str, Any]:
    return {"results": {"a": state.order}}


def of_model(state: AsModel) -> dict[str, Any]:
    return {"results": {"a": state.order}}


def with_config(state: Any, config: Any, runtime: Any, writer: Any) -> dict[str, Any]:
    writer({"seen": 1})
    return {"results": {"a": config["configurable"]["thread_id"] and 7}}


def by_command(state: Any) -> Command[Literal["b"]]:
    return Command(goto="b", update={"results": {"a": 7}})


def several(state: Any) -> Any:
    return [Command(update={"order": 8}), Command(update={"results": {"a": 7}})]


@pytest.mark.parametrize(
    "node", [of_dataclass, of_model, with_config, by_command, several], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("way", WAYS)
async def test_any_function_that_langgraph_takes_is_a_task(node, way):
    tasks = {"a": Task(run=node), "b": Task(run=gives("b"), after="a")}
    ended = await run(create_workflow(tasks, state=Shop), way, message="x", order=7)
    assert (ended.status, ended.results["a"], "b" in ended.results) == ("done", 7, True)


@pytest.mark.parametrize("way", WAYS)
async def test_a_graph_is_a_task_and_ends_the_workflow_where_it_does_not_end_well(way):
    inner = {"first": worker(gives("x")), "second": worker(gives("y"))}
    for graph, status in (
        (create_sequential(inner), "done"),
        (create_sequential(inner).compile(), "done"),
        (create_workflow({"x": Task(run=gives("x"))}), "done"),
        (create_workflow({"x": Task(run=NO)}), "rejected"),
        (create_single_agent(worker(broken), recover=HASTY), "escalated"),
    ):
        tasks = {"a": Task(run=graph), "b": Task(run=gives("b"), after="a")}
        ended = await run(create_workflow(tasks), way, message="x")
        assert ended.status == status, str(ended)
        assert ("b" in ended.results) == (status == "done")


@pytest.mark.parametrize("way", WAYS)
async def test_a_timer_is_passed_through_whatever_graph_is_around(way):
    inner = timed(rest=Wait(duration="2h"))
    outer = create_workflow({"a": Task(run=inner), "b": Task(run=gives("b"), after="a")})
    plain = StateGraph(Shop).add_node("a", inner.compile()).add_edge("__start__", "a")
    agent = create_single_agent(worker(inner.compile(), gives=dict))
    for graph in (outer, plain, agent):
        app = graph.compile(checkpointer=checkpointer("memory://"))
        with clock(at="2026-03-01 09:00") as time:
            waiting = await run(app, way, message="x")
            assert waiting.status == "waiting", str(waiting)
            assert sweep(app) == ()
            time.advance("2h")
            desk = Desk(app)
            [ended] = (await desk.asweep()) if way == "async" else desk.sweep()
        assert ended.status == "done", str(ended)


async def test_two_workflows_at_once_by_send_keep_apart():
    inner = create_workflow(order()).compile()

    def split(state: Any) -> Any:
        return [Send("shop", {"message": "x"}) for _ in range(2)]

    graph = StateGraph(Shop).add_node("shop", inner)
    graph.add_conditional_edges("__start__", split, ["shop"])
    ended = await run(graph, message="x")
    assert {"ship", "ship#2"} & set(ended.results)
    assert ended.status == "done"


@pytest.mark.parametrize("way", WAYS)
async def test_a_review_and_a_merge_lead_on_as_they_say(way):
    tasks = {
        "write": Task(run=gives("write", text="draft"), after="start", rounds=3),
        "look": Task(run=Review(of="write", approved="price", rejected="write"), after="write"),
        "price": Task(run=gives("price", sum=3), after="look"),
        "cost": Task(run=gives("cost", sum=3), after="price"),
        "agree": Task(run=Merge(of=("price", "cost"), then="finish"), after="cost"),
        "send": Task(run=gives("send"), after="agree"),
    }
    app = create_workflow(tasks).compile(checkpointer("memory://"))
    waiting = await run(app, way, message="x")
    assert waiting.status == "waiting"
    for answer in (reject(by="maria", note="shorter"), approve(by="maria")):
        waiting = waiting.answer(answer) if way == "sync" else await waiting.aanswer(answer)
    assert waiting.status == "done"
    assert waiting.results["write_review"]["round"] == 2
    assert waiting.values["merged"] == {"sum": 3}
    assert "send" in waiting.results


# Effects behind a gate

PAID: list[int] = []


def transfer(order: int) -> str:
    PAID.append(order)
    return f"receipt {order}"


TRANSFER = effect(transfer, key="{order}")


def payer(request: Any, tools: Any) -> dict[str, Any]:
    return {"said": str(tools.transfer(order=1))}


def gated(**options: Any) -> Any:
    tasks = {
        "look": Task(run=gives("look")),
        "pay": Task(run=worker(payer, tools=(TRANSFER,)), after="look"),
        "rest": Task(run=Wait(duration="1h"), after="look"),
        "ship": Task(run=shipped, after=("pay", "rest")),
    }
    return create_workflow(tasks, gate=ApprovalGate(approvers=("lead",), **options))


def shipped(state: Any) -> dict[str, Any]:
    return {"results": {"ship": {"paid": len(PAID)}}}


@pytest.mark.parametrize("way", WAYS)
async def test_a_task_goes_on_when_its_actions_are_approved_and_done(way):
    PAID.clear()
    app = gated().compile(checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        stands = await run(app, way, message="x")
        assert [waiting.node for waiting in stands.waiting] == ["approve"]
        yes = approve(by="lead")
        stands = stands.answer(yes) if way == "sync" else await stands.aanswer(yes)
        assert (stands.status, PAID, "ship" in stands.results) == ("waiting", [1], False)
        time.advance("1h")
        [ended] = (await Desk(app).asweep()) if way == "async" else sweep(app)
    assert (ended.status, ended.results["ship"]) == ("done", {"paid": 1})


async def test_a_refused_action_ends_its_branch():
    PAID.clear()
    app = gated().compile(checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        (await run(app, message="x")).answer(reject(by="lead"))
        time.advance("1h")
        [ended] = sweep(app)
    assert (ended.status, PAID, "ship" in ended.results) == ("rejected", [], False)


# Crashes

BOOK: list[str] = []


def booked(order: int, idempotency_key: str) -> str:
    if idempotency_key not in BOOK:
        BOOK.append(idempotency_key)
    return f"receipt {order}"


BOOKED = effect(booked, key="{order}")


def booker(order: int) -> Any:
    def agent(request: Any, tools: Any) -> dict[str, Any]:
        return {"said": tools.booked(order=order)}

    return worker(agent, tools=(BOOKED,))


def crashed() -> Any:
    return create_workflow(
        {
            "first": Task(run=booker(1)),
            "left": Task(run=gives("left"), after="first"),
            "right": Task(run=gives("right"), after="first"),
            "both": Task(run=booker(2), after=("left", "right")),
            "again": Task(run=gives("again"), after={"both": None, "judge": "else"}, rounds=2),
            "judge": Task(run=gives("judge"), after="again"),
            "out": Task(run=gives("out"), after="judge", when={"results.judge.ok": True}),
        }
    )


@pytest.mark.parametrize("way", ["sync", pytest.param("async", marks=pytest.mark.slow)])
def test_a_workflow_recovers_from_a_crash_at_any_point(way):
    report = crashpoints(crashed, {"message": "x"}, asynchronous=way == "async", reset=BOOK.clear)
    assert report.ok, report
    assert report.points > 30


def test_a_crash_while_a_timer_is_set_or_woken_is_recovered_from():
    def waits() -> Any:
        return create_workflow(
            {
                "first": Task(run=booker(1)),
                "rest": Task(run=Wait(duration=3600, gives=str), after="first"),
                "last": Task(run=booker(2), after="rest"),
            }
        )

    report = crashpoints(waits, {"message": "x"}, person=lambda question: "go on", reset=BOOK.clear)
    assert report.ok, report


# The law: refused with all complaints, or an outcome whatever the conditions say

NAMES = ("a", "b", "c", "d", "e")
WHEN = st.sampled_from([None, "else", "p", "q"])


@st.composite
def declarations(draw: Any) -> dict[str, dict[str, Any]]:
    tasks = {}
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True)):
        others = st.sampled_from((*NAMES, "start"))
        kind = draw(st.sampled_from(["none", "one", "all", "any", "each"]))
        sources = draw(st.lists(others, min_size=1, max_size=3, unique=True))
        after: Any = {
            "none": (),
            "one": sources[0],
            "all": tuple(sources),
            "any": {"any": list(sources)},
            "each": {source: draw(WHEN) for source in sources},
        }[kind]
        task: dict[str, Any] = {"run": name, "after": after}
        if kind != "each":
            task["when"] = draw(WHEN)
        task["rounds"] = draw(st.sampled_from([None, None, 1, 2]))
        if draw(st.booleans()):
            task["on_failure"] = draw(st.sampled_from(NAMES))
        tasks[name] = task
    return tasks


def truth(tasks: Any, values: dict[str, bool]) -> Any:
    """Give the declaration with its conditions decided: each asks the assignment by its name."""

    def condition(when: Any) -> Any:
        return (lambda state: values[when]) if when in values else when

    decided = {}
    for name, task in tasks.items():
        after = task["after"]
        each = isinstance(after, dict) and "any" not in after
        decided[name] = {
            **task,
            "when": condition(task.get("when")),
            "after": {at: condition(when) for at, when in after.items()} if each else after,
        }
    return decided


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(tasks=declarations(), fails=st.sets(st.sampled_from(NAMES)))
def test_any_declaration_is_refused_or_ends_in_an_outcome(tasks: Any, fails: set[str]) -> None:
    for left, right in itertools.product((True, False), repeat=2):
        nodes = {name: broken if name in fails else gives(name) for name in NAMES}
        declared = truth(tasks, {"p": left, "q": right})
        try:
            graph = create_workflow(declared, nodes=nodes, recover=QUICK)
        except DesignError as refused:
            told, listed = int(str(refused).split()[1]), str(refused).count("\n- ")
            assert told == listed > 0
            return
        values = graph.compile().invoke({"message": "x"}, {"recursion_limit": 200})
        outcome = values["outcome"]
        assert outcome["reason"]
        if outcome["status"] == "done":
            assert values["results"]


QUICK = Recovery(
    transient=(), rate_limit=(), timeout=(), invalid=(), otherwise=escalate(), permanent=()
)


@dataclass
class Odd:
    colour: str


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (5, "returned 5, which is no update of the state"),
        ("x", "returned 'x', which is no update of the state"),
        ([], "which is no update of the state"),
        (True, "which is no update of the state"),
        (Outcome(status="rejected", reason="no"), "returned an Outcome, which ends nothing"),
        ({"colour": "red"}, "returned 'colour', which is no key of the state"),
        ([{"colour": "red"}], "returned 'colour', which is no key of the state"),
        (Command(update={"colour": "red"}), "returned 'colour', which is no key of the state"),
        (Odd(colour="red"), "returned 'colour', which is no key of the state"),
        (
            {"outcome": {"status": "escalated", "reason": 5}},
            "an outcome that is none: Outcome: reason",
        ),
        (
            {"outcome": {"status": "fine", "reason": "x"}},
            "an outcome that is none: Outcome: status",
        ),
        ({"results": 5}, "returned results=5"),
        ({"outcome": "done"}, "returned outcome='done'"),
    ],
)
def test_what_a_task_returns_is_never_lost_without_a_word(answer, why):
    def task(state: Any) -> Any:
        return answer

    tasks = {"task": Task(run=task), "next": Task(run=gives("next"), after="task")}
    ended = start(create_workflow(tasks, recover=HASTY).compile(), {"message": "m"})
    assert ended.status == "escalated"
    assert why in ended.outcome.reason
    assert "next" not in ended.results


@pytest.mark.parametrize(
    "answer",
    [None, {}, {"results": {"x": 1}}, [Command(update={"results": {"x": 1}})], {"message": "n"}],
)
def test_what_is_an_update_goes_on(answer):
    tasks = {"task": Task(run=lambda state: answer), "next": Task(run=gives("next"), after="task")}
    ended = start(create_workflow(tasks, recover=HASTY).compile(), {"message": "m"})
    assert ended.status == "done"
