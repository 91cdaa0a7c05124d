"""Measure what starting costs: importing Quintet beside importing LangGraph, and `quintet --help`.

The imports take turns, each in its own process, so that a ratio compares neighbours in time.

    python -m benchmarks.startup            # a table
    python -m benchmarks.startup --json     # one object
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.machine import machine, versions

BASE = "import langgraph.graph"
MORE = {
    "import quintet": "import langgraph.graph, quintet",
    "all rooms": (
        "import langgraph.graph, quintet.state, quintet.nodes, quintet.graphs, quintet.runs"
    ),
    "quintet.evals": "import langgraph.graph, quintet.evals",
}
HELP = [sys.executable, "-m", "quintet", "--help"]


def seconds(command: list[str]) -> float:
    """Measure the wall seconds of a whole process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(rounds: int) -> dict[str, Any]:
    """Return medians over rounds; each ratio is the median of the rounds' own ratios."""
    times: dict[str, list[float]] = {name: [] for name in (BASE, *MORE, "quintet --help")}
    for number in range(rounds + 1):
        row = {BASE: seconds([sys.executable, "-c", BASE])}
        row |= {name: seconds([sys.executable, "-c", code]) for name, code in MORE.items()}
        row["quintet --help"] = seconds(HELP)
        if number:  # the first round warms the file cache
            for name, value in row.items():
                times[name].append(value)
        sys.stderr.write(f"startup: {number} of {rounds}\n")
    ratios = {
        name: statistics.median(a / b for a, b in zip(times[name], times[BASE], strict=True))
        for name in MORE
    }
    return {
        "seconds": {name: round(statistics.median(taken), 3) for name, taken in times.items()},
        "ratio_to_langgraph": {name: round(ratio, 3) for name, ratio in ratios.items()},
        "rounds": rounds,
        "machine": machine(),
        "versions": versions(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what starting costs.")
    parser.add_argument("--rounds", type=int, default=11, help="rounds that count (default: 11)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = measure(options.rounds)
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for name, value in figures["seconds"].items():
        ratio = figures["ratio_to_langgraph"].get(name)
        beside = "" if ratio is None else f"{ratio:.3f} of {BASE!r}"
        sys.stdout.write(f"{name:24} {value:.3f} s  {beside}\n")


if __name__ == "__main__":
    main()
