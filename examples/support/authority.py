"""Decide what the desk may do by itself: whose order it is, and when a support lead decides.

Both are recomputed from the shop's record, never taken from what an agent or a customer says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quintet.state import Action, Unmet, unmet

from . import reading
from .facts import order_facts
from .policy import APPROVAL_LIMIT, RETURN_DAYS
from .shop import Shop

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Theirs:
    """Check that an action's order belongs to the customer on whose behalf it is done."""

    shop: Shop

    def __call__(self, action: Action) -> bool | Unmet:
        number = action.arguments.get("order_id")
        order = _order(self.shop, number)
        if order is None:
            return unmet(f"there is no order {number!r}")
        if order["email"] != action.behalf.strip().lower():
            sender = action.behalf or "an unknown sender"
            return unmet(f"order {number} does not belong to {sender}")
        return True


@dataclass(frozen=True, kw_only=True)
class NeedsLead:
    """Say why an action needs a support lead; None where the desk may do it by itself.

    A write that the shop's own system refuses is not put to a lead: the write itself says no.
    """

    shop: Shop

    def __call__(self, action: Action) -> str | None:
        return self.outside_policy(action) or self.over_limit(action)

    def outside_policy(self, action: Action) -> str | None:
        """Say what the record does not support, or None."""
        rule = _RULES.get(action.name)
        if rule is None:
            return f"policy has no rule for {action.name}"
        order = self._facts(action)
        if order is None:
            return f"there is no order {action.arguments.get('order_id')!r}"
        return rule(order, action.arguments)

    def over_limit(self, action: Action) -> str | None:
        """Say what is above the limit, with the desk's earlier refunds on the order, or None."""
        worth = self.worth(action)
        if 0 <= worth <= APPROVAL_LIMIT:
            return None
        if action.name == "resend":
            return f"sending again goods worth {worth:.2f} is over {APPROVAL_LIMIT:g}"
        return f"refunds of {worth:.2f} on one order are over {APPROVAL_LIMIT:g}"

    def worth(self, action: Action) -> float:
        """Return the money at stake: goods sent again, or all the desk's refunds with this one."""
        order = self._facts(action)
        if action.name == "resend":
            return float(order["total"]) if order else 0.0
        if action.name != "issue_refund":
            return 0.0
        before = sum(one["amount"] for one in _desk_refunds(order)) if order else 0.0
        return round(before + _sum(action.arguments.get("amount")), 2)

    def case(self, action: Action) -> Json:
        """Return the arguments of `policy.lead_answers` for an action."""
        order = self._facts(action)
        return {
            "within_policy": self.outside_policy(action) is None,
            "amount": self.worth(action),
            "days_since_delivery": order["days_since_delivery"] if order else None,
        }

    def _facts(self, action: Action) -> Json | None:
        order = _order(self.shop, action.arguments.get("order_id"))
        if order is None:
            return None
        return order_facts(order, self.shop.payments(order["id"]), self.shop.today())


def _order(shop: Shop, number: object) -> Json | None:
    return shop.order(number) if isinstance(number, int) else None


def _sum(amount: object) -> float:
    """Return the amount, or infinity, beyond every limit, when it is no sum of money."""
    fine = isinstance(amount, int | float) and not isinstance(amount, bool) and amount > 0
    return float(amount) if fine else float("inf")  # type: ignore[arg-type]


def _desk_refunds(order: Json) -> list[Json]:
    return [one for one in order["payments"] if one["kind"] == "refund" and one["method"] == "desk"]


def _refund(order: Json, arguments: Mapping[str, Any]) -> str | None:
    reason, amount = arguments.get("reason"), _sum(arguments.get("amount"))
    if amount == float("inf"):
        return f"amount {arguments.get('amount')!r} is no sum of money"
    ground = _GROUNDS.get(str(reason))
    if ground is None:
        days = order["days_since_delivery"]
        since = "not delivered yet" if days is None else f"delivered {days} days ago"
        return f"policy gives no refund on the ground {reason!r}; the order was {since}"
    return ground(order, amount)


def _duplicate(order: Json, amount: float) -> str | None:
    if not order["duplicate"]:
        return "the record shows no second charge that is still owed"
    if amount != order["duplicate"]:
        return f"the second charge on record is {order['duplicate']:.2f}, not {amount:.2f}"
    return None


def _damage(order: Json, amount: float) -> str | None:
    days = order["days_since_delivery"]
    if days is None:
        return f"the order is {order['status']}: what is not delivered cannot have come damaged"
    if days > RETURN_DAYS:
        return f"damage is refunded for {RETURN_DAYS} days; the order was delivered {days} days ago"
    before = sum(x["amount"] for x in _desk_refunds(order) if x["reason"] == "damaged-item")
    possible = _prices(order)
    if not {round(amount, 2), round(amount + before, 2)} <= possible:
        paid = f" with the {before:.2f} refunded before" if before else ""
        return f"no items on the order were paid for with {amount:.2f}{paid}"
    if amount > round(order["refundable"] - order["duplicate"], 2):
        return f"less than {amount:.2f} of the price is left to refund"
    return None


def _prices(order: Json) -> set[float]:
    """Return the total price of each choice of items on the order."""
    sums = {0.0}
    for line in order["lines"]:
        for _ in range(line["quantity"]):
            sums |= {round(one + line["price"], 2) for one in sums}
    return sums


def _credit(order: Json, amount: float) -> str | None:
    if not order["delay_credit"]:
        return f"no credit is due: {order['days_late']} days late, or it was paid before"
    if amount != order["delay_credit"]:
        return f"the credit for a late delivery is {order['delay_credit']:.2f}, not {amount:.2f}"
    return None


def _resend(order: Json, arguments: Mapping[str, Any]) -> str | None:
    return "the order was sent again already" if order["resends"] else None


def _return(order: Json, arguments: Mapping[str, Any]) -> str | None:
    coming = {item for one in order["returns"] for item in one["items"]}
    twice = sorted(coming.intersection(arguments.get("items") or ()))
    return f"a return of {', '.join(twice)} is open already" if twice else None


def _address(order: Json, arguments: Mapping[str, Any]) -> str | None:
    address = str(arguments.get("address") or "")
    return None if reading.addresses(address) else f"{address!r} has no house number and postcode"


_GROUNDS: dict[str, Callable[[Json, float], str | None]] = {
    "duplicate-charge": _duplicate,
    "damaged-item": _damage,
    "delay-credit": _credit,
}
_RULES: dict[str, Callable[[Json, Mapping[str, Any]], str | None]] = {
    "issue_refund": _refund,
    "open_return": _return,
    "change_address": _address,
    "resend": _resend,
}
