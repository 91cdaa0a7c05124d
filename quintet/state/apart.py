"""Copy what a user's function is given, so that what it does to it stays its own."""

from __future__ import annotations

import copy
from dataclasses import is_dataclass
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

_ATOMS = frozenset({str, int, float, bool, type(None)})


def apart(value: Any) -> Any:
    """Give a value whose lists and dicts, at any depth, nobody else holds.

    An agent may sort a list that it reads, and a criterion may strip a text in its dict. Without a
    copy that would change what another step gave, or what a retry begins with, and no record tells.
    Models and dataclasses are copied as well; a message, and what cannot be copied, is the same.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        return {key: apart(item) for key, item in value.items()}
    if kind is list:
        return [apart(item) for item in value]
    if kind is tuple:
        return tuple(apart(item) for item in value)
    if isinstance(value, BaseMessage) or not _has_parts(value):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - it holds something that is one of a kind, as a connection
        return value


def _has_parts(value: Any) -> bool:
    model = isinstance(value, BaseModel | set)
    return model or (is_dataclass(value) and not isinstance(value, type))
