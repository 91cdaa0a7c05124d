"""Wrap a user's function as one of our nodes, so that its retries are on record too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from langchain_core.runnables import Runnable
from langgraph.types import Command

from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.injected import Injected, filled_in, injected_kind
from quintet.nodes.core.node import Node
from quintet.nodes.core.returned import refuse_astray, refuse_dropped
from quintet.state.verdict import is_async


@dataclass(frozen=True, kw_only=True)
class FunctionNode(Node):
    """Run a plain or async function of the state as it is.

    Args:
        function: the function.
        injected: its parameters besides the state that LangGraph would fill in.
        channels: the graph's keys, to which its update is held; None where they are not known.
    """

    function: Callable[..., Any]
    injected: Injected = ()
    channels: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def asks(self) -> bool:  # type: ignore[override]
        """Say whether the function declares that it may stop for a person."""
        return bool(getattr(self.function, "asks", False))

    @property
    def func(self) -> Callable[..., Any] | None:
        """Give the function if it is a plain one, under the name that LangChain's wrappers use."""
        return None if is_async(self.function) else self.function

    @property
    def afunc(self) -> Callable[..., Any] | None:
        """Give the function if it is async."""
        return self.function if is_async(self.function) else None

    def logic(self, state: Any) -> Logic[Any]:
        """Call the function with the state."""
        return self.checked((yield self.call(state)))

    def call(self, state: Any) -> Call:
        """Give the call of the function with the state, and with what it asks for besides."""
        return Call(self.function, (state,), options=filled_in(self.injected), blocks=True)

    def checked(self, result: Any) -> Any:
        """Give the function's result; refuse what would be lost, or would lead astray."""
        if self.channels is not None:
            refuse_dropped(self.function, self.channels, result)
            refuse_astray(self.function, targets_of(self.function), result)
        return result

    def input_of(self, state: Any) -> Any:
        """Give the state as it comes: the function may want a dataclass or a model."""
        return state


def as_node(node: Any) -> Any:
    """Give a function of the state as a `FunctionNode`, and any other node as it is.

    It may take what LangGraph fills in (config, runtime, writer, store) and what has a default. Any
    other function is left to LangGraph, whose error says what is wrong with it.
    """
    if isinstance(node, Runnable) or not callable(node):
        return node
    if inspect.isgeneratorfunction(node) or inspect.isasyncgenfunction(node):
        return node
    injected = _injected_of(node)
    return node if injected is None else FunctionNode(function=node, injected=injected)


def _injected_of(node: Any) -> Injected | None:
    """List the parameters that LangGraph would fill in; None where others are wanted."""
    try:
        parameters = list(inspect.signature(node).parameters.values())
    except (TypeError, ValueError):
        return None
    if len(parameters) == 1:
        return ()
    if not parameters or parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return None
    hints, injected = _hints(node), []
    for parameter in parameters[1:]:
        named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        kind = injected_kind(parameter, hints.get(parameter.name)) if named else None
        if kind is not None:
            injected.append((parameter.name, kind))
        elif parameter.default is parameter.empty:
            return None
    return tuple(injected)


def targets_of(node: Any) -> tuple[str, ...]:
    """Name the nodes that a node may go to by `Command`.

    It declares them by its `destinations`, or by its return annotation `Command[Literal[...]]`.
    """
    declared = getattr(node, "destinations", None)
    if declared is not None:
        return tuple(declared)
    hint = _hints(node).get("return")
    union = get_origin(hint) in (Union, UnionType)
    for option in get_args(hint) if union else (hint,):
        goto = get_args(option)
        if get_origin(option) is Command and goto and get_origin(goto[0]) is Literal:
            return tuple(str(target) for target in get_args(goto[0]))
    return ()


def input_schema_of(node: Any) -> type[Any] | None:
    """Give the state type that annotates a function's one argument, as LangGraph reads it."""
    if not isinstance(as_node(node), FunctionNode):
        return None
    hint = _hints(node).get(next(iter(inspect.signature(node).parameters)))
    return hint if isinstance(hint, type) and get_type_hints(hint) else None


def _hints(node: Any) -> dict[str, Any]:
    try:
        return get_type_hints(node if inspect.isroutine(node) else type(node).__call__)
    except (NameError, TypeError, AttributeError):
        return {}
