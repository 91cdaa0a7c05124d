"""Decide for technical: first help, setup, and how long the guarantee runs."""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import date
from typing import Any

from . import wants
from .contracts import DeskRequest
from .policy import passage
from .verdict import Verdict, answer, day, escalate

Json = dict[str, Any]


def advice(topic: str, order: Json | None, items: list[str]) -> Verdict:
    """Give the passage's steps, and the guarantee of the item where it is known."""
    cited = passage(topic)
    told = cited["text"] if cited else ""
    covered = order is not None and order["delivered"] and items and topic == "technical-help"
    return answer(f"{told} {guarantee(order, items)}" if order and covered else told, topic, order)


def warranty(request: DeskRequest, order: Json) -> Verdict:
    if order["delivered"] is None:
        return answer(
            f"Order {order['id']} is not delivered yet; the guarantee begins on that day.",
            "warranty",
            order,
        )
    worn = (
        "Wear, drops and water are not covered."
        if wants.by_wear(request["message"])
        else "A defect is repaired or replaced: fill in the repair form on your account page. "
        "Wear, drops and water are not covered."
    )
    items = request["facts"]["items"] or [line["sku"] for line in order["lines"]]
    return answer(f"{guarantee(order, items)} {worn}", "warranty", order)


def guarantee(order: Json, items: list[str]) -> str:
    """Say until when each item's guarantee runs, or ran when it has ended."""
    delivered = date.fromisoformat(order["delivered"])
    today = date.fromordinal(delivered.toordinal() + order["days_since_delivery"])
    sentences = []
    for line in order["lines"]:
        if line["sku"] in items:
            end = _later(delivered, line["warranty_months"])
            runs = "runs" if today <= end else "ended; it ran"
            sentences.append(f"The guarantee of your {line['name']} {runs} until {day(end)}.")
    return " ".join(sentences)


def _later(begin: date, months: int) -> date:
    year, month = divmod(begin.month - 1 + months, 12)
    last = calendar.monthrange(begin.year + year, month + 1)[1]
    return date(begin.year + year, month + 1, min(begin.day, last))


def unsafe(order: Json | None) -> Verdict:
    """Tell the customer to stop using the product; a person calls back."""
    told = (
        "Please stop using the product now, and unplug it if that is safe. "
        "A colleague calls you back today."
    )
    return replace(
        escalate("a safety hazard was reported: call back the same day", "safety", order),
        reply=told,
    )
