"""Offer the demo shop: reads, four writes, an undo for each, on the SQLite file of seed.py.

The writes keep the shop's own invariants and nothing else: they take no idempotency key, so the
same call twice writes twice. To prevent that is the duty of whoever orchestrates them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from . import records
from .policy import RESEND_AFTER_DAYS, RETURN_DAYS
from .records import LEDGERS, Json, ShopRefused, ShopUnavailable

__all__ = ["LEDGERS", "Shop", "ShopRefused", "ShopUnavailable"]


@dataclass(frozen=True)
class Shop:
    """Read and write the shop database at `path`; safe to share between threads.

    `before` is called with the name of each read and write before it touches the file: the place
    for tests and demos to raise ShopUnavailable. Raises FileNotFoundError when there is no file.
    """

    path: str | Path
    before: Callable[[str], None] | None = field(default=None, kw_only=True, compare=False)

    def __post_init__(self) -> None:
        if not Path(self.path).is_file():
            raise FileNotFoundError(f"no shop database at {self.path}; write one with seed.build")

    def today(self) -> date:
        """Return the shop's present day."""
        with self._read("today") as db:
            return records.shop_day(db)

    def order(self, order_id: int) -> Json | None:
        """Return the order with its lines, shipment and open returns and resends, or None."""
        with self._read("order") as db:
            return records.order(db, order_id)

    def customer(self, email: str) -> Json | None:
        """Return the customer's e-mail, name, address and first day, or None."""
        with self._read("customer") as db:
            sql = "SELECT * FROM customers WHERE email = ?"
            row = db.execute(sql, (email.strip().lower(),)).fetchone()
            return dict(row) if row else None

    def orders_of(self, email: str) -> list[Json]:
        """Return the customer's orders, newest first."""
        with self._read("orders_of") as db:
            sql = "SELECT id FROM orders WHERE email = ? ORDER BY placed DESC, id DESC"
            ids = [row["id"] for row in db.execute(sql, (email.strip().lower(),))]
            return [records.existing(db, one) for one in ids]

    def payments(self, order_id: int) -> list[Json]:
        """Return the order's charges and refunds, the desk's own included, in order of time."""
        with self._read("payments") as db:
            return records.payments(db, order_id)

    def shipment(self, order_id: int) -> Json | None:
        """Return status, carrier, tracking and dates of the order's parcel, or None."""
        with self._read("shipment") as db:
            row = db.execute("SELECT * FROM shipments WHERE order_id = ?", (order_id,)).fetchone()
            return dict(row) if row else None

    def products(self) -> list[Json]:
        """Return the shop's products, with the words that customers use for them."""
        with self._read("products") as db:
            rows = [dict(row) for row in db.execute("SELECT * FROM products ORDER BY sku")]
        return [
            {**row, "price": records.pounds(row["price"]), "words": row["words"].split("|")}
            for row in rows
        ]

    def ledger(self, name: str) -> list[Json]:
        """Return all entries of one of LEDGERS, oldest first, voided ones included."""
        if name not in LEDGERS:
            raise ValueError(f"no ledger {name!r}; the ledgers are {', '.join(LEDGERS)}")
        with self._read("ledger") as db:
            rows = db.execute(f"SELECT * FROM {name} ORDER BY id")
            return [records.receipt(name, row) for row in rows]

    def issue_refund(self, order_id: int, amount: float, reason: str) -> Json:
        """Pay `amount` pounds back; refused when less than that is left of what was paid."""
        asked, why = records.pence(amount), records.text("reason", reason)
        with self._write("issue_refund") as db:
            records.existing(db, order_id)
            left = records.refundable(db, order_id)
            if asked > left:
                raise ShopRefused(
                    f"a refund of {asked / 100:.2f} on order {order_id} is more than the "
                    f"{left / 100:.2f} that was paid and not refunded"
                )
            return records.enter(
                db, "refunds", order_id=order_id, amount=asked, reason=why, status="paid"
            )

    def open_return(self, order_id: int, items: Sequence[str], reason: str) -> Json:
        """Open a return for the items (skus); refused later than 30 days after delivery."""
        why = records.text("reason", reason)
        with self._write("open_return") as db:
            order = records.existing(db, order_id)
            listed = json.dumps(records.skus(order, items))
            if order["delivered"] is None:
                raise ShopRefused(
                    f"order {order_id} is {order['status']}, not delivered: no return"
                )
            days = (records.shop_day(db) - date.fromisoformat(order["delivered"])).days
            if days > RETURN_DAYS:
                raise ShopRefused(
                    f"order {order_id} was delivered {days} days ago; "
                    f"a return can be opened within {RETURN_DAYS} days"
                )
            return records.enter(
                db, "returns", order_id=order_id, items=listed, reason=why, status="open"
            )

    def change_address(self, order_id: int, address: str) -> Json:
        """Send the order to another address; refused once it has left the warehouse."""
        new = records.text("address", address)
        with self._write("change_address") as db:
            order = records.existing(db, order_id)
            _not_sent(order)
            db.execute("UPDATE orders SET address = ? WHERE id = ?", (new, order_id))
            return records.enter(
                db,
                "address_changes",
                order_id=order_id,
                address=new,
                previous=order["address"],
                status="changed",
            )

    def resend(self, order_id: int) -> Json:
        """Send the order again; refused unless it is lost, or delayed by more than 7 days."""
        with self._write("resend") as db:
            order = records.existing(db, order_id)
            late = (records.shop_day(db) - date.fromisoformat(order["due"])).days
            overdue = order["status"] == "delayed" and late > RESEND_AFTER_DAYS
            if order["status"] != "lost" and not overdue:
                raise ShopRefused(
                    f"order {order_id} is {order['status']}, due {order['due']}; it is sent again "
                    f"when it is lost or delayed by more than {RESEND_AFTER_DAYS} days"
                )
            return records.enter(db, "resends", order_id=order_id, status="sent")

    def void_refund(self, refund_id: int) -> Json:
        """Take a refund back; doing so again changes nothing and returns the same receipt."""
        with self._write("void_refund") as db:
            return records.void(db, "refunds", refund_id)

    def cancel_return(self, return_id: int) -> Json:
        """Close an opened return; doing so again changes nothing."""
        with self._write("cancel_return") as db:
            return records.void(db, "returns", return_id)

    def cancel_resend(self, resend_id: int) -> Json:
        """Call a second parcel back; doing so again changes nothing."""
        with self._write("cancel_resend") as db:
            return records.void(db, "resends", resend_id)

    def restore_address(self, change_id: int) -> Json:
        """Put the previous address back; doing so again changes nothing.

        Refused when the order was sent, or its address changed again, in the meantime.
        """
        with self._write("restore_address") as db:
            change = records.entry(db, "address_changes", change_id)
            if change["status"] == "void":
                return change
            order = records.existing(db, change["order_id"])
            _not_sent(order)
            if order["address"] != change["address"]:
                raise ShopRefused(f"the address of order {order['id']} was changed again since")
            back = (change["previous"], change["order_id"])
            db.execute("UPDATE orders SET address = ? WHERE id = ?", back)
            return records.void(db, "address_changes", change_id)

    def _read(self, call: str) -> AbstractContextManager[sqlite3.Connection]:
        return self._open(call, "BEGIN")

    def _write(self, call: str) -> AbstractContextManager[sqlite3.Connection]:
        # IMMEDIATE: what a write checks must still hold when it writes, whatever others do
        return self._open(call, "BEGIN IMMEDIATE")

    def _open(self, call: str, begin: str) -> AbstractContextManager[sqlite3.Connection]:
        if self.before is not None:
            self.before(call)
        return records.transaction(self.path, begin)


def _not_sent(order: Json) -> None:
    if order["status"] != "placed":
        raise ShopRefused(
            f"order {order['id']} is {order['status']}; its address is fixed once it is dispatched"
        )
