"""What may happen to a field on its way from one step to the next: it is lost, or changed."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass, replace
from typing import Any

from pydantic import BaseModel

from quintet.state.fragments import RUN_KEYS

BOOKKEEPING = frozenset((*RUN_KEYS, "actions", "step"))
"""What a run keeps for itself; the rest of a state is what its steps hand each other."""


def handed(state: Any, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The paths of the fields that are handed over in a state: those named, or all that is ours.

    A plan's step brings its inputs along; a field of it is found there.
    """
    known = _keys(state)
    inputs = (known.get("step") or {}).get("inputs") or {} if "step" in known else {}
    wanted = names or tuple(name for name in known if name not in BOOKKEEPING)
    paths = [("step", "inputs", name) if name in inputs else (name,) for name in wanted]
    return [path for path in paths if _there(known, path)]


def dropped(state: Any, path: tuple[str, ...]) -> Any:
    """The state without one field."""
    return _changed(state, path, _Gone)


def altered(state: Any, path: tuple[str, ...], lot: random.Random) -> Any:
    """The state with one value in one field changed to another of the same type."""
    return _changed(state, path, other(_at(_keys(state), path), lot))


def other(value: Any, lot: random.Random) -> Any:
    """Another value of the same kind; in a mapping or list one value somewhere within changes."""
    if isinstance(value, Mapping) and (able := [key for key in value if _changes(value[key])]):
        key = lot.choice(sorted(able, key=str))
        return {**value, key: other(value[key], lot)}
    if isinstance(value, list | tuple) and (
        able := [n for n, v in enumerate(value) if _changes(v)]
    ):
        place = lot.choice(able)
        return type(value)([other(v, lot) if n == place else v for n, v in enumerate(value)])
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + lot.choice((1, -1, 9 * value or 7))
    if isinstance(value, float):
        return round(value + lot.choice((1.0, 0.5, 9 * value or 7.0)), 2)
    return _text(value, lot) if isinstance(value, str) else value


def _text(value: str, lot: random.Random) -> str:
    """A text with another digit, or cut short."""
    digits = list(re.finditer(r"\d", value))
    if digits and lot.random() < 0.5:
        found = lot.choice(digits)
        digit = str((int(found[0]) + lot.randint(1, 8)) % 10)
        return value[: found.start()] + digit + value[found.end() :]
    return value[: len(value) // 2]


def _changes(value: Any) -> bool:
    """Whether `other` can make another value of it."""
    if isinstance(value, Mapping):
        return any(map(_changes, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_changes, value))
    return isinstance(value, bool | int | float) or (isinstance(value, str) and bool(value))


class _Gone:
    """The mark of a field that is taken out."""


def _there(known: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    try:
        return _changes(_at(known, path))
    except (KeyError, TypeError):
        return False


def _at(known: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = known
    for name in path:
        value = value[name]
    return value


def _keys(state: Any) -> Mapping[str, Any]:
    if isinstance(state, Mapping):
        return state
    if isinstance(state, BaseModel):
        return {name: getattr(state, name) for name in type(state).model_fields}
    if is_dataclass(state):
        return {item.name: getattr(state, item.name) for item in fields_of(state)}
    return {}


def _changed(state: Any, path: tuple[str, ...], value: Any) -> Any:
    name, *rest = path
    if rest:
        value = _changed(_keys(state)[name], tuple(rest), value)
    if isinstance(state, Mapping):
        kept = {key: item for key, item in state.items() if key != name}
        return kept if value is _Gone else {**kept, name: value}
    value = None if value is _Gone else value
    if isinstance(state, BaseModel):
        return state.model_copy(update={name: value})
    return replace(state, **{name: value})
