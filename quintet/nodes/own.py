"""A user's own function as one of our nodes, so that its retries are on record too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from quintet.nodes.node import Call, Node, Steps, adrive, drive, is_async


@dataclass(frozen=True, kw_only=True)
class Own(Node):
    """A plain or async function of the state, run as it is."""

    function: Callable[[Any], Any]

    @property
    def func(self) -> Callable[[Any], Any] | None:
        """The function if it is a plain one, under the name by which LangChain's wrappers keep it."""
        return None if is_async(self.function) else self.function

    @property
    def afunc(self) -> Callable[[Any], Any] | None:
        """The function if it is async."""
        return self.function if is_async(self.function) else None

    def steps(self, state: Any) -> Steps[Any]:
        """Call the function with the state as LangGraph gives it."""
        return (yield Call(self.function, (state,), blocks=True))

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the function on a state."""
        return self.noted(drive(self.steps(input)))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the function on a state; a plain one in a thread."""
        return self.noted(await adrive(self.steps(input)))


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
