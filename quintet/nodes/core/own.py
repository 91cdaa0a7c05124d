"""A user's own function as one of our nodes, so that its retries are on record too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from langchain_core.runnables import Runnable
from langgraph.types import Command

from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.node import Node
from quintet.state.verdict import is_async


@dataclass(frozen=True, kw_only=True)
class Own(Node):
    """A plain or async function of the state, run as it is."""

    function: Callable[[Any], Any]

    @property
    def asks(self) -> bool:  # type: ignore[override]
        """Whether the function says that it may stop for a person."""
        return bool(getattr(self.function, "asks", False))

    @property
    def func(self) -> Callable[[Any], Any] | None:
        """The function if it is a plain one, by the name that LangChain's wrappers use."""
        return None if is_async(self.function) else self.function

    @property
    def afunc(self) -> Callable[[Any], Any] | None:
        """The function if it is async."""
        return self.function if is_async(self.function) else None

    def logic(self, state: Any) -> Logic[Any]:
        """Call the function with the state."""
        return (yield Call(self.function, (state,), blocks=True))

    def input_of(self, state: Any) -> Any:
        """The state as LangGraph gives it: the function may want a dataclass or a model."""
        return state


def own(node: Any) -> Any:
    """A node as it is, or as `Own` where it is a function of the state alone.

    A function that asks LangGraph for more (config, runtime, writer, store) is left to LangGraph,
    which gives it those; its retries leave no record.
    """
    if isinstance(node, Runnable) or not callable(node):
        return node
    try:
        parameters = inspect.signature(node).parameters
    except (TypeError, ValueError):
        return node
    generator = inspect.isgeneratorfunction(node) or inspect.isasyncgenfunction(node)
    return Own(function=node) if len(parameters) == 1 and not generator else node


def goes_to(node: Any) -> tuple[str, ...]:
    """Where a node says that it goes by `Command`: its `destinations`, or its return annotation."""
    declared = getattr(node, "destinations", None)
    if declared is not None:
        return tuple(declared)
    hint = _hints(node).get("return")
    union = get_origin(hint) in (Union, UnionType)
    for each in get_args(hint) if union else (hint,):
        named = get_args(each)
        if get_origin(each) is Command and named and get_origin(named[0]) is Literal:
            return tuple(str(target) for target in get_args(named[0]))
    return ()


def reads(node: Any) -> type[Any] | None:
    """The state that a function of one argument asks for by its annotation, as LangGraph has it."""
    if not isinstance(own(node), Own):
        return None
    hint = _hints(node).get(next(iter(inspect.signature(node).parameters)))
    return hint if isinstance(hint, type) and get_type_hints(hint) else None


def _hints(node: Any) -> dict[str, Any]:
    try:
        return get_type_hints(node if inspect.isroutine(node) else type(node).__call__)
    except (NameError, TypeError, AttributeError):
        return {}
