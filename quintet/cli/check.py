"""`quintet check`: find a graph by name, and print what the check finds."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph
from rich.markup import escape

from quintet.checks import check
from quintet.cli.runs import output
from quintet.errors import DesignError
from quintet.state.record import plain


def checked(name: str) -> list[dict[str, Any]]:
    """The findings of a graph named as MODULE:GRAPH.

    Raises:
        DesignError: no such module or graph, or it is not a graph.
    """
    return [plain(finding) for finding in check(load(name))]


def report(name: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Print findings, each with its remedy."""
    console = output()
    for item in found:
        colour = "red" if item["level"] == "error" else "yellow"
        console.print(
            f"[{colour}]{item['level']}[/] [bold]{escape(item['code'])}[/] at "
            f"{escape(item['node'])}: {escape(item['fault'])}"
        )
        console.print(f"  {escape(item['remedy'])}")
    errors = sum(item["level"] == "error" for item in found)
    console.print(f"{escape(name)}: {errors} errors, {len(found) - errors} warnings")


def load(name: str) -> Any:
    """The graph of that name.

    Raises:
        DesignError: as for `checked`.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not attribute or not all(module_name.split(".")):
        raise DesignError(f"{name!r}: give MODULE:GRAPH, such as examples.support.graph:app")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as problem:
        raise DesignError(f"{name!r}: no module {problem.name!r} here or installed") from problem
    found = getattr(module, attribute, None)
    if found is None:
        names = ", ".join(sorted(n for n in vars(module) if not n.startswith("_")))
        raise DesignError(f"{name!r}: {module_name} has no {attribute!r}; it has {names}")
    if inspect.isfunction(found):
        found = _made(name, found)
    if not isinstance(found, StateGraph) and not hasattr(found, "builder"):
        raise DesignError(f"{name!r} is a {type(found).__name__}, not a graph")
    return found


def _made(name: str, function: Callable[..., Any]) -> Any:
    """What the function returns; one that must be given something is refused."""
    try:
        inspect.signature(function).bind()
    except TypeError as problem:
        raise DesignError(
            f"{name!r} cannot be called without arguments ({problem}); name a graph, or a function "
            "that needs none"
        ) from problem
    return function()
