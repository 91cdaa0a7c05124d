"""Carry out `quintet check`: find a graph by its name, check it, and print the findings."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from langgraph.graph import StateGraph
from rich.markup import escape

from quintet.checks import check
from quintet.cli.runs import require_database, stdout_console
from quintet.errors import DesignError
from quintet.runs.versions.against import impacts
from quintet.runs.versions.choose import Versions
from quintet.state.checkpointer import checkpointer
from quintet.state.record import plain


def findings_of(name: str) -> list[dict[str, Any]]:
    """Check a graph named as MODULE:GRAPH, and return the findings as data.

    Raises:
        DesignError: no such module or graph, or it is not a graph.
    """
    graph = load_graph(name)
    # Versions run on the database that they are judged against, whatever they were compiled with.
    newest = graph.newest.builder if isinstance(graph, Versions) else graph
    return [plain(finding) for finding in check(newest)]


def runs_against(name: str, url: str) -> tuple[list[dict[str, Any]], int]:
    """Judge the open runs of a database by a graph named as MODULE:GRAPH.

    Returns:
        The runs of this graph as data, and the number of open runs that are of others.

    Raises:
        NoSuchRun: there is no such database.
    """
    require_database(url)
    with checkpointer(url) as saver:
        found, others = impacts(load_graph(name), saver)
    return [plain(impact) for impact in found], others


def print_runs_against(url: str, found: Sequence[Mapping[str, Any]], others: int) -> None:
    """Print what would become of the open runs of a database, with the reasons."""
    console = stdout_console()
    colours = {"breaks": "red", "migrates": "yellow", "unknown": "yellow"}
    for run in found:
        colour = colours.get(run["verdict"], "green")
        console.print(
            f"[{colour}]{run['verdict']}[/] [bold]{escape(run['thread'])}[/] ({run['status']})"
        )
        for reason in run["reasons"]:
            console.print(f"  {escape(reason)}")
    broken = sum(run["verdict"] == "breaks" for run in found)
    rest = f"; {others} open runs are of other graphs" if others else ""
    console.print(f"{escape(url)}: {len(found)} open runs, {broken} would break{rest}")


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
    """Import a module and return its graph; call a function, async or not, to make one.

    Raises:
        DesignError: as for `findings_of`.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not attribute or not all(module_name.split(".")):
        raise DesignError(f"{name!r}: give MODULE:GRAPH, such as examples.support.graph:app")
    # The console script, unlike `python -m`, does not look for modules in the current folder.
    sys.path.insert(0, str(Path.cwd()))
    try:
        with _told(f"raised when {module_name} was imported"):
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as problem:
        dotted = module_name.removesuffix(".py").replace("/", ".").lstrip(".")
        hint = f"; write {dotted}:{attribute}" if dotted != module_name else ""
        raise DesignError(
            f"{name!r}: no module {problem.name!r} here or installed{hint}"
        ) from problem
    graph = getattr(module, attribute, None)
    if graph is None:
        names = ", ".join(sorted(n for n in vars(module) if not n.startswith("_")))
        kind = "" if getattr(module, "__file__", None) else ", a folder without __init__.py,"
        raise DesignError(
            f"{name!r}: {module_name}{kind} has no {attribute!r}; it has {names or 'no names'}"
        )
    if isinstance(graph, FunctionType | MethodType | partial):
        with _told(f"raised when {name} was called"):
            graph = _call_factory(name, graph)
    is_graph = isinstance(graph, StateGraph | Versions) or hasattr(graph, "builder")
    if not is_graph:
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
    made = function()
    return asyncio.run(made) if inspect.iscoroutine(made) else made


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Add to an error of the user's code where it was raised."""
    try:
        yield
    except Exception as problem:
        problem.add_note(where)
        raise
