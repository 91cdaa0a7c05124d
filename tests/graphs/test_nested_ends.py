"""Test that nothing acts after a graph within a graph has ended the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from quintet.graphs import (
    Task,
    create_handoff,
    create_manager_worker,
    create_parallel,
    create_planner,
    create_sequential,
    create_single_agent,
    create_workflow,
)
from quintet.nodes import ApprovalGate, Ledger, Manager, Planner, Router, Worker
from quintet.runs import reject, start
from quintet.state import Contract, Step, checkpointer
from tests.graphs.patterns import LOOKS, NO_WAIT, Till


def fails(till: Till) -> Any:
    def agent(request: Any) -> Any:
        raise ValueError("no such account")

    worker = Worker(agent=agent, contract=Contract(goal="Check", needs=("message",)))
    return create_single_agent(worker, recover=NO_WAIT).compile()


def hands_over(till: Till) -> Any:
    """Give a graph whose worker hands over to a person."""

    def agent(request: Any) -> dict[str, str]:
        return {"reply": "fraud"}

    contract = Contract(goal="Check", needs=("message",), escalate=(lambda result: "fraud",))
    return create_single_agent(Worker(agent=agent, contract=contract)).compile()


def is_refused(till: Till) -> Any:
    """Give a graph whose action a person refuses."""
    gate = ApprovalGate(when=lambda action: True, approvers=("maria",))
    return create_single_agent(till.worker(), gate=gate).compile()


INNER = {"escalated": fails, "handed over": hands_over, "rejected": is_refused}


def line(inner: Any, pays: Worker) -> Any:
    return create_sequential({"check": inner, "pay": pays}, recover=NO_WAIT)


def line_with_gate(inner: Any, pays: Worker) -> Any:
    gate = ApprovalGate(when=lambda action: False, approvers=("maria",))
    return create_sequential({"check": inner, "pay": pays}, recover=NO_WAIT, gate=gate)


def calls_it(inner: Any, pays: Worker) -> Any:
    """Put it into a node that calls it, and gives back its state."""

    def check(state: Mapping[str, Any]) -> Any:
        return inner.invoke({"message": state["message"]})

    return create_sequential({"check": check, "pay": pays}, recover=NO_WAIT)


def after_join(inner: Any, pays: Worker) -> Any:
    branches = {"check": inner, "other": LOOKS}
    return create_parallel(branches, then={"pay": pays}, recover=NO_WAIT)


def behind_join(inner: Any, pays: Worker) -> Any:
    branches = {"one": LOOKS, "other": LOOKS}
    return create_parallel(branches, then={"check": inner, "pay": pays}, recover=NO_WAIT)


def as_intake(inner: Any, pays: Worker) -> Any:
    return create_parallel({"pay": pays, "other": LOOKS}, intake=inner, recover=NO_WAIT)


def as_intake_of_router(inner: Any, pays: Worker) -> Any:
    def choose(text: str) -> str:
        return "pay"

    router = Router(choose=choose, to=("pay", "other"), otherwise="person")
    return create_handoff(router, {"pay": pays, "other": LOOKS}, intake=inner, recover=NO_WAIT)


def planned(inner: Any, pays: Worker) -> Any:
    def make(goal: str) -> tuple[Step, ...]:
        first = Step(id="first", goal=goal, assignee="check", inputs={"message": goal})
        inputs = {"message": goal}
        return first, Step(id="then", goal=goal, assignee="pay", after=("first",), inputs=inputs)

    planner = Planner(make=make, assignees=("check", "pay"))
    return create_planner(planner, {"check": inner, "pay": pays}, recover=NO_WAIT)


def managed(inner: Any, pays: Worker) -> Any:
    def lead(request: Any, ledger: Ledger) -> Any:
        if ledger.steps:
            return {"reply": "all done"}
        first = Step(id="first", goal="check", assignee="check")
        return [first, Step(id="then", goal="pay", assignee="pay", after=("first",))]

    manager = Manager(agent=lead, contract=Contract(goal="Pay", needs=("message",)))
    return create_manager_worker(manager, {"check": inner, "pay": pays}, recover=NO_WAIT)


def declared(inner: Any, pays: Worker) -> Any:
    tasks = {"check": Task(run=inner), "pay": Task(run=pays, after="check")}
    return create_workflow(tasks, recover=NO_WAIT)


OUTER: tuple[Callable[[Any, Worker], Any], ...] = (
    line,
    line_with_gate,
    calls_it,
    after_join,
    behind_join,
    as_intake,
    as_intake_of_router,
    planned,
    managed,
    declared,
)
each_outer = pytest.mark.parametrize("outer", OUTER, ids=lambda outer: outer.__name__)


@pytest.mark.parametrize(
    ("end", "outer"),
    [
        pytest.param(end, outer, id=f"{end}, in {outer.__name__}")
        for end in INNER
        for outer in OUTER
        # A graph that is called without a thread has nowhere to wait for a person.
        if (end, outer) != ("rejected", calls_it)
    ],
)
def test_nothing_is_paid_after_it(end, outer):
    till = Till()
    app = outer(INNER[end](till), till.worker()).compile(checkpointer=checkpointer("memory://"))
    ended = start(app, {"message": "pay"}, thread="t")
    while ended.status == "waiting":
        ended = ended.answer(reject(by="maria"))
    assert till.paid == []
    assert ended.status in ("escalated", "rejected")


@each_outer
def test_the_next_run_of_the_thread_goes_the_whole_way(outer):
    till, broken = Till(), [True]

    def agent(request: Any) -> dict[str, str]:
        if broken:
            raise ValueError("no such account")
        return {"reply": "all is well"}

    worker = Worker(agent=agent, contract=Contract(goal="Check", needs=("message",)))
    inner = create_single_agent(worker, recover=NO_WAIT).compile()
    app = outer(inner, till.worker()).compile(checkpointer=checkpointer("memory://"))
    assert start(app, {"message": "pay"}, thread="t").status == "escalated"
    broken.clear()
    assert start(app, {"message": "pay"}, thread="t").status == "done"
    assert till.paid == [1]
