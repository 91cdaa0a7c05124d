"""`quintet demo`: find a reference system, run it with progress, and show what it reports."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from typing import Any

from quintet.cli.progress import progress
from quintet.cli.runs import output
from quintet.errors import DesignError

PACKAGES = ("examples", "quintet_examples")
"""Where the reference systems are: beside the package in a clone, installed from a wheel."""


def run_system(name: str, url: str, options: Mapping[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Run a system's demo and print it, unless quiet.

    Raises:
        DesignError: there is no system of this name.
    """
    module = _demo(name)
    with progress(name) as advance:
        report: dict[str, Any] = module.run(url=url, progress=advance, **options)
    if not quiet:
        module.show(report, output())
    return report


def _demo(name: str) -> Any:
    package = _package()
    systems = sorted(
        found.name
        for found in pkgutil.iter_modules(package.__path__)
        if importlib.util.find_spec(f"{package.__name__}.{found.name}.demo")
    )
    if name not in systems:
        raise DesignError(f"there is no system {name!r}; there are {', '.join(systems)}")
    return importlib.import_module(f"{package.__name__}.{name}.demo")


def _package() -> Any:
    """The examples of this installation, told from other people's folders of that name."""
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            continue
        package = importlib.import_module(name)
        if "Quintet" in (package.__doc__ or ""):
            return package
    raise DesignError("the examples are not installed: run from a clone, or install the wheel")
