"""Copy what a user's function is handed, so that what it changes in place changes nothing else."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import is_dataclass
from types import MappingProxyType
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

_STANDARD = (Counter, OrderedDict, defaultdict, deque)


def own(value: Any) -> Any:
    """Give a value for one function alone: its dicts, lists and records are copies, at any depth.

    Whoever sorts a list or pops a key in place then changes neither the state nor a record. So are
    those of classes derived from these, and of other mappings. Other
    objects, messages among them, stay the same: they may be large, or not to be copied at all.
    """
    kind = type(value)
    if kind is dict:
        return {name: own(part) for name, part in value.items()}
    if kind in (list, tuple, set):
        return kind(map(own, value))
    if kind is MappingProxyType:
        return MappingProxyType({name: own(part) for name, part in value.items()})
    if isinstance(value, BaseMessage):
        return value
    if isinstance(value, dict | list) and kind not in _STANDARD:
        return _filled(value)
    # A tuple with names for its places may hold a list.
    if kind in _STANDARD or isinstance(value, BaseModel | tuple | set | Mapping):
        return _copied(value)
    return _copied(value) if is_dataclass(value) and not isinstance(value, type) else value


def _filled(value: Any) -> Any:
    """Copy a dict or list of a class of its own, with parts of its own."""
    try:
        twin = copy(value)
        if isinstance(value, dict):
            twin.update({name: own(part) for name, part in value.items()})
        else:
            twin[:] = map(own, value)
    except Exception:  # noqa: BLE001 - a class may allow none of it
        return value
    return twin


def _copied(record: Any) -> Any:
    try:
        return deepcopy(record)
    except Exception:  # noqa: BLE001 - a record may hold what nobody can copy, such as a lock
        return record
