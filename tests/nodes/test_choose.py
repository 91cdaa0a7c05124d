from __future__ import annotations

import asyncio
import re
from enum import StrEnum
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableLambda

from quintet.nodes import Choice, Router, by_rules, cascade
from quintet.state import DesignError

RULES = by_rules({"billing": ["charged", r"refund\b"], "shipping": "parcel"})


@given(st.text())
def test_a_rule_decides_by_the_first_pattern_that_is_in_the_text(text: str) -> None:
    choice = RULES(text)
    first = next(
        (
            route
            for pattern, route in [
                ("charged", "billing"),
                (r"refund\b", "billing"),
                ("parcel", "shipping"),
            ]
            if re.search(pattern, text, re.IGNORECASE)
        ),
        None,
    )
    assert (choice and choice.to) == first


@pytest.mark.parametrize(
    ("text", "to", "reason"),
    [
        ("I was CHARGED twice", "billing", "'CHARGED'"),
        ("refunds", None, ""),
        ("a parcel and a refund", "billing", "'refund'"),
        ("", None, ""),
    ],
)
def test_a_rule_says_what_it_found(text: str, to: str | None, reason: str) -> None:
    choice = RULES(text)
    assert (choice and choice.to) == to
    assert choice is None or (reason in choice.reason and choice.confidence == 1.0)


def test_a_condition_may_be_a_function_of_what_the_router_reads() -> None:
    def is_large(state: dict[str, Any]) -> bool:
        return bool(state["amount"] > 100)

    rules = by_rules([(is_large, "person"), (re.compile("a"), "auto")])
    choice = rules({"amount": 200})
    assert choice == Choice(
        to="person", reason="rule is_large holds", confidence=1.0, who="by_rules"
    )
    found = rules({"amount": 1})
    assert found is not None
    assert found.to == "auto"
    assert rules.routes == ("person", "auto")


@pytest.mark.parametrize("rules", [{}, []], ids=["mapping", "pairs"])
def test_no_rules_are_refused(rules: Any) -> None:
    with pytest.raises(DesignError, match="no rules"):
        by_rules(rules)


def test_a_pattern_that_is_none_is_refused_with_its_route() -> None:
    with pytest.raises(DesignError, match=r"'\(' for 'billing'"):
        by_rules({"billing": "("})
    with pytest.raises(DesignError, match="'billing' has no conditions"):
        by_rules({"billing": [], "shipping": "parcel"})


@pytest.mark.parametrize("more", [{"by": "magic"}, {"candidates": "billing"}], ids=str)
def test_a_choice_that_cannot_be_recorded_is_refused(more: Any) -> None:
    with pytest.raises(DesignError, match=rf"Choice\({next(iter(more))}="):
        Choice(to="billing", **more)


def test_a_cascade_takes_the_first_tier_that_does_not_abstain() -> None:
    asked: list[str] = []

    def tier(name: str, said: Any) -> Any:
        def choose(text: str) -> Any:
            asked.append(name)
            return said

        choose.__name__ = name
        return choose

    chooser = cascade(tier("one", None), tier("two", "b"), tier("three", "c"))
    choice = chooser("text")
    assert asked == ["one", "two"]
    assert choice is not None
    assert choice.to == "b"
    assert choice.reason == "two chose it"
    assert choice.who == "two, tier 2 of 3"


def test_a_cascade_abstains_where_all_tiers_do() -> None:
    assert cascade(lambda text: None, RULES)("hello") is None


def test_a_cascade_without_tiers_is_refused() -> None:
    with pytest.raises(DesignError, match="no tiers"):
        cascade()
    with pytest.raises(DesignError, match="'billing' is no chooser"):
        cascade(by_rules([("a", "b")]), "billing")  # type: ignore[arg-type]


def test_a_cascade_awaits_the_tiers_that_wait() -> None:
    async def slow(text: str) -> str:
        await asyncio.sleep(0)
        return "b"

    chooser = cascade(lambda text: None, slow)
    choice = asyncio.run(chooser.acall("text"))
    assert choice is not None
    assert choice.to == "b"
    with pytest.raises(DesignError, match="'slow' is async"):
        chooser("text")


def test_a_tier_may_be_a_runnable_of_any_kind() -> None:
    first = RunnableLambda(lambda text: None) | RunnableLambda(lambda text: None)
    second = RunnableLambda(lambda text: "b").with_retry()
    choice = cascade(first, second)("text")
    assert choice is not None
    assert choice.to == "b"


def test_what_is_no_choice_is_refused_by_the_choosers_name() -> None:
    def choose(text: str) -> Any:
        return 3

    with pytest.raises(DesignError, match="chooser choose returned 3"):
        cascade(choose)("text")


def test_a_cascade_names_all_routes_of_its_tiers() -> None:
    chooser = cascade(RULES, by_rules({"technical": "broken"}), lambda text: "anything")
    assert chooser.routes == ("billing", "shipping", "technical")
    with pytest.raises(DesignError, match="'technical'"):
        Router(choose=chooser, to=("billing", "shipping"), otherwise="person")


class Desk(StrEnum):
    BILLING = "billing"


def test_an_enums_member_is_its_routes_name():
    for choice in (Choice(to=Desk.BILLING), by_rules([("x", Desk.BILLING)])("x")):
        assert choice is not None
        assert type(choice.to) is str
        assert choice.to == "billing"
    gone = Router(choose=lambda text: Desk.BILLING, to=("billing",), otherwise="person")
    update = gone({"message": "x"}).update
    assert isinstance(update, dict)
    assert type(update["route"]) is str


@pytest.mark.parametrize("rules", [[("a", "b", "c")], ["ab"], [None], {"a": None}, {"a": 5}])
def test_what_is_no_rule_is_refused_by_name(rules):
    with pytest.raises(DesignError, match="by_rules: "):
        by_rules(rules)


@pytest.mark.parametrize(
    "parts", [{"reason": 5}, {"who": ["x"]}, {"candidates": (5,)}, {"candidates": 5}]
)
def test_a_choice_that_no_record_could_hold_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(DesignError, match="give a t"):
        Choice(to="a", **parts)


def test_no_reason_is_an_empty_one() -> None:
    choice = Choice(to="a", reason=None, who=None)  # type: ignore[arg-type]
    assert (choice.reason, choice.who) == ("", "")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_a_rule_finds_its_word_however_its_accents_are_written(form: Any, written: Any) -> None:
    chooser = by_rules([(normalize(written, "caf\u00e9"), "bar"), (".", "all")])
    choice = chooser(normalize(form, "Un CAF\u00c9, please"))
    assert choice is not None
    assert choice.to == "bar"
