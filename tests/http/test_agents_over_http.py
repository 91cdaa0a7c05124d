"""Test agents of `create_agent` under a contract, their model over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.graph.state import CompiledStateGraph

from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Recovery, Worker, effect, over, retry
from quintet.runs import approve
from quintet.state import Budget, Contract, checkpointer
from tests.aimock import Aimock, call, status, text
from tests.http.conftest import Begin
from tests.http.desks import ORDER, TOKENS, DeskState, asked, chat

BEFORE = {"hasToolResult": False}
AFTER = {"hasToolResult": True}


@pytest.fixture
def paid() -> list[tuple[int, float]]:
    return []


@tool
def delete_customer(email: str) -> str:
    """Delete a customer."""
    raise AssertionError(f"{email} is gone")


def desk(
    aimock: Aimock, paid: list[tuple[int, float]], budget: Budget | None = None
) -> CompiledStateGraph[Any, Any, Any, Any]:
    def issue_refund(order_id: int, amount: float) -> dict[str, Any]:
        """Pay an amount back."""
        paid.append((order_id, amount))
        return {"receipt": len(paid)}

    refund = effect(issue_refund, key="refund:{order_id}:{amount}")
    agent = create_agent(chat(aimock.base_url), [refund.as_tool(), delete_customer])
    contract = Contract(
        goal="Resolve the refund request",
        needs=("message", "order"),
        tools=(refund,),
        budget=budget or Budget(),
    )
    return create_single_agent(
        Worker(agent=agent, contract=contract),
        gate=ApprovalGate(when=over(100), approvers=("maria",)),
        recover=Recovery(transient=retry(2, wait=0.01)),
        state=DeskState,
    ).compile(checkpointer=checkpointer("memory://"))


def refund_of(amount: float) -> Any:
    return call("issue_refund", {"order_id": ORDER, "amount": amount}, usage=TOKENS)


async def test_its_tokens_calls_and_effects_are_counted(
    aimock: Aimock, begin: Begin, paid: list[tuple[int, float]]
) -> None:
    aimock.on(BEFORE, refund_of(40.0))
    aimock.on(AFTER, text("It is refunded.", usage=TOKENS))
    run = await begin(desk(aimock, paid), asked())
    assert run.status == "done"
    assert paid == [(ORDER, 40.0)]
    assert run.values["spent"]["tokens"] == 2 * TOKENS["total_tokens"]
    assert run.values["spent"]["steps"] == 2
    assert run.outcome is not None
    assert run.outcome.evidence["effects"] == [f"refund:{ORDER}:40.0"]


async def test_its_effect_over_the_limit_waits_for_the_approver(
    aimock: Aimock, begin: Begin, paid: list[tuple[int, float]]
) -> None:
    aimock.on(BEFORE, refund_of(240.0))
    aimock.on(AFTER, text("A colleague decides about it today."))
    run = await begin(desk(aimock, paid), asked())
    assert run.status == "waiting"
    assert paid == []
    assert run.answer(approve(by="maria")).status == "done"
    assert paid == [(ORDER, 240.0)]


async def test_a_tool_that_it_has_and_its_contract_does_not_list_is_refused(
    aimock: Aimock, begin: Begin, paid: list[tuple[int, float]]
) -> None:
    aimock.on(BEFORE, call("delete_customer", {"email": "ada@example.com"}))
    run = await begin(desk(aimock, paid), asked())
    assert run.status == "escalated"
    [failure] = run.values["failures"]
    assert (failure["kind"], failure["error"]) == ("denied", "ToolRefused")


async def test_a_fault_after_its_effect_does_not_pay_twice(
    aimock: Aimock, begin: Begin, paid: list[tuple[int, float]]
) -> None:
    aimock.on(BEFORE, refund_of(40.0), refund_of(40.0))
    aimock.on(AFTER, status(500), text("It is refunded."))
    run = await begin(desk(aimock, paid), asked())
    assert run.status == "done"
    assert paid == [(ORDER, 40.0)]
    assert run.values["spent"]["retries"] == 1


async def test_it_stops_where_its_budget_does(
    aimock: Aimock, begin: Begin, paid: list[tuple[int, float]]
) -> None:
    aimock.on(BEFORE, call("issue_refund", {"order_id": ORDER, "amount": 1.0}))
    aimock.on(AFTER, *(call("issue_refund", {"order_id": ORDER, "amount": 1.0}) for _ in "xy"))
    run = await begin(desk(aimock, paid, Budget(steps=2)), asked())
    assert run.status == "exhausted", run
    assert paid == [(ORDER, 1.0)]
    assert len(aimock.sent()) == 2
