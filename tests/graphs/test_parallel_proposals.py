"""Test branches that propose different actions under one key: neither is lost in silence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quintet.graphs import create_parallel
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import Run, approve, astart, start
from quintet.state import Contract, checkpointer


class Desk:
    """Pay for one order in several branches, each the amount of the message at its place."""

    def __init__(self, branches: int, **options: Any) -> None:
        self.paid: list[tuple[int, int]] = []

        def pay(order: int, amount: int) -> str:
            self.paid.append((order, amount))
            return "receipt"

        tool = effect(pay, key="{order}")

        def pays(place: int) -> Worker:
            def agent(request: Any, tools: Any) -> dict[str, Any]:
                amount = int(request["message"].split()[place])
                return {"receipt": tools.pay(order=1, amount=amount)}

            contract = Contract(goal="Pay", needs=("message",), tools=(tool,))
            return Worker(agent=agent, contract=contract)

        gate = ApprovalGate(approvers=("maria",))
        graph = create_parallel({f"b{n}": pays(n) for n in range(branches)}, gate=gate, **options)
        self.app = graph.compile(checkpointer=checkpointer("memory://"))

    def run(self, message: str, *, asynchronous: bool = False) -> Run:
        given = {"message": message}
        if asynchronous:
            return asyncio.run(astart(self.app, given, thread="t"))
        return start(self.app, given, thread="t")


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("message", ["1 2", "1 2 1", "1 1 2", "1 2 3"])
def test_different_proposals_under_one_key_are_a_matter_for_a_person(
    message: str, asynchronous: bool
):
    desk = Desk(len(message.split()))
    run = desk.run(message, asynchronous=asynchronous)
    assert (run.status, run.waiting, desk.paid) == ("escalated", (), [])
    assert run.outcome is not None
    assert "both proposed under the key '1'" in run.outcome.reason
    assert "pay(order=1, amount=1) and pay(order=1, amount=2)" in run.outcome.reason


def test_the_same_proposal_of_two_branches_is_one():
    desk = Desk(2)
    run = desk.run("3 3")
    assert run.answer(approve(by="maria")).status == "done"
    assert desk.paid == [(1, 3)]


def test_the_next_run_may_propose_under_that_key():
    desk = Desk(2)
    assert desk.run("1 2").status == "escalated"
    run = desk.run("4 4").answer(approve(by="maria"))
    assert (run.status, desk.paid) == ("done", [(1, 4)])
