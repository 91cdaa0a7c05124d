"""Hold the parts of what a user configures to the kinds that its fields declare."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from langchain_core.runnables import Runnable

from quintet.errors import DesignError

Kind = tuple[Callable[[Any], bool], str]
"""A test of a value, and what to give."""


class Checked:
    """Refuse parts that are none, whether or not they are true.

    A part that is false, such as `[]` or `0`, would else be taken for a part that was left out. The
    kinds are those of the annotations; numbers, and what only a class knows better, are its own
    `__post_init__`'s to check, whose words come first.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if (own := cls.__dict__.get("__post_init__")) is not None:
            cls.__post_init__ = _held(own)  # type: ignore[assignment,method-assign]

    def __post_init__(self) -> None:
        check_kinds(self)


def _held(own: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(own)
    def checked(self: Any) -> None:
        try:
            own(self)
        except (TypeError, AttributeError, ValueError, LookupError) as problem:
            if not isinstance(problem, DesignError):
                check_kinds(self)
            raise
        check_kinds(self)

    return checked


def check_kinds(part: object) -> None:
    """Refuse a field of ours whose value is not of its kind.

    Raises:
        DesignError: it names the field, the value and the kind.
    """
    for name, default, kinds in _fields(type(part)):  # type: ignore[arg-type]
        value = getattr(part, name, default)
        is_named = isinstance(default, str) and bool(default)  # a node, mostly
        if is_named and value == "":
            raise DesignError(f"{type(part).__name__}({name}=''): give a text, as {default!r}")
        if value is default or not kinds or any(fits(value) for fits, _ in kinds):
            continue
        wanted = " or ".join(dict.fromkeys(words for _, words in kinds))
        raise DesignError(f"{type(part).__name__}({name}={value!r:.60}): give {wanted}")


@functools.cache
def _fields(cls: Callable[..., Any]) -> tuple[tuple[str, Any, tuple[Kind, ...]], ...]:
    """Give the fields, each with its default and its kinds, none where those cannot be told.

    A class of the user's own has none.
    """
    if not cls.__module__.startswith("quintet."):
        return ()
    hints, items = get_type_hints(cls), fields(cast(Any, cls))
    found = ((item, tuple(_kinds(hints[item.name]))) for item in items if item.init)
    known = ((item, () if None in kinds else kinds) for item, kinds in found)
    return tuple((item.name, _default(item), kinds) for item, kinds in known)


def _default(item: Field[Any]) -> Any:
    return MISSING if item.default is MISSING else item.default


def _kinds(hint: Any) -> Iterator[Any]:
    """Yield the kinds that a hint allows; None where it allows what cannot be told by a look."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        for arm in get_args(hint):
            yield from _kinds(arm)
    else:
        yield _KINDS.get(origin or hint) or _kind_of_class(hint)


def _kind_of_class(hint: Any) -> Kind | None:
    try:
        isinstance(None, hint)
    except TypeError:  # a protocol that is not made for it, a Literal, a type variable
        return None
    if hint in _OPEN:
        return None
    return (lambda value: isinstance(value, hint)), f"{hint.__name__}(...)"


def _is_series(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


_OPEN = (object, int, float, bool, bytes)
_KINDS: Mapping[Any, Kind] = {
    str: ((lambda value: isinstance(value, str)), "a text"),
    NoneType: ((lambda value: value is None), "None"),
    tuple: (_is_series, "a tuple"),
    Mapping: ((lambda value: isinstance(value, Mapping)), "a dict"),
    Callable: ((lambda value: callable(value) or isinstance(value, Runnable)), "a function"),
}
