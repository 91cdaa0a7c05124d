"""Carry out `quintet demo`: find reference systems, run them with progress, print their reports."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from quintet.cli.progress import progress
from quintet.cli.runs import stdout_console
from quintet.errors import DesignError

PACKAGES = ("examples", "quintet_examples")
"""The packages of the reference systems, in a clone and in a wheel."""

ALL = "all"
"""The name that stands for every system."""

SHARED = ("cases", "silent_ends", "decision_accuracy", "outcomes", "seconds")
"""The figures that every system reports."""


def run_system(name: str, url: str, options: Mapping[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Run a system's demo and print it, unless quiet.

    Raises:
        DesignError: there is no system of this name.
    """
    module = _demo(name)
    report = _reported(name, module, url, options)
    if not quiet:
        module.show(report, stdout_console())
    return report


def run_all(url: str, options: Mapping[str, Any], *, quiet: bool) -> dict[str, dict[str, Any]]:
    """Run every system, and print one table, unless quiet.

    A system that cannot run, such as one whose data are not there, is `well: false` with the
    reason as its `problem`, and does not keep the others from running.

    Returns:
        The report of each system, by its name.
    """
    reports = {name: _tried(name, url, options) for name in system_names()}
    if not quiet:
        stdout_console().print(_table(reports))
    return reports


def system_names() -> list[str]:
    """Name the reference systems: the folders of the examples that have a demo."""
    package = _package()
    return sorted(
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if module.ispkg and importlib.util.find_spec(f"{package.__name__}.{module.name}.demo")
    )


def _tried(name: str, url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _reported(name, _demo(name), url, options)
    except Exception as problem:  # noqa: BLE001 - the others run all the same, and it is told
        return {"well": False, "problem": f"{type(problem).__name__}: {problem}"}


def _reported(name: str, module: Any, url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    with progress(name) as advance:
        report: dict[str, Any] = module.run(url=url, progress=advance, **options)
    return report


def _table(reports: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("system", "cases", "silent ends", "decided rightly", "outcomes", "seconds", ""):
        table.add_column(head, overflow="fold")
    for name, report in reports.items():
        verdict = "[green]well[/]" if report["well"] else "[red]not well[/]"
        if "problem" in report:
            table.add_row(name, "", "", "", escape(report["problem"]), "", verdict)
        else:
            table.add_row(name, *_cells(report), verdict)
    return table


def _cells(report: Mapping[str, Any]) -> Iterable[str]:
    outcomes = ", ".join(f"{name} {count}" for name, count in report["outcomes"].items())
    accuracy = report.get("decision_accuracy")
    yield str(report["cases"])
    yield str(report["silent_ends"])
    yield "" if accuracy is None else f"{accuracy:.1%}"
    yield outcomes
    yield str(report["seconds"])


def _demo(name: str) -> Any:
    systems = system_names()
    if name not in systems:
        raise DesignError(f"there is no system {name!r}; there are {', '.join(systems)}, and {ALL}")
    return importlib.import_module(f"{_package().__name__}.{name}.demo")


def _package() -> Any:
    """Import the package with our examples."""
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            continue
        package = importlib.import_module(name)
        # Other projects have a package named `examples` as well.
        if "Quintet" in (package.__doc__ or ""):
            return package
    raise DesignError("the examples are not installed: run from a clone, or install the wheel")
