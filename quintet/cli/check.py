"""Carry out `quintet check`: find a graph by its name, check it, and print the findings."""

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
from quintet.cli.runs import stdout_console
from quintet.errors import DesignError
from quintet.state.record import plain


def findings_of(name: str) -> list[dict[str, Any]]:
    """Check a graph named as MODULE:GRAPH, and return the findings as data.

    Raises:
        DesignError: no such module or graph, or it is not a graph.
    """
    return [plain(finding) for finding in check(load_graph(name))]


def print_findings(name: str, findings: Sequence[Mapping[str, Any]]) -> None:
    """Print findings, each with its remedy."""
    console = stdout_console()
    for finding in findings:
        colour = "red" if finding["level"] == "error" else "yellow"
        # Names and texts come from a user's graph: unescaped, rich would read `[x]` as a style.
        console.print(
            f"[{colour}]{finding['level']}[/] [bold]{escape(finding['code'])}[/] at "
            f"{escape(finding['node'])}: {escape(finding['fault'])}"
        )
        console.print(f"  {escape(finding['remedy'])}")
    errors = sum(finding["level"] == "error" for finding in findings)
    console.print(f"{escape(name)}: {errors} errors, {len(findings) - errors} warnings")


def load_graph(name: str) -> Any:
    """Import a module and return its graph; call a function to make one.

    Raises:
        DesignError: as for `findings_of`.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not attribute or not all(module_name.split(".")):
        raise DesignError(f"{name!r}: give MODULE:GRAPH, such as examples.support.graph:app")
    # The console script, unlike `python -m`, does not look for modules in the current folder.
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as problem:
        raise DesignError(f"{name!r}: no module {problem.name!r} here or installed") from problem
    graph = getattr(module, attribute, None)
    if graph is None:
        names = ", ".join(sorted(n for n in vars(module) if not n.startswith("_")))
        raise DesignError(f"{name!r}: {module_name} has no {attribute!r}; it has {names}")
    if inspect.isfunction(graph):
        graph = _call_factory(name, graph)
    if not isinstance(graph, StateGraph) and not hasattr(graph, "builder"):
        raise DesignError(f"{name!r} is a {type(graph).__name__}, not a graph")
    return graph


def _call_factory(name: str, function: Callable[..., Any]) -> Any:
    """Call a function that makes a graph; refuse one that needs arguments."""
    # Bound before it is called, so that a TypeError of the function's own is not taken for this.
    try:
        inspect.signature(function).bind()
    except TypeError as problem:
        raise DesignError(
            f"{name!r} cannot be called without arguments ({problem}); name a graph, or a function "
            "that needs none"
        ) from problem
    return function()
