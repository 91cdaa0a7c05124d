"""Offer every action of the domain as a method: the shop of one conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import rules
from .actions import need_arguments
from .reader import Reader
from .records import Receipt, Record, Refused


class Store(Reader):
    """Provide all the domain's actions over a database that is shared and never changed.

    A write checks everything before it changes anything, and gives a receipt (plain JSON) that
    `undo` takes. Forbidden actions raise `Refused`. One store serves one conversation.
    """

    def call(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Run an action by name; arguments that do not fit it raise `Refused` too."""
        need_arguments(action, arguments)
        return getattr(self, action)(**arguments)

    def undo(self, receipt: Receipt) -> None:
        """Put back what the write with this receipt replaced; undo the latest write first."""
        self._records.undo(receipt)

    def changes(self) -> dict[str, dict[str, Record]]:
        """Map collection -> id -> field -> new value, only what differs from the start."""
        return self._records.changes()

    def transfer_to_human_agents(self, summary: str) -> str:
        """Hand the conversation over to a person; writes nothing."""
        if not summary.strip():
            raise Refused("The summary is empty; say what the customer wants and what was tried")
        return "Transfer successful"

    def cancel_pending_order(self, order_id: str, reason: str) -> Receipt:
        """Cancel a pending order and refund what was paid, each method its own."""
        order = self._order(order_id)
        rules.need_status(order, "pending", "cancelled")
        rules.need_reason(reason)
        amounts = rules.paid(order)
        refunds = [rules.entry("refund", amount, method) for method, amount in amounts.items()]
        return self._records.write(
            "cancel_pending_order",
            {"order_id": order_id, "reason": reason},
            {
                ("orders", order_id): {
                    "status": "cancelled",
                    "cancel_reason": reason,
                    "payment_history": order["payment_history"] + refunds,
                },
                **self._credit(order, amounts),
            },
        )

    def modify_pending_order_address(  # noqa: PLR0913 - the domain's own parameters
        self,
        order_id: str,
        address1: str,
        address2: str,
        city: str,
        state: str,
        country: str,
        zip: str,
    ) -> Receipt:
        """Change where a pending order is sent."""
        rules.need_status(self._order(order_id), "pending", "modified")
        address = _address(address1, address2, city, state, country, zip)
        return self._records.write(
            "modify_pending_order_address",
            {"order_id": order_id, **address},
            {("orders", order_id): {"address": address}},
        )

    def modify_user_address(  # noqa: PLR0913 - the domain's own parameters
        self,
        user_id: str,
        address1: str,
        address2: str,
        city: str,
        state: str,
        country: str,
        zip: str,
    ) -> Receipt:
        """Change the user's default address; orders already placed keep theirs."""
        self._records.look("users", user_id)
        address = _address(address1, address2, city, state, country, zip)
        return self._records.write(
            "modify_user_address",
            {"user_id": user_id, **address},
            {("users", user_id): {"address": address}},
        )

    def modify_pending_order_payment(self, order_id: str, payment_method_id: str) -> Receipt:
        """Pay a pending order by another method, once; the original one gets its money back."""
        order = self._order(order_id)
        rules.need_status(order, "pending", "modified")
        method = rules.payment_method(self._customer(order), payment_method_id)
        original, amount = rules.single_payment(order)
        if original == payment_method_id:
            raise Refused(f"Order {order_id} is already paid by {payment_method_id}")
        rules.need_balance(method, amount, "order")
        history = [
            rules.entry("payment", amount, payment_method_id),
            rules.entry("refund", amount, original),
        ]
        return self._records.write(
            "modify_pending_order_payment",
            {"order_id": order_id, "payment_method_id": payment_method_id},
            {
                ("orders", order_id): {"payment_history": order["payment_history"] + history},
                **self._credit(order, {payment_method_id: -amount, original: amount}),
            },
        )

    def modify_pending_order_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
    ) -> Receipt:
        """Replace items of a pending order, once; the difference is paid or refunded now."""
        order = self._order(order_id)
        rules.need_status(order, "pending", "modified")
        chosen, variants = self._replacements(order, item_ids, new_item_ids)
        owed = rules.difference(order, chosen, variants)
        self._need_method(order, payment_method_id, owed)
        settled = rules.settlement(owed, payment_method_id)
        return self._records.write(
            "modify_pending_order_items",
            _item_arguments(order_id, item_ids, new_item_ids, payment_method_id),
            {
                ("orders", order_id): {
                    "status": "pending (item modified)",
                    "items": rules.modified_items(order, chosen, variants),
                    "payment_history": order["payment_history"] + settled,
                },
                **self._credit(order, {payment_method_id: -owed}),
            },
        )

    def exchange_delivered_order_items(
        self,
        order_id: str,
        item_ids: Sequence[str],
        new_item_ids: Sequence[str],
        payment_method_id: str,
    ) -> Receipt:
        """Ask for an exchange, once; the difference is settled when the items come back."""
        order = self._order(order_id)
        rules.need_status(order, "delivered", "exchanged")
        chosen, variants = self._replacements(order, item_ids, new_item_ids)
        owed = rules.difference(order, chosen, variants)
        self._need_method(order, payment_method_id, owed)
        fields = {
            "status": "exchange requested",
            "exchange_items": sorted(item_ids),
            "exchange_new_items": sorted(new_item_ids),
            "exchange_payment_method_id": payment_method_id,
            "exchange_price_difference": round(owed, 2),
        }
        return self._records.write(
            "exchange_delivered_order_items",
            _item_arguments(order_id, item_ids, new_item_ids, payment_method_id),
            {("orders", order_id): fields},
        )

    def return_delivered_order_items(
        self, order_id: str, item_ids: Sequence[str], payment_method_id: str
    ) -> Receipt:
        """Ask for a return; the refund goes to the original method or to a gift card."""
        order = self._order(order_id)
        rules.need_status(order, "delivered", "returned")
        rules.lines(order, item_ids)
        method = rules.payment_method(self._customer(order), payment_method_id)
        rules.need_refundable(order, method)
        fields = {
            "status": "return requested",
            "return_items": sorted(item_ids),
            "return_payment_method_id": payment_method_id,
        }
        arguments = {"order_id": order_id, "item_ids": list(item_ids)}
        return self._records.write(
            "return_delivered_order_items",
            {**arguments, "payment_method_id": payment_method_id},
            {("orders", order_id): fields},
        )

    def _replacements(
        self, order: Record, item_ids: Sequence[str], new_item_ids: Sequence[str]
    ) -> tuple[list[int], list[Record]]:
        chosen = rules.lines(order, item_ids)
        rules.need_pairs(item_ids, new_item_ids)
        variants = []
        for line, new_item_id in zip(chosen, new_item_ids, strict=True):
            item = order["items"][line]
            product = self._records.look("products", item["product_id"])
            variants.append(rules.replacement(product, item["item_id"], new_item_id))
        return chosen, variants

    def _need_method(self, order: Record, payment_method_id: str, owed: float) -> None:
        method = rules.payment_method(self._customer(order), payment_method_id)
        rules.need_balance(method, owed, "price difference")

    def _credit(self, order: Record, amounts: Mapping[str, float]) -> dict[tuple[str, str], Record]:
        methods = rules.credited(self._customer(order), amounts)
        return {("users", order["user_id"]): {"payment_methods": methods}}


def _address(address1: str, address2: str, city: str, state: str, country: str, zip: str) -> Record:
    return {
        "address1": address1,
        "address2": address2,
        "city": city,
        "state": state,
        "country": country,
        "zip": zip,
    }


def _item_arguments(
    order_id: str, item_ids: Sequence[str], new_item_ids: Sequence[str], payment_method_id: str
) -> Record:
    return {
        "order_id": order_id,
        "item_ids": list(item_ids),
        "new_item_ids": list(new_item_ids),
        "payment_method_id": payment_method_id,
    }
