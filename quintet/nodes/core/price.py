"""Price a model's message by the tokens that it has used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from langchain_core.messages import BaseMessage

from quintet.errors import DesignError
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
        usage = getattr(message, "usage_metadata", None) or {}
        into, out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        return float(into * self.input + out * self.output) / 1e6


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
