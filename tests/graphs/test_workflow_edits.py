"""Test that a workflow follows its actions by what they are, whatever key they end under."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from quintet.graphs import Task, create_workflow
from quintet.nodes import ApprovalGate, Effect, Worker, effect
from quintet.runs import Run, approve, edit, reject, start
from quintet.state import Contract, checkpointer


class Shop:
    """Keep what was paid, shipped and told."""

    def __init__(self) -> None:
        self.did: list[str] = []

        def pay(order: str, amount: int) -> str:
            """Pay."""
            if amount > 50:
                raise RuntimeError("the account is empty")
            self.did.append(f"pay {amount}")
            return "paid"

        def ship(order: str) -> str:
            """Ship."""
            self.did.append("ship")
            return "shipped"

        # The amount is in one key, so that an edit changes it; the order alone is in the other.
        self.pay = effect(pay, key="{order}-{amount}")
        self.pay_order = effect(pay, key="{order}")
        self.ship = effect(ship, key="{order}")

    def asks(self, tool: Effect, **arguments: Any) -> Worker:
        """Give a worker that calls one effect."""

        def agent(request: Any, tools: Any) -> dict[str, str]:
            return {"said": str(tools[tool.name](**arguments))}

        return Worker(agent=agent, contract=Contract(goal="Act", needs=("message",), tools=(tool,)))

    def tells(self, what: str) -> Any:
        """Give a step that tells the customer."""

        def tell(state: Mapping[str, Any]) -> dict[str, Any]:
            self.did.append(what)
            return {"results": {what: what}}

        return tell


def begun(tasks: Mapping[str, Task]) -> Run:
    graph = create_workflow(tasks, gate=ApprovalGate())
    return start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "order 1"})


def paid_then_told(shop: Shop) -> Run:
    pays = Task(run=shop.asks(shop.pay, order="1", amount=9))
    return begun({"pay": pays, "told": Task(run=shop.tells("told"), after="pay")})


def test_an_edit_that_changes_the_key_goes_on_to_the_next_task():
    shop = Shop()
    ended = paid_then_told(shop).answer(edit({"amount": 7}, by="maria"))
    assert (ended.status, shop.did) == ("done", ["pay 7", "told"])


def test_awaited_it_goes_on_too():
    shop = Shop()
    asked = paid_then_told(shop)
    ended = asyncio.run(asked.aanswer(edit({"amount": 7}, by="maria")))
    assert (ended.status, shop.did) == ("done", ["pay 7", "told"])


def test_an_edited_action_that_fails_leads_on_to_nothing():
    shop = Shop()
    ended = paid_then_told(shop).answer(edit({"amount": 70}, by="maria"))
    assert (ended.status, shop.did) == ("escalated", [])


@pytest.mark.parametrize("refused", ["pay", "ship"])
def test_two_tasks_whose_actions_share_a_key_wait_each_for_its_own(refused):
    shop = Shop()
    run = begun(
        {
            "pay": Task(run=shop.asks(shop.pay_order, order="1", amount=9)),
            "ship": Task(run=shop.asks(shop.ship, order="1")),
            "paid": Task(run=shop.tells("told of pay"), after="pay"),
            "shipped": Task(run=shop.tells("told of ship"), after="ship"),
        }
    )
    while run.waiting:
        action = run.waiting[0].packet["action"]
        run = run.answer(reject(by="maria") if action == refused else approve(by="maria"))
    assert run.status == "rejected"
    assert f"told of {refused}" not in shop.did
