"""Decide for shipping: where a parcel is, addresses, second parcels, returns, credits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .contracts import DeskRequest
from .money import refund
from .policy import CREDIT_AFTER_DAYS, RESEND_AFTER_DAYS, RETURN_DAYS
from .verdict import Verdict, Write, act, answer, ask, day, days, escalate, listed, refuse

Json = dict[str, Any]


def where(request: DeskRequest, order: Json) -> Verdict:
    carrier = f"{order['carrier']}, tracking number {order['tracking']}"
    due = f"expected on {day(order['due'])}"
    late = f"{days(order['days_late'])} late so far" if order["days_late"] else "on time so far"
    again = "If you want it sent again, free of charge, tell us." if order["may_resend"] else ""
    by_status = {
        "placed": f"is being packed; it is dispatched within 2 working days and {due}.",
        "shipped": f"is on its way with {carrier}; {due}, {late}.",
        "delayed": f"is delayed with {carrier}. It was {due} and is {late}. {again}",
        "lost": f"was reported lost by {carrier}. {again}",
    }
    if order["delivered"]:
        told = f"was delivered on {day(order['delivered'])} by {carrier}."
    else:
        told = by_status[order["status"]]
    return answer(f"Order {order['id']} {told}".strip(), "order-status", order)


def not_received(request: DeskRequest, order: Json) -> Verdict:
    return escalate("marked delivered, and the customer has not received it", "lost-parcel", order)


def address(request: DeskRequest, order: Json) -> Verdict:
    new = request["facts"]["address"]
    if not order["may_change_address"]:
        told = (
            f"Order {order['id']} has left our warehouse, and a parcel that is with the carrier "
            "cannot be sent to another address."
        )
        why = f"the order is {order['status']}; an address is changed before dispatch only"
        return refuse(told, "address-change", why, order)
    if new is None:
        why = "the full new address with postcode is missing"
        question = "Please tell us the full new address with its postcode."
        return ask(question, why, "address-change", order)
    write = Write(
        name="change_address",
        arguments={"order_id": order["id"], "address": new},
        what=f"sending order {order['id']} to {new}",
        done=f"Order {order['id']} now goes to {new}.",
    )
    return act(write, "address-change", order)


def resend(request: DeskRequest, order: Json) -> Verdict:
    if order["resends"]:
        when = day(order["resends"][-1]["created"])
        return answer(f"Order {order['id']} was sent again on {when}.", "lost-parcel", order)
    if not order["may_resend"]:
        told = (
            f"By our record order {order['id']} is {order['status']}, due {day(order['due'])}. "
            "We send it again when the carrier reports it lost to us, or when it is more than "
            f"{RESEND_AFTER_DAYS} days past that date."
        )
        why = f"the order is {order['status']} and {days(order['days_late'])} late"
        return refuse(told, "lost-parcel", why, order)
    write = Write(
        name="resend",
        arguments={"order_id": order["id"]},
        what=f"sending order {order['id']} a second time",
        done=f"I am sorry about your parcel. Order {order['id']} is sent again, free of charge.",
    )
    return act(write, "lost-parcel", order)


def send_back(request: DeskRequest, order: Json) -> Verdict:
    facts = request["facts"]
    if facts["products"] and not facts["items"]:
        return escalate("the product named is not on the order", "return-window", order)
    if not order["may_return"]:
        ago = order["days_since_delivery"]
        since = f"was delivered {ago} days ago" if order["delivered"] else "is not delivered yet"
        told = f"A return can be opened within {RETURN_DAYS} days of delivery; order {order['id']}"
        return refuse(f"{told} {since}.", "return-window", f"the order {since}", order)
    items = facts["items"] or [line["sku"] for line in order["lines"]]
    coming = {item for one in order["returns"] for item in one["items"]}
    items = [item for item in items if item not in coming]
    if not items:
        told = f"A return for this is open already on order {order['id']}; use its label."
        return answer(told, "return-window", order)
    names = listed([line["name"] for line in order["lines"] if line["sku"] in items])
    what = f"the return of {names} from order {order['id']}"
    done = (
        f"I have opened {what}. Print the label, stick it on the box and bring it to any post "
        "office; it costs nothing. You are paid back when it has arrived here."
    )
    arguments = {"order_id": order["id"], "items": items, "reason": "return-window"}
    return act(
        Write(name="open_return", arguments=arguments, what=what, done=done), "return-window", order
    )


def return_info(request: DeskRequest, order: Json | None) -> Verdict:
    told = (
        f"You can send unused items back within {RETURN_DAYS} days of delivery. We send you a "
        "label for the box; you drop it off at any post office, and it costs you nothing."
    )
    return answer(told, "return-window", order)


def late_credit(request: DeskRequest, order: Json) -> Verdict:
    if order["delay_credit"]:
        note = f"I am sorry that order {order['id']} was {order['days_late']} days late."
        return refund(order, order["delay_credit"], cites="delay-credit", note=note)
    late = days(order["days_late"])
    if order["days_late"] > CREDIT_AFTER_DAYS:
        told = f"The credit for order {order['id']}, {late} late, was paid; it is given once."
        return refuse(told, "delay-credit", "the credit was paid before", order)
    told = (
        f"Order {order['id']} was {late} late; a credit is given when it is more than "
        f"{days(CREDIT_AFTER_DAYS)}."
    )
    return refuse(told, "delay-credit", f"only {late} late", order)


HANDLERS: dict[str, Callable[[DeskRequest, Json], Verdict]] = {
    "not-received": not_received,
    "late-credit": late_credit,
    "return": send_back,
    "resend": resend,
    "address": address,
    "where": where,
}
