"""Turn effects and functions into LangChain tools that a chat model may call."""

# No postponed annotations here: LangChain reads those of `_run` at every call, and would have to
# evaluate text each time.

import inspect
import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Self, get_type_hints

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, tool

from quintet.nodes.effect import Effect
from quintet.state.contract import tool_name


class FunctionTool(StructuredTool):
    """Call a function as a tool, its type hints evaluated once and not at every call."""

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Self:
        """Make a tool of a function, with its name, description and schema."""
        asynchronous = inspect.iscoroutinefunction(function)
        made: Any = cls.from_function(
            func=None if asynchronous else _hinted(function),
            coroutine=_hinted(function) if asynchronous else None,
            description=_description(function),
        )
        return made  # type: ignore[no-any-return]

    def _run(
        self,
        *args: Any,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
        **kwargs: Any,
    ) -> Any:
        return _compact(super()._run(*args, config=config, run_manager=run_manager, **kwargs))

    async def _arun(
        self,
        *args: Any,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
        **kwargs: Any,
    ) -> Any:
        result = await super()._arun(*args, config=config, run_manager=run_manager, **kwargs)
        return _compact(result)


def _compact(result: Any) -> Any:
    """Write a dict or a list as compact JSON; LangChain would put a space after each part."""
    if type(result) not in (dict, list):
        return result
    try:
        return json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError):  # not JSON: LangChain takes its `str`
        return result


def _hinted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function with evaluated hints; return it as it is where they cannot be evaluated."""
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

    # `wraps` has copied the annotations, which may be text.
    call.__annotations__ = hints
    return call


def as_tool(item: Any) -> BaseTool:
    """Return an effect, a function or a tool as a LangChain tool."""
    if isinstance(item, Effect):
        return item.as_tool()
    if inspect.isfunction(item):
        return FunctionTool.of(item)
    if isinstance(item, BaseTool):
        return item
    made: BaseTool = tool(item, description=_description(item))
    return made


def _description(item: Any) -> str:
    """Return a function's docstring, or its name where it has none."""
    return inspect.getdoc(item) or tool_name(item)
