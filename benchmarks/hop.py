"""Measure a node's cost by its form: function, callable dataclass, or one of Quintet's nodes.

Nodes that only count stand in a line, sync and async; the forms take turns in one process.

    python -m benchmarks.hop            # a table
    python -m benchmarks.hop --json     # one object
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from benchmarks.machine import machine, versions
from quintet.nodes import Node

LENGTH = 20


class Count(TypedDict):
    """A counter."""

    count: int


def function(state: Count) -> Count:
    """Count one."""
    return {"count": state["count"] + 1}


async def coroutine(state: Count) -> Count:
    """Count one, natively async."""
    return function(state)


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Count, as a callable object that LangGraph puts into a thread under `ainvoke`."""

    by: int = 1

    def __call__(self, state: Count) -> Count:
        return {"count": state["count"] + self.by}


@dataclass(frozen=True, kw_only=True)
class Ours(Node):
    """Count, as one of Quintet's nodes."""

    by: int = 1

    def logic(self, state: Mapping[str, Any]) -> Any:
        return {"count": state["count"] + self.by}
        yield


FORMS: Mapping[str, Callable[[], Any]] = {
    "function": lambda: function,
    "async function": lambda: coroutine,
    "callable dataclass": Plain,
    "quintet node": Ours,
}


def line(form: Callable[[], Any]) -> Any:
    """Compile a line of nodes of one form."""
    graph = StateGraph(Count)
    names = [f"n{number}" for number in range(LENGTH)]
    for name in names:
        graph.add_node(name, form())
    for earlier, later in pairwise([START, *names]):
        graph.add_edge(earlier, later)
    return graph.compile()


async def measure(rounds: int) -> dict[str, Any]:
    """Measure the median milliseconds of each form."""
    apps = {name: line(form) for name, form in FORMS.items()}
    times: dict[str, dict[str, list[float]]] = {"sync": {}, "async": {}}
    for number in range(rounds + 1):
        for name, app in apps.items():
            if name != "async function":
                began = time.perf_counter()
                app.invoke({"count": 0})
                taken = time.perf_counter() - began
                times["sync"].setdefault(name, []).extend([taken] if number else [])
            began = time.perf_counter()
            await app.ainvoke({"count": 0})
            taken = time.perf_counter() - began
            times["async"].setdefault(name, []).extend([taken] if number else [])
    medians = {
        way: {name: round(statistics.median(seconds) * 1e3, 2) for name, seconds in forms.items()}
        for way, forms in times.items()
    }
    return {
        "nodes": LENGTH,
        "rounds": rounds,
        "milliseconds": medians,
        "machine": machine(),
        "versions": versions(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what a node costs by its form.")
    parser.add_argument("--rounds", type=int, default=60, help="rounds that count (default: 60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.rounds))
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for name in FORMS:
        ways = [figures["milliseconds"][way].get(name, "-") for way in ("sync", "async")]
        sys.stdout.write(f"{name:20} sync {ways[0]} ms, async {ways[1]} ms\n")


if __name__ == "__main__":
    main()
