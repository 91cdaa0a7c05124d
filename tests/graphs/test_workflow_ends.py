"""Test how a workflow ends beside a branch that has ended it, and what is refused beforehand."""

from __future__ import annotations

from typing import Any

import pytest

from quintet.graphs import Task, create_sequential, create_workflow
from quintet.nodes import Recovery, Wait, fallback, retry
from quintet.runs import start, sweep
from quintet.state import DesignError, Outcome, checkpointer
from quintet.testing import clock
from tests.graphs.desks import HASTY, WAYS, run
from tests.graphs.test_workflow_returns import gives


def broken(state: Any) -> Any:
    raise ValueError("the printer is on fire")


def beside(ends: dict[str, Any], paid: list[str]) -> dict[str, Any]:
    """Give a workflow of two branches: one that ends it, and a longer one that pays."""

    def pay(state: Any) -> dict[str, Any]:
        paid.append("pay")
        return {"results": {"pay": 1}}

    return {
        **ends,
        "pack": Task(run=gives("pack")),
        "label": Task(run=gives("label"), after="pack"),
        "pay": Task(run=pay, after="label"),
    }


SOLD_OUT = {
    "look": Task(run=gives("look")),
    "no": Task(run=Outcome(status="rejected", reason="sold out"), after="look"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_no_branch_goes_on_once_another_has_ended_the_run(way):
    for ends, status in ((SOLD_OUT, "rejected"), ({"print": Task(run=broken)}, "escalated")):
        paid: list[str] = []
        ended = await run(create_workflow(beside(ends, paid), recover=HASTY), way, message="m")
        assert (ended.status, paid) == (status, [])
        assert "pay" not in ended.results


def test_a_timer_that_wakes_in_a_run_that_has_ended_leads_no_further():
    tasks = {
        "rest": Task(run=Wait(duration="1h")),
        "pay": Task(run=gives("pay"), after="rest"),
        **SOLD_OUT,
    }
    app = create_workflow(tasks).compile(checkpointer=checkpointer("memory://"))
    with clock(at="2026-03-01 09:00") as time:
        ended = start(app, {"message": "m"})
        time.advance("2h")
        ended = next(iter(sweep(app)), ended)
    assert (ended.status, "pay" in ended.results) == ("rejected", False)


def test_a_failure_that_would_read_as_done_is_refused():
    tasks = {"a": Task(run=gives("a")), "b": Task(run=broken, after="a", on_failure="finish")}
    with pytest.raises(DesignError, match="b: on_failure='finish' would end the run as done"):
        create_workflow(tasks)
    hides = Recovery(unknown=(retry(2), fallback("finish")))
    for make in (create_workflow, create_sequential):
        steps = {"a": gives("a"), "b": broken}
        if make is create_workflow:
            steps = {name: Task(run=node) for name, node in steps.items()}
        with pytest.raises(DesignError, match="a remedy goes to 'finish'"):
            make(steps, recover=hides)


@pytest.mark.parametrize(
    "until", [float("nan"), float("inf"), 1e18, -(10**400), "2026-13-01", ["2026-03-01"], True]
)
def test_a_moment_that_no_calendar_has_is_refused(until):
    with pytest.raises(DesignError, match="is no moment"):
        Wait(until=until)
    tasks = {"w": {"wait": {"until": until}}}
    with pytest.raises(DesignError, match="1 to mend:\n- w: Wait"):
        create_workflow(tasks)


@pytest.mark.parametrize("way", WAYS)
async def test_a_moment_in_the_state_that_no_calendar_has_goes_to_a_person(way):
    for at in (1e18, 10**400, "later"):
        tasks = {
            "order": Task(run=lambda state, at=at: {"results": {"order": {"on": at}}}),
            "w": Task(run=Wait(until="results.order.on"), after="order"),
        }
        ended = await run(create_workflow(tasks), way, message="m")
        assert ended.status == "escalated"
        assert "results.order.on" in ended.outcome.reason


def test_a_condition_on_a_task_that_may_not_have_run_is_refused():
    ok = {"results.a.ok": True}
    both = {"a": Task(run=gives("a")), "b": Task(run=gives("b"))}
    for after in ({"after": "b", "when": ok}, {"after": {"a": None, "b": ok}}):
        tasks = both | {"c": Task(run=gives("c"), **after)}
        tasks |= {"d": Task(run=gives("d"), after="b", when="else")}
        with pytest.raises(DesignError, match="a does not come before b, and may not have"):
            create_workflow(tasks)
    joined = both | {
        "c": Task(run=gives("c"), after=("a", "b"), when=ok),
        "d": Task(run=gives("d"), after=("a", "b"), when="else"),
    }
    assert "c" in start(create_workflow(joined).compile(), {"message": "m"}).results


def test_words_that_yaml_reads_as_true_or_false_are_named():
    tasks = {"a": {"run": gives("a")}, False: {"run": gives("no")}, "c": {"run": gives("c")}}
    tasks["c"] |= {"after": "b", "on_failure": False}
    with pytest.raises(DesignError) as refused:
        create_workflow(tasks)  # type: ignore[arg-type]
    assert "False: no node can have that name, which is no text" in str(refused.value)
    assert "c: on_failure=False: give the name of a task" in str(refused.value)


@pytest.mark.parametrize("timeout", [{"run_time": 3}, {}, {"run_timeout": -1}])
def test_a_timeout_that_nothing_would_hold_is_refused(timeout):
    with pytest.raises(DesignError, match="a: timeout="):
        create_workflow({"a": {"run": gives("a"), "timeout": timeout}})


def test_a_declared_end_without_a_reason_is_refused():
    with pytest.raises(DesignError, match="an outcome needs a reason"):
        create_workflow({"a": {"outcome": "rejected", "reason": None}})


def test_a_wide_workflow_is_read_in_time():
    wide: dict[str, Any] = {"first": Task(run=gives("first"))}
    for at in map(str, range(14)):
        wide[at] = Task(run=gives(at), after="first")
        for to, when in (("x", lambda state: True), ("y", lambda state: False), ("z", "else")):
            wide[at + to] = Task(run=gives(at + to), after=at, when=when)
    wide["last"] = Task(run=gives("last"), after=tuple(map(str, range(14))))
    assert start(create_workflow(wide).compile(), {"message": "m"}).status == "done"


async def test_a_join_that_a_failure_has_run_is_told_from_one_that_waits():
    tasks = {
        "a": Task(run=broken, on_failure="j"),
        "b": Task(run=gives("b")),
        "c": Task(run=gives("c"), after="b"),
        "j": Task(run=gives("j"), after=["a", "c"]),
    }
    ended = await run(create_workflow(tasks, recover=HASTY), message="m")
    assert ended.status == "escalated"
    assert (
        "j ran because a had failed or was past its bound; c came later, and j has not run with "
        "it: it waits for a, which has not come since"
    ) in ended.outcome.reason
