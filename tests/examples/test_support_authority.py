"""Test that the desk's own authority is recomputed from the shop's record."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.support.authority import NeedsLead, Theirs
from examples.support.facts import order_facts
from examples.support.policy import APPROVAL_LIMIT, lead_answers
from examples.support.seed import build
from examples.support.shop import Shop, ShopRefused
from quintet.state import Action

Json = dict[str, Any]
ORDERS = range(1001, 1243)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(build(tmp_path_factory.mktemp("shop") / "shop.db"))


@pytest.fixture
def shop(untouched: Shop, tmp_path: Path) -> Shop:
    return Shop(shutil.copyfile(untouched.path, tmp_path / "shop.db"))


def facts(shop: Shop, number: int) -> Json:
    order = shop.order(number)
    assert order
    return order_facts(order, shop.payments(number), shop.today())


def refund(order_id: object, amount: object, reason: object) -> Action:
    given = {"order_id": order_id, "amount": amount, "reason": reason}
    return Action(name="issue_refund", arguments=given)


def first(shop: Shop, fits: Any) -> Json:
    return next(one for number in ORDERS if fits(one := facts(shop, number)))


def test_a_second_charge_on_record_is_paid_without_a_lead_up_to_the_limit(untouched: Shop) -> None:
    needs = NeedsLead(shop=untouched)
    assert needs(refund(1098, 89.0, "duplicate-charge")) is None
    assert needs(refund(1042, 144.0, "duplicate-charge")) == (
        "refunds of 144.00 on one order are over 100"
    )
    assert needs(refund(1098, 88.0, "duplicate-charge")) == (
        "the second charge on record is 89.00, not 88.00"
    )
    assert "no second charge" in str(needs(refund(1136, 69.0, "duplicate-charge")))


def test_a_claim_split_in_two_needs_a_lead_for_each_part(untouched: Shop) -> None:
    half = NeedsLead(shop=untouched)(refund(1151, 94.5, "duplicate-charge"))
    assert half == "the second charge on record is 189.00, not 94.50"


def test_damage_is_paid_by_itself_only_in_time_and_for_items_on_the_order(shop: Shop) -> None:
    needs = NeedsLead(shop=shop)
    assert needs(refund(1176, 49.0, "damaged-item")) is None
    assert "no items on the order" in str(needs(refund(1176, 48.0, "damaged-item")))
    assert "refunded for 30 days" in str(needs(refund(1069, 59.0, "damaged-item")))
    assert "cannot have come damaged" in str(needs(refund(1195, 89.0, "damaged-item")))


def test_the_same_item_is_not_refunded_twice_without_a_lead(shop: Shop) -> None:
    needs = NeedsLead(shop=shop)
    action = refund(1176, 49.0, "damaged-item")
    assert needs(action) is None
    paid = shop.issue_refund(1176, 49.0, "damaged-item")
    assert needs(action) is not None
    shop.void_refund(paid["id"])
    assert needs(action) is None


def test_damage_is_refunded_out_of_what_the_goods_cost(shop: Shop) -> None:
    shop.issue_refund(1176, 30.0, "outside-policy")
    order = facts(shop, 1176)
    assert order["refundable"] - order["duplicate"] < order["total"]
    whole = NeedsLead(shop=shop).outside_policy(refund(1176, order["total"], "damaged-item"))
    assert "left to refund" in str(whole)


def test_earlier_refunds_of_the_desk_count_towards_the_limit(shop: Shop) -> None:
    order = first(shop, lambda o: o["delay_credit"] and o["paid"] > 101)
    needs = NeedsLead(shop=shop)
    credit = refund(order["id"], 10.0, "delay-credit")
    assert needs(credit) is None
    shop.issue_refund(order["id"], 95.0, "outside-policy")
    assert needs(credit) == "refunds of 105.00 on one order are over 100"


def test_a_late_credit_is_paid_once_and_exactly(shop: Shop) -> None:
    needs = NeedsLead(shop=shop)
    assert "is 10.00, not 20.00" in str(needs(refund(1091, 20.0, "delay-credit")))
    shop.issue_refund(1091, 10.0, "delay-credit")
    assert "paid before" in str(needs(refund(1091, 10.0, "delay-credit")))


@pytest.mark.parametrize("reason", ["outside-policy", "refund-window", "manager", "", None])
def test_a_refund_on_any_other_ground_needs_a_lead(reason: object, untouched: Shop) -> None:
    assert "gives no refund" in str(NeedsLead(shop=untouched)(refund(1098, 1.0, reason)))


@pytest.mark.parametrize("amount", [-5, 0, "12", None, True])
def test_what_is_no_sum_of_money_never_passes(amount: object, untouched: Shop) -> None:
    assert "no sum of money" in str(
        NeedsLead(shop=untouched)(refund(1098, amount, "duplicate-charge"))
    )


@pytest.mark.parametrize("number", [9931, "1098", None])
def test_an_order_that_is_not_there_never_passes(number: object, untouched: Shop) -> None:
    action = refund(number, 1.0, "duplicate-charge")
    assert NeedsLead(shop=untouched)(action) == f"there is no order {number!r}"
    assert str(Theirs(shop=untouched)(action)) == f"there is no order {number!r}"


def test_a_write_without_a_rule_needs_a_lead(untouched: Shop) -> None:
    said = NeedsLead(shop=untouched)(Action(name="void_refund", arguments={"order_id": 1098}))
    assert said == "policy has no rule for void_refund"


def test_sending_dear_goods_again_needs_a_lead_and_so_does_a_second_time(shop: Shop) -> None:
    needs = NeedsLead(shop=shop)
    dear = first(shop, lambda o: o["may_resend"] and o["total"] > APPROVAL_LIMIT)
    cheap = first(shop, lambda o: o["may_resend"] and o["total"] <= APPROVAL_LIMIT)
    again = Action(name="resend", arguments={"order_id": cheap["id"]})
    worth = needs(Action(name="resend", arguments={"order_id": dear["id"]}))
    assert worth == f"sending again goods worth {dear['total']:.2f} is over 100"
    assert needs(again) is None
    shop.resend(cheap["id"])
    assert needs(again) == "the order was sent again already"


def test_a_return_of_what_is_coming_back_already_needs_a_lead(shop: Shop) -> None:
    needs = NeedsLead(shop=shop)
    arguments = {"order_id": 1083, "items": ["toaster"], "reason": "return-window"}
    action = Action(name="open_return", arguments=arguments)
    assert needs(action) is None
    shop.open_return(**arguments)
    assert needs(action) == "a return of toaster is open already"


def test_a_new_address_has_a_house_number_and_a_postcode(untouched: Shop) -> None:
    needs = NeedsLead(shop=untouched)
    full = {"order_id": 1199, "address": "12 Chapel Lane, Saltby QS2 4DG"}
    assert needs(Action(name="change_address", arguments=full)) is None
    vague = {"order_id": 1199, "address": "my new flat"}
    assert "no house number and postcode" in str(
        needs(Action(name="change_address", arguments=vague))
    )


def test_an_order_belongs_to_who_placed_it_and_to_nobody_else(untouched: Shop) -> None:
    theirs = Theirs(shop=untouched)
    for behalf, fine in (
        ("dora.novak@example.net", True),
        (" Dora.Novak@example.net ", True),
        ("kai.tanaka@example.org", False),
        ("", False),
    ):
        action = Action(name="resend", arguments={"order_id": 1042}, behalf=behalf)
        said = theirs(action)
        assert (said is True) == fine
        assert fine or "does not belong to" in str(said)


def test_rules_on_the_same_shop_are_equal_and_print_what_they_are(untouched: Shop) -> None:
    assert NeedsLead(shop=untouched) == NeedsLead(shop=Shop(untouched.path))
    assert repr(Theirs(shop=untouched)).startswith("Theirs(shop=Shop(path=")


def test_the_declared_lead_decides_on_the_record_alone(untouched: Shop) -> None:
    def lead(order_id: int, amount: float, reason: str) -> str:
        case = NeedsLead(shop=untouched).case(refund(order_id, amount, reason))
        return lead_answers(**case)

    assert lead(1042, 144.0, "duplicate-charge") == "approve"
    assert lead(1069, 59.0, "damaged-item") == "approve"
    assert lead(1053, 119.0, "damaged-item") == "reject"
    assert lead(1129, 99.0, "the manager said so") == "reject"
    assert lead(9931, 10.0, "duplicate-charge") == "reject"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_asked_for_no_order_is_refunded_over_the_limit_without_a_lead(
    data: st.DataObject, untouched: Shop
) -> None:
    number = data.draw(st.sampled_from(ORDERS))
    order = facts(untouched, number)
    sums = {order["total"], order["duplicate"], 10.0, 50.0, 94.5, 99.99}
    sums |= {line["price"] for line in order["lines"]}
    reasons = ["duplicate-charge", "damaged-item", "delay-credit", "outside-policy"]
    needs, paid = NeedsLead(shop=untouched), []
    try:
        for _ in range(data.draw(st.integers(1, 6))):
            action = refund(
                number,
                data.draw(st.sampled_from(sorted(sums))),
                data.draw(st.sampled_from(reasons)),
            )
            if needs(action) is None:
                paid.append(untouched.issue_refund(**action.arguments))
        assert sum(one["amount"] for one in paid) <= APPROVAL_LIMIT
    except ShopRefused as error:  # pragma: no cover
        pytest.fail(f"the record supported what the shop refuses: {error}")
    finally:
        for one in paid:
            untouched.void_refund(one["id"])
