"""Record the machine and the versions of a measurement, and read times on a shared machine."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "langchain-core",
    "langchain",
    "langgraph-supervisor",
    "langgraph-swarm",
    "pydantic",
)


def machine() -> dict[str, Any]:
    """Return the processor, the cores, the system, and how busy it is."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2),
    }


def versions(*more: str) -> dict[str, str]:
    """Return the versions of Python and of the installed packages, those in `more` as well."""
    numbers = {"python": platform.python_version()}
    for package in (*PACKAGES, *more):
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            continue
    return numbers


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def undisturbed(taken: Sequence[float]) -> float:
    """Give the middle of the quickest quarter: other programs only ever add time."""
    return statistics.median(sorted(taken)[: max(1, len(taken) // 4)])
