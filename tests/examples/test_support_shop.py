"""Test the demo shop of the support desk: its data, its invariants, its undos."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.support.facts import find_facts
from examples.support.seed import SHOP_DAY, build, main
from examples.support.shop import LEDGERS, Shop, ShopRefused, ShopUnavailable

Json = dict[str, Any]

LATE_RETURN, LAST_DAY_RETURN, FRESH = 1067, 1073, 1122
PLACED, SHIPPED, LOST, DELAYED_7, DELAYED_8 = 1199, 1208, 1135, 1156, 1145
TABLES = ("customers", "products", "orders", "order_lines", "payments", "shipments", *LEDGERS)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("shop") / "shop.db")


@pytest.fixture
def shop(tmp_path: Path, seeded: Path) -> Shop:
    copy = tmp_path / "shop.db"
    copy.write_bytes(seeded.read_bytes())
    return Shop(copy)


@pytest.fixture(scope="session")
def untouched(seeded: Path) -> Shop:
    return Shop(seeded)


def dump(path: str | Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def reads(shop: Shop, order_id: int) -> list[object]:
    return [shop.order(order_id), shop.payments(order_id), shop.shipment(order_id)]


# the seed


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, seeded: Path) -> None:
    other = build(tmp_path / "again.db")
    assert dump(other) == dump(seeded)
    assert other.read_bytes() == seeded.read_bytes()


def test_the_command_writes_what_build_writes(tmp_path: Path, seeded: Path) -> None:
    main([str(tmp_path / "deep" / "shop.db")])
    assert dump(tmp_path / "deep" / "shop.db") == dump(seeded)


def test_an_existing_file_is_overwritten_only_on_request(
    tmp_path: Path, seeded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "notes.txt"
    kept.write_text("mine", "utf-8")
    with pytest.raises(FileExistsError, match="replace=True"):
        build(kept)
    with pytest.raises(SystemExit):
        main([str(kept)])
    assert "--replace" in capsys.readouterr().err
    assert kept.read_text("utf-8") == "mine"
    main([str(kept), "--replace"])
    assert dump(kept) == dump(seeded)


def test_the_shop_is_as_large_and_as_varied_as_promised(untouched: Shop, seeded: Path) -> None:
    with closing(sqlite3.connect(seeded)) as db:
        count = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
        kinds = Counter(row[0] for row in db.execute("SELECT status FROM shipments"))
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("SELECT min(id), max(id) FROM orders").fetchone() == (1001, 1242)
    assert count["customers"] == 60
    assert count["products"] >= 30
    assert count["orders"] >= 200
    assert set(kinds) == {"placed", "shipped", "delayed", "lost", "delivered"}
    assert min(kinds.values()) >= 10
    assert [count[name] for name in LEDGERS] == [0, 0, 0, 0]
    assert untouched.today() == SHOP_DAY


def test_no_date_lies_after_the_shop_day_and_each_parcel_moves_forward(seeded: Path) -> None:
    with closing(sqlite3.connect(seeded)) as db:
        rows = db.execute(
            "SELECT status, placed, shipped, delivered, due, joined FROM shipments "
            "JOIN orders ON orders.id = order_id JOIN customers USING (email)"
        ).fetchall()
        paid = db.execute(
            "SELECT min(p.created >= o.placed), max(p.created) FROM payments p "
            "JOIN orders o ON o.id = p.order_id"
        ).fetchone()
    today = SHOP_DAY.isoformat()
    for status, placed, shipped, delivered, due, joined in rows:
        done = [day for day in (joined, placed, shipped, delivered) if day]
        assert done == sorted(done)
        assert done[-1] <= today
        assert (shipped is None) == (status == "placed")
        assert (delivered is None) == (status != "delivered")
        assert due > placed
        assert status not in ("delayed", "lost") or due < today
    assert paid[0] == 1
    assert paid[1] <= today


def test_payments_hold_duplicates_refunds_and_honest_halves(untouched: Shop) -> None:
    shapes: Counter[str] = Counter()
    for order_id in range(1001, 1243):
        order = untouched.order(order_id)
        assert order is not None
        one = find_facts(f"order {order_id}", order["email"], untouched)["orders"][0]
        assert order["total"] == sum(line["price"] * line["quantity"] for line in order["lines"])
        charges = [pay["amount"] for pay in one["payments"] if pay["kind"] == "charge"]
        assert sum(charges) == order["total"] * (2 if one["charged_twice"] else 1)
        if one["charged_twice"]:
            shapes["owed" if one["duplicate"] else "settled"] += 1
            assert one["duplicate"] in (0.0, order["total"])
        elif len(charges) > 1:
            shapes["halves"] += 1
            assert one["duplicate"] == 0.0
        elif one["refunded"]:
            shapes["part refunded"] += 1
    assert shapes["owed"] >= 20
    assert min(shapes.values()) >= 5
    assert set(shapes) == {"owed", "settled", "halves", "part refunded"}


# reads


def test_a_shop_without_a_file_is_refused_and_none_is_created(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape("seed.build")):
        Shop(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_reads_return_plain_json_and_none_for_the_unknown(untouched: Shop) -> None:
    email = untouched.orders_of("dora.novak@example.net")[0]["email"]
    found = [
        untouched.customer(email),
        untouched.orders_of(email),
        untouched.payments(1042),
        untouched.shipment(1042),
        untouched.products(),
    ]
    assert json.loads(json.dumps(found)) == found
    assert all(found)
    assert untouched.customer("  Dora.Novak@Example.NET ") == untouched.customer(email)
    assert untouched.customer("nobody@example.com") is None
    assert untouched.order(9999) is None
    assert untouched.shipment(9999) is None
    assert untouched.payments(9999) == []
    assert untouched.orders_of("nobody@example.com") == []
    placed = [one["placed"] for one in untouched.orders_of(email)]
    assert placed == sorted(placed, reverse=True)


def test_an_unknown_ledger_is_refused_by_name(untouched: Shop) -> None:
    with pytest.raises(ValueError, match=r"'orders'.*refunds"):
        untouched.ledger("orders")


# writes and their undo

Write = Callable[[Shop], Json]
Undo = Callable[[Shop, int], Json]
ALLOWED: list[tuple[int, Write, Undo]] = [
    (1042, lambda s: s.issue_refund(1042, 144.0, "duplicate-charge"), Shop.void_refund),
    (FRESH, lambda s: s.open_return(FRESH, ["webcam"], "too big"), Shop.cancel_return),
    (
        PLACED,
        lambda s: s.change_address(PLACED, "1 New\n Road, Saltby QS1 1AA"),
        Shop.restore_address,
    ),
    (LOST, lambda s: s.resend(LOST), Shop.cancel_resend),
]

WRITES = ("refund", "return", "address", "resend")
each_write = pytest.mark.parametrize(("order_id", "write", "undo"), ALLOWED, ids=WRITES)


@each_write
def test_a_write_returns_a_plain_receipt_that_the_ledger_keeps(
    shop: Shop, order_id: int, write: Write, undo: Undo
) -> None:
    receipt = write(shop)
    assert json.loads(json.dumps(receipt)) == receipt
    assert receipt["order_id"] == order_id
    assert receipt["created"] == SHOP_DAY.isoformat()
    assert shop.ledger(receipt["ledger"]) == [receipt]


@each_write
def test_the_undo_puts_back_exactly_what_was_there(
    shop: Shop, order_id: int, write: Write, undo: Undo
) -> None:
    before = reads(shop, order_id)
    receipt = write(shop)
    assert reads(shop, order_id) != before
    undone = undo(shop, receipt["id"])
    assert undone == {**receipt, "status": "void"}
    assert reads(shop, order_id) == before
    assert shop.ledger(receipt["ledger"]) == [undone]
    assert undo(shop, receipt["id"]) == undone
    assert reads(shop, order_id) == before


@each_write
def test_a_repeated_write_writes_twice(shop: Shop, order_id: int, write: Write, undo: Undo) -> None:
    first, second = write(shop), write(shop)
    assert second["id"] != first["id"]
    assert len(shop.ledger(first["ledger"])) == 2


@each_write
def test_the_undo_of_an_unknown_entry_is_refused(
    shop: Shop, order_id: int, write: Write, undo: Undo
) -> None:
    with pytest.raises(ShopRefused, match="no entry 77"):
        undo(shop, 77)


def test_a_voided_refund_may_be_paid_again(shop: Shop) -> None:
    receipt = shop.issue_refund(1042, 288.0, "test")
    with pytest.raises(ShopRefused, match=re.escape("more than the 0.00")):
        shop.issue_refund(1042, 0.01, "test")
    shop.void_refund(receipt["id"])
    assert shop.issue_refund(1042, 288.0, "test")["amount"] == 288.0


REFUSED: list[tuple[str, Write]] = [
    ("no order 9999", lambda s: s.issue_refund(9999, 1.0, "x")),
    ("no order 9999", lambda s: s.open_return(9999, ["fan"], "x")),
    ("no order 9999", lambda s: s.change_address(9999, "x")),
    ("no order 9999", lambda s: s.resend(9999)),
    (r"57\.61.*more than the 57\.60", lambda s: s.issue_refund(1084, 57.61, "x")),
    ("not a positive sum", lambda s: s.issue_refund(1042, 0, "x")),
    ("not a positive sum", lambda s: s.issue_refund(1042, -5.0, "x")),
    ("not a positive sum", lambda s: s.issue_refund(1042, 1.005, "x")),
    ("not a positive sum", lambda s: s.issue_refund(1042, float("nan"), "x")),
    ("not a positive sum", lambda s: s.issue_refund(1042, float("inf"), "x")),
    ("not a number", lambda s: s.issue_refund(1042, True, "x")),
    ("not a number", lambda s: s.issue_refund(1042, "10", "x")),  # type: ignore[arg-type]
    ("reason '  '", lambda s: s.issue_refund(1042, 1.0, "  ")),
    ("at least one of", lambda s: s.open_return(FRESH, [], "x")),
    ("must be a list", lambda s: s.open_return(FRESH, "webcam", "x")),
    ("no 'kettle'", lambda s: s.open_return(FRESH, ["kettle"], "x")),
    ("31 days ago", lambda s: s.open_return(LATE_RETURN, ["band"], "x")),
    ("not delivered", lambda s: s.open_return(LOST, ["webcam"], "x")),
    ("fixed once it is dispatched", lambda s: s.change_address(SHIPPED, "1 New Road")),
    ("address ''", lambda s: s.change_address(PLACED, "")),
    ("delayed, due", lambda s: s.resend(DELAYED_7)),
    ("shipped, due", lambda s: s.resend(SHIPPED)),
    ("delivered, due", lambda s: s.resend(FRESH)),
]


@pytest.mark.parametrize(("says", "write"), REFUSED, ids=range(len(REFUSED)))
def test_a_refused_write_says_why_and_changes_nothing(
    shop: Shop, seeded: Path, says: str, write: Write
) -> None:
    with pytest.raises(ShopRefused, match=says):
        write(shop)
    assert dump(shop.path) == dump(seeded)


def test_the_last_allowed_day_is_allowed(shop: Shop) -> None:
    assert shop.open_return(LAST_DAY_RETURN, ["floor-lamp"], "x")["items"] == ["floor-lamp"]
    assert shop.resend(DELAYED_8)["status"] == "sent"


def test_an_address_changed_again_is_not_overwritten_by_the_first_undo(shop: Shop) -> None:
    first = shop.change_address(PLACED, "1 First Road, Saltby QS1 1AA")
    second = shop.change_address(PLACED, "2 Second Road, Saltby QS1 1AB")
    with pytest.raises(ShopRefused, match="changed again since"):
        shop.restore_address(first["id"])
    shop.restore_address(second["id"])
    shop.restore_address(first["id"])
    order = shop.order(PLACED)
    assert order is not None
    assert order["address"] == first["previous"]


def test_an_address_is_not_restored_after_dispatch(shop: Shop) -> None:
    change = shop.change_address(PLACED, "1 First Road, Saltby QS1 1AA")
    with closing(sqlite3.connect(shop.path)) as db:
        db.execute("UPDATE shipments SET status = 'shipped' WHERE order_id = ?", (PLACED,))
        db.commit()
    with pytest.raises(ShopRefused, match="is shipped"):
        shop.restore_address(change["id"])
    assert shop.ledger("address_changes") == [change]


def test_a_fault_before_a_write_leaves_nothing_behind(shop: Shop, seeded: Path) -> None:
    def fault(call: str) -> None:
        if call == "resend":
            raise ShopUnavailable(f"{call}: no answer")

    broken = Shop(shop.path, before=fault)
    with pytest.raises(ShopUnavailable, match=r"^resend: no answer"):
        broken.resend(LOST)
    assert broken.order(LOST) == shop.order(LOST)
    assert dump(shop.path) == dump(seeded)


def test_a_file_that_vanished_is_unavailable_and_not_created(shop: Shop) -> None:
    Path(shop.path).unlink()
    with pytest.raises(ShopUnavailable, match="cannot open"):
        shop.order(1042)
    assert not Path(shop.path).exists()


def test_threads_together_never_refund_more_than_was_paid(shop: Shop) -> None:
    def pay(_: int) -> bool:
        try:
            shop.issue_refund(1042, 48.0, "race")
        except ShopRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        paid = list(pool.map(pay, range(12)))
    assert sum(paid) == 6
    assert sum(one["amount"] for one in shop.ledger("refunds")) == 288.0
