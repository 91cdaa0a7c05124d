"""Test the desk's whole way over real HTTP: routed, worked, approved, answered, counted."""

from __future__ import annotations

import asyncio
import json

import pytest

from quintet.graphs import create_single_agent
from quintet.nodes import Worker
from quintet.runs import approve, astart, reject
from quintet.state import AnswerRefused, Contract, checkpointer
from tests.aimock import Aimock, call, calls, text
from tests.http.conftest import Begin
from tests.http.desks import (
    ORDER,
    ROUTING,
    TOKENS,
    WORKING,
    Desk,
    answer,
    asked,
    chat,
    lookup_order,
    refund,
    route,
    script,
)


async def test_a_request_is_routed_worked_with_tools_and_answered(
    aimock: Aimock, begin: Begin
) -> None:
    desk = Desk(model=chat(aimock.base_url))
    script(aimock, call("lookup_order", {"order_id": ORDER}), refund(40.0), answer())
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    assert run.path == ("router", "billing", "finish")
    assert desk.paid == [(ORDER, 40.0)]
    assert run.values["results"]["billing"] == {"reply": "It is refunded.", "cites": "refunds"}
    assert [d.kind for d in run.decisions] == ["route", "effect", "outcome"]
    assert run.decisions[0].by == "model"
    assert run.decisions[0].who == "gpt-test"
    assert run.decisions[0].confidence == 0.9
    assert run.decisions[0].candidates == ("billing", "shipping")


async def test_the_journal_shows_what_the_model_was_sent(aimock: Aimock, begin: Begin) -> None:
    desk = Desk(model=chat(aimock.base_url))
    script(aimock, call("lookup_order", {"order_id": ORDER}), answer())
    await begin(desk.app(), asked())
    routing, first, second = aimock.sent()
    assert routing["model"] == "gpt-test"
    assert (
        "- billing: charges and refunds\n- shipping: parcels" in routing["messages"][0]["content"]
    )
    assert routing["messages"][1]["content"] == "I was charged twice"
    schema = routing["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["to"]["enum"] == ["billing", "shipping", "none"]
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    assert first["messages"][0]["content"] == "Resolve the refund request inside policy"
    assert json.loads(first["messages"][1]["content"]) == {
        "message": "I was charged twice",
        "order": ORDER,
    }, "only what the contract needs reaches the agent"
    tools = {tool["function"]["name"]: tool["function"] for tool in first["tools"]}
    assert list(tools) == ["lookup_order", "issue_refund", "Resolution"]
    assert tools["issue_refund"]["description"] == "Pay an amount back."
    assert tools["Resolution"]["parameters"]["required"] == ["reply", "cites"]
    assert [message["role"] for message in second["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    assert json.loads(second["messages"][-1]["content"]) == {"order_id": ORDER, "paid": 480.0}


async def test_tokens_and_model_calls_are_counted_at_the_door_and_at_work(
    aimock: Aimock, begin: Begin
) -> None:
    desk = Desk(model=chat(aimock.base_url))
    aimock.on(ROUTING, route("billing", usage=TOKENS))
    looked = call("lookup_order", {"order_id": ORDER}, usage=TOKENS)
    aimock.on(WORKING, looked, answer(usage=TOKENS))
    run = await begin(desk.app(), asked())
    assert run.values["spent"]["tokens"] == 3 * TOKENS["total_tokens"]
    assert run.values["spent"]["steps"] == 3
    assert run.values["spent"]["handoffs"] == 1


async def test_an_effect_over_the_limit_waits_for_its_approver(
    aimock: Aimock, begin: Begin
) -> None:
    desk = Desk(model=chat(aimock.base_url))
    script(aimock, refund(240.0), answer("A colleague decides about it today."))
    run = await begin(desk.app(), asked())
    assert run.status == "waiting"
    assert desk.paid == []
    told = json.loads(aimock.sent()[-1]["messages"][-1]["content"])
    assert told["status"] == "proposed", "the model is told that nothing was done"
    packet = run.waiting[0].packet
    assert packet["action"] == "issue_refund"
    assert packet["arguments"] == {"order_id": ORDER, "amount": 240.0}
    assert packet["behalf"] == "ada@example.com"
    with pytest.raises(AnswerRefused, match="'bob' may not answer"):
        run.answer(approve(by="bob"))
    assert desk.paid == []
    ended = run.answer(approve(by="maria", note="seen the invoice"))
    assert ended.status == "done"
    assert desk.paid == [(ORDER, 240.0)]
    assert len(aimock.sent()) == 3, "the approval costs no further model call"


async def test_a_refused_approval_leaves_nothing_paid(aimock: Aimock, begin: Begin) -> None:
    desk = Desk(model=chat(aimock.base_url))
    script(aimock, refund(240.0), answer("A colleague decides about it today."))
    run = await begin(desk.app(), asked())
    ended = run.answer(reject(by="maria", note="no invoice"))
    assert ended.status == "rejected"
    assert desk.paid == []


async def test_a_waiting_run_goes_on_by_the_async_answer(aimock: Aimock) -> None:
    desk = Desk(model=chat(aimock.base_url))
    script(aimock, refund(240.0), answer("A colleague decides about it today."))
    run = await astart(desk.app(), asked())
    ended = await run.aanswer(approve(by="maria"))
    assert ended.status == "done"
    assert desk.paid == [(ORDER, 240.0)]


async def test_a_model_that_abstains_hands_over_to_a_person(aimock: Aimock, begin: Begin) -> None:
    desk = Desk(model=chat(aimock.base_url))
    script(aimock, to="none")
    run = await begin(desk.app(), asked("hmm"))
    assert run.status == "escalated"
    assert run.path == ("router", "person")
    assert len(aimock.sent()) == 1


async def test_tools_called_in_one_message_all_run_before_the_answer(
    aimock: Aimock, begin: Begin
) -> None:
    desk = Desk(model=chat(aimock.base_url))
    both = (
        ("issue_refund", {"order_id": ORDER, "amount": 10.0}),
        ("issue_refund", {"order_id": ORDER, "amount": 20.0}),
    )
    script(aimock, calls(*both), answer())
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    assert desk.paid == [(ORDER, 10.0), (ORDER, 20.0)]


async def test_an_answer_beside_a_tool_call_is_not_taken_before_the_tool_has_run(
    aimock: Aimock, begin: Begin
) -> None:
    desk = Desk(model=chat(aimock.base_url))
    hasty = calls(
        ("Resolution", {"reply": "I have refunded it.", "cites": "refunds"}),
        ("issue_refund", {"order_id": ORDER, "amount": 10.0}),
    )
    script(aimock, hasty, answer("It is refunded, receipt 1."))
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    assert desk.paid == [(ORDER, 10.0)]
    assert run.values["results"]["billing"]["reply"] == "It is refunded, receipt 1."
    early, receipt = (message["content"] for message in aimock.sent()[-1]["messages"][-2:])
    assert "not taken" in early
    assert json.loads(receipt) == {"receipt": 1}


async def test_bad_arguments_go_back_to_the_model_which_mends_them(
    aimock: Aimock, begin: Begin
) -> None:
    desk = Desk(model=chat(aimock.base_url))
    wrong = call("issue_refund", {"order_id": "the second one", "amount": 10.0})
    script(aimock, wrong, refund(10.0), answer())
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    assert desk.paid == [(ORDER, 10.0)]
    told = aimock.sent()[2]["messages"][-1]["content"]
    assert told.startswith("error:")
    assert "order_id" in told


async def test_a_tool_outside_the_contract_is_refused_at_the_call_and_recorded(
    aimock: Aimock, begin: Begin
) -> None:
    desk = Desk(model=chat(aimock.base_url))
    script(aimock, call("delete_customer", {"email": "ada@example.com"}), answer())
    run = await begin(desk.app(), asked())
    assert run.status == "done"
    told = aimock.sent()[-1]["messages"][-1]["content"]
    assert "may not call 'delete_customer'" in told
    refused = [d for d in run.decisions if d.choice == "refused"]
    assert [d.reason for d in refused] == [
        "it called 'delete_customer', which its contract does not list"
    ]


async def test_an_answer_that_is_not_an_object_is_asked_for_in_a_field(
    aimock: Aimock, begin: Begin
) -> None:
    worker = Worker(
        agent=chat(aimock.base_url),
        contract=Contract(goal="List the orders", needs=("message",), gives=list[int]),
    )
    app = create_single_agent(worker).compile(checkpointer=checkpointer("memory://"))
    aimock.on({"toolName": "answer"}, call("answer", {"answer": [1, 2]}))
    run = await begin(app, {"message": "which orders?"})
    assert run.status == "done"
    assert list(run.values["results"].values()) == [[1, 2]]


async def test_a_contract_without_a_type_takes_the_models_words(
    aimock: Aimock, begin: Begin
) -> None:
    worker = Worker(
        agent=chat(aimock.base_url),
        contract=Contract(goal="Answer", needs=("message",), tools=(lookup_order,)),
    )
    app = create_single_agent(worker).compile(checkpointer=checkpointer("memory://"))
    aimock.on({}, text("Your order is paid."))
    run = await begin(app, {"message": "is it paid?"})
    assert run.status == "done"
    assert list(run.values["results"].values()) == ["Your order is paid."]


async def test_runs_at_the_same_time_do_not_mix(aimock: Aimock) -> None:
    desk = Desk(model=chat(aimock.base_url), routed=True)
    app = desk.app()
    orders = range(2001, 2009)
    for order in orders:
        mine = {**WORKING, "userMessage": f'"order":{order}'}
        aimock.on(mine, refund(float(order - 2000), order), answer(f"Refunded on {order}."))
    runs = await asyncio.gather(*(astart(app, {**asked(), "order": order}) for order in orders))
    assert [run.status for run in runs] == ["done"] * len(orders)
    assert sorted(desk.paid) == [(order, float(order - 2000)) for order in orders]
    for order, run in zip(orders, runs, strict=True):
        assert run.values["results"]["billing"]["reply"] == f"Refunded on {order}."
        assert list(run.values["actions"]) == [f"refund:{order}:{float(order - 2000)}"]
