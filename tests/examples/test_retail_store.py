from __future__ import annotations

import inspect
import json
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.retail.actions import HANDOVERS, PARAMETERS, READS, WRITES
from examples.retail.confirmations import describe
from examples.retail.data import FILES, DataMissing, RetailData, find, load, recorded_actions
from examples.retail.records import Refused
from examples.retail.store import Store

ADDRESS = {
    "address1": "1 New Road",
    "address2": "",
    "city": "Leeds",
    "state": "YO",
    "country": "UK",
    "zip": "00009",
}


def _order(number: str, status: str, items: list[str], method: str, user: str = "ann_1") -> Any:
    sold = {"r": 10.0, "b": 12.5, "x": 11.0, "d": 40.0}
    return {
        "order_id": number,
        "user_id": user,
        "status": status,
        "address": {**ADDRESS, "address1": "2 Old Road"},
        "items": [
            {
                "item_id": item,
                "product_id": "desk" if item == "d" else "mug",
                "price": sold[item],
                "options": {"colour": item},
            }
            for item in items
        ],
        "payment_history": [
            {
                "transaction_type": "payment",
                "amount": sum(sold[item] for item in items),
                "payment_method_id": method,
            }
        ],
    }


def _user(user_id: str, first: str, methods: dict[str, Any]) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "name": {"first_name": first, "last_name": "Lee"},
        "address": {**ADDRESS, "zip": "00001"},
        "email": f"{user_id}@example.com",
        "payment_methods": methods,
        "orders": [],
    }


def _shop() -> dict[str, Any]:
    def variant(item: str, price: float, available: bool = True) -> dict[str, Any]:
        options = {"colour": item}
        return {"item_id": item, "price": price, "available": available, "options": options}

    methods = {
        "card": {"id": "card", "source": "credit_card"},
        "other": {"id": "other", "source": "paypal"},
        "gift": {"id": "gift", "source": "gift_card", "balance": 30.0},
        "empty": {"id": "empty", "source": "gift_card", "balance": 0.0},
    }
    mugs = [
        variant("r", 10.0),
        variant("b", 12.5),
        variant("e", 10.0),
        variant("x", 11.0, available=False),
    ]
    orders = [
        _order("#P", "pending", ["r", "r", "d"], "card"),
        _order("#G", "pending", ["b"], "gift"),
        _order("#D", "delivered", ["r", "b"], "card"),
        _order("#S", "processed", ["r"], "card"),
        _order("#B", "pending", ["r"], "bobs", user="bob_2"),
    ]
    bobs = {"bobs": {"id": "bobs", "source": "credit_card"}}
    return {
        "products": {
            "mug": {
                "product_id": "mug",
                "name": "Mug",
                "variants": {mug["item_id"]: mug for mug in mugs},
            },
            "desk": {"product_id": "desk", "name": "Desk", "variants": {"d": variant("d", 40.0)}},
        },
        "users": {"ann_1": _user("ann_1", "Ann", methods), "bob_2": _user("bob_2", "Bob", bobs)},
        "orders": {order["order_id"]: order for order in orders},
    }


def _items(order: str, old: list[str], new: list[str], method: str = "card") -> dict[str, Any]:
    return {
        "order_id": order,
        "item_ids": old,
        "new_item_ids": new,
        "payment_method_id": method,
    }


def _back(order: str, old: list[str], method: str = "card") -> dict[str, Any]:
    return {"order_id": order, "item_ids": old, "payment_method_id": method}


def _cancel(order: str, reason: str = "no longer needed") -> dict[str, Any]:
    return {"order_id": order, "reason": reason}


def _pay(order: str, method: str) -> dict[str, Any]:
    return {"order_id": order, "payment_method_id": method}


@pytest.fixture
def store() -> Store:
    return Store(_shop())


@pytest.fixture(scope="module")
def retail() -> RetailData:
    try:
        return load()
    except DataMissing as missing:
        pytest.skip(str(missing))


def _replay(store: Store, task: dict[str, Any]) -> list[dict[str, str]]:
    refused = []
    for action in recorded_actions(task):
        try:
            store.call(action["name"], action["arguments"])
        except Refused as error:
            refused.append({"action_id": action["action_id"], "error": str(error)})
    return refused


def test_every_recorded_task_ends_in_the_reference_state(retail: RetailData) -> None:
    before = json.dumps(retail.db)
    wrong = []
    for task in retail.tasks:
        store = Store(retail.db)
        refused = _replay(store, task)
        expected = retail.expected["tasks"][task["id"]]
        if store.changes() != expected["changes"] or refused != expected["errors"]:
            wrong.append(task["id"])
    assert wrong == []
    assert len(retail.tasks) == len(retail.expected["tasks"]) == 114
    assert json.dumps(retail.db) == before


def test_eighteen_recorded_actions_are_refused_with_the_reference_message(
    retail: RetailData,
) -> None:
    refused = [error for task in retail.tasks for error in _replay(Store(retail.db), task)]
    expected = [e for task in retail.tasks for e in retail.expected["tasks"][task["id"]]["errors"]]
    assert refused == expected
    assert len(refused) == 18


def test_the_actions_are_those_of_the_reference(retail: RetailData) -> None:
    assert {name: list(names) for name, names in PARAMETERS.items()} == retail.expected["actions"]


def test_every_recorded_write_is_undone_without_a_trace(retail: RetailData) -> None:
    undone = 0
    for task in retail.tasks:
        store = Store(retail.db)
        receipts = []
        for action in recorded_actions(task):
            try:
                result = store.call(action["name"], action["arguments"])
            except Refused:
                continue
            if action["name"] in WRITES:
                receipts.append(json.loads(json.dumps(result)))
        for receipt in reversed(receipts):
            store.undo(receipt)
            undone += 1
        assert store.changes() == {}
    assert undone == 174


def test_every_recorded_task_concerns_one_customer(retail: RetailData) -> None:
    for task in retail.tasks:
        store = Store(retail.db)
        owners = set()
        for action in recorded_actions(task):
            with suppress(Refused):
                owners.add(store.owner(action["name"], action["arguments"]))
        assert len(owners - {None}) <= 1, task["id"]


def test_every_recorded_write_can_be_described_in_full(retail: RetailData) -> None:
    for task in retail.tasks:
        for action in recorded_actions(task):
            if action["name"] not in WRITES:
                continue
            sentence = describe(action["name"], action["arguments"])
            for value in action["arguments"].values():
                for part in value if isinstance(value, list) else [value]:
                    assert part in sentence


def test_each_action_is_a_method_with_its_parameters() -> None:
    for name, parameters in PARAMETERS.items():
        signature = inspect.signature(getattr(Store, name))
        assert tuple(signature.parameters) == ("self", *parameters)


def test_each_action_reads_writes_or_hands_over() -> None:
    assert set(PARAMETERS) == READS | WRITES | HANDOVERS
    assert len(READS) + len(WRITES) + len(HANDOVERS) == len(PARAMETERS)


READING = {
    "calculate": {"expression": "2 * (3 - 0.5)"},
    "find_user_id_by_email": {"email": "ann_1@example.com"},
    "find_user_id_by_name_zip": {"first_name": "ann", "last_name": "LEE", "zip": "00001"},
    "get_item_details": {"item_id": "b"},
    "get_order_details": {"order_id": "#P"},
    "get_product_details": {"product_id": "mug"},
    "get_user_details": {"user_id": "ann_1"},
    "list_all_product_types": {},
    "transfer_to_human_agents": {"summary": "wants a loan"},
}


@pytest.mark.parametrize("action", sorted(READS | HANDOVERS))
def test_what_does_not_write_changes_nothing_and_gives_copies(store: Store, action: str) -> None:
    result = store.call(action, READING[action])
    kept = deepcopy(result)
    if isinstance(result, dict):
        result.clear()
    assert kept
    assert store.call(action, READING[action]) == kept
    assert store.changes() == {}


def test_reads_answer_from_the_shop(store: Store) -> None:
    assert store.calculate("2 * (3 - 0.5)") == 5.0
    assert store.find_user_id_by_email(" Ann_1@Example.com ") == "ann_1"
    assert store.find_user_id_by_name_zip("ann", "LEE", "00001") == "ann_1"
    assert store.list_all_product_types() == {"Desk": "desk", "Mug": "mug"}
    assert store.get_item_details("b")["product_id"] == "mug"


WRITTEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "cancel_pending_order",
        _cancel("#G"),
        {
            "orders": {"#G": {"status": "cancelled", "cancel_reason": "no longer needed"}},
            "users": {"gift": 42.5},
        },
    ),
    (
        "modify_pending_order_address",
        {"order_id": "#P", **ADDRESS},
        {"orders": {"#P": {"address": ADDRESS}}},
    ),
    (
        "modify_user_address",
        {"user_id": "ann_1", **ADDRESS},
        {"users": {"address": ADDRESS}},
    ),
    (
        "modify_pending_order_payment",
        _pay("#G", "other"),
        {"orders": {"#G": {}}, "users": {"gift": 42.5}},
    ),
    (
        "modify_pending_order_items",
        _items("#P", ["r", "r"], ["b", "b"], "gift"),
        {"orders": {"#P": {"status": "pending (item modified)"}}, "users": {"gift": 25.0}},
    ),
    (
        "exchange_delivered_order_items",
        _items("#D", ["r", "b"], ["b", "r"]),
        {
            "orders": {
                "#D": {
                    "status": "exchange requested",
                    "exchange_items": ["b", "r"],
                    "exchange_new_items": ["b", "r"],
                    "exchange_payment_method_id": "card",
                    "exchange_price_difference": 0.0,
                }
            }
        },
    ),
    (
        "return_delivered_order_items",
        _back("#D", ["r", "b"], "gift"),
        {
            "orders": {
                "#D": {
                    "status": "return requested",
                    "return_items": ["b", "r"],
                    "return_payment_method_id": "gift",
                }
            }
        },
    ),
]


@pytest.mark.parametrize(("action", "arguments", "expected"), WRITTEN)
def test_each_write_changes_what_it_says_and_is_undone_once(
    store: Store, action: str, arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    receipt = store.call(action, arguments)
    for order_id, fields in expected.get("orders", {}).items():
        assert fields.items() <= store.changes()["orders"][order_id].items()
    user = store.get_user_details("ann_1")
    wanted = expected.get("users", {})
    assert user["payment_methods"]["gift"]["balance"] == wanted.get("gift", 30.0)
    assert user["address"] == wanted.get("address", {**ADDRESS, "zip": "00001"})
    assert (receipt["action"], receipt["arguments"]) == (action, arguments)
    store.undo(receipt)
    assert store.changes() == {}
    with pytest.raises(Refused, match="has changed since"):
        store.undo(receipt)


def test_each_write_has_a_case_here() -> None:
    assert {action for action, _, _ in WRITTEN} == WRITES


def test_a_modification_charges_each_item_its_own_difference(store: Store) -> None:
    store.call("modify_pending_order_items", _items("#P", ["r", "r"], ["b", "b"]))
    order = store.get_order_details("#P")
    assert [item["item_id"] for item in order["items"]] == ["b", "b", "d"]
    assert order["payment_history"][1:] == [
        {"transaction_type": "payment", "amount": 5.0, "payment_method_id": "card"}
    ]


def test_a_cheaper_item_is_refunded(store: Store) -> None:
    store.call("modify_pending_order_items", _items("#G", ["b"], ["r"], "gift"))
    assert store.get_order_details("#G")["payment_history"][1:] == [
        {"transaction_type": "refund", "amount": 2.5, "payment_method_id": "gift"}
    ]
    assert store.get_user_details("ann_1")["payment_methods"]["gift"]["balance"] == 32.5


def test_an_item_of_the_same_price_costs_and_refunds_nothing(store: Store) -> None:
    store.call("modify_pending_order_items", _items("#P", ["r"], ["e"], "empty"))
    assert len(store.get_order_details("#P")["payment_history"]) == 1
    assert store.get_user_details("ann_1")["payment_methods"]["empty"]["balance"] == 0.0


def test_a_cancellation_refunds_the_method_that_paid_last(store: Store) -> None:
    store.call("modify_pending_order_payment", _pay("#G", "other"))
    store.call("cancel_pending_order", _cancel("#G"))
    assert store.get_order_details("#G")["payment_history"][3:] == [
        {"transaction_type": "refund", "amount": 12.5, "payment_method_id": "other"}
    ]
    assert store.get_user_details("ann_1")["payment_methods"]["gift"]["balance"] == 42.5


REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("find_user_id_by_email", {"email": "nobody@example.com"}, "User not found"),
    (
        "find_user_id_by_name_zip",
        {"first_name": "Ann", "last_name": "Lee", "zip": "00002"},
        "User not found",
    ),
    ("get_user_details", {"user_id": "nobody"}, "User not found"),
    ("get_order_details", {"order_id": "P"}, "Order not found"),
    ("get_product_details", {"product_id": "r"}, "Product not found"),
    ("get_item_details", {"item_id": "mug"}, "Item not found"),
    ("transfer_to_human_agents", {"summary": " "}, "summary is empty"),
    ("cancel_pending_order", _cancel("#0"), "Order not found"),
    ("cancel_pending_order", _cancel("#D"), "Non-pending order cannot be cancelled"),
    ("cancel_pending_order", _cancel("#S"), "Non-pending order cannot be cancelled"),
    ("cancel_pending_order", _cancel("#P", "changed my mind"), "Invalid reason"),
    ("modify_pending_order_address", {"order_id": "#D", **ADDRESS}, "Non-pending order"),
    ("modify_user_address", {"user_id": "nobody", **ADDRESS}, "User not found"),
    ("modify_pending_order_payment", _pay("#D", "other"), "Non-pending order"),
    ("modify_pending_order_payment", _pay("#P", "card"), "already paid by card"),
    ("modify_pending_order_payment", _pay("#P", "bobs"), "not one of ann_1"),
    ("modify_pending_order_payment", _pay("#P", "gift"), "Insufficient gift card balance"),
    ("modify_pending_order_items", _items("#D", ["r"], ["b"]), "Non-pending order"),
    ("modify_pending_order_items", _items("#P", [], []), "No item is named"),
    ("modify_pending_order_items", _items("#P", ["r"], ["b", "b"]), "do not match"),
    ("modify_pending_order_items", _items("#P", ["b"], ["r"]), "more often than order #P"),
    ("modify_pending_order_items", _items("#P", ["r"] * 3, ["b"] * 3), "named 3 times"),
    ("modify_pending_order_items", _items("#P", ["r"], ["d"]), "is not a Mug"),
    ("modify_pending_order_items", _items("#P", ["r"], ["x"]), "not available"),
    ("modify_pending_order_items", _items("#P", ["r"], ["r"]), "would replace"),
    ("modify_pending_order_items", _items("#P", ["r"], ["b"], "bobs"), "not one of ann_1"),
    ("modify_pending_order_items", _items("#P", ["r"], ["b"], "empty"), "Insufficient gift card"),
    ("exchange_delivered_order_items", _items("#P", ["r"], ["b"]), "Non-delivered order"),
    ("exchange_delivered_order_items", _items("#D", ["d"], ["r"]), "more often"),
    ("exchange_delivered_order_items", _items("#D", ["r"], ["x"]), "not available"),
    ("exchange_delivered_order_items", _items("#D", ["r"], ["b"], "bobs"), "not one of ann_1"),
    ("exchange_delivered_order_items", _items("#D", ["r"], ["b"], "empty"), "Insufficient"),
    ("return_delivered_order_items", _back("#S", ["r"]), "Non-delivered order"),
    ("return_delivered_order_items", _back("#D", ["r", "r"]), "more often"),
    ("return_delivered_order_items", _back("#D", ["r"], "other"), "must go to card or to a gift"),
    ("return_delivered_order_items", _back("#D", ["r"], "bobs"), "not one of ann_1"),
    ("delete_order", {"order_id": "#P"}, "Unknown action 'delete_order'"),
    ("undo", {}, "Unknown action 'undo'"),
    ("cancel_pending_order", {"order_id": "#P"}, "lacks reason"),
    ("cancel_pending_order", {**_cancel("#P"), "by": "me"}, "does not know by"),
    ("cancel_pending_order", {**_cancel("#P"), "order_id": 7}, "order_id must be a text, not 7"),
    ("return_delivered_order_items", {**_back("#D", []), "item_ids": "r"}, "a list of texts"),
]


@pytest.mark.parametrize(("action", "arguments", "message"), REFUSALS)
def test_what_the_shop_forbids_is_refused_and_changes_nothing(
    store: Store, action: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        store.call(action, arguments)
    assert store.changes() == {}


def test_every_action_that_can_be_refused_has_a_case_here() -> None:
    covered = {action for action, _, _ in REFUSALS} | {"calculate", "list_all_product_types"}
    assert covered >= set(PARAMETERS)


@pytest.mark.parametrize(
    ("action", "again"),
    [
        ("modify_pending_order_items", _items("#P", ["d"], ["d"])),
        ("modify_pending_order_address", {"order_id": "#P", **ADDRESS}),
        ("modify_pending_order_payment", _pay("#P", "other")),
        ("cancel_pending_order", _cancel("#P")),
    ],
)
def test_an_order_with_modified_items_can_no_longer_be_changed(
    store: Store, action: str, again: dict[str, Any]
) -> None:
    store.call("modify_pending_order_items", _items("#P", ["r"], ["b"]))
    with pytest.raises(Refused, match="Non-pending order"):
        store.call(action, again)


@pytest.mark.parametrize(
    ("first", "arguments"),
    [
        ("exchange_delivered_order_items", _items("#D", ["r"], ["b"])),
        ("return_delivered_order_items", _back("#D", ["r"])),
    ],
)
def test_a_delivered_order_is_exchanged_or_returned_once(
    store: Store, first: str, arguments: dict[str, Any]
) -> None:
    store.call(first, arguments)
    with pytest.raises(Refused, match="Non-delivered order"):
        store.call(first, arguments)


def test_a_payment_is_changed_once(store: Store) -> None:
    store.call("modify_pending_order_payment", _pay("#P", "other"))
    with pytest.raises(Refused, match="was changed before"):
        store.call("modify_pending_order_payment", _pay("#P", "card"))


@pytest.mark.parametrize(
    "expression",
    ["", "1/0", "2**9", "7//2", "(1", "1 2", "(1)(2)", "9" * 201, "__import__('os')", "1e5", "~1"],
)
def test_only_plain_arithmetic_is_calculated(store: Store, expression: str) -> None:
    with pytest.raises(Refused, match="Invalid expression"):
        store.calculate(expression)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("-" * 199 + "1", -1.0),
        ("(" * 99 + "1" + ")" * 99, 1.0),
        ("9" * 200, float("9" * 200)),
        (" 1 ", 1.0),
    ],
)
def test_the_longest_expressions_are_calculated(
    store: Store, expression: str, value: float
) -> None:
    assert store.calculate(expression) == value


@given(st.lists(st.sampled_from([f"{a}{o}" for a in (1, 20.5, 3) for o in "+-*"]), max_size=20))
def test_calculation_agrees_with_the_language(parts: list[str]) -> None:
    expression = "".join(parts) + "4"
    assert Store(_shop()).calculate(expression) == round(float(eval(expression)), 2)


def test_the_owner_is_the_order_s_customer_or_the_user_named(store: Store) -> None:
    assert store.owner("cancel_pending_order", _cancel("#B")) == "bob_2"
    assert store.owner("get_order_details", {"order_id": "#P"}) == "ann_1"
    assert store.owner("modify_user_address", {"user_id": "bob_2", **ADDRESS}) == "bob_2"
    assert store.owner("get_product_details", {"product_id": "mug"}) is None


def test_the_owner_of_what_does_not_exist_is_refused(store: Store) -> None:
    with pytest.raises(Refused, match="Order not found"):
        store.owner("cancel_pending_order", _cancel("#0"))
    with pytest.raises(Refused, match="User not found"):
        store.owner("get_user_details", {"user_id": "nobody"})


def test_an_earlier_write_is_not_undone_under_a_later_one(store: Store) -> None:
    first = store.call("modify_pending_order_address", {"order_id": "#P", **ADDRESS})
    moved = {"order_id": "#P", **ADDRESS, "address1": "3 Far Road"}
    second = store.call("modify_pending_order_address", moved)
    kept = store.changes()
    with pytest.raises(Refused, match="has changed since"):
        store.undo(first)
    assert store.changes() == kept
    store.undo(second)
    store.undo(first)
    assert store.changes() == {}


def test_stores_over_one_database_do_not_see_each_other() -> None:
    db = _shop()
    first, second = Store(db), Store(db)
    first.call("cancel_pending_order", _cancel("#G"))
    assert second.changes() == {}
    assert second.get_order_details("#G")["status"] == "pending"
    assert db == _shop()


def test_a_database_without_orders_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="lacks orders"):
        Store({"products": {}, "users": {}})


@given(st.lists(st.sampled_from(WRITTEN), max_size=6))
def test_writes_undone_in_reverse_leave_no_trace(
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]],
) -> None:
    db = _shop()
    store = Store(db)
    receipts = []
    for action, arguments, _ in cases:
        try:
            receipts.append(store.call(action, arguments))
        except Refused:
            continue
    for receipt in reversed(receipts):
        store.undo(receipt)
    assert store.changes() == {}
    assert db == _shop()


def test_a_description_lists_each_pair_of_items() -> None:
    sentence = describe("exchange_delivered_order_items", _items("#D", ["r", "b"], ["b", "r"]))
    assert "item r for item b and item b for item r" in sentence
    assert "#D" in sentence
    assert "card" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_description_shows_lists_that_do_not_match() -> None:
    sentence = describe("modify_pending_order_items", _items("#P", ["r", "r"], []))
    assert "item r and item r for no items" in sentence


def test_only_writes_are_described() -> None:
    with pytest.raises(ValueError, match="needs no confirmation"):
        describe("get_order_details", {"order_id": "#P"})
    with pytest.raises(Refused, match="lacks reason"):
        describe("cancel_pending_order", {"order_id": "#P"})


def _folder(parent: Path) -> Path:
    folder = parent / "tau2_retail"
    folder.mkdir(parents=True)
    for name, text in zip(FILES, ('{"orders": {}}', "[]", "{}", "Be kind."), strict=True):
        (folder / name).write_text(text)
    return folder


def test_data_is_found_by_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(tmp_path)
    monkeypatch.setenv("QUINTET_DATA", str(tmp_path))
    assert find() == folder
    assert load().policy == "Be kind."


def test_data_is_found_above_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(tmp_path / "shared" / "data")
    clone = tmp_path / "clone" / "deep"
    clone.mkdir(parents=True)
    monkeypatch.delenv("QUINTET_DATA", raising=False)
    monkeypatch.chdir(clone)
    assert find() == folder


def test_missing_data_is_reported_with_place_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINTET_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match=r"Looked at: .*set QUINTET_DATA") as missing:
        load()
    assert str(tmp_path) in str(missing.value)
    assert isinstance(missing.value, FileNotFoundError)


def test_an_incomplete_folder_names_the_missing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_folder(tmp_path) / "tasks.json").unlink()
    monkeypatch.setenv("QUINTET_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match=r"lacks tasks\.json"):
        find()


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is not JSON"), ("[]", "holds a list, not a dict")]
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    folder = _folder(tmp_path)
    (folder / "db.json").write_text(text)
    with pytest.raises(DataMissing, match=message):
        load(folder)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "policy.md").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DataMissing, match="cannot be read"):
        load(folder)


def test_a_task_without_recorded_actions_has_none() -> None:
    assert recorded_actions({}) == recorded_actions({"evaluation_criteria": None}) == []
