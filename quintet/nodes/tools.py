"""The tools that a chat model may call, as LangChain has them."""

# No postponed annotations here: LangChain reads those of `_run` at every call, and text is costly.

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Self, get_origin, get_type_hints

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import (
    BaseTool,
    InjectedToolArg,
    InjectedToolCallId,
    StructuredTool,
    tool,
)

from quintet.nodes.effect import Effect


class FunctionTool(StructuredTool):
    """A tool of a function whose type hints are evaluated once, and not at every call."""

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Self:
        """Give a function as a tool, with its own name, description and schema.

        Raises:
            ValueError: LangChain's, where the function has no docstring.
        """
        if inspect.iscoroutinefunction(function):
            return cls.from_function(coroutine=_hinted(function))  # type: ignore[return-value]
        return cls.from_function(_hinted(function))  # type: ignore[return-value]

    def _run(
        self,
        *args: Any,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
        **kwargs: Any,
    ) -> Any:
        return super()._run(*args, config=config, run_manager=run_manager, **kwargs)

    async def _arun(
        self,
        *args: Any,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
        **kwargs: Any,
    ) -> Any:
        return await super()._arun(*args, config=config, run_manager=run_manager, **kwargs)


def _hinted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the same function with evaluated hints; itself, where they cannot be evaluated."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        return function
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)
    else:

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

    call.__annotations__ = hints
    return call


def as_tool(item: Any) -> BaseTool:
    """Give an effect, a function or a tool as a tool."""
    if isinstance(item, Effect):
        return item.as_tool()
    if inspect.isfunction(item):
        return FunctionTool.of(item)
    made: BaseTool = item if isinstance(item, BaseTool) else tool(item)
    return made


def injected(item: Any) -> str | None:
    """Name what a tool wants to be given besides its arguments and its call's id."""
    function = getattr(item, "func", None) or getattr(item, "coroutine", None) or item
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return None
    for name, hint in hints.items():
        for mark in (get_origin(hint) or hint, *getattr(hint, "__metadata__", ())):
            kind = mark if isinstance(mark, type) else type(mark)
            wanted = issubclass(kind, InjectedToolArg) or kind.__name__ == "ToolRuntime"
            if wanted and not issubclass(kind, InjectedToolCallId):
                return f"{name!r} ({kind.__name__})"
    return None
