"""Fill in what LangGraph gives to functions that ask for it: config, runtime, store, writer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config
from langgraph.runtime import Runtime, get_runtime

Injected = tuple[tuple[str, str], ...]
"""Parameters that LangGraph would fill in, each with the kind of its value."""


def running_config() -> RunnableConfig:
    """Return the config of the running node, or an empty one outside a graph."""
    try:
        return get_config()
    except RuntimeError:
        return {}


_VALUES: dict[str, Callable[[], Any]] = {
    "config": running_config,
    "runtime": get_runtime,
    "store": lambda: get_runtime().store,
    "writer": lambda: get_runtime().stream_writer,
}


def injected_kind(parameter: inspect.Parameter, hint: Any) -> str | None:
    """Name the value of LangGraph's that a parameter asks for by its type or its name."""
    if hint is RunnableConfig or parameter.name == "config":
        return "config"
    if hint is Runtime or getattr(hint, "__origin__", None) is Runtime:
        return "runtime"
    return parameter.name if parameter.name in ("runtime", "store", "writer") else None


def filled_in(injected: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Give the values of these parameters in the running node."""
    return {name: _VALUES[kind]() for name, kind in injected}
