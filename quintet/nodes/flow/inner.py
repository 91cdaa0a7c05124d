"""Run a user's node inside a node of ours: any function, Runnable, graph, or node of Quintet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Annotated, Any

from langchain_core.runnables import Runnable
from langgraph.errors import ParentCommand
from langgraph.graph import StateGraph
from pydantic import BaseModel

from quintet.nodes.core.call import Call, Logic, TimeUp
from quintet.nodes.core.function import FunctionNode, as_node, input_schema_of
from quintet.nodes.core.injected import Injected, filled_in
from quintet.nodes.core.node import Node
from quintet.nodes.core.returned import writes_of
from quintet.state.channels import OfRun, apply_updates
from quintet.state.own import own
from quintet.state.run import RunChannel
from quintet.state.verdict import name_of


def run_inner(node: Any, state: Mapping[str, Any], seconds: float | None) -> Logic[Any]:
    """Run a node on a state; what an inner graph sends to the graph around it is its result.

    Raises:
        TimeoutError: it took longer than `seconds`.
    """
    try:
        if isinstance(node, Node):
            return (yield from node.logic(node.input_of(state)))
        if isinstance(node, Runnable):
            return (yield Call(node, (dict(state),), seconds=seconds))
        injected, schema = _wanted_by(node)
        given = (_as_annotated(schema, state),)
        options = filled_in(injected)
        return (yield Call(node, given, blocks=True, options=options, seconds=seconds))
    except ParentCommand as leaving:
        return replace(leaving.args[0], graph=None)
    except TimeUp as problem:
        raise TimeoutError(f"{name_of(node)} took longer than {seconds:g} s") from problem


def _wanted_by(node: Any) -> tuple[Injected, Any]:
    """Give what LangGraph fills in for a function, and the type that annotates its state."""
    try:
        return _cached(node)
    except TypeError:  # a callable object may have no hash
        return _cached.__wrapped__(node)


@lru_cache(maxsize=1024)
def _cached(node: Any) -> tuple[Injected, Any]:
    made = as_node(node)
    return (made.injected if isinstance(made, FunctionNode) else ()), input_schema_of(node)


def _as_annotated(schema: Any, state: Mapping[str, Any]) -> Any:
    """Give the state as the type that annotates a function's argument, as LangGraph does."""
    if is_dataclass(schema):
        names = {field.name for field in fields(schema)}
    elif isinstance(schema, type) and issubclass(schema, BaseModel):
        names = set(schema.model_fields)
    else:
        return state
    return schema(**{name: state[name] for name in names if name in state})


@lru_cache(maxsize=256)
def channels_of(schema: Any) -> Mapping[str, Any]:
    """Give a state's channels, as LangGraph reads them from its annotations."""
    return StateGraph(schema).channels


def updated(schema: Any, state: Mapping[str, Any], update: Any) -> dict[str, Any]:
    """Give the state as it will be with an update of one node, as a path function sees it."""
    written: dict[str, list[Any]] = {}
    for key, value in writes_of(update):
        written.setdefault(key, []).append(value)
    channels = channels_of(schema)
    return dict(state) | {
        key: _merged(channels[key], key, state, values)
        for key, values in written.items()
        if key in channels
    }


def _merged(channel: Any, key: str, state: Mapping[str, Any], values: list[Any]) -> Any:
    if isinstance(channel, RunChannel):
        return state.get(key)
    if isinstance(channel, OfRun):
        return apply_updates(Annotated[Any, channel], state.get(key), *values)
    # A reducer may change its first argument in place, and that one is the state's own.
    ahead = channel.from_checkpoint(own(state[key])) if key in state else channel.copy()
    ahead.update(own(values))
    return ahead.get()
