"""Make the text of an effect's key from its arguments, the same for equal arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from string import Formatter
from typing import Any, get_type_hints

from pydantic import BaseModel

from quintet.errors import DesignError
from quintet.nodes.core.arguments import Arguments, reads_floats
from quintet.state.record import canonical, plain

_FIELD = re.compile(r"(\w+)((?:\.\w+|\[[^\[\]]+\])*)")
_STEP = re.compile(r"\.(\w+)|\[([^\[\]]+)\]")


def check_key(arguments: Arguments, key: str) -> None:
    """Refuse a key that names no argument, or an attribute that is no field of its argument.

    Raises:
        DesignError: it names the effect, the key and the fault.
    """
    try:
        parts = list(_parts(key))
    except ValueError as problem:
        raise DesignError(
            f"effect {arguments.name!r}: key {key!r} is no format string over the arguments' "
            f"names: {problem}"
        ) from None
    for path in parts:
        match = _FIELD.fullmatch(path)
        name = match[1] if match else path
        if match is None or name not in arguments.signature.parameters:
            names = ", ".join(sorted(arguments.signature.parameters))
            raise DesignError(
                f"effect {arguments.name!r}: key {key!r} names {name!r}, which is not an argument "
                f"({names})"
            )
        kind = arguments.types.get(name)
        for attribute, _ in _STEP.findall(match[2]):
            if attribute and not _has_field(kind, attribute):
                raise DesignError(
                    f"effect {arguments.name!r}: key {key!r}: {name!r} has no field {attribute!r} "
                    "by its annotation; name the fields of a dataclass or a model, or use a "
                    "function as the key"
                )
            kind = None if not attribute else _type_of_field(kind, attribute)


def _parts(key: str) -> list[str]:
    names = []
    for _, field, spec, _ in Formatter().parse(key):
        if field is not None:
            if not field:
                raise ValueError("a field without a name")
            names.append(field)
        if spec:  # a format specification may hold fields too
            names += _parts(spec)
    return names


def _has_field(kind: Any, name: str) -> bool:
    if kind is None:
        return False
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return name in kind.model_fields
    if isinstance(kind, type) and is_dataclass(kind):
        return name in {field.name for field in fields(kind)}
    return False


def _type_of_field(kind: Any, name: str) -> Any:
    try:
        return get_type_hints(kind).get(name)
    except (NameError, TypeError):
        return None


def key_text(key: str, arguments: Arguments, typed: Mapping[str, Any]) -> str:
    """Fill a key's format string with arguments; equal numbers give equal text.

    Raises:
        DesignError: an argument lacks what the key names.
    """
    shown = {name: _canonical(value, arguments.as_float(name)) for name, value in typed.items()}
    try:
        return _KeyFormatter().vformat(key, (), shown)
    except (KeyError, IndexError, AttributeError, TypeError, ValueError) as problem:
        raise DesignError(
            f"effect {arguments.name!r}: key {key!r} does not fit its arguments: "
            f"{type(problem).__name__}: {problem}"
        ) from problem


class _KeyFormatter(Formatter):
    """Format fields so that equal values give equal text."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        # A format of the author's own, such as a date, is told by the clock that they mean.
        return super().format_field(value if format_spec else _instant(value), format_spec)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return super().convert_field(_instant(value) if conversion else value, conversion)

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        value, used = super().get_field(field_name, args, kwargs)
        if _parts_of(value) is not None:  # a collection's order or Python text is not its content
            value = canonical(_settled(value))
        # An argument's own value is canonical by now; that of its field or item is not.
        return (value if field_name == used else _canonical(value, False)), used


def _parts_of(value: Any) -> Any:
    """Give the parts of a collection or record; None of any other value."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value if isinstance(value, Mapping | list | tuple | set | frozenset) else None


def _settled(value: Any) -> Any:
    """Give a value as plain data in which equal numbers have equal text."""
    parts = _parts_of(value)
    if isinstance(parts, Mapping):
        return plain({key: _settled(part) for key, part in parts.items()})
    if parts is not None:
        settled = [_settled(part) for part in parts]
        ordered = isinstance(parts, list | tuple)
        return settled if ordered else sorted(settled, key=canonical)
    return plain(_instant(_canonical(value, False)))


def _canonical(value: Any, as_float: bool) -> Any:
    return value.value if isinstance(value, Enum) else canonical_number(value, as_float)


def canonical_number(value: Any, as_float: bool) -> Any:
    """Give a number, or those in a collection or record, so that equal ones have equal text.

    So have dicts and sets, whatever the order of their parts. Any other value is given as it is.
    """
    if type(value) is dict:
        return {name: canonical_number(value[name], False) for name in sorted(value, key=repr)}
    if type(value) in (set, frozenset):
        members = (canonical_number(part, False) for part in value)
        return (_Set if type(value) is set else _FrozenSet)(members)
    if type(value) in (list, tuple):
        return type(value)(canonical_number(part, False) for part in value)
    if isinstance(value, BaseModel) or (is_dataclass(value) and not isinstance(value, type)):
        return _canonical_record(value)
    if isinstance(value, Decimal):
        text = format(value.normalize(), "f")  # not 1E+2
        return Decimal(text if value else 0)
    if as_float and type(value) is int:  # such as a default
        return float(value)
    if not isinstance(value, float):
        return value
    if not as_float and value.is_integer():
        return int(value)
    return value or 0.0  # not -0.0


class _InOrder:
    """Show a set's members in one order: Python's own differs from process to process."""

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=repr))  # type: ignore[misc]

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self)) + "}"


class _Set(_InOrder, set[Any]):
    pass


class _FrozenSet(_InOrder, frozenset[Any]):
    pass


def _canonical_record(record: Any) -> Any:
    """Give a copy of a record whose fields have equal numbers in equal text."""
    twin = copy(record)
    for name, part in _parts_of(record).items():
        settled = canonical_number(part, reads_floats(_type_of_field(type(record), name)))
        if settled is not part:
            object.__setattr__(twin, name, settled)
    return twin


def _instant(value: Any) -> Any:
    """Give a moment as it stands on the clock of UTC: equal moments have equal text."""
    aware = isinstance(value, datetime) and value.utcoffset() is not None
    return value.astimezone(UTC) if aware else value
