"""What a tool wants to be given by LangChain besides its arguments."""

from __future__ import annotations

from typing import Any, get_origin, get_type_hints

from langchain_core.tools import InjectedToolArg


def injected(tool: Any) -> dict[str, str]:
    """Give the parameters that LangChain fills in, with the name of the mark that says so."""
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None) or tool
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}
    found = {}
    for name, hint in hints.items():
        for mark in (get_origin(hint) or hint, *getattr(hint, "__metadata__", ())):
            kind = mark if isinstance(mark, type) else type(mark)
            if issubclass(kind, InjectedToolArg) or kind.__name__ == "ToolRuntime":
                found[name] = kind.__name__
    return found
