"""Apply the shop's rules by plain functions: each answers about an order, or refuses."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

from quintet.nodes.core.syntax import parsed

from .records import Record, Refused

CANCEL_REASONS = ("no longer needed", "ordered by mistake")
LONGEST_EXPRESSION = 200
"""Short enough that no result overflows and no nesting is too deep."""
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def need_status(order: Record, status: str, done: str) -> None:
    """Refuse unless the order stands at exactly this status; `done` names the change wanted."""
    if order["status"] != status:
        raise Refused(f"Non-{status} order cannot be {done}")


def need_reason(reason: str) -> None:
    """Refuse a cancellation for a reason that the policy does not know."""
    if reason not in CANCEL_REASONS:
        raise Refused(f"Invalid reason {reason!r}; it must be one of {', '.join(CANCEL_REASONS)}")


def lines(order: Record, item_ids: Sequence[str]) -> list[int]:
    """Find the order's line for each item id; an item named twice must have been bought twice."""
    if not item_ids:
        raise Refused("No item is named; name at least one item of the order")
    free = dict(enumerate(item["item_id"] for item in order["items"]))
    chosen = []
    for item_id in item_ids:
        line = next((n for n, bought in free.items() if bought == item_id), None)
        if line is None:
            raise Refused(
                f"Item {item_id} is named {list(item_ids).count(item_id)} times, which is more "
                f"often than order {order['order_id']} holds it"
            )
        del free[line]
        chosen.append(line)
    return chosen


def replacement(product: Record, item_id: str, new_item_id: str) -> Record:
    """Return the variant that replaces an item: another one of the same product, in stock."""
    variant: Record | None = product["variants"].get(new_item_id)
    if variant is None:
        raise Refused(f"New item {new_item_id} is not a {product['name']}, as item {item_id} is")
    if new_item_id == item_id:
        raise Refused(f"New item {new_item_id} is the item that it would replace")
    if not variant["available"]:
        raise Refused(f"New item {new_item_id} is not available")
    return variant


def need_pairs(item_ids: Sequence[str], new_item_ids: Sequence[str]) -> None:
    """Refuse lists of old and new items that do not match one to one."""
    if len(item_ids) != len(new_item_ids):
        raise Refused(
            f"{len(item_ids)} items and {len(new_item_ids)} new items do not match; "
            "name one new item for each"
        )


def difference(order: Record, chosen: Sequence[int], variants: Sequence[Record]) -> float:
    """Return what the customer owes for the new items; negative when they get money back."""
    owed: float = sum(
        variant["price"] - order["items"][line]["price"]
        for line, variant in zip(chosen, variants, strict=True)
    )
    return owed


def modified_items(
    order: Record, chosen: Sequence[int], variants: Sequence[Record]
) -> list[Record]:
    """Return the order's lines after a modification.

    The reference gives each changed line the price and options of the last new item (the
    money charged is right); its final states depend on that, so it is kept.
    """
    items: list[Record] = deepcopy(order["items"])
    last = variants[-1]
    for line, variant in zip(chosen, variants, strict=True):
        items[line].update(
            item_id=variant["item_id"], price=last["price"], options=deepcopy(last["options"])
        )
    return items


def payment_method(user: Record, payment_method_id: str) -> Record:
    """Return the user's own payment method of that id."""
    method: Record | None = user["payment_methods"].get(payment_method_id)
    if method is None:
        raise Refused(f"Payment method {payment_method_id} is not one of {user['user_id']}")
    return method


def is_gift_card(method: Record) -> bool:
    """Tell whether the method is a gift card: the only kind with a balance."""
    return bool(method["source"] == "gift_card")


def need_balance(method: Record, amount: float, what: str) -> None:
    """Refuse a gift card that cannot bear the amount; other methods have no limit here."""
    if is_gift_card(method) and method["balance"] < round(amount, 2):
        raise Refused(f"Insufficient gift card balance to pay for the {what}")


def credited(user: Record, amounts: Mapping[str, float]) -> Record:
    """Return the user's payment methods after each gift card named got or paid its amount."""
    methods: Record = deepcopy(user["payment_methods"])
    for key, amount in amounts.items():
        if key in methods and is_gift_card(methods[key]):
            methods[key]["balance"] = round(methods[key]["balance"] + amount, 2)
    return methods


def entry(kind: str, amount: float, payment_method_id: str) -> Record:
    """Build one line of a payment history."""
    return {
        "transaction_type": kind,
        "amount": amount,
        "payment_method_id": payment_method_id,
    }


def paid(order: Record) -> dict[str, float]:
    """Return what each payment method has paid for the order until now, less refunds."""
    amounts: dict[str, float] = {}
    for line in order["payment_history"]:
        signed = line["amount"] if line["transaction_type"] == "payment" else -line["amount"]
        method = line["payment_method_id"]
        amounts[method] = amounts.get(method, 0) + signed
    return {method: amount for method, amount in amounts.items() if round(amount, 2) > 0}


def single_payment(order: Record) -> tuple[str, float]:
    """Return method and amount of an order that was paid at once and never changed since."""
    if len(order["payment_history"]) != 1:
        raise Refused(f"The payment of order {order['order_id']} was changed before")
    payment = order["payment_history"][0]
    return payment["payment_method_id"], payment["amount"]


def need_refundable(order: Record, method: Record) -> None:
    """Refuse a refund to anything but the original payment method or a gift card."""
    original = order["payment_history"][0]["payment_method_id"]
    if method["id"] != original and not is_gift_card(method):
        raise Refused(
            f"The refund of order {order['order_id']} must go to {original} or to a gift card, "
            f"not to {method['id']}"
        )


def settlement(owed: float, payment_method_id: str) -> list[Record]:
    """Return the payment history's line for a price difference; no line when there is none."""
    if not round(owed, 2):
        return []
    return [entry("payment" if owed > 0 else "refund", abs(owed), payment_method_id)]


def value(expression: str) -> float:
    """Compute a sum of numbers with + - * / and brackets, to two decimals."""
    if len(expression) > LONGEST_EXPRESSION or not set(expression) <= set("0123456789+-*/(). "):
        raise Refused(
            f"Invalid expression {expression[:40]!r}; use numbers, + - * / and brackets, at most "
            f"{LONGEST_EXPRESSION} characters"
        )
    try:
        tree = parsed(lambda: ast.parse(expression.strip(), mode="eval"))
        result = _evaluate(tree.body)
    except (SyntaxError, TypeError, ZeroDivisionError) as error:
        raise Refused(f"Invalid expression {expression!r}: {error}") from error
    return round(result, 2)


def _evaluate(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        operand = _evaluate(node.operand)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_evaluate(node.left), _evaluate(node.right))
    raise TypeError(f"{type(node).__name__} is not arithmetic")
