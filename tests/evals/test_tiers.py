from __future__ import annotations

import asyncio

import pytest
from langchain_core.messages import AIMessage

from quintet.evals import Case
from quintet.evals.analysis.tiers import tiers
from quintet.nodes import Choice, Router, by_model, by_rules, cascade
from quintet.state import DesignError
from quintet.testing import ScriptedModel

RULES = by_rules([("refund", "billing"), ("parcel", "shipping")])
CASES = [
    Case(input="refund me", route="billing"),
    Case(input="refund my parcel", route="shipping"),
    Case(input="hello there", route="billing"),
    Case(input={"message": "who are you?"}, route="person"),
    Case(input="unlabelled parcel"),
]


def second(text: str) -> Choice | None:
    return Choice(to="billing", confidence=0.6) if "hello" in text else None


def test_each_tier_is_booked_with_what_reached_it_and_what_it_decided():
    found = tiers(cascade(RULES, second), CASES)
    first, last = found.tiers
    assert (first.asked, first.decided, first.labelled, first.right) == (5, 3, 2, 1)
    assert (last.asked, last.decided, last.labelled, last.right) == (2, 1, 1, 1)
    assert (found.cases, found.abstained, found.abstained_rightly) == (5, 1, 1)
    assert first.accuracy == 0.5
    assert first.seconds > 0


def test_the_books_add_up():
    found = tiers(cascade(RULES, second), CASES)
    assert sum(tier.decided for tier in found.tiers) + found.abstained == found.cases
    for before, after in zip(found.tiers, found.tiers[1:], strict=False):
        assert after.asked == before.asked - before.decided - before.raised


def test_a_models_tokens_are_on_its_tier():
    said = AIMessage(
        '{"to": "billing", "confidence": 0.9, "reason": "money"}',
        usage_metadata={"input_tokens": 90, "output_tokens": 10, "total_tokens": 100},
    )
    model = ScriptedModel([said, said, said])
    router = Router(
        choose=cascade(RULES, by_model(model)), to=("billing", "shipping"), otherwise="person"
    )
    found = tiers(router, CASES)
    assert found.tiers[0].tokens == 0
    assert found.tiers[1].asked == 2


def test_a_tier_that_raises_is_counted_and_its_case_ends_there():
    def broken(text: str) -> str:
        raise ConnectionError("down")

    found = tiers(cascade(broken, RULES), CASES)
    assert (found.tiers[0].raised, found.tiers[1].asked) == (5, 0)


def test_async_tiers_are_awaited_and_a_single_chooser_is_one_tier():
    async def later(text: str) -> str:
        await asyncio.sleep(0)
        return "billing"

    found = tiers(later, CASES)
    assert (len(found.tiers), found.tiers[0].decided) == (1, 5)


def test_it_prints_as_a_table_with_intervals():
    text = str(tiers(cascade(RULES, second), CASES))
    assert "0.500 [0.09, 0.91]" in text
    assert "nobody: 1 of 5, 1 of them rightly" in text


def test_without_cases_it_says_so():
    with pytest.raises(DesignError, match="no cases"):
        tiers(RULES, [])
