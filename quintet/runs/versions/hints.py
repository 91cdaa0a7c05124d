"""Write a type as text that is the same in every process and in every version of Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import TypeAliasType, get_type_hints, is_typeddict

_LIBRARIES = ("langchain", "langchain_core", "langgraph", "quintet")
"""Packages whose classes are written by name: their fields change with versions of their own."""

_MARKS = ("Required", "NotRequired", "ReadOnly", "ClassVar", "Final")


def type_text(hint: Any, within: tuple[Any, ...] = ()) -> str:
    """Write a type hint as text: unions sorted, and records with their fields.

    Args:
        hint: the type hint.
        within: the records that it stands in; such a one is written by its name alone.
    """
    if hint is None or hint is NoneType:
        return "None"
    if hint is ... or isinstance(hint, str):
        return "..." if hint is ... else hint
    if isinstance(hint, ForwardRef):
        return hint.__forward_arg__
    if isinstance(hint, list):
        return f"[{', '.join(type_text(part, within) for part in hint)}]"
    if isinstance(hint, TypeAliasType):
        return type_text(hint.__value__, within)
    if (base := getattr(hint, "__supertype__", None)) is not None:
        return type_text(base, within)
    if (origin := get_origin(hint)) is not None:
        return _generic(origin, get_args(hint), within)
    if isinstance(hint, type):
        return _class(hint, within)
    return str(getattr(hint, "__name__", None) or getattr(hint, "_name", type(hint).__name__))


def alternatives(text: str) -> frozenset[str]:
    """Split the text of a union, or of a `Literal`, into its alternatives."""
    if text.startswith("Literal[") and text.endswith("]") and " | " not in text:
        return frozenset(text[len("Literal[") : -1].split(", "))
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "[{") - (letter in "]}")
        if depth == 0 and text.startswith(" | ", at):
            parts.append(text[start:at])
            start = at + 3
    return frozenset((*parts, text[start:]))


def fields_of(schema: Any) -> dict[str, tuple[Any, bool]]:
    """Give a record's fields: each with its type, and whether it must be there."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return {name: (f.annotation, f.is_required()) for name, f in schema.model_fields.items()}
    hints = _hints(schema)
    if is_dataclass(schema):
        needed = {f.name: f.default is f.default_factory is MISSING for f in fields(schema)}
        return {name: (hints.get(name, Any), must) for name, must in needed.items()}
    required: frozenset[str] = getattr(schema, "__required_keys__", frozenset())
    return {name: (hint, _must(hint, name in required)) for name, hint in hints.items()}


def _must(hint: Any, required: bool) -> bool:
    # Under postponed annotations the class itself has not seen the mark.
    for mark in _marks_of(hint):
        if mark in ("Required", "NotRequired"):
            return mark == "Required"
    return required


def _marks_of(hint: Any) -> Iterator[str]:
    while (origin := get_origin(hint)) is not None:
        name = str(getattr(origin, "_name", ""))
        if origin is not Annotated and name not in _MARKS:
            return
        yield name
        hint = get_args(hint)[0]


def _hints(schema: Any) -> dict[str, Any]:
    try:
        return get_type_hints(schema, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that only a type checker knows
        return dict(getattr(schema, "__annotations__", {}))


def _generic(origin: Any, args: tuple[Any, ...], within: tuple[Any, ...]) -> str:
    if origin is Annotated or getattr(origin, "_name", "") in _MARKS:
        return type_text(args[0], within)
    if origin in (Union, UnionType):
        return " | ".join(sorted({type_text(arg, within) for arg in args}))
    if origin is Literal:
        return f"Literal[{', '.join(sorted(map(repr, args)))}]"
    name = getattr(origin, "__qualname__", None) or type_text(origin, within)
    return f"{name}[{', '.join(type_text(arg, within) for arg in args)}]"


def _class(kind: type, within: tuple[Any, ...]) -> str:
    package = kind.__module__.partition(".")[0]
    record = is_typeddict(kind) or is_dataclass(kind) or issubclass(kind, BaseModel)
    if isinstance(kind, TypeVar) or not record or kind in within or package in _LIBRARIES:
        return kind.__qualname__
    inside = (*within, kind)
    parts = (
        f"{name}{'' if must else '?'}: {type_text(hint, inside)}"
        for name, (hint, must) in sorted(fields_of(kind).items())
    )
    # The name of a class made in a function has the function's name in it, which is no part of it.
    return f"{kind.__name__}{{{', '.join(parts)}}}"
