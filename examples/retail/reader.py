"""Look things up in the shop: the part of it that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from . import rules
from .actions import need_arguments
from .records import Record, Records, Refused


class Reader:
    """Read the shop; each action returns a copy, and raises `Refused` for what is absent."""

    def __init__(self, db: Mapping[str, Mapping[str, Record]]) -> None:
        self._records = Records(db)

    def owner(self, action: str, arguments: Mapping[str, Any]) -> str | None:
        """Return the user whom the action concerns; None where it concerns nobody in particular."""
        need_arguments(action, arguments)
        owner: str | None = None
        if "order_id" in arguments:
            owner = self._order(arguments["order_id"])["user_id"]
        elif "user_id" in arguments:
            owner = self._records.look("users", arguments["user_id"])["user_id"]
        return owner

    def calculate(self, expression: str) -> float:
        """Evaluate an arithmetic expression, to two decimals."""
        return rules.value(expression)

    def find_user_id_by_email(self, email: str) -> str:
        """Find the id of the user with this email address."""
        wanted = email.strip().casefold()
        return self._find(lambda user: user["email"].casefold() == wanted)

    def find_user_id_by_name_zip(self, first_name: str, last_name: str, zip: str) -> str:
        """Find the id of the user with this name at this zip code."""
        wanted = (first_name.strip().casefold(), last_name.strip().casefold(), zip.strip())

        def fits(user: Record) -> bool:
            name = user["name"]
            first, last = name["first_name"].casefold(), name["last_name"].casefold()
            return (first, last, user["address"]["zip"]) == wanted

        return self._find(fits)

    def get_user_details(self, user_id: str) -> Record:
        """Return the user's profile: name, address, email, payment methods, orders."""
        return deepcopy(self._records.look("users", user_id))

    def get_order_details(self, order_id: str) -> Record:
        """Return the order: status, items, address, fulfilments, payments."""
        return deepcopy(self._order(order_id))

    def get_product_details(self, product_id: str) -> Record:
        """Return the product with all its variants; a product id is not an item id."""
        return deepcopy(self._records.look("products", product_id))

    def get_item_details(self, item_id: str) -> Record:
        """Return the variant of that id: its options, price and availability."""
        for product_id in self._records.keys("products"):
            variant = self._records.look("products", product_id)["variants"].get(item_id)
            if variant is not None:
                return deepcopy({**variant, "product_id": product_id})
        raise Refused("Item not found")

    def list_all_product_types(self) -> dict[str, str]:
        """Map product names to product ids, sorted by name."""
        keys = self._records.keys("products")
        return dict(sorted((self._records.look("products", key)["name"], key) for key in keys))

    def _order(self, order_id: str) -> Record:
        return self._records.look("orders", order_id)

    def _customer(self, order: Record) -> Record:
        return self._records.look("users", order["user_id"])

    def _find(self, fits: Callable[[Record], bool]) -> str:
        for user_id in self._records.keys("users"):
            if fits(self._records.look("users", user_id)):
                return user_id
        raise Refused("User not found")
