"""The arguments of an effect: plain data on record, the function's own types where it runs."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError

_PLAIN = (str, int, float, bool, type(None), list, dict, tuple, Any)


def in_own_types(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Plain arguments as the function's annotations say: a date, an enum, a dataclass, a model.

    What is annotated as plain data, not at all, or as something that plain data does not fit, is
    given as it is.
    """
    given = dict(arguments)
    for name, kind in _rich(function).items():
        try:
            given[name] = kind.validate_python(given[name])
        except (KeyError, ValidationError):
            continue
    return given


@lru_cache(maxsize=1024)
def _rich(function: Callable[..., Any]) -> dict[str, TypeAdapter[Any]]:
    """The parameters whose type is not plain data, with what reads it."""
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError):
        return {}
    hints.pop("return", None)
    found = {}
    for name, hint in hints.items():
        if _is_plain(hint):
            continue
        try:
            found[name] = TypeAdapter(hint)
        except PydanticUserError:
            continue
    return found


def _is_plain(hint: Any) -> bool:
    if hint in _PLAIN:
        return True
    origin = get_origin(hint)
    inner = [each for each in get_args(hint) if each is not Ellipsis]
    holds = origin in (list, dict, tuple, Union, types.UnionType)
    return holds and all(_is_plain(each) for each in inner)
