"""Test the criteria that hold a result against its source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals.faults.facts import changed_fact, earlier_fact, has_facts, same, wrong_fact
from quintet.state import (
    Contract,
    ContractBroken,
    DesignError,
    Seal,
    as_recorded,
    belongs_to,
    checked,
    figures,
    fresh,
    grounded_in,
)


def test_figures_have_one_form_however_they_are_written():
    told = {"a": "£1,200.50 on 2 November 2026", "b": [1200.5, "2026-11-02"], "c": True}
    assert list(figures(told)) == ["1200.5", "2026-11-02", "1200.5", "2026-11-02"]
    assert list(figures("31 November 2026")) == ["31 November 2026"]
    assert list(figures(-3)) == ["3"]


def test_a_claim_stands_in_a_source_or_is_named():
    grounded = grounded_in("record", lambda request, result: {"limit": 30}, of=("reply",))
    request = {"record": {"total": 12.5}}
    assert grounded(request, {"reply": "You paid 12.50 within 30 days", "other": 99}) is True
    said = grounded(request, {"reply": "You paid 12.60"})
    assert not said
    assert str(said) == "not in the sources: 12.6"


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 10**6), min_size=1))
def test_what_a_source_says_is_always_grounded(record):
    reply = ", ".join(f"{name} is {number}" for name, number in record.items())
    assert grounded_in("record")({"record": record}, {"reply": reply}) is True


def test_a_result_says_what_the_record_says():
    criterion = as_recorded(lambda request, result: {"total": request["id"] * 2})
    assert criterion({"id": 4}, {"total": 8, "more": 1}) is True
    assert str(criterion({"id": 4}, {"total": 9})) == "total is 9, the record says 8"
    assert not as_recorded(lambda request, result: {})({}, {"total": 9})


def test_everything_that_names_an_owner_names_the_right_one():
    criterion = belongs_to("customer", whose="behalf")
    assert criterion({"behalf": "mia"}, {"orders": [{"customer": "mia"}]}) is True
    said = criterion({"behalf": "mia"}, {"orders": [{"customer": "mia"}, {"customer": "bo"}]})
    assert str(said) == "customer is 'bo', not 'mia'"
    assert not criterion({"behalf": "mia"}, {"orders": []})
    assert belongs_to("customer", needed=False)({"behalf": "mia"}, {}) is True


def test_what_is_older_than_the_newest_or_cannot_be_compared_is_not_fresh():
    criterion = fresh("as_of", newest=lambda request: "2026-11-02")
    assert criterion({}, [{"as_of": "2026-11-02"}]) is True
    assert not criterion({}, [{"as_of": "2026-11-02"}, {"as_of": "2026-10-30"}])
    assert not criterion({}, {"as_of": None})
    assert not criterion({}, {})


def test_the_criteria_are_criteria_of_a_contract():
    contract = Contract(
        goal="g", needs=("behalf", "record"), success=(belongs_to("owner"), grounded_in("record"))
    )
    request = {"behalf": "mia", "record": 3}
    assert contract.unmet(request, {"owner": "mia", "sum": 3}) == []
    unmet = contract.unmet(request, {"owner": "bo", "sum": 4})
    assert [why.partition(":")[0] for why in unmet] == ["belongs_to", "grounded_in"]


async def later(request):
    return "2026"


WRONG = {
    "no source": grounded_in,
    "async source": lambda: grounded_in(later),
    "names as text": lambda: grounded_in("a", of="reply"),
    "no function": lambda: as_recorded("a"),
    "async record": lambda: as_recorded(later),
    "no owner": lambda: belongs_to(""),
    "async owner": lambda: belongs_to("a", whose=later),
    "no newest": lambda: fresh(newest="2026"),
    "async newest": lambda: fresh(newest=later),
    "no keys": lambda: Seal(keys=()),
    "its own key": lambda: Seal(keys=("seal",)),
    "no criteria": lambda: checked(figures),
    "no tool": lambda: checked("tool", bool),
    "async criterion": lambda: checked(figures, later),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_a_part_that_cannot_judge_is_refused_when_it_is_made(make):
    with pytest.raises(DesignError):
        make()


def test_a_seal_refuses_what_was_lost_or_changed_on_the_way():
    seal = Seal(keys=("message", "facts"))
    state = {"message": "m", **seal.on({"facts": {"total": 1}}, message="m")}
    assert seal(state) == state
    lost = {key: value for key, value in state.items() if key != "facts"}
    for wrong in ({**state, "facts": {"total": 2}}, {**state, "message": "n"}, lost):
        with pytest.raises(ContractBroken) as problem:
            seal(wrong)
        assert problem.value.side == "needs"
    step = {"message": "other", "step": {"inputs": state}}
    assert seal(step)["message"] == "m"


def test_a_checked_tool_gives_only_what_its_criteria_let_through():
    def look_up(order: int) -> dict:
        """Look up an order."""
        return {"id": order, "owner": "mia" if order == 1 else "bo"}

    tool = checked(look_up, belongs_to("owner", whose=lambda call: "mia"))
    assert (tool.__name__, tool.__doc__) == ("look_up", "Look up an order.")
    assert tool(order=1) == {"id": 1, "owner": "mia"}
    with pytest.raises(ContractBroken, match="look_up returned what belongs_to refuses"):
        tool(2)


async def test_an_async_tool_is_checked_too():
    async def read(name: str) -> str:
        return name

    tool = checked(read, lambda call, result: result == "a")
    assert await tool("a") == "a"
    with pytest.raises(ContractBroken):
        await tool("b")


FACTS = st.recursive(
    st.integers(-(10**6), 10**6)
    | st.floats(0.01, 10**6).map(lambda n: round(n, 2))
    | st.dates().map(str),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text("ab"), inner, min_size=1)
    ),
    max_leaves=6,
)


@given(FACTS, st.randoms(use_true_random=False), st.sampled_from([wrong_fact, earlier_fact]))
def test_a_changed_fact_is_another_one_of_the_same_shape(value, lot, change):
    if not has_facts(value):
        return
    other = changed_fact(value, change, lot)
    assert not same(value, other)
    assert type(other) is type(value)
    assert str(value).count("'") == str(other).count("'")
