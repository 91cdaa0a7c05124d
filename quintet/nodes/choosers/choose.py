"""Choices, and the choosers that make them: rules, and cascades of choosers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, overload, runtime_checkable

from langchain_core.runnables import Runnable

from quintet.errors import DesignError
from quintet.nodes.core.call import Logic, adrive, call_any, drive
from quintet.nodes.core.node import one_line
from quintet.state.decision import DecidedBy, share
from quintet.state.verdict import name_of, refuse_async, why


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A route that a chooser takes.

    Args:
        to: the route.
        reason: why, in one sentence.
        confidence: between 0 and 1, or None where the chooser has none.
        by: `rule`, `learned`, `model` or `person`.
        who: the tier or model behind `by`.
        candidates: the routes that were considered, best first.

    Raises:
        DesignError: a confidence that is no number from 0 to 1, or a route that is no text.
    """

    to: str
    reason: str = ""
    confidence: float | None = None
    by: DecidedBy = "rule"
    who: str = ""
    candidates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.to, str):
            raise DesignError(f"Choice(to={self.to!r:.60}): give the route's name")
        object.__setattr__(self, "confidence", share(self.confidence, "Choice"))


Chosen = Choice | str | None
Chooser = Callable[[Any], Chosen | Awaitable[Chosen]]
"""A function, plain or async, of what the router reads; it returns a `Choice`, a route's name, or
None to abstain."""


@runtime_checkable
class Bindable(Protocol):
    """A chooser that wants to know the router's routes before the first run."""

    def bound(self, routes: tuple[str, ...]) -> Chooser:
        """The same chooser for these routes."""


def bind(chooser: Chooser, routes: tuple[str, ...]) -> Chooser:
    """A chooser that knows the router's routes, if it wants to know them."""
    # A RunnableBinding has `bound` too, which is something else.
    if isinstance(chooser, Bindable) and not isinstance(chooser, Runnable):
        return chooser.bound(routes)
    return chooser


def ask(chooser: Chooser, given: Any) -> Logic[Choice | None]:
    """Ask any chooser, ours or a plain function, as part of a node's steps."""
    chosen = yield from call_any(chooser, given)
    if chosen is None or isinstance(chosen, Choice):
        return chosen
    if isinstance(chosen, str):
        return Choice(to=chosen, reason=f"{name_of(chooser)} chose it", who=name_of(chooser))
    raise DesignError(
        f"chooser {name_of(chooser)} returned {chosen!r:.60}; return a Choice, a route's name, "
        "or None to abstain"
    )


def routes_of(chooser: Chooser) -> tuple[str, ...]:
    """The routes that a chooser says it may take; empty where it does not say."""
    return tuple(getattr(chooser, "routes", None) or ())


Condition = str | re.Pattern[str] | Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Conditions in order; the first that holds decides. Made by `by_rules`."""

    rules: tuple[tuple[Condition, str], ...]

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes that the rules name."""
        return tuple(dict.fromkeys(route for _, route in self.rules))

    def __call__(self, given: Any) -> Choice | None:
        """The route of the first condition that holds, or None."""
        for condition, route in self.rules:
            why = _holds(condition, given)
            if why:
                return Choice(to=route, reason=why, confidence=1.0, who="by_rules")
        return None


@overload
def by_rules(rules: Mapping[str, Condition | Iterable[Condition]]) -> Rules: ...


@overload
def by_rules(rules: Iterable[tuple[Condition, str]]) -> Rules: ...


def by_rules(
    rules: Mapping[str, Condition | Iterable[Condition]] | Iterable[tuple[Condition, str]],
) -> Rules:
    """Choose by written rules, in order; no rule that holds means abstain.

    Args:
        rules: `(condition, route)` pairs, or a mapping of a route to its condition or conditions. A
            condition is a regular expression, searched without regard to case in the text, or a
            function of what the router reads.

    Raises:
        DesignError: no rules, a pattern that is not a regular expression, or an async condition,
            which nothing would await.
    """
    pairs: list[tuple[Condition, str]] = []
    if isinstance(rules, Mapping):
        for route, given in rules.items():
            single = isinstance(given, str | re.Pattern) or callable(given)
            conditions: Iterable[Condition] = (given,) if single else given  # type: ignore[assignment]
            pairs.extend((condition, route) for condition in conditions)
    else:
        pairs = list(rules)
    if not pairs:
        raise DesignError("by_rules: it has no rules; give (condition, route) pairs")
    return Rules(rules=tuple((_compiled(condition, route), route) for condition, route in pairs))


def _compiled(condition: Condition, route: str) -> Condition:
    if not isinstance(condition, str):
        if not isinstance(condition, re.Pattern) and not callable(condition):
            raise DesignError(
                f"by_rules: {condition!r:.60} for {route!r}: give a regular expression or a "
                "function"
            )
        refuse_async(f"by_rules, {route!r}", condition)
        return condition
    try:
        return re.compile(condition, re.IGNORECASE)
    except re.error as problem:
        raise DesignError(f"by_rules: {condition!r} for {route!r}: {problem}") from None


def _holds(condition: Condition, given: Any) -> str | None:
    if isinstance(condition, re.Pattern):
        match = condition.search(str(given))
        return f"the text has {one_line(match[0], 40)!r}" if match else None
    if isinstance(condition, str):
        return None
    said = why(condition(given), condition)
    return f"rule {said}" if said == f"{name_of(condition)} holds" else said


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """Tiers asked in order, cheap first, until one does not abstain. Made by `cascade`."""

    tiers: tuple[Chooser, ...]

    @property
    def routes(self) -> tuple[str, ...]:
        """All routes that any tier says it may take."""
        return tuple(dict.fromkeys(route for tier in self.tiers for route in routes_of(tier)))

    def bound(self, routes: tuple[str, ...]) -> Cascade:
        """The same cascade, its tiers bound to these routes."""
        return replace(self, tiers=tuple(bind(tier, routes) for tier in self.tiers))

    def logic(self, given: Any) -> Logic[Choice | None]:
        """Ask tier after tier; `who` of the choice says which tier decided, and of how many."""
        for number, tier in enumerate(self.tiers, start=1):
            choice = yield from ask(tier, given)
            if choice is not None:
                who = f"{choice.who or name_of(tier)}, tier {number} of {len(self.tiers)}"
                return replace(choice, who=who)
        return None

    def __call__(self, given: Any) -> Choice | None:
        """The first tier's choice that is not None, or None; async tiers want `acall`."""
        return drive(self.logic(given))

    async def acall(self, given: Any) -> Choice | None:
        """The same, awaiting the tiers that wait."""
        return await adrive(self.logic(given))


def cascade(*tiers: Chooser) -> Cascade:
    """Ask choosers in order until one does not abstain; put the cheap ones first.

    A cascade among them counts as its own tiers.

    Raises:
        DesignError: no tiers.
    """
    if not tiers:
        raise DesignError("cascade: it has no tiers; give at least one chooser")
    flat = [
        each for tier in tiers for each in (tier.tiers if isinstance(tier, Cascade) else (tier,))
    ]
    return Cascade(tiers=tuple(flat))
