"""Test what the support desk reads out of a message, its records and its policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.support import policy, reading
from examples.support.facts import find_facts, requests
from examples.support.seed import build
from examples.support.shop import Shop


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(build(tmp_path_factory.mktemp("shop") / "shop.db"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(build(tmp_path / "shop.db"))


# policy


def test_each_passage_has_an_id_a_title_and_a_text() -> None:
    found = policy.passages()
    assert len(found) >= 12
    assert all(one.id and one.title and len(one.text) > 40 for one in found)
    assert policy.passage("address-change") == {
        "id": "address-change",
        "title": "Change of delivery address",
        "text": next(one.text for one in found if one.id == "address-change"),
    }


@pytest.mark.parametrize("text", ["", "no heading", "## A [a]\nx\n## B [a]\ny"])
def test_a_policy_without_passages_of_their_own_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="id of its own"):
        policy.parse(text)


def test_the_numbers_of_the_policy_text_are_the_numbers_code_decides_by() -> None:
    texts = {one.id: one.text for one in policy.passages()}
    assert f"more than {policy.APPROVAL_LIMIT:.0f} pounds" in texts["approval-limit"]
    assert f"within {policy.RETURN_DAYS} days" in texts["return-window"]
    assert f"within {policy.RETURN_DAYS} days" in texts["damaged-item"]
    assert f"more than {policy.RESEND_AFTER_DAYS} days" in texts["lost-parcel"]
    assert f"more than {policy.CREDIT_AFTER_DAYS} days late" in texts["delay-credit"]
    assert f"{policy.DELAY_CREDIT:.0f} pounds" in texts["delay-credit"]


@pytest.mark.parametrize(
    ("question", "id"),
    [
        ("the same payment was taken twice from my account", "duplicate-charge"),
        ("the vase came cracked, what about my money", "damaged-item"),
        ("how long may I wait before I send something back", "return-window"),
        ("please correct the postcode of the delivery address", "address-change"),
        ("the carrier lost the parcel", "lost-parcel"),
        ("is there compensation when a delivery is late", "delay-credit"),
        ("which tracking number and carrier", "order-status"),
        ("I need an invoice with VAT", "payments"),
        ("it freezes and will not turn on", "technical-help"),
        ("pairing over bluetooth", "setup"),
        ("is a defect covered by the guarantee", "warranty"),
        ("smoke and sparks came out", "safety"),
        ("my lawyer and the press", "cannot-do"),
    ],
)
def test_a_question_finds_the_passage_that_applies(question: str, id: str) -> None:
    found = policy.passage(question)
    assert found is not None
    assert found["id"] == id


@pytest.mark.parametrize("text", ["", "qwertz", "the and of"])
def test_a_text_that_shares_no_word_finds_no_passage(text: str) -> None:
    assert policy.passage(text) is None


@pytest.mark.parametrize(
    ("within", "amount", "days", "answer"),
    [
        (True, 500.0, None, "approve"),
        (False, 100.0, 44, "approve"),
        (False, 100.01, 44, "reject"),
        (False, 20.0, 45, "reject"),
        (False, 20.0, 30, "reject"),
        (False, 20.0, None, "reject"),
    ],
)
def test_the_declared_support_lead_answers_by_rule(
    within: bool, amount: float, days: int | None, answer: str
) -> None:
    given_answer = policy.lead_answers(
        within_policy=within, amount=amount, days_since_delivery=days
    )
    assert given_answer == answer


# reading a message


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("order 1042", [1042]),
        ("ORDER NO. #1042!", [1042]),
        ("my order number is 1042, not 1043", [1042, 1043]),
        ("orders 1042 and 1043 and 1042", [1042, 1043]),
        ("1150 charged 2x", [1150]),
        ("ordr 1065!!!", [1065]),
        ("order10420", [10420]),
        ("order id: 1042, order reference 1043", [1042, 1043]),
        ("in case 1042 is lost", [1042]),
        ("order 99 of mine", []),
        ("I paid £1042 or 1042.00 or 1042 pounds", []),
        ("in 2026 and in November 2025", []),
        ("ticket #88213, ref 4471, approval code A-7741, authorisation code 5521", []),
        ("live at 1042 Kiln Lane, Saltby QS1 1AA", []),
        ("call me on 01632 960123 or 079460000", []),
        ("on 2026-10-12 or 12/10/2026", []),
        ("tracking KS67964981, mail a1042@example.com", []),
        ("", []),
    ],
)
def test_order_numbers_are_told_from_other_numbers(text: str, numbers: list[int]) -> None:
    assert reading.order_numbers(text) == numbers


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        ("£89 and € 12.50", [89.0, 12.5]),
        ("1,250.00 for all", [1250.0]),
        ("99 pounds, 5 quid", [99.0, 5.0]),
        ("refund me 90 now", [90.0]),
        ("order 1042, please refund 1042", []),
        ("119 Foundry Way, Wexcombe QW3 7DJ", []),
    ],
)
def test_sums_of_money_are_found(text: str, sums: list[float]) -> None:
    assert reading.amounts(text) == sums


PHRASES = st.lists(
    st.sampled_from(
        [
            "Also",
            "and also ",
            ", also",
            "2. ",
            "refund",
            " my parcel",
            "?",
            ". ",
            "\n",
            "1042",
            "£9",
        ]
    )
).map("".join)


@given(st.one_of(st.text(), PHRASES))
def test_any_text_can_be_read_and_no_word_of_it_is_lost(text: str) -> None:
    assert all(number >= 100 for number in reading.order_numbers(text))
    assert all(amount >= 0 for amount in reading.amounts(text))
    assert "".join("".join(requests(text)).split()) == "".join(text.split())


def test_a_longer_product_name_wins_over_the_shorter_inside_it(untouched: Shop) -> None:
    sold = untouched.products()
    assert reading.products("the floor lamp", sold) == ["floor-lamp"]
    assert reading.products("two lamps and a Kettle", sold) == ["desk-lamp", "kettle"]
    assert reading.products("a lampoon", sold) == []


# finding facts


def test_an_order_of_the_sender_is_found_with_what_decides(untouched: Shop) -> None:
    facts = find_facts("charged twice for 1042", " Dora.Novak@example.net", untouched)
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["standing"], facts["order_id"]) == ("found", 1042)
    order = facts["orders"][0]
    assert (order["duplicate"], order["paid"], order["refundable"]) == (144.0, 288.0, 288.0)
    assert (order["days_since_delivery"], order["days_late"]) == (85, 10)
    assert (order["may_return"], order["may_change_address"], order["may_resend"]) == (
        False,
        False,
        False,
    )


def test_an_order_of_another_customer_is_named_and_nothing_of_it_shown(untouched: Shop) -> None:
    facts = find_facts("refund 1042 and my 1133", "ben.okafor@example.org", untouched)
    assert (facts["standing"], facts["order_id"]) == ("foreign", None)
    assert (facts["foreign"], facts["found"]) == ([1042], [1133])
    assert "dora" not in json.dumps(facts).lower()
    assert [one["id"] for one in facts["orders"]] == [1133]


def test_an_unknown_order_is_missing(untouched: Shop) -> None:
    facts = find_facts("order 9931 please", "ben.okafor@example.org", untouched)
    assert (facts["standing"], facts["missing"], facts["orders"]) == ("missing", [9931], [])


def test_without_a_number_the_only_order_that_fits_is_taken(untouched: Shop) -> None:
    amir = "amir.haddad@example.net"
    by_product = find_facts("where is my toaster", amir, untouched)
    assert (by_product["standing"], by_product["order_id"]) == ("inferred", 1183)
    by_amount = find_facts("you took £268.00 from me", amir, untouched)
    assert (by_amount["standing"], by_amount["order_id"]) == ("inferred", 1146)
    several = find_facts("where is my order", amir, untouched)
    assert (several["standing"], several["order_id"]) == ("several", None)
    assert several["fitting"] == [1218, 1183, 1146]
    assert find_facts("my kettle leaks", amir, untouched)["standing"] == "none"


def test_an_old_order_fits_only_when_its_product_is_named(untouched: Shop) -> None:
    oscar = "oscar.lund@example.org"
    assert find_facts("where is my parcel", oscar, untouched)["order_id"] == 1149
    assert find_facts("my e-reader froze", oscar, untouched)["order_id"] == 1041


def test_somebody_unknown_has_no_orders(untouched: Shop) -> None:
    facts = find_facts("where is my order", "nobody@example.com", untouched)
    assert (facts["standing"], facts["customer"], facts["orders"]) == ("none", None, [])


def test_the_new_address_is_not_the_present_one(untouched: Shop) -> None:
    chen = "chen.wei@example.org"
    old, new = "119 Foundry Way, Wexcombe QW3 7DJ", "40 Nettle Lane, Farrowdale QF5 2EJ"
    for text in (f"order 1235 to {new}, not {old}", f"order 1235 not to {old} but to {new}"):
        assert find_facts(text, chen, untouched)["address"] == new
    assert find_facts("order 1235 to Nettle Lane", chen, untouched)["address"] is None


def test_a_part_takes_the_number_of_its_message_unless_it_names_another_product(
    untouched: Shop,
) -> None:
    whole = "I paid twice for 1226. Also, when will it come? And is my radio under warranty?"
    ines = "ines.duarte@example.net"
    assert find_facts("Also, when will it come?", ines, untouched, whole=whole)["order_id"] == 1226
    radio = find_facts("is my radio under warranty?", ines, untouched, whole=whole)
    assert (radio["standing"], radio["order_id"]) == ("inferred", 1120)


def test_the_delay_credit_is_due_once_for_each_order(shop: Shop) -> None:
    olga = "olga.maric@example.com"
    assert find_facts("order 1097", olga, shop)["orders"][0]["delay_credit"] == 10.0
    shop.issue_refund(1097, 10.0, "delay-credit")
    assert find_facts("order 1097", olga, shop)["orders"][0]["delay_credit"] == 0.0


def test_a_refunded_duplicate_is_owed_no_more(shop: Shop) -> None:
    shop.issue_refund(1042, 144.0, "duplicate-charge")
    order = find_facts("order 1042", "dora.novak@example.net", shop)["orders"][0]
    assert (order["charged_twice"], order["duplicate"], order["refundable"]) == (True, 0.0, 144.0)


# splitting


@pytest.mark.parametrize(
    "text",
    [
        "My kettle arrived cracked. Also the box was wet. Please refund me.",
        "Where is my parcel? I also called yesterday and nobody answered. Please tell me.",
        "I was charged twice. Plus I am really annoyed. Give me my money back.",
        "Order 1042 was charged twice. Also I have attached the bank statement for order 1042.",
        "The lamp flickers. I reset it. I changed the bulb. Second, I tried another socket.",
        "Please refund order 1042. By the way, great shop otherwise!",
        "It won't connect to the wifi, and also not to bluetooth.",
        "Hello. I hope you are well. And one more thing.",
    ],
)
def test_a_connector_alone_splits_nothing(text: str) -> None:
    assert requests(text) == [text]


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("Where is order 1001? Also I need an invoice for it.", "Also I need an invoice for it."),
        (
            "Please refund the toaster. Another thing. My headphones won't pair.",
            "Another thing. My headphones won't pair.",
        ),
        ("1) parcel 1001 is lost\n2) how do I set up the radio", "2) how do I set up the radio"),
        ("Where is order 1001? Also, where is order 1002?", "Also, where is order 1002?"),
        (
            "I was billed twice for 1001, also the tracking for 1002 is stuck",
            "also the tracking for 1002 is stuck",
        ),
    ],
)
def test_a_second_request_begins_at_its_connector(text: str, second: str) -> None:
    parts = requests(text)
    assert len(parts) == 2
    assert parts[1] == second
