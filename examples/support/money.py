"""Decide for billing: second charges, damage, refunds, questions about payments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import wants
from .contracts import DeskRequest
from .policy import RETURN_DAYS
from .reading import counted
from .verdict import Verdict, Write, act, answer, ask, day, escalate, listed, pounds, refuse

Json = dict[str, Any]


def refund(order: Json, amount: float, *, cites: str, reason: str = "", note: str = "") -> Verdict:
    """Pay back in one piece; the reason is the passage that the claim rests on."""
    what = f"a refund of {pounds(amount)} on order {order['id']}"
    done = f"{note} I have made {what}. It reaches your account in 5 to 7 working days."
    arguments = {"order_id": order["id"], "amount": amount, "reason": reason or cites}
    write = Write(name="issue_refund", arguments=arguments, what=what, done=done.strip())
    return act(write, cites, order)


def duplicate(request: DeskRequest, order: Json) -> Verdict:
    if order["duplicate"]:
        note = f"You are right, order {order['id']} was paid twice."
        return refund(order, order["duplicate"], cites="duplicate-charge", note=note)
    if order["charged_twice"]:
        told = f"The second charge on order {order['id']} was refunded already. {_refunds(order)}"
        return answer(f"{told} Nothing more is owed.", "duplicate-charge", order)
    told = f"I have checked order {order['id']}: the record shows no second charge."
    charges = [one for one in order["payments"] if one["kind"] == "charge"]
    parts = f" in parts that add up to {pounds(order['total'])}" if len(charges) > 1 else ""
    return answer(f"{told} {_charges(order, parts)}", "duplicate-charge", order)


def damaged(request: DeskRequest, order: Json) -> Verdict:
    since = order["days_since_delivery"]
    if since is None:
        why = f"order {order['id']} is {order['status']}, so nothing of it can have come damaged"
        told = f"I cannot refund this: by our record order {order['id']} has not been delivered."
        return refuse(told, "damaged-item", why, order)
    amount = _price(request, order)
    if not amount:
        why = "it is not clear which item of the order is meant"
        return ask("Please tell us which item it is.", why, "damaged-item", order)
    if not (left := _left(order)):
        return answer(f"All that you paid was refunded. {_refunds(order)}", "damaged-item", order)
    cites = "outside-policy" if since > RETURN_DAYS else "damaged-item"
    note = "I am sorry that it arrived like that. You need not send it back."
    return refund(order, min(amount, left), cites=cites, reason="damaged-item", note=note)


def unwanted(request: DeskRequest, order: Json) -> Verdict:
    if order["delivered"] is None:
        return escalate("an order on its way is to be called off", "cannot-do", order)
    if request["facts"]["products"] and not request["facts"]["items"]:
        return escalate("the product named is not on the order", "refund-window", order)
    if not (left := _left(order)):
        return answer(f"All that you paid was refunded. {_refunds(order)}", "refund-window", order)
    amount = request["facts"]["items_amount"] or order["total"]
    return refund(order, min(amount, left), cites="outside-policy")


def no_ground(request: DeskRequest, order: Json) -> Verdict:
    claimed = wants.claims_approval(request["message"])
    told = f"I cannot refund order {order['id']}: policy gives no ground for it."
    why = "no ground that policy names"
    if claimed:
        told += " Only a support lead can allow an exception, to the desk itself; none has."
        why += ", and an approval that a customer tells of is none"
    if order["may_return"]:
        told += f" What you do not want you can return within {RETURN_DAYS} days of delivery."
    if order["may_resend"]:
        told += " If you want it sent again, free of charge, tell us."
    return refuse(told, "outside-policy" if claimed else "refund-window", why, order)


def in_use(request: DeskRequest, order: Json) -> Verdict:
    told = (
        "A refund is for items that arrived damaged. A fault that shows in use is repaired or "
        "replaced under the guarantee: please fill in the repair form on your account page."
    )
    return refuse(told, "warranty", "the damage happened after delivery", order)


def payment_info(request: DeskRequest, order: Json | None) -> Verdict:
    general = (
        "The invoice or receipt, with VAT, is on your account page under Orders. "
        "A refund reaches the account 5 to 7 working days after it was made."
    )
    if order is None:
        if wants.needs_payment_record(request["message"]):
            why = "it is not clear which order the question is about"
            return ask("Please tell us the order number.", why, "payments")
        return answer(general, "payments")
    owed = (
        f" The second charge of {pounds(order['duplicate'])} has not been refunded yet; "
        "tell us if you want it back."
        if order["duplicate"]
        else ""
    )
    return answer(f"{_charges(order)} {_refunds(order)}{owed} {general}", "payments", order)


def _price(request: DeskRequest, order: Json) -> float:
    """Return the price of the items named, or of a sole item if none is; 0.0 when unclear."""
    facts, lines = request["facts"], order["lines"]
    if not facts["products"] and len(lines) == 1:
        facts = {**facts, "items": [lines[0]["sku"]]}
    meant = [line for line in lines if line["sku"] in facts["items"]]
    if len(meant) == 1:
        quantity = meant[0]["quantity"]
        return float(meant[0]["price"] * counted(request["message"], quantity))
    return float(facts["items_amount"])


def _left(order: Json) -> float:
    """Return what was paid for the goods and not refunded; a second charge is no part of it."""
    return max(0.0, round(float(order["refundable"] - order["duplicate"]), 2))


def _charges(order: Json, how: str = "") -> str:
    paid = [
        f"{pounds(one['amount'])} by {one['method']} on {day(one['created'])}"
        for one in order["payments"]
        if one["kind"] == "charge"
    ]
    if not paid:
        return f"No payment is recorded for order {order['id']}."
    return f"For order {order['id']} you paid {listed(paid)}{how}."


def _refunds(order: Json) -> str:
    made = [
        f"{pounds(one['amount'])} on {day(one['created'])}"
        for one in order["payments"]
        if one["kind"] == "refund"
    ]
    return f"Refunded so far: {listed(made)}." if made else "No refund has been made on it."


HANDLERS: dict[str, Callable[[DeskRequest, Json], Verdict]] = {
    "duplicate": duplicate,
    "damaged": damaged,
    "change-of-mind": unwanted,
    "no-ground": no_ground,
    "in-use": in_use,
}
