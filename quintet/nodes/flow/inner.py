"""Run a user's node inside a node of ours: any function, Runnable, graph, or node of Quintet."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.config import get_config, get_store, get_stream_writer
from langgraph.errors import ParentCommand
from langgraph.runtime import get_runtime
from pydantic import BaseModel
from typing_extensions import get_type_hints

from quintet.nodes.core.call import Call, Logic, TimeUp
from quintet.nodes.core.function import input_schema_of
from quintet.nodes.core.node import Node
from quintet.state.channels import OfRun, apply_updates
from quintet.state.verdict import name_of

_GIVEN: dict[str, Callable[[], Any]] = {
    "config": get_config,
    "runtime": get_runtime,
    "writer": get_stream_writer,
    "store": get_store,
}
"""Give what LangGraph gives to a node's further parameters, by their names."""


def run_inner(node: Any, state: Mapping[str, Any], seconds: float | None) -> Logic[Any]:
    """Run a node on a state; a `Command` to the graph around it is its result.

    Raises:
        TimeoutError: it took longer than `seconds`.
    """
    try:
        if isinstance(node, Node):
            return (yield from node.logic(node.input_of(state)))
        if isinstance(node, Runnable):
            return (yield Call(node, (dict(state),), seconds=seconds))
        options = {name: _GIVEN[name]() for name in _further(node)}
        given = (_as_annotated(node, state),)
        return (yield Call(node, given, blocks=True, options=options, seconds=seconds))
    except ParentCommand as leaving:
        return leaving.args[0]
    except TimeUp as problem:
        raise TimeoutError(f"{name_of(node)} took longer than {seconds:g} s") from problem


@lru_cache(maxsize=1024)
def _further(node: Any) -> tuple[str, ...]:
    """Name the parameters after the state that LangGraph fills in."""
    names = list(inspect.signature(node).parameters)[1:]
    return tuple(name for name in names if name in _GIVEN)


def _as_annotated(node: Any, state: Mapping[str, Any]) -> Any:
    """Give the state as the type that annotates a function's argument, as LangGraph does."""
    schema = input_schema_of(node) if len(inspect.signature(node).parameters) == 1 else None
    if schema is None or not isinstance(schema, type):
        return state
    if is_dataclass(schema):
        names = {field.name for field in fields(schema)}
    elif issubclass(schema, BaseModel):
        names = set(schema.model_fields)
    else:
        return state
    return schema(**{name: state[name] for name in names if name in state})


@lru_cache(maxsize=256)
def hints_of(state: Any) -> dict[str, Any]:
    """Give the annotations of a state's keys."""
    return dict(get_type_hints(state, include_extras=True))


def updated(schema: Any, state: Mapping[str, Any], update: Any) -> dict[str, Any]:
    """Give the state as it will be with an update of one node, as a path function sees it."""
    if not isinstance(update, Mapping):
        return dict(state)
    hints, new = hints_of(schema), dict(state)
    for key, value in update.items():
        new[key] = _merged(hints.get(key), state.get(key), value)
    return new


def _merged(hint: Any, value: Any, update: Any) -> Any:
    spec = next(iter(reversed(getattr(hint, "__metadata__", ()))), None)
    ours = isinstance(spec, OfRun) or (isinstance(spec, type) and issubclass(spec, OfRun))
    if ours:
        return apply_updates(hint, value, update)
    if inspect.isroutine(spec) and value is not None:  # a reducer, as `operator.add`
        return spec(value, update)
    return update
