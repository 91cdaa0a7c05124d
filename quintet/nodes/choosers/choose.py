"""Make and check choices of a route: by rules, by cascades, and among the routes that are open."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol, get_args, overload, runtime_checkable
from unicodedata import normalize

from langchain_core.runnables import Runnable

from quintet.errors import DesignError
from quintet.nodes.agents.meter import call_counted
from quintet.nodes.choosers.request import text_in
from quintet.nodes.core.call import Logic, adrive, drive
from quintet.nodes.core.node import one_line
from quintet.state.decision import DecidedBy, checked_confidence, refuse_no_texts
from quintet.state.verdict import check_answers, name_of, why


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
        DesignError: a confidence that is no number from 0 to 1, a route, reason or candidate that
            is no text, a `by` that is none of these, or one text for `candidates`.
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
        if self.by not in get_args(DecidedBy):
            known = ", ".join(get_args(DecidedBy))
            raise DesignError(f"Choice(by={self.by!r:.60}): give one of {known}")
        for name in ("reason", "who"):  # None says that there is none
            object.__setattr__(self, name, "" if (text := getattr(self, name)) is None else text)
        refuse_no_texts(self, "reason", "who")
        if type(self.to) is not str:  # such as an enum's member, which a checkpoint would not hold
            object.__setattr__(self, "to", str.__str__(self.to))
        object.__setattr__(self, "confidence", checked_confidence(self.confidence, "Choice"))


Chosen = Choice | str | None
Chooser = Callable[[Any], Chosen | Awaitable[Chosen]]
"""A function, plain or async, of what the router reads; it returns a `Choice`, a route's name, or
None to abstain."""


@runtime_checkable
class Bindable(Protocol):
    """Take the router's routes before the first run, as a chooser that needs them does."""

    def bound(self, routes: tuple[str, ...]) -> Chooser:
        """Return this chooser for these routes."""


def bind(chooser: Chooser, routes: tuple[str, ...]) -> Chooser:
    """Tell a chooser the router's routes if it takes them; return the chooser to use."""
    # A RunnableBinding has `bound` too: the runnable that it wraps.
    if isinstance(chooser, Bindable) and not isinstance(chooser, Runnable):
        return chooser.bound(routes)
    return chooser


def described(chooser: Chooser, about: Mapping[str, Any]) -> Chooser:
    """Give a chooser by descriptions those that it lacks; leave any other as it is."""
    if isinstance(chooser, Cascade):
        return replace(chooser, tiers=tuple(described(tier, about) for tier in chooser.tiers))
    if not isinstance(chooser, Runnable) and hasattr(chooser, "described"):
        known: Chooser = chooser.described(about)
        return known
    return chooser


@dataclass(frozen=True, kw_only=True)
class Within:
    """Hold a chooser that knows nothing of it to some routes: it abstains where it takes others."""

    chooser: Chooser
    routes: tuple[str, ...]

    def logic(self, request: Any) -> Logic[Choice | None]:
        """Ask the chooser, and drop a choice of another route."""
        choice = yield from ask(self.chooser, request)
        return choice if choice is not None and choice.to in self.routes else None

    def __call__(self, request: Any) -> Choice | None:
        """Choose as the chooser does, among these routes alone."""
        return drive(self.logic(request))

    async def acall(self, request: Any) -> Choice | None:
        """Choose as a call does, awaiting the chooser."""
        return await adrive(self.logic(request))


def among(chooser: Chooser, routes: Iterable[str]) -> Chooser:
    """Return a chooser that takes only these routes; one that has none of them abstains."""
    routes = tuple(routes)
    declared = routes_of(chooser)
    if not routes or (declared and not set(declared) & set(routes)):
        return Cascade(tiers=())
    if isinstance(chooser, Cascade):
        return replace(chooser, tiers=tuple(among(tier, routes) for tier in chooser.tiers))
    if not isinstance(chooser, Runnable) and hasattr(chooser, "among"):
        held: Chooser = chooser.among(routes)
        return held
    return Within(chooser=chooser, routes=routes)


def ask(chooser: Chooser, request: Any) -> Logic[Choice | None]:
    """Ask any chooser, ours or a plain function, from inside a node's logic.

    Raises:
        DesignError: the chooser returns no `Choice`, text or None.
    """
    chosen = yield from call_counted(chooser, request)
    if chosen is None or isinstance(chosen, Choice):
        return chosen
    if isinstance(chosen, str):
        return Choice(to=chosen, reason=f"{name_of(chooser)} chose it", who=name_of(chooser))
    raise DesignError(
        f"chooser {name_of(chooser)} returned {chosen!r:.60}; return a Choice, a route's name, "
        "or None to abstain"
    )


def routes_of(chooser: Chooser) -> tuple[str, ...]:
    """Return the routes that a chooser declares; empty where it declares none."""
    return tuple(getattr(chooser, "routes", None) or ())


Condition = str | re.Pattern[str] | Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Choose by the first of some conditions that holds. Made by `by_rules`."""

    rules: tuple[tuple[Condition, str], ...]

    @property
    def routes(self) -> tuple[str, ...]:
        """List the routes that the rules name."""
        return tuple(dict.fromkeys(route for _, route in self.rules))

    def among(self, routes: Iterable[str]) -> Rules:
        """Return the rules that name some of these routes."""
        taken = set(routes)
        return replace(self, rules=tuple(rule for rule in self.rules if rule[1] in taken))

    def __call__(self, request: Any) -> Choice | None:
        """Return the route of the first condition that holds, or None."""
        for condition, route in self.rules:
            reason = _reason(condition, request)
            if reason:
                return Choice(to=route, reason=reason, confidence=1.0, who="by_rules")
        return None


@overload
def by_rules(rules: Mapping[str, Condition | Iterable[Condition]]) -> Rules: ...


@overload
def by_rules(rules: Iterable[tuple[Condition, str]]) -> Rules: ...


def by_rules(
    rules: Mapping[str, Condition | Iterable[Condition]] | Iterable[tuple[Condition, str]],
) -> Rules:
    """Choose by written rules, in order; abstain if none holds.

    Args:
        rules: `(condition, route)` pairs, or a mapping of a route to its condition or conditions. A
            condition is a regular expression, searched in the text without regard to case, or a
            function of the value that the router reads.

    Raises:
        DesignError: no rules, or no conditions of a route, a pattern that is not a regular
            expression, or an async condition, which nothing would await.
    """
    pairs: list[tuple[Condition, str]] = []
    if isinstance(rules, Mapping):
        for route, value in rules.items():
            several = isinstance(value, Iterable) and not isinstance(value, str)
            conditions: list[Condition] = list(value) if several else [value]  # type: ignore[arg-type,list-item]
            if not conditions:
                raise DesignError(f"by_rules: {route!r} has no conditions; give some, or drop it")
            pairs.extend((condition, route) for condition in conditions)
    else:
        pairs = [_pair(rule) for rule in rules]
    if not pairs:
        raise DesignError("by_rules: it has no rules; give (condition, route) pairs")
    return Rules(rules=tuple((_compile(condition, route), route) for condition, route in pairs))


def _pair(rule: Any) -> tuple[Condition, str]:
    if not isinstance(rule, tuple | list) or len(rule) != 2:
        raise DesignError(f"by_rules: {rule!r:.60} is no rule; give (condition, route) pairs")
    return rule[0], rule[1]


def _compile(condition: Condition, route: str) -> Condition:
    if not isinstance(condition, str):
        if not isinstance(condition, re.Pattern) and not callable(condition):
            raise DesignError(
                f"by_rules: {condition!r:.60} for {route!r}: give a regular expression or a "
                "function"
            )
        check_answers(f"by_rules, {route!r}", condition)
        return condition
    try:
        # An accent may come as a letter of its own: both spellings are one.
        return re.compile(normalize("NFC", condition), re.IGNORECASE)
    except re.error as problem:
        raise DesignError(f"by_rules: {condition!r} for {route!r}: {problem}") from None


def _reason(condition: Condition, request: Any) -> str | None:
    """Say why a condition holds, or return None where it does not."""
    if isinstance(condition, re.Pattern):
        match = condition.search(normalize("NFC", text_in(request)))
        return f"the text has {one_line(match[0], 40)!r}" if match else None
    # Only `by_rules` compiles texts; in rules that a user put into `Rules`, none ever holds.
    if isinstance(condition, str):
        return None
    reason = why(condition(request), condition)
    return f"rule {reason}" if reason == f"{name_of(condition)} holds" else reason


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """Ask tiers in order, cheap first, until one does not abstain. Made by `cascade`."""

    tiers: tuple[Chooser, ...]

    @property
    def routes(self) -> tuple[str, ...]:
        """List the routes that any tier declares."""
        return tuple(dict.fromkeys(route for tier in self.tiers for route in routes_of(tier)))

    def bound(self, routes: tuple[str, ...]) -> Cascade:
        """Return this cascade with its tiers bound to these routes."""
        return replace(self, tiers=tuple(bind(tier, routes) for tier in self.tiers))

    def among(self, routes: Iterable[str]) -> Chooser:
        """Return this cascade with its tiers held to some routes."""
        return among(self, routes)

    def logic(self, request: Any) -> Logic[Choice | None]:
        """Ask tier after tier; the choice's `who` names the tier that decided, by its number."""
        for number, tier in enumerate(self.tiers, start=1):
            choice = yield from ask(tier, request)
            if choice is not None:
                who = f"{choice.who or name_of(tier)}, tier {number} of {len(self.tiers)}"
                return replace(choice, who=who)
        return None

    def __call__(self, request: Any) -> Choice | None:
        """Return the first choice that a tier makes, or None; async tiers need `acall`."""
        return drive(self.logic(request))

    async def acall(self, request: Any) -> Choice | None:
        """Choose as a call does, awaiting the tiers."""
        return await adrive(self.logic(request))


def cascade(*tiers: Chooser) -> Cascade:
    """Ask choosers in order until one does not abstain; put the cheap ones first.

    A cascade among them counts as its own tiers.

    Raises:
        DesignError: no tiers, or one that is no chooser.
    """
    if not tiers:
        raise DesignError("cascade: it has no tiers; give at least one chooser")
    for tier in tiers:
        if not callable(tier) and not isinstance(tier, Runnable):
            raise DesignError(f"cascade: {tier!r:.60} is no chooser; give a function of the text")
    nested = [tier.tiers if isinstance(tier, Cascade) else (tier,) for tier in tiers]
    return Cascade(tiers=tuple(chain.from_iterable(nested)))
