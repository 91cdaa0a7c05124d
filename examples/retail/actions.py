"""Name the domain's actions, their parameters, and the actions that write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .records import Refused

_ADDRESS = ("address1", "address2", "city", "state", "country", "zip")
_ITEMS = ("order_id", "item_ids", "new_item_ids", "payment_method_id")
_LISTS = frozenset({"item_ids", "new_item_ids"})

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "calculate": ("expression",),
    "cancel_pending_order": ("order_id", "reason"),
    "exchange_delivered_order_items": _ITEMS,
    "find_user_id_by_email": ("email",),
    "find_user_id_by_name_zip": ("first_name", "last_name", "zip"),
    "get_item_details": ("item_id",),
    "get_order_details": ("order_id",),
    "get_product_details": ("product_id",),
    "get_user_details": ("user_id",),
    "list_all_product_types": (),
    "modify_pending_order_address": ("order_id", *_ADDRESS),
    "modify_pending_order_items": _ITEMS,
    "modify_pending_order_payment": ("order_id", "payment_method_id"),
    "modify_user_address": ("user_id", *_ADDRESS),
    "return_delivered_order_items": ("order_id", "item_ids", "payment_method_id"),
    "transfer_to_human_agents": ("summary",),
}
WRITES = frozenset(
    {
        "cancel_pending_order",
        "exchange_delivered_order_items",
        "modify_pending_order_address",
        "modify_pending_order_items",
        "modify_pending_order_payment",
        "modify_user_address",
        "return_delivered_order_items",
    }
)
"""These change the database, so each needs the customer's yes."""
HANDOVERS = frozenset({"transfer_to_human_agents"})
"""These end the conversation here; they neither read nor write."""
READS = frozenset(PARAMETERS) - WRITES - HANDOVERS


def need_arguments(action: str, arguments: Mapping[str, Any]) -> None:
    """Refuse an unknown action, and arguments that are missing, unknown or of the wrong kind."""
    if action not in PARAMETERS:
        raise Refused(f"Unknown action {action!r}; there are {', '.join(PARAMETERS)}")
    expected = PARAMETERS[action]
    missing = [name for name in expected if name not in arguments]
    unknown = [str(name) for name in arguments if name not in expected]
    if missing or unknown:
        wrong = [f"lacks {', '.join(missing)}"] if missing else []
        wrong += [f"does not know {', '.join(unknown)}"] if unknown else []
        raise Refused(
            f"{action} {' and '.join(wrong)}; it takes {', '.join(expected) or 'nothing'}"
        )
    for name in expected:
        if not _fits(name, arguments[name]):
            kind = "a list of texts" if name in _LISTS else "a text"
            raise Refused(f"{action}: {name} must be {kind}, not {arguments[name]!r}")


def _fits(name: str, value: Any) -> bool:
    if name not in _LISTS:
        return isinstance(value, str)
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
