from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

from quintet.nodes import Examples, Router, by_examples, by_rules, cascade, tuned
from quintet.nodes.choosers.choose import Cascade
from quintet.state import DesignError

ROUTES = {"billing": "invoice refund charge payment", "shipping": "parcel delivery package courier"}
SAYINGS = ("the {} is wrong", "help with my {}", "a question on the {}", "where is my {}")
PAIRS = [
    (saying.format(thing), route)
    for route, things in ROUTES.items()
    for thing in things.split()
    for saying in SAYINGS
]
FRESH: list[tuple[str, str | None]] = [
    *(
        (f"please see to the {thing} again", route)
        for route, t in ROUTES.items()
        for thing in t.split()
    ),
    *(
        (f"{odd} please", None)
        for odd in ("sing", "a joke", "tell me about cats", "what time is it")
    ),
]


@pytest.fixture(scope="module")
def learned() -> Examples:
    return by_examples(PAIRS, at_least=None)


def router(choose: Any) -> Router:
    return Router(choose=choose, to=("billing", "shipping"), otherwise="person")


def accuracy(chooser: Any) -> float:
    taken = [(choice.to, route) for text, route in FRESH if (choice := chooser(text)) is not None]
    return sum(to == route for to, route in taken) / len(taken)


def test_a_tuned_router_is_new_and_abstains_where_the_messages_say_so(learned: Examples) -> None:
    old = router(learned)
    new = tuned(old, FRESH, at_least=0.7)
    assert old.choose is learned
    assert isinstance(new.choose, Examples)
    assert new.choose.model is learned.model
    assert accuracy(learned) < 0.7 <= accuracy(new.choose)
    assert new.choose.promise.n <= len(FRESH)
    assert new({"message": "sing please"}).goto == "person"


def test_in_a_cascade_a_learned_tier_is_judged_by_what_reaches_it(learned: Examples) -> None:
    rules = by_rules({"billing": "invoice|refund"})
    new = tuned(router(cascade(rules, learned)), FRESH, at_least=0.6).choose
    assert isinstance(new, Cascade)
    first, second = new.tiers
    assert first is rules
    assert isinstance(second, Examples)
    assert (
        second.promise
        == learned.promising(0.6, on=[pair for pair in FRESH if rules(pair[0]) is None]).promise
    )


def test_the_router_s_otherwise_is_nobody(learned: Examples) -> None:
    named = [(text, route or "person") for text, route in FRESH]
    assert tuned(router(learned), named) == tuned(router(learned), FRESH)


def test_a_larger_share_of_nobody_is_as_if_more_had_been_given(learned: Examples) -> None:
    few = tuned(router(learned), FRESH, at_least=0.5, out_of_scope=0.01).choose
    many = tuned(router(learned), FRESH, at_least=0.5, out_of_scope=0.9).choose
    assert isinstance(few, Examples)
    assert isinstance(many, Examples)
    assert few.promise.coverage > many.promise.coverage


@pytest.mark.parametrize(
    ("choose", "pairs", "more", "message"),
    [
        (by_rules({"billing": "x"}), FRESH, {}, "no tier"),
        (None, [], {}, "no pairs"),
        (None, [("a", "legal")], {}, "'legal'"),
        (None, [("a", "billing")], {"at_least": 2}, "at_least=2"),
        (None, [("a", "billing")], {"out_of_scope": 1}, "out_of_scope=1"),
    ],
    ids=["rules", "none", "route", "at_least", "out_of_scope"],
)
def test_what_cannot_be_tuned_is_refused(
    learned: Examples, choose: Any, pairs: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(DesignError, match=message):
        tuned(router(choose or learned), pairs, **more)
