"""Price a model's message by the tokens that it has used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from langchain_core.messages import BaseMessage

from quintet.errors import DesignError
from quintet.state.budget import REMEDIES, UNTOLD, Resource
from quintet.state.verdict import name_of

Price = Callable[[BaseMessage], float]
"""A function of a model's message: its cost, in the caller's currency."""


@dataclass(frozen=True, kw_only=True)
class PerMillion:
    """Price a message by its tokens. Made by `per_million`."""

    input: float
    output: float

    def __call__(self, message: BaseMessage) -> float:
        """Give the cost of a model's message, by its usage metadata."""
        usage = usage_of(message)
        if usage.keys() == {"total_tokens"}:
            return usage["total_tokens"] * max(self.input, self.output) / 1e6
        into, out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        return float(into * self.input + out * self.output) / 1e6


def amounts_of(
    message: BaseMessage | None, price: Price | None, limited: Mapping[Resource, str]
) -> dict[str, float]:
    """Give the tokens and the money that a model's message has taken.

    Args:
        message: the message; None of a model that gives plain text.
        price: what it costs; None where that is not asked.
        limited: the limited resources, each with the node whose limit it is.

    Raises:
        DesignError: it does not tell what is limited, so that the limit would never be reached.
    """
    usage = usage_of(message)
    amounts: dict[str, float] = {"tokens": usage.get("total_tokens", 0)}
    untold: set[Resource] = set() if usage else {"tokens"}
    if message is not None and price is not None:
        amounts["money"] = cost_of(message, price)
    if "money" not in amounts or (isinstance(price, PerMillion) and not usage):
        untold.add("money")
    amounts |= {UNTOLD[name]: 1 for name in untold if name in UNTOLD}
    for name in sorted(untold & limited.keys()):
        raise DesignError(
            f"{limited[name]} limits {name}, and a model's message does not tell what it has "
            f"spent; {REMEDIES[name]}, or limit steps= in its place"
        )
    return amounts


def usage_of(message: BaseMessage | None) -> Mapping[str, float]:
    """Give the tokens that a model's message reports: its input, output and total; empty if none.

    Raises:
        DesignError: one is no count. With NaN or a negative one no limit would ever be reached.
    """
    reported = getattr(message, "usage_metadata", None) or {}
    usage = {}
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        if (count := reported.get(name)) is None:
            continue
        if not isinstance(count, int | float) or not isfinite(count) or count < 0:
            raise DesignError(
                f"a model reports {name}={count!r:.60} in its message's usage_metadata; a count is "
                "a number, zero or more"
            )
        usage[name] = count
    return {"total_tokens": sum(usage.values()), **usage} if usage else {}


def per_million(*, input: float, output: float) -> PerMillion:
    """Give a price for `Worker(price=)`: your currency for a million input and output tokens."""
    return PerMillion(input=input, output=output)


def cost_of(message: BaseMessage, price: Price) -> float:
    """Give the cost of a message.

    Raises:
        DesignError: the price is no finite number of zero or more. With NaN or a negative price no
            limit on money would ever be reached.
    """
    amount: Any = price(message)
    if isinstance(amount, int | float | Decimal) and isfinite(amount) and amount >= 0:
        return float(amount)
    raise DesignError(
        f"Worker(price=): {name_of(price)} returned {amount!r:.60}; give a finite number, zero or "
        "more"
    )
