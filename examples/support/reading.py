"""Read what a customer's message states: order numbers, amounts, an address, products."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_EMAIL = re.compile(r"\S+@\S+")
_ADDRESS = re.compile(
    r"\b(?:(?:flat|apartment|unit)\s+\w+[,\s]+)?\d{1,4}[a-z]?\s+(?:[a-z'.-]+[,\s]+){1,7}?"
    r"[a-z]{1,2}\d{1,2}[a-z]?\s*\d[a-z]{2}\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"[£$€]\s?(?P<sign>\d[\d,]*(?:\.\d{1,2})?)"
    r"|\b(?P<unit>\d[\d,]*(?:\.\d{1,2})?)\s?(?:pounds?|quid|gbp|eur|euros?|dollars?)\b"
    r"|\b(?P<exact>\d[\d,]*\.\d{2})\b"
    r"|\b(?:refund(?:\s+of)?|charged|paid|paying|credit\s+of|worth)\s+(?:me\s+)?(?P<verb>\d{1,3})\b",
    re.IGNORECASE,
)
_NOT_AN_ORDER = re.compile(
    r"(?<!order\s)\b(?:ticket|(?<!in\s)case|ref|reference|claim|incident|approval|authori[sz]ation|code|id|badge|tel"
    r"|phone|call)\b[\s:.#-]*(?:(?:no|nr|number|is|me|on|at)\b[\s:.#]*)*[a-z]{0,4}-?\d[\d -]*"
    r"|\b(?!orders?\d)[a-z]{2,}-?\d{4,}\b|\b\d{7,}\b|\b\d{4}-\d{2}-\d{2}\b"
    r"|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\borders?\s*(?:(?:numbers?|num|no|nr|id|ref|reference|code|is|was)\b[\s.:]*)*[#:]?\s*(?P<named>\d{3,6})\b"
    r"|#\s?(?P<hash>\d{3,6})\b|\b(?P<bare>\d{4})\b",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\b(?P<part>one|1|two|2|three|3)\s+of\s+(?:the|my|our|them|these|those|your)\b",
    re.IGNORECASE,
)
_COUNTS = {"one": 1, "two": 2, "three": 3}
_YEAR = re.compile(r"(?:19|20)\d\d")


def _without(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: " " * len(match[0]), text)


def order_numbers(text: str) -> list[int]:
    """Return the order numbers that a message mentions, each once, in order.

    Sums, years, postal and e-mail addresses, ticket, approval and telephone numbers do not count.
    """
    for other in (_EMAIL, _ADDRESS, _NOT_AN_ORDER, _MONEY):
        text = _without(other, text)
    numbers = []
    for match in _NAMED.finditer(text):
        number = match["named"] or match["hash"] or match["bare"]
        if not (match["bare"] and _YEAR.fullmatch(number)):
            numbers.append(int(number))
    return list(dict.fromkeys(numbers))


def amounts(text: str) -> list[float]:
    """Return the sums of money that a message mentions, in pounds, each once, in order."""
    sums = []
    for match in _MONEY.finditer(_without(_ADDRESS, text)):
        number = match["sign"] or match["unit"] or match["exact"] or match["verb"]
        sums.append(float(number.replace(",", "")))
    return list(dict.fromkeys(sums))


def addresses(text: str) -> list[str]:
    """Return the complete postal addresses, from house number to postcode, in a message."""
    return [" ".join(match[0].split()) for match in _ADDRESS.finditer(text)]


def products(text: str, sold: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the skus of the products that a message names in customers' words.

    A longer name wins over a shorter one inside it: "floor lamp" is no "lamp".
    """
    left = text.lower()
    names = [(word, one["sku"]) for one in sold for word in one["words"]]
    skus: set[str] = set()
    for word, sku in sorted(names, key=lambda pair: (-len(pair[0]), pair)):
        pattern = re.compile(rf"\b{re.escape(word)}(?:e?s)?\b")
        if pattern.search(left):
            skus.add(sku)
            left = _without(pattern, left)
    return sorted(skus)


def narrowed(orders: Sequence[Mapping[str, Any]], skus: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the orders that hold one of the products; all of them when no product is named."""
    wanted = set(skus)
    return [one for one in orders if not wanted or wanted & {line["sku"] for line in one["lines"]}]


def counted(text: str, quantity: int) -> int:
    """Count the pieces that a message is about: "one of the lamps" is one of a line's two.

    A message that names no smaller number is about all `quantity` of them.
    """
    match = _PART.search(text)
    part = _COUNTS.get(match["part"].lower(), 0) or int(match["part"]) if match else quantity
    return min(part, quantity)
