"""Tell systems apart by name and by content, so that a file's rows are not mixed with others'.

An evaluation that goes on from a file compares what the file's rows were made by with what makes
the rest. The content is that of the code and of the settings that do not change while it runs: a
counter or a cache makes no other system.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import CodeType
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from quintet.state.record import digest

_SCALARS = (str, float, type(None))
_DEPTH = 6


def identity_of(thing: Any) -> dict[str, str]:
    """Return the name of a target or metric, and a digest of its code and settings."""
    try:
        content = digest(_content(thing, 0))
    except Exception:  # noqa: BLE001 - a setting's own methods may raise anything
        content = digest(_name(thing))
    return {"name": _name(thing), "digest": content}


def _name(thing: Any) -> str:
    if isinstance(thing, functools.partial):
        return _name(thing.func)
    name = getattr(thing, "__qualname__", None)
    return name if isinstance(name, str) else type(thing).__qualname__


def _content(thing: Any, depth: int) -> Any:
    """Describe a thing as plain data that is the same in each process."""
    if isinstance(thing, int):  # an integer of any size has hexadecimal digits
        return f"{type(thing).__name__} {hex(thing)}"
    if isinstance(thing, _SCALARS):
        return f"{type(thing).__name__} {thing!r:.2000}"
    if depth > _DEPTH:
        return type(thing).__qualname__
    if isinstance(thing, functools.partial):
        return ["partial", *_all((thing.func, thing.args, thing.keywords), depth)]
    if isinstance(thing, CompiledStateGraph):
        return ["graph", *_graph(thing, depth)]
    if inspect.ismethod(thing):
        return ["method", *_all((thing.__func__, thing.__self__), depth)]
    if inspect.isfunction(thing):
        return ["function", *_function(thing, depth)]
    if isinstance(thing, Mapping):
        pairs = [[str(key), _content(value, depth + 1)] for key, value in thing.items()]
        return sorted(pairs, key=lambda pair: pair[0])
    if isinstance(thing, tuple | list):
        return _all(thing, depth)
    return [_name(thing), *_settings(thing, depth)]


def _all(things: Any, depth: int) -> list[Any]:
    return [_content(thing, depth + 1) for thing in things]


def _function(function: Any, depth: int) -> list[Any]:
    cells = [cell.cell_contents for cell in function.__closure__ or () if _is_full(cell)]
    # A list that a closure fills while it runs is no setting.
    fixed = [cell for cell in cells if not isinstance(cell, list | dict | set)]
    given = (function.__defaults__ or (), function.__kwdefaults__ or {}, fixed)
    return [_name(function), _code(function.__code__), *_all(given, depth)]


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _code(code: CodeType) -> list[Any]:
    constants = [
        _code(each) if isinstance(each, CodeType) else repr(each)
        for each in code.co_consts
        if not isinstance(each, frozenset)  # its order differs between processes
    ]
    return [code.co_code.hex(), constants, list(code.co_names)]


def _graph(app: Any, depth: int) -> list[Any]:
    nodes = {name: spec.runnable for name, spec in app.builder.nodes.items()}
    edges = sorted([str(start), str(end)] for start, end in app.builder.edges)
    return [edges, _content(nodes, depth)]


def _settings(thing: Any, depth: int) -> list[Any]:
    if isinstance(thing, type):
        return []
    if is_dataclass(thing) and getattr(thing, "__dataclass_params__").frozen:  # noqa: B009 - untyped
        names = [item.name for item in fields(thing) if item.compare]
        return _all([getattr(thing, name, None) for name in names], depth)
    inner = [getattr(thing, name, None) for name in ("func", "afunc")]  # a graph's node
    if any(inspect.isroutine(each) or callable(each) for each in inner):
        return _all(inner, depth)
    # Numbers of a plain object may be counters; its texts are settings.
    own = getattr(thing, "__dict__", {})
    return [[key, own[key]] for key in sorted(own) if isinstance(own[key], str)]
