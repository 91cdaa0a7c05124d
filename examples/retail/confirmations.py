"""Write the sentence that a customer reads before they say yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .actions import WRITES, need_arguments

_SENTENCES: Mapping[str, str] = {
    "cancel_pending_order": (
        "Cancel order {order_id} (reason: {reason}) and refund its total to the original payment "
        "method."
    ),
    "exchange_delivered_order_items": (
        "Exchange in delivered order {order_id} {pairs}, with the price difference paid by or "
        "refunded to {payment_method_id}; no further exchange or return of this order is possible."
    ),
    "modify_pending_order_address": "Change the shipping address of order {order_id} to {address}.",
    "modify_pending_order_items": (
        "Change in pending order {order_id} {pairs}, with the price difference paid by or "
        "refunded to {payment_method_id}; the order can then not be changed or cancelled any more."
    ),
    "modify_pending_order_payment": (
        "Pay order {order_id} by {payment_method_id} and refund the original payment method."
    ),
    "modify_user_address": "Change the default address of user {user_id} to {address}.",
    "return_delivered_order_items": (
        "Return from delivered order {order_id} {items}, with the refund to {payment_method_id}."
    ),
}


def describe(action: str, arguments: Mapping[str, Any]) -> str:
    """List every detail of a write in one sentence, as the policy demands.

    Raises `Refused` for arguments that do not fit the action, and `ValueError` for an action
    that writes nothing: it needs no confirmation.
    """
    need_arguments(action, arguments)
    if action not in WRITES:
        raise ValueError(
            f"{action!r} writes nothing and needs no confirmation; describe one of "
            f"{', '.join(sorted(WRITES))}."
        )
    return _SENTENCES[action].format(**arguments, **_phrases(arguments))


def _phrases(arguments: Mapping[str, Any]) -> dict[str, str]:
    old, new = arguments.get("item_ids", ()), arguments.get("new_item_ids", ())
    phrases = {"items": _items(old), "pairs": _pairs(old, new)}
    if "address1" in arguments:
        parts = ("address1", "address2", "city", "state", "zip", "country")
        phrases["address"] = ", ".join(arguments[part] for part in parts if arguments[part])
    return phrases


def _items(item_ids: Sequence[str]) -> str:
    return _listed([f"item {item_id}" for item_id in item_ids])


def _pairs(item_ids: Sequence[str], new_item_ids: Sequence[str]) -> str:
    if len(item_ids) != len(new_item_ids):
        # The write will be refused; the sentence must still show what was asked for.
        return f"{_items(item_ids)} for {_items(new_item_ids)}"
    pairs = zip(item_ids, new_item_ids, strict=True)
    return _listed([f"item {old} for item {new}" for old, new in pairs])


def _listed(parts: Sequence[str]) -> str:
    if not parts:
        return "no items"
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
