"""The tools of a function agent: its contract's, as functions, and no other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

from langchain_core.tools import BaseTool

from quintet.errors import DesignError
from quintet.nodes.agents.injected import injected
from quintet.nodes.core.attempt import Attempt
from quintet.state.contract import tool_name


class Tools(Mapping[str, Any]):
    """The tools that a function agent may call, by name or as attributes; any other is refused.

    An agent that `awaits` gets those that are async to await.
    """

    def __init__(self, tools: Sequence[Any], attempt: Attempt, *, awaits: bool) -> None:
        self._tools = {tool_name(item): item for item in tools}
        self._attempt = attempt
        self._awaits = awaits

    def __getitem__(self, name: str) -> Any:
        self._attempt.allow(name)
        tool = self._tools[name]
        if isinstance(tool, BaseTool):
            return self._watched(name, _called(tool, self._awaits))
        # An effect says by itself that it waits to be awaited.
        return self._watched(name, tool) if inspect.iscoroutinefunction(tool) else tool

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Give a tool that lets the attempt know of what it must await."""

        @wraps(call)
        def watched(*given: Any, **arguments: Any) -> Any:
            result = call(*given, **arguments)
            if inspect.iscoroutine(result):
                self._attempt.unawaited[name, f"call {id(result)}"] = result
            return result

        return watched

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def get(self, name: str, default: Any = None) -> Any:
        """Give a tool, or the default where there is none of that name."""
        return self[name] if name in self._tools else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


def _called(tool: BaseTool, awaits: bool) -> Callable[..., Any]:
    """Give a LangChain tool as the function that it is, with positional arguments too."""
    only_async = getattr(tool, "coroutine", None) is not None and (
        awaits or getattr(tool, "func", None) is None
    )

    def call(*given: Any, **named: Any) -> Any:
        arguments = _by_name(tool, given, named)
        for name, kind in injected(tool).items():
            if name not in arguments:
                raise DesignError(
                    f"the tool {tool.name!r} wants {name!r} ({kind}), which LangChain gives inside "
                    "an agent graph only; give it by name, or call the tool from create_agent(...)"
                )
        return tool.ainvoke(arguments) if only_async else tool.invoke(arguments)

    return call


def _by_name(tool: BaseTool, given: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    names = list(tool.args)
    if len(given) > len(names):
        raise TypeError(f"{tool.name} takes {', '.join(names)}; {len(given)} were given")
    arguments = dict(zip(names, given, strict=False))
    if twice := sorted(arguments.keys() & named.keys()):
        raise TypeError(f"{tool.name} was given {twice[0]!r} twice, by place and by name")
    return {**arguments, **named}
