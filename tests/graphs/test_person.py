"""Test that where a person must decide, no remedy does, and no bad answer ends the run."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.types import Command
from pydantic import ValidationError

from quintet.graphs import create_handoff, create_sequential, create_single_agent
from quintet.nodes import ApprovalGate, Merge, Recovery, Router, Worker, effect, fallback
from quintet.runs import approve, settle, start
from quintet.state import AnswerRefused, Contract, OrchestrationState, checkpointer


def wants_a_lawyer(result: dict[str, Any]) -> str:
    return result.get("why", "")


def worker(agent: Any, **options: Any) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="Answer", needs=("message",), **options))


def test_a_contracts_escalation_is_not_swallowed_by_a_fallback():
    asks = worker(lambda request: {"why": "a lawyer is mentioned"}, escalate=(wants_a_lawyer,))
    graph = create_handoff(
        Router(choose=lambda text: "first", to=("first",), otherwise="person"),
        {"first": asks, "second": worker(lambda request: {"said": "all fine"})},
        recover=Recovery(contract=fallback("second"), denied=fallback("second")),
    )
    ended = start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "sue"})
    assert ended.status == "escalated"
    assert ended.path == ("router", "first", "person")
    assert "a lawyer is mentioned" in ended.outcome.reason


def test_a_bad_settlement_leaves_a_merges_question_open():
    graph = create_sequential(
        {
            "ledger": worker(lambda request: {"total": 40}),
            "form": worker(lambda request: {"total": 50}),
            "merge": Merge(of=("ledger", "form"), then="finish"),
        }
    )
    run = start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "which"})
    assert run.waiting[0].packet["conflicts"] == {"total": {"ledger": 40, "form": 50}}
    with pytest.raises(AnswerRefused, match="give a value for each of total"):
        run.answer(settle({"sum": 1}, by="maria"))
    ended = run.answer(settle({"total": 40}, by="maria"))
    assert (ended.status, ended.values["merged"]) == ("done", {"total": 40})


PAID: list[int] = []


def pay(order: int) -> str:
    PAID.append(order)
    return f"paid {order}"


class Two(OrchestrationState, total=False):
    orders: list[int]


def test_an_answer_for_no_action_in_particular_approves_none():
    PAID.clear()
    paying = effect(pay, key="pay:{order}")

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        return {"said": [tools["pay"](order=order) for order in request["orders"]]}

    contract = Contract(goal="Pay", needs=("orders",), tools=(paying,))
    graph = create_single_agent(
        Worker(agent=agent, contract=contract), gate=ApprovalGate(), state=Two
    )
    app = graph.compile(checkpointer=checkpointer("memory://"))
    run = start(app, {"orders": [1, 2]}, thread="t")
    bare = {"answer": "approve", "by": "maria"}
    with pytest.raises(ValidationError, match="names the action that it is for"):
        app.invoke(Command(resume=bare), {"configurable": {"thread_id": "t"}})
    run = run.answer(approve(by="maria"))
    first = {"digest": "0" * 16, **bare}
    with pytest.raises(ValidationError, match="asked now; look at it"):
        app.invoke(Command(resume=first), {"configurable": {"thread_id": "t"}})
    assert PAID == []
    ended = run.answer(approve(by="maria"))
    assert (ended.status, PAID) == ("done", [1, 2])


def test_a_no_inside_a_nested_desk_is_not_swallowed_by_a_fallback():
    refusing = create_single_agent(worker(lambda request: {"refused": "outside policy"}))
    graph = create_handoff(
        Router(choose=lambda text: "first", to=("first",), otherwise="person"),
        {"first": worker(refusing.compile()), "second": worker(lambda request: {"said": "yes"})},
        recover=Recovery(contract=fallback("second"), invalid=fallback("second")),
    )
    ended = start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "pay me"})
    assert (ended.status, ended.path) == ("escalated", ("router", "first", "person"))
    assert "ended rejected" in ended.outcome.reason
