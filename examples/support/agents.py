"""Define the desk's specialists: functions over the facts, the policy and the shop's four writes.

They look only at what the customer wants and at the record; whether a write needs a person is
decided around them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import devices, money, parcels, wants
from .contracts import DeskRequest, Resolution, to_sender
from .splitting import requests
from .verdict import Tools, Verdict, ask, escalate, only_answer, refuse, settle

Json = dict[str, Any]
_DESK_OF = {
    **dict.fromkeys(("duplicate-charge", "damaged-item", "refund-window", "payments"), "billing"),
    **dict.fromkeys(("technical-help", "setup", "warranty", "safety"), "technical"),
    **dict.fromkeys(("return-window", "address-change", "lost-parcel"), "shipping"),
    **dict.fromkeys(("delay-credit", "order-status"), "shipping"),
}


def billing(request: DeskRequest, tools: Tools) -> Resolution:
    """Handle second charges, damage, refunds, and questions about payments."""
    verdict = _first(request) or _billing(request) or _unclear("billing")
    return to_sender(request, settle(verdict, tools))


def shipping(request: DeskRequest, tools: Tools) -> Resolution:
    """Handle parcel whereabouts, addresses, second parcels, returns, credits for delay."""
    verdict = _first(request) or _shipping(request) or _unclear("shipping")
    return to_sender(request, settle(verdict, tools))


def technical(request: DeskRequest, tools: Tools) -> Resolution:
    """Handle first help, setup and guarantee; hand anything dangerous to a person."""
    verdict = _first(request) or _technical(request) or _unclear("technical")
    return to_sender(request, settle(verdict, tools))


def basic(request: DeskRequest) -> Resolution:
    """Answer as a desk without tools: from the record, and hand on what needs a write."""
    verdict = _first(request)
    if verdict is None:
        passage = request["passage"]
        fits = _DESK_OF.get(passage["id"], "billing") if passage else "billing"
        desks = (fits, *(name for name in _DESKS if name != fits))
        verdicts = (_DESKS[name](request) for name in desks)
        verdict = next((one for one in verdicts if one), None) or _unclear("the desk")
    return to_sender(request, only_answer(verdict))


def _first(request: DeskRequest) -> Verdict | None:
    """Decide what comes first: safety, whose order it is, and what nobody at the desk can do.

    A message that nobody has split comes first too: half an answer would be none.
    """
    facts, text = request["facts"], request["message"]
    if (held := len(requests(text))) > 1:
        return escalate(f"the message holds {held} requests")
    if wants.unsafe(text):
        return devices.unsafe(_order(request))
    if facts["standing"] == "foreign":
        why = "the order belongs to another customer"
        told = "I can only speak about orders of your own account; the order you name is not one."
        return refuse(told, "identity", why)
    if facts["standing"] == "missing":
        number = facts["missing"][0]
        told = f"I cannot find an order {number}; please check the number."
        return ask(told, f"there is no order {number}")
    if wants.beyond(text):
        return escalate("the request is for a person: policy lists it as beyond the desk")
    return None


def _billing(request: DeskRequest) -> Verdict | None:
    order = _order(request)
    want = wants.billing(request["message"])
    if want == "payment-info":
        return money.payment_info(request, order)
    if want == "late-credit":
        return _with_order(parcels.late_credit, request, order)
    returnable = order is not None and order["may_return"]
    if want == "change-of-mind" and returnable:
        keeps = wants.keeps_it(request["message"])
        return _with_order(money.no_ground if keeps else parcels.send_back, request, order)
    return _with_order(money.HANDLERS.get(want), request, order)


def _shipping(request: DeskRequest) -> Verdict | None:
    order = _order(request)
    want = wants.shipping(request["message"], order, request["facts"]["address"])
    if want == "return-info":
        return parcels.return_info(request, order)
    return _with_order(parcels.HANDLERS.get(want), request, order)


def _technical(request: DeskRequest) -> Verdict | None:
    order = _order(request)
    want = wants.technical(request["message"])
    if want == "warranty":
        return _with_order(devices.warranty, request, order)
    topic = {"help": "technical-help", "setup": "setup"}.get(want)
    if not want and request["facts"]["products"] and not _of_others(request):
        topic = "technical-help"
    return devices.advice(topic, order, request["facts"]["items"]) if topic else None


def _of_others(request: DeskRequest) -> bool:
    """Tell whether the request holds something that billing or shipping takes."""
    text, address = request["message"], request["facts"]["address"]
    return bool(wants.billing(text) or wants.shipping(text, _order(request), address))


_DESKS: dict[str, Callable[[DeskRequest], Verdict | None]] = {
    "billing": _billing,
    "shipping": _shipping,
    "technical": _technical,
}


def _order(request: DeskRequest) -> Json | None:
    """Return the one order that the request is about, or None."""
    facts = request["facts"]
    number = facts["order_id"]
    return next((one for one in facts["orders"] if one["id"] == number), None)


def _with_order(
    handler: Callable[[DeskRequest, Json], Verdict] | None,
    request: DeskRequest,
    order: Json | None,
) -> Verdict | None:
    if handler is None:
        return None
    if order is not None:
        return handler(request, order)
    fitting = request["facts"]["fitting"]
    which = f"{len(fitting)} orders fit" if fitting else "no order fits"
    why = f"it cannot be told which order is meant: {which}"
    return ask("Please tell us the order number.", why)


def _unclear(desk: str) -> Verdict:
    return escalate(f"{desk} cannot make out a request that it can settle")
