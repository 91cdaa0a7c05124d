"""Carry out `quintet demo`: find a reference system, run it with progress, print its report."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from typing import Any

from quintet.cli.progress import progress
from quintet.cli.runs import stdout_console
from quintet.errors import DesignError

PACKAGES = ("examples", "quintet_examples")
"""The packages of the reference systems, in a clone and in a wheel."""


def run_system(name: str, url: str, options: Mapping[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Run a system's demo and print it, unless quiet.

    Raises:
        DesignError: there is no system of this name.
    """
    module = _demo(name)
    with progress(name) as advance:
        report: dict[str, Any] = module.run(url=url, progress=advance, **options)
    if not quiet:
        module.show(report, stdout_console())
    return report


def _demo(name: str) -> Any:
    package = _package()
    systems = sorted(
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if importlib.util.find_spec(f"{package.__name__}.{module.name}.demo")
    )
    if name not in systems:
        raise DesignError(f"there is no system {name!r}; there are {', '.join(systems)}")
    return importlib.import_module(f"{package.__name__}.{name}.demo")


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
