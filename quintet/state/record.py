"""Records: frozen dataclasses outside, plain JSON data inside the state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from quintet.state.errors import DesignError

R = TypeVar("R")


def plain(value: Any) -> Any:
    """Turn a value into JSON data: dataclasses and models to dicts, tuples and sets to lists.

    Raises:
        DesignError: the value holds something that JSON cannot, named by its type.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise DesignError(
        f"{type(value).__module__}.{type(value).__qualname__} is not plain data: {value!r:.80}; "
        "give a dict, list, str, number, bool, None, dataclass or pydantic model"
    )


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
        return adapter(kind).validate_python(dict(data))  # type: ignore[no-any-return]
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
    text = json.dumps(plain(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
