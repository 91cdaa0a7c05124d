"""Write the demo shop's database: `python -m examples.support.seed FILE`.

The same seed gives the same content on every machine: all dates hang on one fixed shop day, and
the only source of chance is `Random.random()`, the one method whose sequence Python guarantees.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from random import Random
from typing import TypeVar

from .catalogue import CARRIERS, NAMES, PRODUCTS, STREETS, TOWNS

SHOP_DAY = date(2026, 11, 2)
SEED = 20261102
FIRST_ORDER = 1001
CHEAP = 4000  # pence: below this a customer may buy two
SHOWN_ORDER = 1042  # the order that was "charged twice" wherever the project is shown

T = TypeVar("T")

# status, number of orders, and the days between the event that matters and the shop day:
# placed: since the order; shipped: until due; delayed and lost: since due; delivered: since then.
KINDS: tuple[tuple[str, int, int, int], ...] = (
    ("placed", 28, 0, 2),
    ("shipped", 36, 1, 5),
    ("delayed", 12, 1, 7),
    ("delayed", 12, 8, 16),
    ("lost", 14, 3, 20),
    ("delivered", 70, 1, 29),
    ("delivered", 2, 30, 30),
    ("delivered", 2, 31, 31),
    ("delivered", 22, 32, 44),
    ("delivered", 36, 45, 420),
    ("delivered", 8, 740, 900),
)
# shapes of an order's payments, and on how many orders; the rest is one plain charge
PAYMENTS: tuple[tuple[str, int], ...] = (
    ("duplicate", 22), ("duplicate refunded", 8), ("two halves", 6), ("part refunded", 8),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Dice:
    """Make the seed's draws, each from `Random.random()`."""

    random: Random = field(default_factory=lambda: Random(SEED))

    def between(self, low: int, high: int) -> int:
        """Draw a whole number from low to high, both included."""
        return low + int(self.random.random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """Return True in that share of the draws."""
        return self.random.random() < share

    def pick(self, items: Sequence[T]) -> T:
        """Draw one of the items."""
        return items[self.between(0, len(items) - 1)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in a drawn order."""
        keyed = [(self.random.random(), at) for at in range(len(items))]
        return [items[at] for _, at in sorted(keyed)]

    def address(self) -> str:
        """Draw a postal address in a town that does not exist."""
        town, area = self.pick(TOWNS)
        code = f"{area}{self.between(1, 9)} {self.between(1, 9)}"
        code += self.pick("ABDEF") + self.pick("GHJLN")
        return f"{self.between(1, 180)} {self.pick(STREETS)}, {town} {code}"


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """The state of one order on the shop day."""

    status: str
    placed: date
    due: date
    shipped: date | None = None
    delivered: date | None = None


def parcel(dice: Dice, status: str, days: int) -> Parcel:
    """Draw a parcel of that status, `days` away from the shop day (see KINDS)."""
    if status == "placed":
        placed = SHOP_DAY - timedelta(days)
        return Parcel(status=status, placed=placed, due=placed + timedelta(dice.between(4, 6)))
    if status == "delivered":
        delivered = SHOP_DAY - timedelta(days)
        late = dice.between(8, 12) if dice.chance(0.15) else dice.between(-2, 1)
        due = delivered - timedelta(late)
        shipped = min(due, delivered) - timedelta(dice.between(2, 3))
    else:
        delivered = None
        due = SHOP_DAY + timedelta(days if status == "shipped" else -days)
        shipped = min(due - timedelta(dice.between(2, 3)), SHOP_DAY)
    placed = shipped - timedelta(dice.between(1, 2))
    return Parcel(status=status, placed=placed, due=due, shipped=shipped, delivered=delivered)


def customers(dice: Dice) -> list[tuple[str, str, str, str]]:
    """Draw the rows of the customers table."""
    rows = []
    for name in NAMES:
        email = name.lower().replace(" ", ".") + "@example." + dice.pick(("com", "org", "net"))
        joined = SHOP_DAY - timedelta(dice.between(910, 1600))
        rows.append((email, name, dice.address(), joined.isoformat()))
    return rows


def parcels(dice: Dice) -> list[Parcel]:
    """Draw all parcels, oldest order first, so that order numbers rise with time."""
    drawn = [
        parcel(dice, status, dice.between(low, high))
        for status, count, low, high in KINDS
        for _ in range(count)
    ]
    return sorted(dice.shuffled(drawn), key=lambda one: one.placed)


def lines(dice: Dice) -> list[tuple[str, int, int]]:
    """Draw one order's lines: sku, quantity and price of each."""
    count = 1 if dice.chance(0.6) else dice.between(2, 3)
    chosen = dice.shuffled(PRODUCTS)[:count]
    return [
        (product[0], 2 if product[3] < CHEAP and dice.chance(0.15) else 1, product[3])
        for product in chosen
    ]


def payments(
    dice: Dice, kind: str, total: int, days: tuple[date, date]
) -> list[tuple[str, int, str, str]]:
    """Draw an order's payments: kind, amount, method, day; `days`: placed and last possible."""
    method = dice.pick(("card", "card", "card", "paypal", "gift card"))
    first, last = days
    charge = ("charge", total, method, first.isoformat())
    refunded = min(first + timedelta(dice.between(2, 9)), last).isoformat()
    if kind == "duplicate":
        return [charge, charge]
    if kind == "duplicate refunded":
        return [charge, charge, ("refund", total, method, refunded)]
    if kind == "two halves":
        half = total // 2
        return [("charge", part, method, first.isoformat()) for part in (half, total - half)]
    if kind == "part refunded":
        return [charge, ("refund", total // 10, method, refunded)]
    return [charge]


def payment_kinds(dice: Dice, count: int) -> list[str]:
    """Draw the shape of each order's payments."""
    kinds = [kind for kind, times in PAYMENTS for _ in range(times)]
    drawn = dice.shuffled(kinds + ["plain"] * (count - len(kinds)))
    drawn[SHOWN_ORDER - FIRST_ORDER] = "duplicate"
    return drawn


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def fill(connection: sqlite3.Connection) -> None:
    """Draw the whole shop into empty tables."""
    dice = Dice()
    people = customers(dice)
    connection.execute("INSERT INTO shop VALUES (?)", (SHOP_DAY.isoformat(),))
    connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", people)
    connection.executemany("INSERT INTO products VALUES (?, ?, ?, ?, ?, ?)", PRODUCTS)
    drawn = parcels(dice)
    kinds = payment_kinds(dice, len(drawn))
    for order_id, (one, kind) in enumerate(zip(drawn, kinds, strict=True), FIRST_ORDER):
        person = dice.pick(people)
        fill_order(connection, dice, order_id, person, one)
        total = connection.execute("SELECT total FROM orders WHERE id = ?", (order_id,)).fetchone()[
            0
        ]
        paid = payments(dice, kind, total, (one.placed, SHOP_DAY))
        connection.executemany(
            "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?)",
            [(f"P{order_id}-{at}", order_id, *row) for at, row in enumerate(paid, 1)],
        )


def fill_order(
    connection: sqlite3.Connection,
    dice: Dice,
    order_id: int,
    person: tuple[str, str, str, str],
    one: Parcel,
) -> None:
    """Draw one order with its lines and its shipment."""
    bought = lines(dice)
    total = sum(quantity * price for _, quantity, price in bought)
    address = person[2] if dice.chance(0.9) else dice.address()
    connection.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
        (order_id, person[0], one.placed.isoformat(), address, total),
    )
    connection.executemany(
        "INSERT INTO order_lines VALUES (?, ?, ?, ?)", [(order_id, *line) for line in bought]
    )
    carrier, prefix = dice.pick(CARRIERS)
    number = f"{prefix}{dice.between(10_000_000, 99_999_999)}"
    sent = (carrier, number) if one.shipped else (None, None)
    connection.execute(
        "INSERT INTO shipments VALUES (?, ?, ?, ?, ?, ?, ?)",
        (order_id, one.status, *sent, _day(one.shipped), one.due.isoformat(), _day(one.delivered)),
    )


def build(path: str | Path, *, replace: bool = False) -> Path:
    """Write the shop database to `path` and return it.

    Raises FileExistsError when the file is there and `replace` is false.
    """
    target = Path(path)
    if target.exists() and not replace:
        raise FileExistsError(
            f"{target} exists; name another file or pass replace=True (--replace)"
        )
    for old in (target, *(target.with_name(target.name + end) for end in ("-wal", "-shm"))):
        old.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    schema = resources.files(__package__ or __name__).joinpath("schema.sql").read_text("utf-8")
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript("BEGIN;\n" + schema)
        fill(connection)
        connection.execute("COMMIT")
    return target


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the seed from the command line."""
    parser = argparse.ArgumentParser(description="Write the demo shop's SQLite database.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--replace", action="store_true", help="overwrite the file if it exists")
    chosen = parser.parse_args(arguments)
    try:
        build(chosen.file, replace=chosen.replace)
    except FileExistsError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
