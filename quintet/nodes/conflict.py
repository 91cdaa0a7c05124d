"""Classify conflicts between results, and say for each class who decides."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from langgraph.errors import GraphBubbleUp

from quintet.errors import DesignError, QuintetError
from quintet.nodes.agents.meter import call_counted
from quintet.nodes.asking import names_of
from quintet.nodes.core.call import Logic
from quintet.state.decision import DecidedBy
from quintet.state.own import own
from quintet.state.record import digest, plain
from quintet.state.verdict import name_of, why

log = logging.getLogger("quintet")


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A resolved conflict: the value, why, and who decided."""

    value: Any
    reason: str
    by: DecidedBy = "rule"
    who: str = ""


Resolver = Callable[[str, Mapping[str, Any]], Any]
"""A function, plain or async, of a field and its values by source. It returns `Settled`, or None
to leave the conflict to the next resolver."""


@dataclass(frozen=True, kw_only=True)
class Precedence:
    """Resolve a conflict by the first source in the order that has a value. See `precedence`."""

    order: tuple[str, ...]

    def __call__(self, field: str, values: Mapping[str, Any]) -> Settled | None:
        """Give the first source's value, or None where no source of the order has one."""
        for source in self.order:
            if source in values:
                return Settled(value=values[source], reason=f"{source} has precedence")
        return None


def precedence(*order: str) -> Precedence:
    """Give a resolver for `Merge(resolve=)`: the first of these sources that has a value wins."""
    return Precedence(order=order)


@dataclass(frozen=True, kw_only=True)
class Vote:
    """Resolve a conflict by the value that more than a share of the sources give. See `vote`."""

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise DesignError(f"vote(share={self.share!r}): give a share from 0 to under 1")

    def __call__(self, field: str, values: Mapping[str, Any]) -> Settled | None:
        """Give the value of the majority, or None where there is none, as in a tie."""
        counts = Counter(_meaning(value) for value in values.values())
        (best, count), *others = counts.most_common(2)
        tie = bool(others) and others[0][1] == count
        if tie or count <= self.share * len(values):
            return None
        value = next(value for value in values.values() if _meaning(value) == best)
        return Settled(value=value, reason=f"{count} of {len(values)} sources agree")


def vote(share: float = 0.5) -> Vote:
    """Give a resolver for `Merge(resolve=)`: a value from more than `share` of the sources wins."""
    return Vote(share=share)


Rule = Callable[[str, Mapping[str, Any]], Any]
"""A function, plain or async, of a field and its values by source; it says whether the conflict is
of its class. A text is the reason."""

Classifier = Mapping[str, Rule] | Callable[[str, Mapping[str, Any]], Any]
"""The rule of each class, of which the first that holds counts; or a function, plain or async, of a
field and its values, that gives the class, or None for a conflict of no class."""


@dataclass(frozen=True, kw_only=True)
class Within:
    """Hold where all values are numbers that hardly differ. Made by `within`."""

    absolute: float
    relative: float

    def __call__(self, field: str, values: Mapping[str, Any]) -> bool:
        """Say whether the numbers differ by no more than the tolerance."""
        numbers = [_number(value) for value in values.values()]
        known = [number for number in numbers if number is not None and number.is_finite()]
        if len(known) < len(numbers):
            return False
        largest = max(abs(number) for number in known)
        allowed = max(Decimal(str(self.absolute)), Decimal(str(self.relative)) * largest)
        return max(known) - min(known) <= allowed


def within(absolute: float = 0.0, *, relative: float = 0.0) -> Within:
    """Give the rule of numbers that differ by no more than a tolerance, the larger of the two.

    Raises:
        DesignError: a tolerance is negative or no number, or both are zero.
    """
    for tolerance in (absolute, relative):
        if isinstance(tolerance, bool) or not tolerance >= 0:
            raise DesignError(f"within({absolute!r}, relative={relative!r}): give numbers from 0")
    if not absolute and not relative:
        raise DesignError("within(): give a tolerance, such as within(0.01)")
    return Within(absolute=absolute, relative=relative)


@dataclass(frozen=True, kw_only=True)
class Says:
    """Hold where a source gives one of these values. Made by `says`."""

    values: tuple[Any, ...]
    source: str = ""

    def __call__(self, field: str, values: Mapping[str, Any]) -> str | None:
        """Name the source that gives one of the values; None where none does."""
        meanings = {_meaning(value) for value in self.values}
        for source, value in values.items():
            if self.source in ("", source) and _meaning(value) in meanings:
                return f"{source} says {value!r:.60}"
        return None


def says(*values: Any, source: str = "") -> Says:
    """Give the rule of a conflict in which a source, or this one, gives one of the values: a veto.

    Raises:
        DesignError: no values are given.
    """
    if not values:
        raise DesignError("says(): give the values that make the class, such as says('reject')")
    return Says(values=values, source=source)


@dataclass(frozen=True, kw_only=True)
class About:
    """Hold for conflicts about these fields. Made by `about`."""

    fields: tuple[str, ...]

    def __call__(self, field: str, values: Mapping[str, Any]) -> bool:
        """Say whether it is one of the fields."""
        return field in self.fields


def about(*fields: str) -> About:
    """Give the rule of conflicts about these fields."""
    return About(fields=fields)


@dataclass(frozen=True, kw_only=True)
class Strictest:
    """Resolve a conflict by the first value of an order that a source gives. See `strictest`."""

    order: tuple[Any, ...]

    def __call__(self, field: str, values: Mapping[str, Any]) -> Settled | None:
        """Give the strictest value, or None where a source gives one that has no place."""
        places = {_meaning(value): place for place, value in enumerate(self.order)}
        if any(_meaning(value) not in places for value in values.values()):
            return None
        source, value = min(values.items(), key=lambda item: places[_meaning(item[1])])
        return Settled(value=value, reason=f"{value!r} by {source} is the strictest")


def strictest(*order: Any) -> Strictest:
    """Give a resolver: of these values, in this order, the first that a source gives wins."""
    return Strictest(order=order)


@dataclass(frozen=True, kw_only=True)
class People:
    """Have persons decide a class of conflicts. Made by `people`."""

    approvers: tuple[str, ...]


def people(*approvers: str) -> People:
    """Give the persons, or roles, who decide a class of conflicts; without names, anybody may.

    Raises:
        DesignError: an empty name.
    """
    return People(approvers=names_of(approvers, "people("))


Owner = str | People | Resolver | tuple[Resolver, ...]
"""Who decides a class of conflicts: a source by its name, persons, or resolvers."""


def check_owners(
    classify: Classifier | None, owners: Mapping[str, Owner], sources: tuple[str, ...]
) -> None:
    """Refuse classes without an owner, owners without a class, and owners that cannot decide.

    Raises:
        DesignError: it names the class and the remedy.
    """
    if classify is None and owners:
        raise DesignError(
            f"Merge(owners=): nothing says which conflict is {next(iter(owners))!r}; give classify="
        )
    known = classify if isinstance(classify, Mapping) else owners
    for name, rule in known.items() if isinstance(classify, Mapping) else ():
        check_resolver(rule, "classify")
        if name not in owners:
            raise DesignError(
                f"Merge(classify=): nobody owns the class {name!r}; give owners={{{name!r}: ...}}"
            )
    if classify is not None and not isinstance(classify, Mapping):
        check_resolver(classify, "classify")
    for name, owner in owners.items():
        if name not in known:
            raise DesignError(
                f"Merge(owners=): {name!r} is no class ({', '.join(known) or 'there are none'})"
            )
        if isinstance(owner, str) and owner not in sources:
            raise DesignError(
                f"Merge(owners=): {name!r} belongs to {owner!r}, which is no source "
                f"({', '.join(sources)}); persons are given as people({owner!r})"
            )
        for resolver in owner if isinstance(owner, tuple) else (owner,):
            if not isinstance(resolver, str | People):
                check_resolver(resolver, "owners")


def class_of(classify: Classifier | None, field: str, values: Mapping[str, Any]) -> Logic[str]:
    """Give the class of a conflict; empty for none."""
    if classify is None:
        return ""
    rules = classify if isinstance(classify, Mapping) else {"": classify}
    for name, rule in rules.items():
        try:
            verdict = yield from call_counted(rule, field, own(dict(values)))
            if not name:
                return str(verdict or "")
            if why(verdict, rule) is not None:
                return name
        except Exception as problem:  # noqa: BLE001 - a person must know what it is
            _refuse_ours(problem, rule, field)
            return f"not classified ({type(problem).__name__})"
    return ""


def _refuse_ours(problem: Exception, function: Any, field: str) -> None:
    """Tell the log of a function that could not say; raise what is no fault of its own."""
    if isinstance(problem, GraphBubbleUp | QuintetError):
        raise problem
    log.warning("merge: %s could not judge %s", name_of(function), field, exc_info=problem)


def decide(owner: Owner, kind: str, field: str, values: Mapping[str, Any]) -> Logic[Settled | None]:
    """Have the owner of a class settle a conflict; None where persons must."""
    if isinstance(owner, People):
        return None
    if isinstance(owner, str):
        if owner not in values:
            return None
        return Settled(value=values[owner], reason=f"{kind}: {owner} decides")
    resolvers = owner if isinstance(owner, tuple) else (owner,)
    settled = yield from resolve(resolvers, field, values)
    if settled is None:
        return None
    return Settled(
        value=settled.value, reason=f"{kind}: {settled.reason}", by=settled.by, who=settled.who
    )


def resolve(
    resolvers: tuple[Resolver, ...], field: str, values: Mapping[str, Any]
) -> Logic[Settled | None]:
    """Ask the resolvers in order; None where none of them settles the conflict, or one raises."""
    for resolver in resolvers:
        try:
            settled = yield from call_counted(resolver, field, own(dict(values)))
        except Exception as problem:  # noqa: BLE001 - a person settles it
            _refuse_ours(problem, resolver, field)
            return None
        if settled is None:
            continue
        if isinstance(settled, Settled):
            return settled
        return Settled(value=settled, reason=f"{name_of(resolver)} chose it")
    return None


def differ(values: Mapping[str, Any]) -> bool:
    """Say whether the sources give values of more than one meaning."""
    return len({_meaning(value) for value in values.values()}) > 1


def _meaning(value: Any) -> str:
    """Give a digest of a value that takes 50.0 for 50, as agents write either."""
    return digest(_whole(plain(value)))


def _whole(data: Any) -> Any:
    if isinstance(data, float) and data.is_integer():
        return int(data)
    if isinstance(data, list):
        return [_whole(item) for item in data]
    if isinstance(data, dict):
        return {key: _whole(item) for key, item in data.items()}
    return data


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def check_resolver(resolver: Any, part: str = "resolve") -> None:
    """Refuse, such as `vote` in place of `vote()`, what cannot be called with a field's values.

    Raises:
        DesignError: it names the resolver.
    """
    try:
        inspect.signature(resolver).bind("field", {})
    except ValueError:  # a builtin without a signature
        return
    except TypeError as problem:
        raise DesignError(
            f"Merge({part}=): {name_of(resolver)} cannot take a field and its values by source "
            f"({problem}); a factory is called, as in resolve=vote()"
        ) from problem
