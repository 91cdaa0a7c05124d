"""Find the facts in what is handed on, and change one so that it still looks right."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from langgraph.types import Command

from quintet.evals.faults.handoffs import BOOKKEEPING
from quintet.state.record import plain

Path = tuple[str | int, ...]

_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_RECORDS = BOOKKEEPING - {"results", "merged"}
_DIGEST = re.compile(r"[0-9a-f]{16,}")
"""Digests are no facts: a changed one would be found out at once, which proves nothing."""


def facts_in(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the paths of the facts in plain data: numbers, and texts with a number in them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from facts_in(item, (*at, key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from facts_in(item, (*at, place))
    elif isinstance(value, bool):
        return
    elif isinstance(value, int | float) or (
        isinstance(value, str) and re.search(r"\d", value) and not _DIGEST.fullmatch(value)
    ):
        yield at


def with_fact(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """Copy plain data with the fact at a path changed."""
    if not path:
        return change(value)
    first, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {
            key: with_fact(item, rest, change) if key == first else item
            for key, item in value.items()
        }
    return type(value)(
        [with_fact(item, rest, change) if n == first else item for n, item in enumerate(value)]
    )


def wrong_fact(fact: Any, lot: Random) -> Any:
    """Return another value that looks as right: a few percent off, or another digit in a text."""
    if isinstance(fact, int):
        step = max(1, abs(fact) // 20)
        return fact + lot.choice((-1, 1)) * lot.randint(1, step)
    if isinstance(fact, float):
        digits = len(repr(fact).partition(".")[2])
        least = 10**-digits
        return round(
            fact + lot.choice((-1, 1)) * max(least, abs(fact) * lot.uniform(0.01, 0.15)), digits
        )
    places = [match.start() for match in re.finditer(r"\d", fact)]
    place = lot.choice(places)
    digit = str((int(fact[place]) + lot.randint(1, 9)) % 10)
    return fact[:place] + digit + fact[place + 1 :]


def earlier_fact(fact: Any, lot: Random) -> Any:
    """Return a value as it may have been earlier: a date before, a total that has since grown."""
    if isinstance(fact, int):
        return fact - lot.randint(1, max(1, abs(fact) // 5))
    if isinstance(fact, float):
        digits = len(repr(fact).partition(".")[2])
        return round(fact - max(10**-digits, abs(fact) * lot.uniform(0.02, 0.2)), digits)
    days = timedelta(days=lot.randint(1, 90))
    if _DATE.search(fact):
        return _DATE.sub(lambda match: _before(match[0], days), fact)
    match = lot.choice(list(re.finditer(r"\d+", fact)))
    number = int(match[0])
    less = number - lot.randint(1, max(1, number // 5)) if number else 1
    return fact[: match.start()] + str(less) + fact[match.end() :]


def _before(text: str, days: timedelta) -> str:
    try:
        return (date.fromisoformat(text) - days).isoformat()
    except ValueError:  # it only looks like a date
        return text


def changed_fact(result: Any, change: Callable[[Any, Random], Any], lot: Random) -> Any:
    """Copy a result with one of its facts changed; a result without facts stays as it is."""
    update = result.update if isinstance(result, Command) else result
    facts = list(facts_in(_handed_on(update)))
    if not facts:
        return result
    path = lot.choice(facts)
    changed = with_fact(update, path, lambda fact: change(fact, lot))
    if not isinstance(result, Command):
        return changed
    return Command(goto=result.goto, update=changed, graph=result.graph)


def _handed_on(update: Any) -> Any:
    """Return what is handed on, without the records of the run, and only if it is plain data."""
    if not isinstance(update, Mapping | list | tuple | str | int | float):
        return None
    if not isinstance(update, Mapping):
        return update
    return {key: item for key, item in update.items() if key not in _RECORDS}


def has_facts(result: Any) -> bool:
    """Say whether a result hands on a fact."""
    return next(facts_in(_handed_on(_update(result))), None) is not None


def same(one: Any, other: Any) -> bool:
    """Say whether two results hand on the same, as far as they are plain data."""
    try:
        return bool(plain(_handed_on(_update(one))) == plain(_handed_on(_update(other))))
    except Exception:  # noqa: BLE001 - a foreign object, which is compared as it is
        return bool(one == other)


def changed_keys(one: Any, other: Any) -> tuple[str, ...] | None:
    """Name the keys in which two updates of a node differ; None where they are no mappings."""
    before, after = _update(one), _update(other)
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return None
    keys = dict.fromkeys((*before, *after))
    return tuple(str(key) for key in keys if not same(before.get(key), after.get(key)))


def _update(result: Any) -> Any:
    return result.update if isinstance(result, Command) else result
