"""Test answering a run: each answer goes to the question it was given to, or to none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.graphs import create_single_agent
from quintet.nodes import Merge, Worker, by_name, effect
from quintet.runs import Run, approve, astart, edit, look, reject, respond, settle, start
from quintet.state import AnswerRefused, Contract, OrchestrationState, RunError
from quintet.testing import ScriptedPerson
from tests.runs.desks import PAID, Log, asks, desk, large, own, saved, says


def waiting(**gate: Any) -> Run:
    """Start a run that waits for maria."""
    run = start(saved(desk(**gate)), large(), thread="t")
    assert run.status == "waiting"
    return run


def test_an_approval_lets_exactly_the_action_run():
    ended = waiting().answer(approve(by="maria", note="seen the invoice"))
    assert (ended.status, PAID) == ("done", [(1, 500.0)])
    [decision] = [item for item in ended.decisions if item.kind == "approval"]
    assert (decision.choice, decision.by, decision.who) == ("approve", "person", "maria")
    assert decision.reason == "seen the invoice"


def test_an_edit_lets_the_changed_action_run():
    ended = waiting().answer(edit({"amount": 90.0}, by="maria", note="half"))
    assert (ended.status, PAID) == ("done", [(1, 90.0)])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reject(by="maria", note="no"), "reject"),
        (respond("call me", by="maria"), "respond"),
    ],
)
def test_a_no_lets_nothing_run(answer: Any, said: str):
    ended = waiting().answer(answer)
    assert (ended.status, PAID) == ("rejected", [])
    assert f"maria said {said}" in ended.outcome.reason  # type: ignore[union-attr]


def test_a_role_counts_where_roles_are_asked_for():
    people = by_name({"anna": ("support-lead",), "eve": ()})
    run = waiting(approvers=("support-lead",), identify=people)
    with pytest.raises(AnswerRefused, match=r"'eve' may not answer.*approvers are support-lead"):
        run.answer(approve(by="eve", role="support-lead"))
    assert run.answer(approve(by="anna")).status == "done"


def test_a_role_that_nobody_proves_counts_for_nothing():
    run = waiting(approvers=("support-lead",))
    with pytest.raises(AnswerRefused, match=r"'anna' may not answer.*approvers are support-lead"):
        run.answer(approve(by="anna", role="support-lead"))


BAD: Mapping[str, tuple[Any, str]] = {
    "of somebody else": (approve(by="bob"), "'bob' may not answer at gate 'approval'"),
    "for another action": (
        approve(by="maria").model_copy(update={"digest": "0" * 16}),
        "this answer is for the action with digest 0000000000000000",
    ),
    "with an unknown argument": (edit({"colour": "red"}, by="maria"), "pay has no argument"),
    "of no kind": ({"answer": "maybe", "by": "maria"}, "answer: input should be"),
    "by nobody": ({"answer": "approve", "by": " "}, "an answer says who gives it"),
    "an edit without arguments": ({"answer": "edit", "by": "maria"}, "'edit' gives the changed"),
    "with words of its own": ({"answer": "approve", "by": "maria", "yes": 1}, "yes: extra inputs"),
    "a bare yes": (True, "."),
    "a bare text": ("approve", "."),
    "a list": ([], "."),
    "nothing": (None, "None is not an answer"),
    "an empty dict": ({}, "answer: field required"),
}


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_answer_leaves_the_question_open_and_a_good_one_works(name: str, way: str):
    answer, why = BAD[name]
    run = waiting()
    for _ in range(2):
        if way == "async":
            with pytest.raises(AnswerRefused, match=why):
                await run.aanswer(answer)
        else:
            with pytest.raises(AnswerRefused, match=why):
                run.answer(answer)
        found = look(run.app, thread="t")
        assert (found.status, found.waiting, PAID) == ("waiting", run.waiting, [])
    good = approve(by="maria")
    ended = await run.aanswer(good) if way == "async" else run.answer(good)
    assert (ended.status, PAID) == ("done", [(1, 500.0)])


def test_a_late_yes_is_refused_and_a_late_no_is_taken():
    run = waiting(expires=0.05)
    time.sleep(0.06)
    for late in (approve(by="maria"), edit({"amount": 90.0}, by="maria")):
        with pytest.raises(AnswerRefused, match=r"the time to approve pay.* ended"):
            run.answer(late)
    assert look(run.app, thread="t").status == "waiting"
    assert run.answer(reject(by="maria")).status == "rejected"


@pytest.mark.parametrize("make", [approve, reject])
def test_an_answer_of_nobody_is_refused_when_it_is_made(make: Any):
    with pytest.raises(AnswerRefused, match="not complete: an answer says who gives it"):
        make(by="")


def test_a_response_without_words_is_refused_when_it_is_made():
    with pytest.raises(AnswerRefused, match="'respond' gives the response"):
        respond("", by="maria")


def test_a_second_answer_through_the_same_run_is_refused():
    run = waiting()
    run.answer(approve(by="maria"))
    for again in (approve(by="maria"), reject(by="maria")):
        with pytest.raises(AnswerRefused, match="the question at approve is not open any more"):
            run.answer(again)
    assert PAID == [(1, 500.0)]


def test_a_double_click_does_not_answer_the_next_question():
    def both(state: Log) -> dict[str, Any]:
        return {"log": [interrupt("first"), interrupt("second")]}

    app = saved(own({"a": both}))
    bare: Any = {"configurable": {"thread_id": "0"}}
    app.invoke({"log": []}, bare)
    for _ in range(2):
        app.invoke(Command(resume="yes"), bare)
    assert app.get_state(bare).values["log"] == ["yes", "yes"]
    first = start(app, {"log": []}, thread="t")
    second = first.answer("yes")
    with pytest.raises(AnswerRefused, match="the question at a is not open any more"):
        first.answer("yes")
    assert second.waiting[0].packet == "second"
    assert second.answer("no").values["log"] == ["yes", "no"]


def test_an_answer_to_a_question_of_an_earlier_run_is_refused_where_langgraph_is_silent():
    app = saved(desk())
    old = start(app, large(), thread="t")
    old.answer(reject(by="maria"))
    new = start(app, large(order=2), thread="t")
    bare: Any = {"configurable": {"thread_id": "t"}}
    yes = approve(by="maria").model_dump()
    app.invoke(Command(resume={old.waiting[0].id: yes}), bare)
    assert look(app, thread="t").waiting == new.waiting
    with pytest.raises(AnswerRefused, match="not open any more"):
        old.answer(approve(by="maria"))
    assert (new.answer(approve(by="maria")).status, PAID) == ("done", [(2, 500.0)])


def test_a_run_that_waits_for_nobody_takes_no_answer():
    ended = start(saved(desk()), {"message": "shipping"}, thread="t")
    with pytest.raises(AnswerRefused, match="run 't' waits for nobody: it is done"):
        ended.answer(approve(by="maria"))


def two_questions() -> StateGraph[Any]:
    edges = [(START, "a"), (START, "b"), (["a", "b"], "z")]
    return own({"a": asks("first"), "b": asks("second"), "z": says("z")}, edges)


def test_of_several_questions_one_is_named():
    run = start(saved(two_questions()), {"log": []}, thread="t")
    first, second = run.waiting
    with pytest.raises(AnswerRefused, match=rf"2 open questions \({first.id} at a, {second.id}"):
        run.answer("yes")
    with pytest.raises(AnswerRefused, match=r"no open question 'x'; open are"):
        run.answer("yes", to="x")
    rest = run.answer("yes", to=second.id)
    assert [item.node for item in rest.waiting] == ["a"]
    with pytest.raises(AnswerRefused, match="the question at b is not open any more"):
        run.answer("no", to=second.id)
    assert run.answer("fine", to=first.id).values["log"] == ["first: fine", "second: yes", "z"]


async def test_the_same_for_async_runs():
    run = await astart(saved(two_questions()), {"log": []}, thread="t")
    first, second = run.waiting
    with pytest.raises(AnswerRefused, match="2 open questions"):
        await run.aanswer("yes")
    rest = await run.aanswer("yes", to=first.id)
    ended = await rest.aanswer("no")
    assert ended.values["log"] == ["first: yes", "second: no", "z"]
    with pytest.raises(AnswerRefused, match="not open any more"):
        await run.aanswer("no", to=second.id)


def test_gates_that_wait_side_by_side_are_answered_one_by_one():
    class Many(TypedDict, total=False):
        orders: list[int]

    graph = StateGraph(Many)
    graph.add_node("desk", desk().compile())
    graph.add_conditional_edges(
        START,
        lambda state: [Send("desk", large(order=number)) for number in state["orders"]],
        ["desk"],
    )
    run = start(saved(graph), {"orders": [1, 2]}, thread="t")
    by_order = {item.packet["arguments"]["order"]: item for item in run.waiting}
    with pytest.raises(AnswerRefused, match="may not answer"):
        run.answer(approve(by="bob"), to=by_order[2].id)
    rest = run.answer(approve(by="maria"), to=by_order[2].id)
    assert (rest.status, PAID) == ("waiting", [(2, 500.0)])
    ended = rest.answer(reject(by="maria"))
    assert (ended.status, PAID) == ("done", [(2, 500.0)])


def test_an_answer_meant_for_another_question_is_refused():
    # The answer carries the digest of the action that its person has seen.
    app = saved(desk())
    one, two = (start(app, large(order=number), thread=f"t{number}") for number in (1, 2))
    meant = approve(by="maria").model_copy(update={"digest": one.waiting[0].packet["digest"]})
    with pytest.raises(AnswerRefused, match="look at it and answer again"):
        two.answer(meant)
    assert (one.answer(meant).status, PAID) == ("done", [(1, 500.0)])


class Yes(BaseModel):
    ok: bool


def test_an_interrupt_of_yours_takes_whatever_it_expects():
    def ask(state: Log) -> dict[str, Any]:
        return {"log": [interrupt("sure?", response_schema=Yes).ok]}

    app = saved(own({"a": ask}))
    for thread, answer in (("model", Yes(ok=True)), ("dict", {"ok": True})):
        run = start(app, {"log": []}, thread=thread)
        with pytest.raises(AnswerRefused, match="a: ok: input should be a valid boolean"):
            run.answer({"ok": "?"})
        assert run.answer(answer).values["log"] == [True]


@pytest.mark.parametrize("answer", [False, 0, "", [], {}, {"x": 1}])
def test_an_empty_answer_is_an_answer(answer: Any):
    run = start(saved(own({"a": asks("sure?")})), {"log": []})
    assert run.answer(answer).values["log"] == [f"sure?: {answer}"]


def test_a_failure_after_the_answer_is_not_taken_for_a_refusal():
    broken = [ValueError("down")]

    def flaky(state: Log) -> dict[str, Any]:
        if broken:
            raise broken.pop()
        return {"log": [Yes.model_validate({"ok": True}).ok]}

    app = saved(own({"a": asks("sure?"), "b": flaky}))
    run = start(app, {"log": []}, thread="t")
    with pytest.raises(ValueError, match="down"):
        run.answer("yes")
    with pytest.raises(AnswerRefused, match="not open any more"):
        run.answer("yes")
    assert look(app, thread="t").status == "unfinished"


def test_a_wrong_value_after_the_answer_is_not_taken_for_a_refusal():
    def wrong(state: Log) -> dict[str, Any]:
        return {"log": [Yes.model_validate({"ok": "?"})]}

    app = saved(own({"a": asks("sure?"), "b": wrong}))
    run = start(app, {"log": []}, thread="t")
    with pytest.raises(ValueError, match="valid boolean") as caught:
        run.answer("yes")
    assert not isinstance(caught.value, RunError)


def test_open_conflicts_are_settled():
    def gave(name: str, total: int) -> Any:
        return lambda state: {"results": {name: {"total": total}}}

    graph = StateGraph(OrchestrationState)
    graph.add_node("a", gave("a", 1)).add_node("b", gave("b", 2))
    graph.add_node("merge", Merge(of=("a", "b"), then="end", approvers=("maria",)))
    graph.add_node("end", lambda state: {})
    graph.add_edge(START, "a").add_edge(START, "b").add_edge(["a", "b"], "merge")
    run = start(saved(graph), {"message": "x"})
    for bad in (settle({"total": 3}, by="bob"), settle({}, by="maria"), approve(by="maria")):
        with pytest.raises(AnswerRefused):
            run.answer(bad)
    assert run.answer(settle({"total": 3}, by="maria")).values["merged"] == {"total": 3}


def test_how_an_effect_ended_is_no_answer_to_another_question():
    run = start(saved(own({"a": asks("how many?")})), {"log": []}, thread="t")
    with pytest.raises(AnswerRefused, match=r"a does not ask how an effect ended.*: how many[?]"):
        run.answer(settle("happened", by="maria"))
    assert run.answer("three").values["log"] == ["how many?: three"]


def test_how_an_effect_ended_may_be_told_after_a_bad_answer_by_the_same_run():
    paid = []

    def pay(order: int) -> dict[str, Any]:
        paid.append(order)
        raise ConnectionError("lost")

    contract = Contract(goal="Pay", needs=("message",), tools=(effect(pay, key="{order}"),))
    worker = Worker(agent=lambda request, tools: tools.pay(order=1), contract=contract)
    run = start(saved(create_single_agent(worker)), {"message": "m"}, thread="t")
    for bad in (approve(by="maria"), settle("undo", by="maria")):
        with pytest.raises(AnswerRefused):
            run.answer(bad)
    again = run.answer(settle("did not happen", by="maria"))
    assert (again.status, paid) == ("waiting", [1, 1])  # it was tried again, and is not known again
    with pytest.raises(AnswerRefused, match="is not open any more"):
        run.answer(settle("did not happen", by="maria"))
    ended = again.answer(settle("happened", by="maria", result={"receipt": 2}))
    assert (ended.status, ended.results["work"], paid) == ("done", {"receipt": 2}, [1, 1])


def test_a_scripted_person_answers_run_after_run():
    person = ScriptedPerson(
        lambda packet: (
            approve(by="maria")
            if packet["arguments"]["amount"] < 1000
            else reject(by="maria", note="too much")
        )
    )
    app = saved(desk())
    ends = []
    for amount in (200.0, 5000.0):
        run = start(app, large(amount=amount, order=int(amount)))
        while run.waiting:
            run = run.answer(person(run.waiting[0].packet))
        ends.append(run.status)
    assert (ends, PAID) == (["done", "rejected"], [(200, 200.0)])
    assert [packet["action"] for packet in person.asked] == ["pay", "pay"]


@pytest.mark.parametrize("given", [["amount"], "amount=5", None])
def test_new_values_without_names_are_refused(given: Any) -> None:
    with pytest.raises(AnswerRefused, match="give the new values by name"):
        edit(given, by="maria")
    if not isinstance(given, str):
        with pytest.raises(AnswerRefused, match="give the new values by name"):
            settle(given, by="maria")
