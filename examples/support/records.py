"""Give rows of the shop's database as plain dicts, one transaction at a time, and its errors."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

Json = dict[str, Any]
LEDGERS = ("refunds", "returns", "address_changes", "resends")

_PAYMENTS = """
SELECT id, order_id, kind, amount, method, created, NULL AS reason FROM payments
WHERE order_id = :order
UNION ALL
SELECT 'R' || id, order_id, 'refund', amount, 'desk', created, reason FROM refunds
WHERE order_id = :order AND status <> 'void' ORDER BY created, id
"""
_LINES = """
SELECT sku, name, category, warranty_months, quantity, order_lines.price AS price
FROM order_lines JOIN products USING (sku) WHERE order_id = ? ORDER BY order_lines.rowid
"""


class ShopRefused(ValueError):
    """Raised when the shop does not allow this write; nothing was written."""


class ShopUnavailable(ConnectionError):
    """Raised when the shop could not be reached; nothing was written."""


@contextmanager
def transaction(path: str | Path, begin: str) -> Iterator[sqlite3.Connection]:
    """Open one transaction on its own connection; undo it when the block raises.

    Raises ShopUnavailable when the file cannot be opened or stays locked.
    """
    try:
        address = Path(path).absolute().as_uri() + "?mode=rw"
        db = sqlite3.connect(address, uri=True, isolation_level=None, timeout=10)
    except sqlite3.OperationalError as error:
        raise ShopUnavailable(f"cannot open the shop at {path}: {error}") from error
    with closing(db):
        db.row_factory = sqlite3.Row
        try:
            db.execute(begin)
        except sqlite3.OperationalError as error:
            raise ShopUnavailable(f"the shop at {path} does not answer: {error}") from error
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def shop_day(db: sqlite3.Connection) -> date:
    """Return the shop's present day."""
    return date.fromisoformat(db.execute("SELECT day FROM shop").fetchone()["day"])


def order(db: sqlite3.Connection, order_id: int) -> Json | None:
    """Return the order with its lines, shipment and open returns and resends, or None."""
    sql = "SELECT * FROM orders JOIN shipments ON order_id = id WHERE id = ?"
    row = db.execute(sql, (order_id,)).fetchone()
    if row is None:
        return None
    record = {key: row[key] for key in row.keys() if key != "order_id"}  # noqa: SIM118 (a Row)
    record["total"] = pounds(record["total"])
    record["lines"] = [
        {**dict(line), "price": pounds(line["price"])} for line in db.execute(_LINES, (order_id,))
    ]
    for ledger in ("returns", "resends"):
        sql = f"SELECT * FROM {ledger} WHERE order_id = ? AND status <> 'void' ORDER BY id"
        record[ledger] = [receipt(ledger, entry) for entry in db.execute(sql, (order_id,))]
    return record


def existing(db: sqlite3.Connection, order_id: int) -> Json:
    """Return the order; raise ShopRefused when there is none."""
    record = order(db, order_id)
    if record is None:
        raise ShopRefused(f"there is no order {order_id}")
    return record


def payments(db: sqlite3.Connection, order_id: int) -> list[Json]:
    """Return charges and refunds of an order, in order of time."""
    rows = db.execute(_PAYMENTS, {"order": order_id})
    return [{**dict(row), "amount": pounds(row["amount"])} for row in rows]


def refundable(db: sqlite3.Connection, order_id: int) -> int:
    """Return what was paid for an order and not refunded yet, in pence."""
    rows = payments(db, order_id)
    return sum(round(row["amount"] * 100) * (1 if row["kind"] == "charge" else -1) for row in rows)


def enter(db: sqlite3.Connection, ledger: str, **values: object) -> Json:
    """Write one entry into a ledger, dated with the shop's day, and return its receipt."""
    values["created"] = shop_day(db).isoformat()
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    sql = f"INSERT INTO {ledger} ({names}) VALUES ({marks}) RETURNING *"
    return receipt(ledger, db.execute(sql, tuple(values.values())).fetchone())


def entry(db: sqlite3.Connection, ledger: str, entry_id: int) -> Json:
    """Return the receipt of a ledger entry; raise ShopRefused when there is none."""
    row = db.execute(f"SELECT * FROM {ledger} WHERE id = ?", (entry_id,)).fetchone()
    if row is None:
        raise ShopRefused(f"there is no entry {entry_id!r} in {ledger}")
    return receipt(ledger, row)


def void(db: sqlite3.Connection, ledger: str, entry_id: int) -> Json:
    """Mark a ledger entry as taken back; it stays readable as a trace."""
    entry(db, ledger, entry_id)
    db.execute(f"UPDATE {ledger} SET status = 'void' WHERE id = ?", (entry_id,))
    return entry(db, ledger, entry_id)


def receipt(ledger: str, row: sqlite3.Row) -> Json:
    """Return a ledger entry as plain data."""
    fields: Json = {"ledger": ledger, **dict(row)}
    if "amount" in fields:
        fields["amount"] = pounds(fields["amount"])
    if "items" in fields:
        fields["items"] = json.loads(fields["items"])
    return fields


def pence(amount: float) -> int:
    """Convert pounds to whole pence; raise ShopRefused unless the sum is positive and exact."""
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise ShopRefused(f"amount {amount!r} is not a number")
    whole = round(amount * 100) if abs(amount) < 1e9 else 0
    if whole <= 0 or abs(amount * 100 - whole) > 1e-6:
        raise ShopRefused(f"amount {amount!r} is not a positive sum in pounds and pence")
    return whole


def pounds(amount: int) -> float:
    """Convert whole pence to pounds."""
    return amount / 100


def text(name: str, value: object) -> str:
    """Return the value with single spaces; raise ShopRefused when it is empty or no text."""
    if not isinstance(value, str) or not value.strip():
        raise ShopRefused(f"{name} {value!r} must be a text that says something")
    return " ".join(value.split())


def skus(record: Json, items: Sequence[str]) -> list[str]:
    """Return each item once; raise ShopRefused when none is given or one is not on the order."""
    on_order = [line["sku"] for line in record["lines"]]
    if isinstance(items, str) or not items:
        raise ShopRefused(f"items {items!r} must be a list with at least one of {on_order}")
    if strange := [item for item in items if item not in on_order]:
        raise ShopRefused(f"order {record['id']} has no {strange[0]!r}; it holds {on_order}")
    return list(dict.fromkeys(items))
