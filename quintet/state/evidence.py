"""Hold a result against its source: the record, its owner, its date, the request that it answers.

A wrong value that looks right raises nothing, and every later step builds on it. These criteria
stop it at the handoff where it occurs:

    Contract(
        goal="Answer from the customer's record",
        needs=Request,
        gives=Answer,
        success=(
            grounded_in("record", "passage"),
            belongs_to("customer_id", whose="behalf"),
            fresh("as_of", newest=lambda request: ledger.newest(request["order_id"])),
            as_recorded(lambda request, result: ledger.order(request["order_id"])),
        ),
    )
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from quintet.errors import ContractBroken, DesignError
from quintet.state.record import digest, plain
from quintet.state.verdict import Unmet, check_answers, name_of, unmet

Read = Callable[..., Any]
"""Reads evidence."""

SHOWN = 5
"""Claims named in one reason."""

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = "|".join(_MONTHS)
_FIGURE = re.compile(
    r"(?P<iso>\b\d{4}-\d{2}-\d{2}\b)"
    rf"|(?P<day>\b\d{{1,2}}) (?P<month>{_MONTH}) (?P<year>\d{{4}}\b)"
    r"|(?P<number>\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)",
    re.IGNORECASE,
)


def figures(value: Any) -> Iterator[str]:
    """Yield every number and date in plain data, texts included, each in one form.

    `1,200.50`, `1200.5` and the number 1200.5 are one figure; so are `2 November 2026` and
    `2026-11-02`. Signs and units are left out.
    """
    if isinstance(value, Mapping):
        for item in value.values():
            yield from figures(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from figures(item)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield _number(str(value).lstrip("-"))
    elif isinstance(value, str):
        yield from map(_figure, _FIGURE.finditer(value))


def _figure(match: re.Match[str]) -> str:
    if match["iso"]:
        return match["iso"]
    if match["number"]:
        return _number(match["number"])
    month = _MONTHS.index(match["month"].lower()) + 1
    try:
        return date(int(match["year"]), month, int(match["day"])).isoformat()
    except ValueError:  # such as 31 November
        return match[0]


def _number(text: str) -> str:
    try:
        number = Decimal(text.replace(",", "")).normalize()
    except ArithmeticError:  # such as nan
        return text
    return f"{number:f}"


@dataclass(frozen=True, kw_only=True)
class GroundedIn:
    """Check that each claim in a result stands in its sources. Made by `grounded_in`."""

    sources: tuple[str | Read, ...]
    of: tuple[str, ...] = ()
    claims: Callable[[Any], Iterable[Any]] = figures

    __name__ = "grounded_in"

    def __call__(self, request: Any, result: Any) -> bool | Unmet:
        """Return True, or the claims that stand in no source."""
        read = [self._read(source, request, result) for source in self.sources]
        known = {claim for found in read for claim in self.claims(_plain(found))}
        told = [_field(result, name) for name in self.of] if self.of else [plain(result)]
        claims = dict.fromkeys(claim for part in told for claim in self.claims(part))
        strange = [str(claim) for claim in claims if claim not in known]
        more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
        return not strange or unmet(f"not in the sources: {', '.join(strange[:SHOWN])}{more}")

    @staticmethod
    def _read(source: str | Read, request: Any, result: Any) -> Any:
        return _field(request, source) if isinstance(source, str) else source(request, result)


def grounded_in(
    *sources: str | Read,
    of: tuple[str, ...] = (),
    claims: Callable[[Any], Iterable[Any]] = figures,
) -> GroundedIn:
    """Give a criterion: every claim in the result stands in one of the sources.

    Args:
        sources: fields of the request, or functions of request and result that read the record.
        of: the fields of the result that make claims; by default all.
        claims: lists the claims in plain data; by default its numbers and dates.

    Raises:
        DesignError: no source is given, or one is async.
    """
    if not sources:
        raise DesignError("grounded_in(): name a field of the request, or give functions")
    functions = [source for source in sources if not isinstance(source, str)]
    check_answers("grounded_in", *functions, claims)
    return GroundedIn(sources=sources, of=_names("grounded_in", of), claims=claims)


@dataclass(frozen=True, kw_only=True)
class AsRecorded:
    """Check that a result says what its source of record says. Made by `as_recorded`."""

    read: Read
    fields: tuple[str, ...] = ()

    __name__ = "as_recorded"

    def __call__(self, request: Any, result: Any) -> bool | Unmet:
        """Return True, or the fields in which the result and the record differ."""
        record = self.read(request, result)
        names = self.fields or tuple(record)
        if not names:
            return unmet(f"{name_of(self.read)} has no record of it")
        wrong = [name for name in names if not _same(_field(result, name), _field(record, name))]
        said = [
            f"{name} is {_field(result, name)!r:.40}, the record says {_field(record, name)!r:.40}"
            for name in wrong[:SHOWN]
        ]
        return not wrong or unmet("; ".join(said))


def as_recorded(read: Read, *, fields: tuple[str, ...] = ()) -> AsRecorded:
    """Give a criterion: the result agrees with its source of record, which is read anew.

    Args:
        read: a function of request and result that gives the record, by field.
        fields: the fields to compare; by default all that the record has.

    Raises:
        DesignError: `read` is no function, or async.
    """
    if not callable(read):
        raise DesignError(f"as_recorded({read!r:.60}): give a function of request and result")
    check_answers("as_recorded", read)
    return AsRecorded(read=read, fields=_names("as_recorded", fields))


@dataclass(frozen=True, kw_only=True)
class BelongsTo:
    """Check that all records in a result are those of one owner. Made by `belongs_to`."""

    owner: str
    whose: str | Read
    needed: bool = True

    __name__ = "belongs_to"

    def __call__(self, request: Any, result: Any) -> bool | Unmet:
        """Return True, or whose record is among them."""
        whose = _field(request, self.whose) if isinstance(self.whose, str) else self.whose(request)
        owners = list(_values(plain(result), self.owner))
        if not owners:
            return not self.needed or unmet(f"no {self.owner} says whose it is")
        others = [owner for owner in owners if not _same(owner, whose)]
        return not others or unmet(f"{self.owner} is {others[0]!r:.60}, not {whose!r:.60}")


def belongs_to(owner: str, *, whose: str | Read = "behalf", needed: bool = True) -> BelongsTo:
    """Give a criterion: everything in the result that names an owner names the right one.

    It holds for a customer's id on records, and for the id of the request that an answer is to.

    Args:
        owner: the key that names the owner, at any depth of the result.
        whose: the field of the request, or a function of it, that gives the right owner.
        needed: whether a result that names no owner is refused.

    Raises:
        DesignError: the owner is no name, or `whose` is async.
    """
    if not isinstance(owner, str) or not owner:
        raise DesignError(f"belongs_to({owner!r:.60}): give the name of the key")
    check_answers("belongs_to", *([] if isinstance(whose, str) else [whose]))
    return BelongsTo(owner=owner, whose=whose, needed=needed)


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """Check that a result is as new as its source. Made by `fresh`."""

    at: str
    newest: Read
    needed: bool = True

    __name__ = "fresh"

    def __call__(self, request: Any, result: Any) -> bool | Unmet:
        """Return True, or the age of the oldest part."""
        newest = self.newest(request)
        dates = list(_values(plain(result), self.at))
        if not dates:
            return not self.needed or unmet(f"no {self.at} says of when it is")
        # Not `date < newest`: what cannot be compared, such as None, is not fresh either.
        old = [date for date in dates if not _at_least(date, plain(newest))]
        return not old or unmet(
            f"{self.at} is {old[0]!r:.40}, there is a newer one: {newest!s:.40}"
        )


def fresh(at: str = "as_of", *, newest: Read, needed: bool = True) -> Fresh:
    """Give a criterion: each date in the result is at least that of the newest record.

    Args:
        at: the key with the date, version or number of the record, at any depth of the result.
        newest: a function of the request that gives the newest one, of the same type; ISO dates
            compare as texts.
        needed: whether a result without a date is refused.

    Raises:
        DesignError: `newest` is no function, or async.
    """
    if not callable(newest):
        raise DesignError(f"fresh(newest={newest!r:.60}): give a function of the request")
    check_answers("fresh", newest)
    return Fresh(at=at, newest=newest, needed=needed)


@dataclass(frozen=True, kw_only=True)
class Seal:
    """Hand facts on so that a change on the way is refused before the next agent works.

    The node that finds the facts returns `seal.on({...})`; the worker that needs them reads by
    `Worker(read=seal)`. Whatever was lost or changed in between, the handoff is refused.

    Args:
        keys: the keys that belong together; one that is absent must be absent on both sides.
        at: the key of the digest.

    Raises:
        DesignError: no keys, or the digest's key is among them.
    """

    keys: tuple[str, ...]
    at: str = "seal"

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", _names("Seal", self.keys))
        if not self.keys or self.at in self.keys:
            raise DesignError(f"Seal(keys={self.keys!r}, at={self.at!r}): give other keys")

    def on(self, values: Mapping[str, Any], **known: Any) -> dict[str, Any]:
        """Return the values with their digest; `known` is sealed with them and stands elsewhere."""
        return {**values, self.at: self._digest({**known, **values})}

    def __call__(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is handed on as it was sealed: a state, or a plan step's inputs over it.

        Raises:
            ContractBroken: something of it was lost or changed on the way.
        """
        handed = {**state, **((state.get("step") or {}).get("inputs") or {})}
        if handed.get(self.at) != self._digest(handed):
            raise ContractBroken(
                f"{', '.join(self.keys)}: some of it was lost or changed since it was sealed",
                side="needs",
            )
        return handed

    def _digest(self, values: Mapping[str, Any]) -> str:
        return digest({key: values[key] for key in self.keys if key in values})


def _names(part: str, names: Any) -> tuple[str, ...]:
    if isinstance(names, str):
        raise DesignError(f"{part}({names!r}): give a tuple of names, ({names!r},)")
    return tuple(names)


def _field(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _values(value: Any, key: str) -> Iterator[Any]:
    """Yield the values under a key, at any depth."""
    if isinstance(value, Mapping):
        if key in value:
            yield value[key]
        for item in value.values():
            yield from _values(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, key)


def _plain(value: Any) -> Any:
    return plain(list(value) if isinstance(value, Iterator) else value)


def _same(one: Any, other: Any) -> bool:
    return bool(plain(one) == plain(other))


def _at_least(date: Any, newest: Any) -> bool:
    try:
        return bool(date >= newest)
    except TypeError:
        return False
