"""Test that a plan's step runs only when what the steps before it proposed is decided and done."""

from __future__ import annotations

from typing import Any

import pytest

from quintet.graphs import check, create_handoff
from quintet.nodes import ApprovalGate, Planner, Router, effect
from quintet.runs import approve, reject
from quintet.state import Step
from tests.graphs.desks import run, worker


@pytest.mark.parametrize("answers", [("yes",), ("no",), ("yes", "no")])
async def test_a_step_that_waits_for_another_runs_when_its_proposals_are_decided(answers: Any):
    told: list[Any] = []
    paid: list[int] = []

    def pay(order: int) -> int:
        paid.append(order)
        return order

    def payer(request: Any, tools: Any) -> str:
        for order in range(len(answers)):
            tools.pay(order=order)
        return "proposed"

    def teller(request: Any) -> str:
        told.append([effect["status"] for effect in request["effects"]])
        return "told"

    steps = (
        Step(id="a", goal="pay", assignee="pay"),
        Step(id="b", goal="tell", assignee="tell", after=("a",)),
    )
    workers = {
        "plan": Planner(make=lambda goal: steps, assignees=("pay", "tell")),
        "pay": worker(payer, needs=(), tools=(effect(pay, key="{order}"),), goal="Pay"),
        "tell": worker(teller, needs=("effects",), goal="Tell"),
    }
    graph = create_handoff(
        Router(choose=lambda text: "plan", to=("plan",), otherwise="person"),
        workers,
        gate=ApprovalGate(),
    )
    assert check(graph) == ()
    asked = await run(graph, message="m")
    assert told == []
    for answer in answers:
        say = approve if answer == "yes" else reject
        asked = asked.answer(say(by="ann", note="as it is"))
    refused = "no" in answers
    assert asked.status == ("rejected" if refused else "done")
    assert told == ([] if refused else [["done"]])
    assert paid == [0][: answers.count("yes")]
