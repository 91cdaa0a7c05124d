"""Test that a handled failure stays an object, so that no later question is taken for it."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from quintet.graphs import create_planner
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import start
from quintet.state import Contract, Plan, checkpointer
from tests.nodes.test_program import AT_ONCE, worker
from tests.state.test_steps import do, of


class Full(Exception):
    """A failure that a weak reference can be had to."""


def way_with_a_question(refs: list[Any]) -> Any:
    """Make a plan whose first way fails, and whose second asks a person."""

    def fails(request: Any) -> Any:
        problem = Full("no seat")
        refs.append(weakref.ref(problem))
        raise problem

    def pay(to: str) -> str:
        return to

    contract = Contract(goal="Pay", needs=("goal",), tools=(effect(pay, key="{to}"),))
    workers = {
        "train": worker(fails),
        "bus": Worker(agent=lambda request, tools: str(tools.pay(to="jo")), contract=contract),
    }
    body = tuple(do(name, assignee=name) for name in workers)
    plan = Plan(goal="g", steps=(of("first", body=body),))
    gate = ApprovalGate(approvers=("maria",))
    return create_planner(plan, workers, gate=gate, recover=AT_ONCE)


def test_a_handled_failure_is_kept_without_the_frames_that_it_came_from():
    refs: list[Any] = []
    with checkpointer("memory://") as saver:
        app = way_with_a_question(refs).compile(checkpointer=saver)
        assert start(app, {"message": "g"}, thread="t").status == "waiting"
    gc.collect()  # and LangGraph would take what has its address now for handled
    assert refs[0]() is not None
    assert refs[0]().__traceback__ is None
