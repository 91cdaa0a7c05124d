"""Turn records into plain JSON data and back: frozen dataclasses outside, data in the state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from math import isfinite
from pathlib import PurePath
from typing import Any, TypeVar, cast
from uuid import UUID

import pydantic
from langgraph.types import Command
from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic_core import PydanticSerializationError

from quintet.errors import DesignError
from quintet.state.redact import redacted
from quintet.state.secret import Secret

R = TypeVar("R")

_JSON = frozenset({int, bool})

SECRETS: tuple[type[Any], ...] = (SecretStr, SecretBytes, pydantic.Secret)


def plain(value: Any) -> Any:
    """Turn a value into JSON data: dataclasses and models to dicts, tuples and sets to lists.

    Decimals, UUIDs, paths, dates, times and durations become text, in JSON's usual form; numpy's
    scalars become Python's. `validated` reads all of them back. A `Secret` becomes its reference,
    and a secret's value that was revealed in this process its mask.

    Raises:
        DesignError: the value holds something that JSON cannot, or a secret, named by its type.
    """
    kind: Any = type(value)
    if kind is str:
        return redacted(value)
    # The commonest first, and by exact type: a subclass such as numpy's float is not JSON itself.
    if value is None or kind in _JSON or (kind is float and isfinite(value)):
        return value
    if (names := _fields_of(kind)) is not None:
        return {name: _plain_part(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return _plain_keys(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        # A set has no order, and equal data must have an equal digest.
        return sorted((plain(item) for item in value), key=canonical)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return _as_base_type(value)
    if isinstance(value, BaseModel):
        return _plain_model(value)
    return _plain_scalar(value)


def _plain_part(value: Any) -> Any:
    """Turn a value into JSON data as `plain` does; quicker where it is JSON already."""
    # Records are written at every step, and most of their fields are plain.
    return value if value is None or type(value) in _JSON else plain(value)


def _plain_scalar(value: Any) -> Any:
    for kinds, to_text in _AS_TEXT:
        if isinstance(value, kinds):
            return to_text(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return plain(value.item())  # a numpy scalar, told by its form: numpy may not be installed
    raise _not_plain(value)


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise _not_plain(value)
    return str(value)


def _moment_text(value: date | time) -> str:
    if value != value:  # noqa: PLR0124 - pandas' NaT, which is a date by its type and equals nothing
        raise _not_plain(value)
    return value.isoformat()


def _duration_text(value: timedelta) -> str:
    return str(adapter(timedelta).dump_python(value, mode="json"))


_AS_TEXT: tuple[tuple[type[Any] | tuple[type[Any], ...], Callable[[Any], str]], ...] = (
    (Decimal, _decimal_text),
    ((UUID, PurePath, Secret), str),
    ((date, time), _moment_text),
    (timedelta, _duration_text),
)


def _plain_model(value: BaseModel) -> Any:
    data = value.model_dump(warnings=False)
    if (secret := _secret_in(data)) is not None:
        raise _not_plain(secret)
    try:
        return plain(data)
    except DesignError as problem:  # a type that pydantic knows how to write, such as a URL
        try:
            data = value.model_dump(mode="json", warnings=False)
        except ValueError:
            raise problem from None
        return plain(data)


def _secret_in(data: Any) -> Any:
    """Find a secret in a model's data; None where there is none."""
    # Pydantic would write it as asterisks, and nobody would notice before it is read back.
    if isinstance(data, SECRETS):
        return data
    if isinstance(data, str | bytes) or not isinstance(data, Collection):
        return None
    items = data.values() if isinstance(data, Mapping) else data
    return next((secret for item in items if (secret := _secret_in(item)) is not None), None)


@cache
def _fields_of(kind: Any) -> tuple[str, ...] | None:
    """Name a dataclass's fields, looked up once; None for any other type."""
    if not is_dataclass(kind) or kind is Secret:
        return None
    if isinstance(kind, type) and issubclass(
        kind, Command
    ):  # an order to LangGraph, which would follow none of it
        return None
    return tuple(field.name for field in fields(kind))


def _plain_keys(value: Mapping[Any, Any]) -> dict[str, Any]:
    data = {
        redacted(key) if type(key) is str else str(plain(key)): _plain_part(item)
        for key, item in value.items()
    }
    if len(data) < len(value):  # such as 1 and "1": one would overwrite the other
        names = [str(plain(key)) for key in value]
        twice = next(name for name in names if names.count(name) > 1)
        raise DesignError(f"two keys of one dict become {twice!r} in plain data; rename one")
    return data


def _as_base_type(value: float | str) -> float | str:
    """Turn an instance of a subclass of str, int or float into one of the type itself."""
    # By the type's own methods, since a subclass may override `__str__` and the like.
    if isinstance(value, str):
        return redacted(str.__str__(value))
    if isinstance(value, int):
        return int.__int__(value)
    if not isfinite(value):
        raise _not_plain(value)
    return float.__float__(value)


def _not_plain(value: Any) -> DesignError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, SECRETS):
        return DesignError(
            f"{kind} is a secret, and the state keeps none; give the name by which the function "
            "finds it where it needs it: quintet.state.Secret('env:NAME')"
        )
    return DesignError(
        f"{kind} is not plain data: {value!r:.80}; "
        "give a dict, list, str, finite number, bool, None, enum, dataclass or pydantic model"
    )


def canonical(data: Any) -> str:
    """Write plain data as canonical JSON: equal data gives equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Give the pydantic adapter of a type, made once."""
    return TypeAdapter(kind)


def validated(kind: Any, value: Any) -> Any:
    """Read a value as a type, strictly: "12" is not read as a number, nor True as 1.

    JSON's own forms are read: a date, a UUID or a decimal from its text, a tuple from a list, a
    dataclass or model from a dict.

    Raises:
        ValidationError: the value does not fit the type.
    """
    if _is_record(kind) and isinstance(value, Mapping):
        return _from_json(kind, canonical(plain(value)))
    try:
        found = adapter(kind).validate_python(value, strict=True)
        _check_instances(kind, found)
        return found
    except ValidationError as problem:
        # Only in JSON mode does strict pydantic read a date from text or a tuple from a list.
        try:
            text = canonical(plain(value))
        except DesignError:
            raise problem from None
        return _from_json(kind, text)


def _check_instances(kind: Any, value: Any) -> None:
    """Look into instances, which pydantic takes as they are, whatever their fields hold.

    A dataclass has held its fields to nothing, and a model's may have been set since. Validators of
    the user's own have run before, so that a dataclass alone is read once more.

    Raises:
        ValidationError: a field holds another type.
    """
    try:
        if not _holds_dataclass(value):
            adapter(kind).dump_python(value, warnings="error")
            return
        text = canonical(plain(value))
    except DesignError:  # which is told where it is to be stored
        return
    except PydanticSerializationError:
        text = canonical(plain(value))
    try:
        _from_json(kind, text)
    except ValidationError as problem:
        # Fields that are not of `__init__`, and arguments that are no fields, are in no instance.
        if {fault["type"] for fault in problem.errors()} - _NOT_OF_INIT:
            raise


_NOT_OF_INIT = {"unexpected_keyword_argument", "missing"}


def _holds_dataclass(value: Any) -> bool:
    """Say whether there is an instance of one of Python's own dataclasses, or a collection does."""
    if is_dataclass(value):
        return not is_pydantic_dataclass(type(value))
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple | set | frozenset):
        return False
    return any(map(_holds_dataclass, value))


def _from_json(kind: Any, text: str) -> Any:
    # By name too: a model with aliases is stored under its fields' own names.
    return adapter(kind).validate_json(text, strict=True, by_alias=True, by_name=True)


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, BaseModel))


def read(kind: type[R], data: Mapping[str, Any]) -> R:
    """Read a record back from plain data.

    Raises:
        DesignError: the data does not fit; the message names the record, field and fault.
    """
    try:
        record: R = adapter(cast(Any, kind)).validate_python(dict(data))
        return record
    except ValidationError as problem:
        raise DesignError(f"{kind.__name__}: {faults(problem)}") from problem


def faults(problem: ValidationError) -> str:
    """Describe a pydantic error in one line: the field, fault and value of each part."""
    parts = []
    for fault in problem.errors(include_url=False):
        if fault["type"] == "value_error":  # raised by a record itself, whose text says it all
            parts.append(str(fault["ctx"]["error"]))
            continue
        place = ".".join(str(step) for step in fault["loc"]) or "value"
        # Before it is cut, since a half of a secret cannot be told any more.
        shown = "" if fault["type"] == "missing" else f" (got {redacted(repr(fault['input'])):.60})"
        parts.append(f"{place}: {fault['msg'].lower()}{shown}")
    return "; ".join(parts)


def digest(data: Any) -> str:
    """Give the digest of plain data: the first 16 hex digits of its canonical JSON's SHA-256."""
    # Models send lone surrogates in JSON; they have no UTF-8, and still make a difference.
    return hashlib.sha256(canonical(plain(data)).encode(errors="surrogatepass")).hexdigest()[:16]


@cache
def _defaults(kind: Hashable) -> Mapping[str, Any]:
    """Give the plain values that a record's fields have where nobody gives them."""
    known = fields(cast(Any, kind))
    return {field.name: plain(field.default) for field in known if field.default is not MISSING}


def without_defaults(kind: type[Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a plain record without the fields that have their default, as it is stored."""
    defaults = _defaults(cast(Any, kind))
    # With its type: False equals 0.
    return {
        name: value
        for name, value in record.items()
        if name not in defaults or (type(value), value) != (type(defaults[name]), defaults[name])
    }


def with_defaults(kind: type[Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a plain record with all of its fields, as nodes read it."""
    return {**_defaults(cast(Any, kind)), **record}
