"""Lose or change one field of a state on its way from one step to the next."""

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
"""Keys that hold records of the run; its steps hand each other the rest of the state."""


def handoff_paths(state: Any, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """List the paths of the named fields in a state, or of all but the run's own records."""
    # The inputs of a plan's step stand under `step`, what other workers gave under `results`.
    fields = _as_mapping(state)
    inputs = (fields.get("step") or {}).get("inputs") or {} if "step" in fields else {}
    results = fields.get("results") or {}
    names = names or tuple(name for name in fields if name not in BOOKKEEPING)
    paths = [
        ("step", "inputs", name)
        if name in inputs
        else ("results", name)
        if name in results and name not in fields
        else (name,)
        for name in names
    ]
    return [path for path in paths if _can_change(fields, path)]


def drop_field(state: Any, path: tuple[str, ...]) -> Any:
    """Copy the state without one field."""
    return _replaced(state, path, _Gone)


def alter_field(state: Any, path: tuple[str, ...], lot: random.Random) -> Any:
    """Copy the state with one value in one field changed to another of the same type."""
    return _replaced(state, path, another_value(_at(_as_mapping(state), path), lot))


def another_value(value: Any, lot: random.Random) -> Any:
    """Return another value of the same kind; in a mapping or list, change one item."""
    if isinstance(value, Mapping) and (keys := [key for key in value if _changes(value[key])]):
        key = lot.choice(sorted(keys, key=str))  # the same draw whatever order the keys came in
        return {**value, key: another_value(value[key], lot)}
    if isinstance(value, list | tuple) and (
        places := [n for n, item in enumerate(value) if _changes(item)]
    ):
        place = lot.choice(places)
        return type(value)(
            [another_value(item, lot) if n == place else item for n, item in enumerate(value)]
        )
    if isinstance(value, bool):  # before int: a bool is one
        return not value
    if isinstance(value, int):
        # One off, or ten times as much: a digit too many; 0 has no tenfold.
        return value + lot.choice((1, -1, 9 * value or 7))
    if isinstance(value, float):
        return round(value + lot.choice((1.0, 0.5, 9 * value or 7.0)), 2)
    return _text(value, lot) if isinstance(value, str) else value


def _text(value: str, lot: random.Random) -> str:
    """Change a digit of the text, or cut the text in half."""
    digits = list(re.finditer(r"\d", value))
    if digits and lot.random() < 0.5:
        match = lot.choice(digits)
        digit = str((int(match[0]) + lot.randint(1, 8)) % 10)
        return value[: match.start()] + digit + value[match.end() :]
    return value[: len(value) // 2]


def _changes(value: Any) -> bool:
    """Say whether `another_value` can make another value of it."""
    if isinstance(value, Mapping | list | tuple):
        return any(map(_changes, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, int | float) or (isinstance(value, str) and value != "")


class _Gone:
    """Mark a field to be taken out; None may be a field's real value."""


def _can_change(fields: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    try:
        return _changes(_at(fields, path))
    except (KeyError, TypeError):
        return False


def _at(fields: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = fields
    for name in path:
        value = value[name]
    return value


def _as_mapping(state: Any) -> Mapping[str, Any]:
    if isinstance(state, Mapping):
        return state
    if isinstance(state, BaseModel):
        return {name: getattr(state, name) for name in type(state).model_fields}
    if is_dataclass(state):
        return {item.name: getattr(state, item.name) for item in fields_of(state)}
    return {}


def _replaced(state: Any, path: tuple[str, ...], value: Any) -> Any:
    name, *rest = path
    if rest:
        value = _replaced(_as_mapping(state)[name], tuple(rest), value)
    if isinstance(state, Mapping):
        others = {key: item for key, item in state.items() if key != name}
        return others if value is _Gone else {**others, name: value}
    # A model or dataclass cannot lose a field: an empty one is as near as it gets.
    value = None if value is _Gone else value
    if isinstance(state, BaseModel):
        return state.model_copy(update={name: value})
    return replace(state, **{name: value})
