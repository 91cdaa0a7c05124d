"""Limit a run's spending, and add up the amounts spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import isfinite
from typing import Literal, get_args

from typing_extensions import TypedDict

from quintet.errors import BudgetExhausted, DesignError

Resource = Literal["steps", "handoffs", "retries", "tokens", "money", "seconds"]
RESOURCES: tuple[Resource, ...] = get_args(Resource)
UNTOLD: Mapping[Resource, str] = {"tokens": "untold_tokens"}
"""The counts, in a spending, of model calls that did not tell what they took.

Of money there is none: most calls have no price, and nobody asks for one. See `held`.
"""


class Spending(TypedDict, total=False):
    """Amounts spent: counts, tokens, money in the caller's currency, seconds of work."""

    steps: int
    handoffs: int
    retries: int
    tokens: int
    money: float
    seconds: float
    untold_tokens: int


def add_spending(old: Spending | None, new: Spending | None) -> Spending:
    """Add two spendings, resource by resource; a new one of None empties the total."""
    if not old or not new:
        return {} if new is None else new or old or {}
    total = dict(old)
    for resource, amount in new.items():
        total[resource] = total.get(resource, 0) + amount  # type: ignore[operator]
    return total  # type: ignore[return-value]


REMEDIES: Mapping[Resource, str] = {
    "tokens": "let the model report it (a stream by stream_usage=True)",
    "money": "let the model report its usage, and give Worker(price=per_million(...)); nothing "
    "prices the model of a router or planner: limit tokens= there",
}
"""The ways to have a model's call tell what it takes."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Upper limits; `None` leaves a resource unlimited.

    Args:
        steps: model or agent calls.
        handoffs: times that control passed from one agent to another.
        retries: attempts after the first.
        tokens: input and output tokens, from the models' usage metadata; a model that reports
            none is refused under a limit.
        money: in the caller's currency, from the prices given to the worker; a model without one is
            refused under a limit.
        seconds: seconds of work, added up over nested agents and retries.

    Raises:
        DesignError: a limit is negative or not a number.
    """

    steps: int | None = None
    handoffs: int | None = None
    retries: int | None = None
    tokens: int | None = None
    money: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit is None:
                continue
            # A bool is an int in Python: True would be a limit of 1.
            number = isinstance(limit, int | float) and not isinstance(limit, bool)
            if not number or not isfinite(limit) or limit < 0:
                raise DesignError(
                    f"Budget({field.name}={limit!r}): a limit is a finite number, zero or more, "
                    "or None for no limit"
                )

    @cached_property
    def limited(self) -> tuple[Resource, ...]:
        """Name the resources that have a limit."""
        return tuple(name for name in RESOURCES if getattr(self, name) is not None)

    def held(self, node: str) -> dict[str, str]:
        """Give the limits that a node sets for a whole run of which no spending tells the rest."""
        return {} if self.money is None else {"money": node}

    def over(self, spent: Spending, *, of: tuple[Resource, ...] = RESOURCES) -> str | None:
        """Name the first of these limits that is reached, with the amounts; None if none is.

        Raises:
            DesignError: models did not tell what they have taken of one, so that it may be reached.
        """
        for resource in self.limited:
            limit = getattr(self, resource)
            if resource in of and (untold := spent.get(UNTOLD.get(resource, ""), 0)):
                raise DesignError(
                    f"Budget({resource}={limit!r}): {untold:g} of the run's model calls did not "
                    f"tell what they have spent; {REMEDIES[resource]}, or limit steps= in its place"
                )
            if resource in of and spent.get(resource, 0) >= limit:
                return f"{resource}: {spent.get(resource, 0):g} of {limit:g} spent"
        return None

    def check(self, spent: Spending, *, who: str) -> None:
        """Raise `BudgetExhausted` when a limit is reached, naming it and who spent it."""
        if reached := self.over(spent):
            raise BudgetExhausted(f"{who}: budget reached, {reached}")

    def left(self, spent: Spending) -> Spending:
        """Give the rest of each limited resource, never below zero."""
        rest: dict[str, float] = {}
        for resource in self.limited:
            rest[resource] = max(getattr(self, resource) - spent.get(resource, 0), 0)
        return rest  # type: ignore[return-value]

    def within(self, outer: Budget) -> Budget:
        """Give the tighter of two limits for each resource: a nested agent's or its parent's."""
        tighter = {}
        for resource in RESOURCES:
            limits = (getattr(budget, resource) for budget in (self, outer))
            tighter[resource] = min((x for x in limits if x is not None), default=None)
        return Budget(**tighter)
