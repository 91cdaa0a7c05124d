"""Read which types of event a handler takes and gives from the annotations of its function."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterable, Iterator
from dataclasses import is_dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import BaseModel

from quintet.state.event import Event


def is_event_type(kind: Any) -> bool:
    """Say whether a type may be one of events: a dataclass, a pydantic model or a TypedDict."""
    if not isinstance(kind, type) or kind is Event:
        return False
    return is_dataclass(kind) or issubclass(kind, BaseModel) or typing_extensions.is_typeddict(kind)


def is_told_by_class(kind: Any) -> bool:
    """Say whether an instance tells its event type; a TypedDict's is a plain dict."""
    return is_event_type(kind) and not typing_extensions.is_typeddict(kind)


def types_in(hint: Any) -> tuple[Any, ...]:
    """Give the event types in an annotation: in its unions, lists and the like."""
    return tuple(dict.fromkeys(_types(hint)))


def _types(hint: Any) -> Iterator[Any]:
    if is_event_type(hint):
        yield hint
        return
    parts = get_args(hint)
    if get_origin(hint) is Annotated:
        parts = parts[:1]
    for part in parts:
        yield from _types(part)


def gives_only_events(hint: Any) -> bool:
    """Say whether an annotation names events that tell their type, or nothing, and no result."""
    kinds = tuple(_leaves(hint))
    events = [kind for kind in kinds if is_told_by_class(kind)]
    return bool(events) and all(kind is type(None) or kind in events for kind in kinds)


def _leaves(hint: Any) -> Iterator[Any]:
    parts, origin = get_args(hint), get_origin(hint)
    if origin is Annotated or (isinstance(origin, type) and issubclass(origin, Generator)):
        parts = parts[:1]  # the others are notes, or what a generator is sent
    if not parts:
        yield hint
    for part in parts:
        if part is not ...:
            yield from _leaves(part)


def takes_several(hint: Any) -> bool:
    """Say whether a handler's first argument is annotated as a list or tuple of events."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(takes_several(part) for part in get_args(hint))
    return isinstance(origin, type) and issubclass(origin, Iterable) and origin is not dict


def first_hint(function: Any) -> Any:
    """Give the annotation of a function's first argument, or None."""
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None
    return hints_of(function).get(parameters[0]) if parameters else None


def hints_of(function: Any) -> dict[str, Any]:
    """Give a function's annotations, evaluated; empty where they cannot be."""
    try:
        return get_type_hints(function if inspect.isroutine(function) else type(function).__call__)
    except (NameError, TypeError, AttributeError):
        return {}
