"""Test the desk's conversations: their labels by independent rules, and how they are held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.support.conversations import conversations, talk
from examples.support.demo import serve
from examples.support.desk import QUESTIONS, support_desk
from examples.support.facts import find_facts
from examples.support.seed import build
from examples.support.shop import Shop
from examples.support.talks import only_thanks, request_so_far
from quintet.checks import check
from quintet.state import checkpointer
from quintet.testing import ScriptedModel
from tests.graphs.desks import WAYS
from tests.graphs.talks import say

pytest.importorskip("sklearn", reason="the extra `learn` is not installed")

CASES = conversations()
WRITES = {"issue_refund": "refunds", "open_return": "returns", "resend": "resends"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(build(tmp_path / "shop.db"))


def test_there_are_conversations_of_every_kind():
    assert len(CASES) >= 20
    assert len({case["id"] for case in CASES}) == len(CASES)
    tags = {tag for case in CASES for tag in case["tags"]}
    assert tags >= {
        "no-order",
        "missing-detail",
        "wrong-order",
        "new-request",
        "changed-mind",
        "thanks",
        "never-answers",
        "two-questions",
        "wants-person",
        "safety",
    }


def test_the_first_question_is_asked_where_the_records_leave_something_open(shop: Shop):
    for case in CASES:
        first = case["turns"][0]
        facts = find_facts(first["message"], case["sender"], shop)
        unknown = facts["order_id"] is None
        lacks = "missing-detail" in case["tags"] and facts["address"] is None
        asked = first["outcome"] == "asked"
        assert asked == (unknown or lacks), case["id"]


def test_a_write_that_is_labelled_is_one_that_the_records_allow(shop: Shop):
    for case in filter(lambda case: case["action"], CASES):
        action = case["action"]
        order = shop.order(action["order_id"])
        assert order is not None
        assert order["email"] == case["sender"], case["id"]
        total = action.get("amount", order["total"])
        gated = action["name"] in ("issue_refund", "resend") and total > 100
        assert (case["approval"] == "approve") == gated, case["id"]


def test_nobody_is_labelled_to_be_asked_more_often_than_the_desk_may():
    for case in CASES:
        asked = [turn["outcome"] == "asked" for turn in case["turns"]]
        assert sum(asked) <= QUESTIONS


def test_only_what_thanks_and_asks_for_nothing_is_a_courtesy():
    assert all(map(only_thanks, ("Thanks!", "ok thank you very much", "Great, cheers.")))
    for text in ("thanks, where is it?", "Thanks, it is 1042", "thank you for nothing, 1042", "ok"):
        assert not only_thanks(text), text


def open_at(node: str, about: str) -> dict[str, Any]:
    return {node: {"text": "?", "about": about, "times": 1, "left": 3}}


def test_the_request_goes_on_where_it_is_answered_and_begins_anew_elsewhere():
    state = {"questions": open_at("billing", "I was charged twice"), "message": "1042"}
    assert request_so_far(state) == "I was charged twice\n1042"
    other = {**state, "message": "Where is my parcel?"}
    assert request_so_far(other) == "Where is my parcel?"
    assert request_so_far({"message": "1042"}) == "1042"


def test_every_conversation_goes_as_labelled_but_those_that_are_listed(shop: Shop):
    app = support_desk(shop, wait=0.0).compile(checkpointer=checkpointer("memory://"))
    held = [talk(lambda c, t: serve(app, shop, c, t), case, case["id"]) for case in CASES]
    wrong = {one.id for one in held if not one.right}
    assert wrong == {one.id for one in held if one.disagreement} == {"c07"}
    # By the shop's own books, whatever the desk says.
    for case in CASES:
        action = case["action"]
        if action is None or case["id"] in wrong:
            continue
        ledger = WRITES.get(action["name"], "address_changes")
        entries = [e for e in shop.ledger(ledger) if e["order_id"] == action["order_id"]]
        assert [{k: e[k] for k in action if k != "name"} for e in entries] == [
            {k: v for k, v in action.items() if k != "name"}
        ]
    labelled = [c for c in CASES if c["action"] and c["id"] not in wrong]
    written = [shop.ledger(name) for name in (*WRITES.values(), "address_changes")]
    assert sum(map(len, written)) == len(labelled)


def test_a_conversation_goes_on_over_another_process(shop: Shop, tmp_path: Path):
    case = next(case for case in CASES if case["id"] == "c27")
    outcomes = []
    for turn in case["turns"]:
        with checkpointer(f"sqlite:///{tmp_path / 'runs.db'}") as saver:
            app = support_desk(shop, wait=0.0).compile(checkpointer=saver)
            given = {"message": turn["message"], "sender": case["sender"]}
            outcomes.append(serve(app, shop, given, "t")[0].status)
    assert outcomes == ["asked", "asked", "done"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_model_asks_and_goes_on_with_the_answer(way: str, shop: Shop):
    resolution = {
        "name": "Resolution",
        "args": {"reply": "Order 1181 is on its way to you.", "cites": "order-status"},
    }
    question = {"name": "ask_customer", "args": {"text": "Which order is it?"}}
    model = ScriptedModel([question, resolution])
    app = support_desk(shop, model=model, wait=0.0).compile(checkpointer=checkpointer("memory://"))
    sender = "niall.byrne@example.net"
    asked = await say(app, way, "Where is my parcel?", behalf=sender)
    assert asked.status == "asked"
    ended = await say(app, way, "1181", behalf=sender)
    assert (ended.status, ended.results["shipping"]["reply"]) == (
        "done",
        "Order 1181 is on its way to you.",
    )
    assert "Where is my parcel?\\n1181" in model.calls[-1].messages[-1].text


def test_the_desk_has_no_finding(shop: Shop):
    assert check(support_desk(shop)) == ()
