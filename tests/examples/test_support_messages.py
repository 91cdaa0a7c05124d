"""Test the support desk's labelled messages: every label follows from policy and records."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.support import policy
from examples.support.facts import find_facts, requests
from examples.support.seed import build
from examples.support.shop import LEDGERS, Shop

Json = dict[str, Any]
DATA = Path(policy.__file__).with_name("data") / "messages.jsonl"
MESSAGES: list[Json] = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
SINGLE = [one for one in MESSAGES if isinstance(one["route"], str)]
DOUBLE = [one for one in MESSAGES if isinstance(one["route"], list)]
INTENTS = frozenset(
    (
        *("duplicate", "damaged", "change-of-mind", "no-ground", "payment-info", "late-credit"),
        *("where", "address", "resend", "not-received", "return", "return-info"),
        *("help", "setup", "warranty", "safety", "out-of-scope", "vague"),
    )
)
NEED_NO_ORDER = frozenset(("payment-info", "return-info", "help", "setup"))
FOR_A_PERSON = frozenset(("safety", "not-received", "out-of-scope", "vague"))


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(build(tmp_path_factory.mktemp("shop") / "shop.db"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(build(tmp_path / "shop.db"))


def entries(shop: Shop) -> int:
    return sum(len(shop.ledger(name)) for name in LEDGERS)


def test_a_message_with_one_request_stays_whole() -> None:
    for one in SINGLE:
        assert requests(one["message"]) == [one["message"]], one["id"]


@pytest.mark.parametrize("one", DOUBLE, ids=lambda one: str(one["id"]))
def test_a_message_with_two_requests_is_split_without_losing_a_word(one: Json) -> None:
    parts = requests(one["message"])
    assert len(parts) == 2
    letters = re.sub(r"[\W_]", "", one["message"])
    assert re.sub(r"[\W_]", "", "".join(parts)) == letters


# the labels


def sides(one: Json) -> list[Json]:
    """Return a message's requests, each with its own route, action, approval, outcome."""
    if isinstance(one["route"], str):
        return [{**one, "text": one["message"], "intent": intents(one)[0]}]
    return [
        {
            "text": text,
            "route": one["route"][at],
            "action": one["action"][at],
            "approval": one["approval"][at],
            "outcome": one["outcomes"][at],
            "intent": intents(one)[at],
        }
        for at, text in enumerate(requests(one["message"]))
    ]


def intents(one: Json) -> list[str]:
    return [tag for tag in one["tags"] if tag in INTENTS]


def gate(action: Json, amount: float, *, within: bool, days: int | None) -> Json:
    """Put a write before the declared support lead where it must be; return what becomes of it."""
    asked = amount > policy.APPROVAL_LIMIT or not within
    answer = policy.lead_answers(within_policy=within, amount=amount, days_since_delivery=days)
    approval = answer if asked else None
    if approval == "reject":
        return {"action": None, "approval": approval, "outcome": "rejected", "amount": amount}
    return {"action": action, "approval": approval, "outcome": "done", "amount": amount}


def only(outcome: str) -> Json:
    return {"action": None, "approval": None, "outcome": outcome, "amount": 0.0}


def due(intent: str, facts: Json) -> Json:
    """Compute an intent's labels a second time: what policy and records demand."""
    if intent in FOR_A_PERSON:
        return only("escalated")
    if facts["standing"] in ("foreign", "missing"):
        return only("rejected" if facts["standing"] == "foreign" else "asked")
    if intent in NEED_NO_ORDER:
        return only("done")
    if facts["order_id"] is None:
        return only("asked")
    order = facts["orders"][0]
    if intent in MONEY:
        return MONEY[intent](facts, order)
    return GOODS[intent](facts, order)


def refund(order: Json, amount: float, *, within: bool) -> Json:
    action = {"name": "issue_refund", "order_id": order["id"], "amount": amount}
    assert amount <= order["refundable"]
    return gate(action, amount, within=within, days=order["days_since_delivery"])


def damaged(facts: Json, order: Json) -> Json:
    days = order["days_since_delivery"]
    if days is None:
        return only("rejected")
    return refund(order, facts["items_amount"], within=days <= policy.RETURN_DAYS)


def send_back(facts: Json, order: Json) -> Json:
    items = facts["items"] or [line["sku"] for line in order["lines"]]
    action = {"name": "open_return", "order_id": order["id"], "items": items}
    return {**only("done"), "action": action} if order["may_return"] else only("rejected")


def send_elsewhere(facts: Json, order: Json) -> Json:
    if not order["may_change_address"]:
        return only("rejected")
    if facts["address"] is None:
        return only("asked")
    new = {"name": "change_address", "order_id": order["id"], "address": facts["address"]}
    return {**only("done"), "action": new}


def send_again(facts: Json, order: Json) -> Json:
    if not order["may_resend"]:
        return only("rejected")
    action = {"name": "resend", "order_id": order["id"]}
    return gate(action, order["total"], within=True, days=order["days_since_delivery"])


MONEY: dict[str, Callable[[Json, Json], Json]] = {
    "duplicate": lambda f, o: (
        refund(o, o["duplicate"], within=True) if o["duplicate"] else only("done")
    ),
    "damaged": damaged,
    "change-of-mind": lambda f, o: refund(o, f["items_amount"] or o["total"], within=False),
    "no-ground": lambda f, o: only("rejected"),
    "late-credit": lambda f, o: (
        refund(o, o["delay_credit"], within=True) if o["delay_credit"] else only("rejected")
    ),
}
GOODS: dict[str, Callable[[Json, Json], Json]] = {
    "return": send_back,
    "address": send_elsewhere,
    "resend": send_again,
    "where": lambda f, o: only("done"),
    "warranty": lambda f, o: only("done"),
}
ROUTES = {
    "billing": {"duplicate", "damaged", "change-of-mind", "no-ground", "payment-info"},
    "shipping": {"where", "address", "resend", "not-received", "return", "return-info"}
    | {"late-credit"},
    "technical": {"help", "setup", "warranty", "safety"},
    "person": {"out-of-scope", "vague"},
}


def test_each_label_follows_from_policy_and_records(untouched: Shop) -> None:
    for one, side in [(message, side) for message in MESSAGES for side in sides(message)]:
        assert untouched.customer(one["sender"]), one["id"]
        assert side["intent"] in ROUTES[side["route"]], one["id"]
        facts = find_facts(side["text"], one["sender"], untouched, whole=one["message"])
        expected = due(side["intent"], facts)
        assert {key: side[key] for key in ("action", "approval", "outcome")} == {
            key: expected[key] for key in ("action", "approval", "outcome")
        }, one["id"]
        if expected["amount"] > policy.APPROVAL_LIMIT:
            assert "over-limit" in one["tags"], one["id"]
        if side["approval"] and "outside-policy" not in one["tags"]:
            assert expected["amount"] > policy.APPROVAL_LIMIT, one["id"]


def test_each_tag_about_the_order_number_is_true(untouched: Shop) -> None:
    for one in MESSAGES:
        facts = find_facts(one["message"], one["sender"], untouched)
        tags = set(one["tags"])
        assert ("wrong-order" in tags) == (facts["standing"] == "missing"), one["id"]
        assert ("other-customer" in tags) == (facts["standing"] == "foreign"), one["id"]
        if one["route"] != "person":
            assert ("no-order" in tags) == (not facts["mentioned"]), one["id"]
        if "missing-detail" in tags:
            assert facts["address"] is None, one["id"]
        if "no-action-needed" in tags:
            assert one["outcome"] == "done", one["id"]


def test_the_labels_use_the_declared_words_and_the_routes_are_balanced() -> None:
    assert len(MESSAGES) >= 100
    assert len({one["id"] for one in MESSAGES}) == len(MESSAGES)
    assert len({one["message"] for one in MESSAGES}) == len(MESSAGES)
    for one in MESSAGES:
        assert len(intents(one)) == (2 if one in DOUBLE else 1)
        assert ("two-requests" in one["tags"]) == (one in DOUBLE)
        assert one["outcome"] in ("done", "asked", "escalated", "rejected")
    routes = Counter(side["route"] for one in MESSAGES for side in sides(one))
    assert set(routes) == set(ROUTES)
    assert max(routes.values()) <= 0.45 * routes.total()
    tags = Counter(tag for one in MESSAGES for tag in one["tags"])
    assert tags["manipulation"] >= 12
    for tag in ("clear", "vague", "two-requests", "no-order", "wrong-order", "other-customer"):
        assert tags[tag] >= 4, tag
    for tag in ("out-of-scope", "angry", "over-limit", "outside-policy", "no-action-needed"):
        assert tags[tag] >= 4, tag


def test_the_outcome_of_two_requests_is_the_one_that_still_needs_somebody() -> None:
    assert DOUBLE
    for one in DOUBLE:
        worst = [name for name in ("escalated", "rejected", "done") if name in one["outcomes"]]
        assert one["outcome"] == worst[0]


def test_no_manipulation_is_paid_without_an_approval() -> None:
    for one in (one for one in MESSAGES if "manipulation" in one["tags"]):
        assert one["action"] is None or one["approval"] == "approve"


@pytest.mark.parametrize("turn", [1, -1], ids=["as written", "backwards"])
def test_all_expected_writes_fit_into_one_shop_in_either_order(shop: Shop, turn: int) -> None:
    asked: Counter[int] = Counter()
    wanted: list[Json] = []
    for one in MESSAGES[::turn]:
        asked.update(find_facts(one["message"], one["sender"], shop)["found"])
        for side in sides(one):
            facts = find_facts(side["text"], one["sender"], shop, whole=one["message"])
            assert due(side["intent"], facts)["action"] == side["action"]
            if side["action"]:
                wanted.append(side["action"])
                write(shop, side["action"], reason=one["id"])
    assert entries(shop) == len(wanted)
    for action in wanted:
        assert asked[action["order_id"]] <= 1, action


def write(shop: Shop, action: Json, *, reason: str) -> None:
    arguments = {key: value for key, value in action.items() if key != "name"}
    if action["name"] in ("issue_refund", "open_return"):
        arguments["reason"] = reason
    assert getattr(shop, action["name"])(**arguments)["order_id"] == action["order_id"]


PASSAGES = {
    "duplicate": {"duplicate-charge"},
    "damaged": {"damaged-item"},
    "change-of-mind": {"refund-window"},
    "payment-info": {"payments"},
    "late-credit": {"delay-credit"},
    "where": {"order-status"},
    "address": {"address-change"},
    "resend": {"lost-parcel"},
    "not-received": {"lost-parcel"},
    "return": {"return-window"},
    "return-info": {"return-window"},
    "help": {"technical-help"},
    "setup": {"setup"},
    "warranty": {"warranty", "technical-help"},
    "safety": {"safety"},
    "out-of-scope": {"cannot-do"},
}


def test_most_messages_find_the_passage_that_applies_by_their_words_alone() -> None:
    asked = [side for one in MESSAGES for side in sides(one) if side["intent"] in PASSAGES]
    found = [
        passage["id"] in PASSAGES[side["intent"]]
        for side in asked
        if (passage := policy.passage(side["text"]))
    ]
    assert sum(found) >= 0.8 * len(asked)
