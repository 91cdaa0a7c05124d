"""Test how an effect's end is told: by its postcondition, its receiver, its key, or a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from quintet.graphs import create_single_agent
from quintet.nodes import Worker, effect
from quintet.runs import resume, settle, start
from quintet.state import AnswerRefused, Contract, DesignError, checkpointer, unmet

ASKED = {"message": "m"}


class PowerCut(BaseException):
    """End the process here."""


class Bank:
    """Take payments; the line may be cut when one was taken."""

    def __init__(self, *cuts: type[BaseException] | None) -> None:
        self.taken: list[int] = []
        self.keys: list[str] = []
        self.cuts = list(cuts)

    def pay(self, order: int) -> dict[str, Any]:
        self.taken.append(order)
        if self.cuts and (cut := self.cuts.pop(0)) is not None:
            raise cut("cut")
        return {"order": order, "status": "paid"}

    def pay_by_key(self, order: int, idempotency_key: str) -> dict[str, Any]:
        if idempotency_key in self.keys:
            return {"order": order, "status": "paid before"}
        self.keys.append(idempotency_key)
        return self.pay(order)


class Receipt(TypedDict):
    order: int


@pytest.fixture
def saver(tmp_path: Path) -> Any:
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        yield saver


def desk(paying: Any, saver: Any, *numbers: int) -> Any:
    def agent(request: Mapping[str, Any], tools: Any) -> Any:
        (tool,) = paying if isinstance(paying, tuple) else (paying,)
        return [tool.repeat(number)(order=7) for number in numbers or (1,)]

    contract = Contract(goal="pay", needs=("message",), tools=(paying,))
    return create_single_agent(Worker(agent=agent, contract=contract)).compile(checkpointer=saver)


def cut_off(app: Any, thread: str = "t") -> Any:
    with pytest.raises(PowerCut):
        start(app, ASKED, thread=thread)
    return resume(app, thread=thread)


@pytest.mark.parametrize(
    ("answer", "status", "taken"),
    [
        ({"order": 7}, "done", [7]),
        (True, "done", [7]),
        (False, "done", [7, 7]),
        (None, "waiting", [7]),
        ({}, "waiting", [7]),
        (0, "waiting", [7]),
        (object(), "waiting", [7]),
        (ConnectionError("down"), "waiting", [7]),
    ],
    ids=["result", "true", "false", "none", "empty", "zero", "no data", "down"],
)
def test_only_false_says_that_it_did_not_happen(
    saver: Any, answer: Any, status: str, taken: list[int]
) -> None:
    bank = Bank(PowerCut)

    def known(order: int) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    run = cut_off(desk(effect(bank.pay, key="{order}", reconcile=known), saver))
    assert (run.status, bank.taken) == (status, taken)


@pytest.mark.parametrize("back", [False, {"status": "as the bank says"}], ids=["no", "yes"])
def test_what_a_person_was_asked_the_receiver_is_not_asked_any_more(saver: Any, back: Any) -> None:
    bank, found = Bank(PowerCut), [None]

    def agent(request: Mapping[str, Any], tools: Any) -> Any:
        return [tools.pay(order=7), interrupt("shall the customer be told?")]

    paying = effect(bank.pay, key="{order}", reconcile=lambda order: found[0])
    contract = Contract(goal="pay", needs=("message",), tools=(paying,))
    app = create_single_agent(Worker(agent=agent, contract=contract)).compile(checkpointer=saver)
    run = cut_off(app)
    found[0] = back  # the receiver can tell again, while the person looks
    run = run.answer(settle("happened", by="maria", result={"status": "as maria says"}))
    assert run.waiting[0].packet == "shall the customer be told?"
    ended = run.answer("yes")
    assert ended.results["work"] == [{"status": "as maria says"}, "yes"]
    assert bank.taken == [7]


@pytest.mark.parametrize("result", ["paid", {"order": "seven"}, ["x"]])
def test_a_settled_result_is_one_that_the_effect_may_give(saver: Any, result: Any) -> None:
    taken: list[int] = []

    def pay(order: int) -> Receipt:
        taken.append(order)
        raise PowerCut

    run = cut_off(desk(effect(pay, key="{order}"), saver))
    with pytest.raises(AnswerRefused, match="pay gives nothing of the kind"):
        run.answer(settle("happened", by="maria", result=result))
    ended = run.answer(settle("happened", by="maria", result={"order": 7}))
    assert (ended.status, taken) == ("done", [7])


def test_a_receiver_that_can_tell_leaves_the_next_question_its_answer(saver: Any) -> None:
    bank = Bank(PowerCut)

    def agent(request: Mapping[str, Any], tools: Any) -> Any:
        return [tools.pay(order=7), interrupt("first?"), interrupt("second?")]

    paying = effect(bank.pay, key="{order}", reconcile=lambda order: {"status": "paid"})
    contract = Contract(goal="pay", needs=("message",), tools=(paying,))
    app = create_single_agent(Worker(agent=agent, contract=contract)).compile(checkpointer=saver)
    place: Any = {"configurable": {"thread_id": "t"}}
    assert cut_off(app).waiting[0].packet == "first?"
    asked = app.invoke(Command(resume="one"), place)
    assert asked["__interrupt__"][0].value == "second?"
    ended = app.invoke(Command(resume="two"), place)
    assert ended["results"]["work"] == [{"status": "paid"}, "one", "two"]
    assert bank.taken == [7]


def test_the_receiver_gets_the_same_key_for_each_attempt_and_another_for_a_repeat(
    saver: Any,
) -> None:
    bank = Bank(PowerCut)
    app = desk(effect(bank.pay_by_key, key="{order}"), saver, 1, 2)
    assert cut_off(app).status == "done"
    assert bank.taken == [7, 7]
    assert len(set(bank.keys)) == 2


def test_a_key_is_the_threads_own(saver: Any) -> None:
    bank = Bank()
    app = desk(effect(bank.pay_by_key, key="{order}"), saver)
    for thread in ("a", "b"):
        assert start(app, ASKED, thread=thread).status == "done"
    assert len(set(bank.keys)) == 2


def test_a_wanted_repeat_happens_once_and_the_first_not_again(saver: Any) -> None:
    bank = Bank()
    paying = effect(bank.pay, key="{order}")
    app = desk(paying, saver, 1, 2, 2)
    assert start(app, ASKED, thread="t").status == "done"
    assert bank.taken == [7, 7]
    assert start(app, ASKED, thread="t").status == "escalated"
    assert bank.taken == [7, 7]
    for number in (0, -1, True, 1.5):
        with pytest.raises(DesignError, match="repeat"):
            paying.repeat(number)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "after",
    [
        lambda receipt: False,
        lambda receipt: unmet("it is pending"),
        lambda receipt: receipt["no such field"],
        lambda receipt: None,
    ],
    ids=["false", "unmet", "raises", "forgotten return"],
)
def test_without_its_postcondition_nobody_knows_whether_it_happened(saver: Any, after: Any) -> None:
    bank = Bank()
    run = start(desk(effect(bank.pay, key="{order}", after=after), saver), ASKED, thread="t")
    assert bank.taken == [7]
    assert run.status == "escalated"
    [action] = run.values["actions"].values()
    assert action["status"] == "unknown"


def test_with_its_postcondition_it_is_done(saver: Any) -> None:
    bank = Bank()
    paying = effect(bank.pay, key="{order}", after=lambda receipt: receipt["status"] == "paid")
    assert start(desk(paying, saver), ASKED, thread="t").status == "done"


def test_a_receiver_is_asked_where_the_postcondition_does_not_hold(saver: Any) -> None:
    bank = Bank()
    paying = effect(
        bank.pay, key="{order}", after=lambda receipt: False, reconcile=lambda order: {"order": 7}
    )
    assert start(desk(paying, saver), ASKED, thread="t").status == "done"
    assert bank.taken == [7]


def test_a_person_may_have_it_taken_back(saver: Any) -> None:
    bank, undone = Bank(PowerCut), list[Any]()
    app = desk(effect(bank.pay, key="{order}", undo=undone.append), saver)
    run = cut_off(app)
    assert run.waiting[0].packet["answers"] == ["happened", "did not happen", "undo"]
    ended = run.answer(settle("undo", by="ann", note="wrong order", result={"order": 7}))
    assert (ended.status, undone, bank.taken) == ("escalated", [{"order": 7}], [7])
    assert "taken back by ann: wrong order" in str(ended.outcome)


def test_a_person_hears_that_what_they_wanted_taken_back_was_not(saver: Any) -> None:
    bank = Bank(PowerCut)
    run = cut_off(desk(effect(bank.pay, key="{order}", undo=lambda receipt: False), saver))
    ended = run.answer(settle("undo", by="ann", note="wrong order", result={"order": 7}))
    assert ended.status == "escalated"
    assert "ann wanted it taken back: its undo returned False" in str(ended.outcome)
    assert "was taken back by" not in str(ended.outcome)


@pytest.mark.parametrize(
    "reconcile", [lambda amount: True, lambda order, /: True], ids=["unknown", "positional"]
)
def test_a_reconcile_that_asks_for_what_there_is_not_is_refused(reconcile: Any) -> None:
    with pytest.raises(DesignError, match="reconcile takes"):
        effect(Bank().pay, key="{order}", reconcile=reconcile)


@pytest.mark.parametrize("order", [("ship", "pay"), ("pay", "ship")])
def test_an_answer_settles_its_own_effect_in_whatever_order_they_come(
    saver: Any, order: tuple[str, ...]
) -> None:
    taken: list[str] = []
    calls = [("pay",), ("ship",), ("pay", "ship")]

    def pay(order: int) -> str:
        taken.append("pay")
        raise PowerCut

    def ship(order: int) -> str:
        taken.append("ship")
        raise PowerCut

    def agent(request: Mapping[str, Any], tools: Any) -> Any:
        return {name: tools[name](order=7) for name in (calls.pop(0) if calls else order)}

    tools = (effect(pay, key="pay:{order}"), effect(ship, key="ship:{order}"))
    contract = Contract(goal="deliver", needs=("message",), tools=tools)
    app = create_single_agent(Worker(agent=agent, contract=contract)).compile(checkpointer=saver)
    with pytest.raises(PowerCut):
        start(app, ASKED, thread="t")
    with pytest.raises(PowerCut):
        resume(app, thread="t")
    run = resume(app, thread="t")
    for _ in range(2):
        name = run.waiting[0].packet["settle"]
        run = run.answer(settle("happened", by="maria", result=f"{name} as maria says"))
    assert run.status == "done"
    assert run.results["work"] == {name: f"{name} as maria says" for name in ("pay", "ship")}
    assert taken == ["pay", "ship"]
