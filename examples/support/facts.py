"""Find what the desk must know before it decides: which order, whose it is, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from . import reading
from .policy import CREDIT_AFTER_DAYS, DELAY_CREDIT, RESEND_AFTER_DAYS, RETURN_DAYS
from .shop import Shop
from .splitting import requests

__all__ = ["find_facts", "order_facts", "requests"]

RECENT_DAYS = 90
Json = dict[str, Any]


def find_facts(
    message: str, sender: str, shop: Shop, *, whole: str | None = None, answer: str = ""
) -> Json:
    """Find the facts for one request, as plain data; the README lists every key.

    `whole` is the message that the request was split from: its order number counts for a part that
    has none. `answer` is the end of the message that answers a question of the desk: a number in it
    stands for those before. Raises ShopUnavailable when the shop cannot be read.
    """
    sender = sender.strip().lower()
    named = reading.products(message, shop.products())
    numbers = reading.order_numbers(answer) or _numbers(message, whole, named, shop)
    orders = {number: shop.order(number) for number in numbers}
    own = [one for one in orders.values() if one and one["email"] == sender]
    foreign = [number for number, one in orders.items() if one and one["email"] != sender]
    missing = [number for number, one in orders.items() if one is None]
    today = shop.today()
    sums = reading.amounts(message)
    fitting = [] if numbers else _fitting(shop.orders_of(sender), named, sums, today)
    about = own if numbers else fitting if len(fitting) == 1 else []
    standing = _standing(own, foreign, missing, fitting)
    chosen = about[0] if standing in ("found", "inferred") else None
    items = [line for line in chosen["lines"] if line["sku"] in named] if chosen else []
    return {
        "sender": sender,
        "customer": shop.customer(sender),
        "standing": standing,
        "order_id": chosen["id"] if chosen else None,
        "mentioned": numbers,
        "found": [one["id"] for one in own],
        "missing": missing,
        "foreign": foreign,
        "fitting": [one["id"] for one in fitting],
        "orders": [order_facts(one, shop.payments(one["id"]), today) for one in about],
        "amount": sums[0] if sums else None,
        "amounts": sums,
        "products": named,
        "items": [line["sku"] for line in items],
        "items_amount": round(sum(line["price"] * line["quantity"] for line in items), 2),
        "address": _new_address(message, chosen),
    }


def _numbers(message: str, whole: str | None, named: Sequence[str], shop: Shop) -> list[int]:
    """Return the order numbers of a request, or the only one of the message around it."""
    numbers = reading.order_numbers(message)
    if numbers or whole is None:
        return numbers
    around = reading.order_numbers(whole)
    if len(around) != 1:
        return []
    order = shop.order(around[0])
    return [] if order and not reading.narrowed([order], named) else around


def _fitting(
    orders: Sequence[Json], named: Sequence[str], sums: Sequence[float], today: date
) -> list[Json]:
    """Return the customer's orders that a message without an order number may be about."""
    recent = [one for one in orders if _days(one["placed"], today) <= RECENT_DAYS]
    fitting = reading.narrowed(recent, named) or (reading.narrowed(orders, named) if named else [])
    exact = [one for one in fitting if one["total"] in sums]
    return [dict(one) for one in exact or fitting]


def _standing(
    own: Sequence[Json],
    foreign: Sequence[int],
    missing: Sequence[int],
    fitting: Sequence[Json],
) -> str:
    """Say how well the order is known; a finding that forbids an answer comes first."""
    if foreign:
        return "foreign"
    if missing:
        return "missing"
    if own:
        return "found" if len(own) == 1 else "several"
    if fitting:
        return "inferred" if len(fitting) == 1 else "several"
    return "none"


def _new_address(message: str, order: Mapping[str, Any] | None) -> str | None:
    """Return the last full address in the message that is not the order's present one."""
    present = order["address"].lower() if order else ""
    new = [one for one in reading.addresses(message) if one.lower() != present]
    return new[-1] if new else None


def _days(since: str, today: date) -> int:
    return (today - date.fromisoformat(since)).days


def order_facts(order: Mapping[str, Any], payments: Sequence[Json], today: date) -> Json:
    """Extend an order with what policy asks of it: money, days, and writes the shop allows."""
    delivered = order["delivered"]
    since = _days(delivered, today) if delivered else None
    late = max(0, _days(order["due"], date.fromisoformat(delivered) if delivered else today))
    overdue = order["status"] == "delayed" and late > RESEND_AFTER_DAYS
    return {
        **{key: value for key, value in order.items() if key != "email"},
        **_money(order, payments),
        "days_since_delivery": since,
        "days_late": late,
        "delay_credit": _delay_credit(payments, late),
        "may_return": since is not None and since <= RETURN_DAYS,
        "may_change_address": order["status"] == "placed",
        "may_resend": order["status"] == "lost" or overdue,
    }


def _money(order: Mapping[str, Any], payments: Sequence[Json]) -> Json:
    charges = [one["amount"] for one in payments if one["kind"] == "charge"]
    refunds = [one["amount"] for one in payments if one["kind"] == "refund"]
    left = round(sum(charges) - sum(refunds), 2)
    twice = [sum_ for sum_ in charges if charges.count(sum_) > 1 and sum(charges) > order["total"]]
    owed = min(twice[0], round(left - order["total"], 2)) if twice else 0.0
    return {
        "payments": list(payments),
        "paid": round(sum(charges), 2),
        "refunded": round(sum(refunds), 2),
        "refundable": left,
        "charged_twice": bool(twice),
        "duplicate": max(owed, 0.0),
    }


def _delay_credit(payments: Sequence[Json], late: int) -> float:
    """Return the credit still due for a late delivery; 0.0 when there is none or it was paid."""
    paid = any(one.get("reason") == "delay-credit" for one in payments)
    return DELAY_CREDIT if late > CREDIT_AFTER_DAYS and not paid else 0.0
