"""Records: frozen dataclasses outside, plain JSON data inside the state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from math import isfinite
from typing import Any, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from quintet.state.errors import DesignError

R = TypeVar("R")

_JSON = frozenset({str, int, bool})


def plain(value: Any) -> Any:
    """Turn a value into JSON data: dataclasses and models to dicts, tuples and sets to lists.

    Raises:
        DesignError: the value holds something that JSON cannot, named by its type.
    """
    kind: Any = type(value)
    if value is None or kind in _JSON or (kind is float and isfinite(value)):
        return value
    if (names := _fields_of(kind)) is not None:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return _plain_keys(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=_text)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return _bare(value)
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise _not_plain(value)


@cache
def _fields_of(kind: Any) -> tuple[str, ...] | None:
    """A dataclass's field names, looked up once: records are written at every step."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None


def _plain_keys(value: Mapping[Any, Any]) -> dict[str, Any]:
    made = {
        key if type(key) is str else str(plain(key)): plain(item) for key, item in value.items()
    }
    if len(made) < len(value):
        names = [str(plain(key)) for key in value]
        twice = next(name for name in names if names.count(name) > 1)
        raise DesignError(f"two keys of one dict become {twice!r} in plain data; rename one")
    return made


def _bare(value: float | str) -> float | str:
    """A subclass of str, int or float as the type itself: numpy's floats, str with an extra."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if not isfinite(value):
        raise _not_plain(value)
    return float.__float__(value)


def _not_plain(value: Any) -> DesignError:
    return DesignError(
        f"{type(value).__module__}.{type(value).__qualname__} is not plain data: {value!r:.80}; "
        "give a dict, list, str, finite number, bool, None, enum, dataclass or pydantic model"
    )


def _text(data: Any) -> str:
    """Canonical JSON."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """The pydantic adapter of a type, made once."""
    return TypeAdapter(kind)


def read(kind: type[R], data: Mapping[str, Any]) -> R:
    """Read a record back from plain data.

    Raises:
        DesignError: the data does not fit; the message names the record, field and fault.
    """
    try:
        made: R = adapter(cast(Any, kind)).validate_python(dict(data))
        return made
    except ValidationError as problem:
        raise DesignError(f"{kind.__name__}: {faults(problem)}") from problem


def faults(problem: ValidationError) -> str:
    """A pydantic error in one line: field, fault and value of each."""
    parts = []
    for fault in problem.errors(include_url=False):
        if fault["type"] == "value_error":
            parts.append(str(fault["ctx"]["error"]))
            continue
        place = ".".join(str(step) for step in fault["loc"]) or "value"
        shown = "" if fault["type"] == "missing" else f" (got {fault['input']!r:.60})"
        parts.append(f"{place}: {fault['msg'].lower()}{shown}")
    return "; ".join(parts)


def digest(data: Any) -> str:
    """SHA-256 of the canonical JSON of plain data, first 16 hex digits."""
    # Models send lone surrogates in JSON; they have no UTF-8, and still make a difference.
    return hashlib.sha256(_text(plain(data)).encode(errors="surrogatepass")).hexdigest()[:16]
