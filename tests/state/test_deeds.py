"""Test the criterion that holds what a result says was done against the actions behind it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.graphs import create_single_agent
from quintet.nodes import Recovery, Worker, effect, escalate
from quintet.runs import start
from quintet.state import Action, Contract, DesignError, checkpointer, performed
from quintet.state.action import ACTION_STATUSES
from quintet.state.deeds import STANDING


def refund(order: int, amount: float) -> str:
    return f"{amount} for {order}"


def act(status: str = "done", name: str = "refund", **arguments: Any) -> Action:
    return Action(name=name, arguments=arguments, status=status)  # type: ignore[arg-type]


def asked(request: Any, result: Any) -> Any:
    return request


def test_what_is_wanted_was_done_or_waits_for_its_gate():
    criterion = performed("refund", asked)
    for status in STANDING:
        assert criterion({"order": 1}, None, (act(status, order=1, amount=5.0),)) is True


@pytest.mark.parametrize("status", sorted({*ACTION_STATUSES} - {*STANDING}))
def test_what_did_not_happen_backs_nothing(status):
    found = performed("refund", asked)({"order": 1}, None, (act(status, order=1),))
    assert str(found) == "no refund(order=1) was done or proposed"


def test_another_value_another_effect_or_nothing_backs_nothing():
    criterion = performed("refund", asked)
    for actions in ((), (act(order=2),), (act(name="pay", order=1),), (act(amount=1),)):
        assert not criterion({"order": 1}, None, actions)


def test_what_nothing_asks_for_is_named():
    found = performed("refund", asked)(None, None, (act("proposed", order=9),))
    assert "9" in str(found)
    assert "nothing asks for it" in str(found)
    assert performed("refund", asked)(None, None, (act("failed", order=9),)) is True
    assert performed("refund", asked)(None, None, (act(name="pay", order=9),)) is True


def test_two_are_not_backed_by_one():
    twice = [{"order": 1}, {"order": 1}]
    criterion = performed("refund", asked)
    assert not criterion(twice, None, (act(order=1),))
    assert criterion(twice, None, (act(order=1), act(order=1))) is True
    assert not criterion([{"order": 1}], None, (act(order=1), act(order=1)))


values = st.integers(0, 2)
needs = st.lists(st.dictionaries(st.sampled_from("abc"), values), max_size=3)
given_actions = st.lists(st.fixed_dictionaries({"a": values, "b": values, "c": values}), max_size=3)


@given(needs, given_actions)
def test_it_holds_where_each_has_an_action_of_its_own(wanted, arguments):
    def fits(order: tuple[dict[str, int], ...]) -> bool:
        return all(have.items() >= want.items() for want, have in zip(wanted, order, strict=True))

    holds = len(wanted) == len(arguments) and any(map(fits, permutations(arguments)))
    found = performed("refund", asked)(wanted, None, tuple(act(**each) for each in arguments))
    assert bool(found) == holds


@pytest.mark.parametrize("strange", [3, "order", [{"order": 1}, "all"]])
def test_what_is_no_mapping_of_arguments_is_refused(strange):
    with pytest.raises(DesignError, match=r"asked gives .*give the arguments by name"):
        performed("refund", asked)(strange, None, ())


async def later(request: Any, result: Any) -> None:
    return None


@pytest.mark.parametrize("given", [(3, asked), ("", asked), (refund, asked), ("refund", {})])
def test_misuse_is_refused_where_it_is_made(given):
    with pytest.raises(DesignError, match="performed"):
        performed(*given)


def test_an_async_function_is_refused():
    with pytest.raises(DesignError, match="async"):
        performed("refund", later)


@pytest.mark.parametrize(
    ("does", "status"),
    [((), "escalated"), ((7,), "done"), ((8,), "escalated"), ((7, 8), "escalated")],
)
def test_an_agent_that_says_done_must_have_done_it(does, status):
    pay = effect(refund, key="{order}")

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        for order in does:
            tools.refund(order=order, amount=5.0)
        return {"reply": "refunded"}

    contract = Contract(
        goal="Refund it",
        needs=("message",),
        tools=(pay,),
        success=(performed(pay, lambda request, result: {"order": 7}),),
    )
    worker = Worker(agent=agent, contract=contract)
    graph = create_single_agent(worker, recover=Recovery(otherwise=escalate()))
    run = start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "7"}, thread="t")
    assert run.status == status
