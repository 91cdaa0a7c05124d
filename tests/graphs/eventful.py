"""Build event types and handlers for the tests of event-driven graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from quintet.nodes import Recovery, escalate, retry
from quintet.state import Event

HASTY = Recovery(
    transient=retry(3, wait=0),
    timeout=retry(2, wait=0),
    invalid=retry(2, wait=0),
    otherwise=escalate(),
)


@dataclass
class Ordered:
    order: str
    amount: int = 1


@dataclass
class Paid:
    order: str


class Packed(BaseModel):
    order: str
    boxes: int = 1


@dataclass
class Shipped:
    order: str


@dataclass
class Strange:
    order: str


def event(data: Any, number: int = 0, **more: Any) -> Event:
    """Put data into an envelope with an id of its own, and the order as its subject."""
    name = f"{type(data).__name__}-{getattr(data, 'order', '')}-{number}"
    return Event.of(data, id=name, source="shop", **{"subject": getattr(data, "order", ""), **more})


class Log:
    """Handlers that note what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int]] = []

    def pays(self, ordered: Ordered) -> Paid:
        self.calls.append(("pay", ordered.order, ordered.amount))
        return Paid(ordered.order)

    def packs(self, ordered: Ordered) -> Packed:
        self.calls.append(("pack", ordered.order, ordered.amount))
        return Packed(order=ordered.order)

    def ships(self, parts: list[Paid | Packed]) -> dict[str, Any]:
        self.calls.append(("ship", parts[0].order, len(parts)))
        return {"shipped": parts[0].order}

    def notes(self, ordered: Ordered) -> None:
        self.calls.append(("note", ordered.order, ordered.amount))

    def of(self, name: str, order: str) -> list[int]:
        """Give the amounts with which a handler was called for an order, in order."""
        return [amount for who, key, amount in self.calls if (who, key) == (name, order)]


def summary(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what the dispatcher says of a run's events."""
    return values["results"]["dispatch"]  # type: ignore[no-any-return]


def whys(values: Mapping[str, Any]) -> list[str]:
    """Give the reasons of a run's dead letters."""
    return [letter["why"] for letter in summary(values)["dead"]]
