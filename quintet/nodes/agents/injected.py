"""Find the parameters of a tool that LangChain fills in, and the model does not."""

from __future__ import annotations

from typing import Any, get_origin, get_type_hints

from langchain_core.tools import InjectedToolArg


def injected(tool: Any) -> dict[str, str]:
    """Map each parameter that LangChain fills in to the name of the type that marks it."""
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None) or tool
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}
    marked = {}
    for name, hint in hints.items():
        for mark in (get_origin(hint) or hint, *getattr(hint, "__metadata__", ())):
            kind = mark if isinstance(mark, type) else type(mark)
            # `ToolRuntime` is known by its name, since LangChain's base class for it is private.
            if issubclass(kind, InjectedToolArg) or kind.__name__ == "ToolRuntime":
                marked[name] = kind.__name__
    return marked
