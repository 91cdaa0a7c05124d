"""Look things up in the company's database, and place orders in it."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any


@dataclass(kw_only=True)
class Company:
    """Open the database for each look-up, as the checks run in threads of their own.

    Args:
        path: the database.
        broken: how many of the next look-ups fail, as when the database is busy.
    """

    path: Path
    broken: int = 0
    struck: list[str] = field(default_factory=list)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Give the rows of a query.

        Raises:
            ConnectionError: the database does not answer.
        """
        if self.broken > 0:
            self.broken -= 1
            self.struck.append(query)
            raise ConnectionError("the database does not answer")
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def row(self, query: str, *values: Any) -> dict[str, Any] | None:
        """Give the first row of a query, or None."""
        return next(iter(self.rows(query, *values)), None)

    def spend_rule(self, category: str) -> dict[str, Any] | None:
        """Look up the limits of a category, and whether it is forbidden."""
        return self.row("SELECT * FROM spend_rules WHERE category = ?", category)

    def category_of(self, item: str) -> str | None:
        """Look up the category that the catalogue has an item under."""
        row = self.row("SELECT category FROM catalogue WHERE item = ?", item)
        return None if row is None else str(row["category"])

    def recent_orders(self, department: str, vendor: str, days: int) -> list[dict[str, Any]]:
        """Look up what a department has ordered from a vendor in the last days."""
        return self.rows(
            "SELECT orders.* FROM orders, today WHERE department = ? AND vendor = ? AND "
            "status = 'placed' AND orders.day >= date(today.day, ?)",
            department,
            vendor,
            f"-{days} days",
        )

    def vendor(self, vendor: str) -> dict[str, Any] | None:
        """Look up a vendor's status, and the categories that it is approved for."""
        return self.row("SELECT * FROM vendors WHERE vendor = ?", vendor)

    def contract(self, vendor: str, category: str) -> dict[str, Any] | None:
        """Look up the newest contract with a vendor in a category, and whether it is valid."""
        return self.row(
            "SELECT contracts.*, begins <= day AND day <= ends AS valid, ends < day AS expired "
            "FROM contracts, today WHERE vendor = ? AND category = ? ORDER BY ends DESC",
            vendor,
            category,
        )

    def price(self, vendor: str, item: str) -> float | None:
        """Look up the price that is agreed with a vendor for an item."""
        row = self.row("SELECT price FROM prices WHERE vendor = ? AND item = ?", vendor, item)
        return None if row is None else float(row["price"])

    def budget(self, department: str) -> dict[str, Any] | None:
        """Look up a department's budget: amount, spent, reserved, frozen."""
        return self.row("SELECT * FROM budgets WHERE department = ?", department)

    def order(self, key: str, order: dict[str, Any]) -> int:
        """Place an order and reserve its amount; one whose key is known is placed once."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            names = ("department", "vendor", "category", "item", "quantity", "amount")
            added = connection.execute(
                f"INSERT OR IGNORE INTO orders ({', '.join(names)}, day, key) "
                "SELECT ?, ?, ?, ?, ?, ?, day, ? FROM today",
                (*(order[name] for name in names), key),
            )
            if added.rowcount:
                change = "UPDATE budgets SET reserved = reserved + ? WHERE department = ?"
                connection.execute(change, (order["amount"], order["department"]))
            found = connection.execute("SELECT id FROM orders WHERE key = ?", (key,))
            return int(found.fetchone()[0])

    def cancel(self, number: int) -> None:
        """Cancel an order, and free what was reserved for it; once."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            change = "UPDATE orders SET status = 'cancelled' WHERE id = ? AND status = 'placed'"
            if connection.execute(change, (number,)).rowcount:
                connection.execute(
                    "UPDATE budgets SET reserved = reserved - (SELECT amount FROM orders WHERE "
                    "id = ?) WHERE department = (SELECT department FROM orders WHERE id = ?)",
                    (number, number),
                )

    def placed(self) -> list[dict[str, Any]]:
        """Give the orders that this program has placed."""
        return self.rows("SELECT * FROM orders WHERE key IS NOT NULL AND status = 'placed'")


@contextmanager
def opened() -> Iterator[Company]:
    """Open a fresh company, which is removed afterwards."""
    text = (resources.files(__package__) / "data" / "company.sql").read_text("utf-8")
    with tempfile.TemporaryDirectory(prefix="quintet-company-") as folder:
        path = Path(folder) / "company.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"PRAGMA synchronous = OFF;\n{text}")
        yield Company(path=path)
