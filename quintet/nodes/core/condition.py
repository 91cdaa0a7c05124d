"""Conditions under which an action needs a person."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from quintet.errors import DesignError
from quintet.state.action import Action


def always(action: Action) -> bool:  # noqa: ARG001 - a condition takes the action
    """Every action needs a person."""
    return True


@dataclass(frozen=True, kw_only=True)
class Over:
    """An action needs a person when one of its amounts is over a limit. Made by `over`."""

    limit: float
    argument: str

    def __call__(self, action: Action) -> str | None:
        """Give why the action needs a person, or None where its amount is known to be within."""
        amount = action.arguments.get(self.argument)
        number = _number(amount)
        if self.argument not in action.arguments:
            return f"{action.name} has no {self.argument!r} to hold against {self.limit:g}"
        if number is None:
            return f"{self.argument} {amount!r:.40} is not a number"
        # Not `number > limit`, which lets through what is not a number by name.
        if number <= self.limit:
            return None
        shown = number if isinstance(number, Decimal) else f"{number:g}"
        return f"{self.argument} {shown} is over {self.limit:g}"


def _number(amount: Any) -> float | Decimal | None:
    """Give an amount as a number; a decimal stands in the record as its text."""
    if isinstance(amount, bool):
        return None
    if isinstance(amount, int | float):
        return amount
    plain_number = isinstance(amount, str) and re.fullmatch(r"-?\d+(\.\d+)?", amount)
    return Decimal(amount) if plain_number else None


def over(limit: float, argument: str = "amount") -> Over:
    """Give a condition for `ApprovalGate(when=)`: the named argument is over a limit in its unit.

    An effect without that argument, or with none given, always needs a person.

    Raises:
        DesignError: the limit is no number, or the argument no name.
    """
    if isinstance(limit, bool) or not isinstance(limit, int | float) or math.isnan(limit):
        raise DesignError(f"over({limit!r}): give the limit as a number")
    if not isinstance(argument, str) or not argument.isidentifier():
        raise DesignError(f"over({limit!r}, {argument!r}): give the name of an argument")
    return Over(limit=limit, argument=argument)
