"""Refuse workers of one name in a graph and in a graph within it: one result would hide another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.nodes.manage import Manager
from quintet.nodes.plan import Planner
from quintet.nodes.work import Worker


def refuse_namesakes(nodes: Mapping[str, Any]) -> None:
    """Refuse graphs as nodes whose workers' results would stand under a name that means another.

    A graph that is a node shares the results of the graph around it, by the names of its workers.

    Raises:
        DesignError: a worker of this graph has the name of one within, or a contract needs a name
            that workers of several graphs have.
    """
    within = {name: tuple(_results_of(node)) for name, node in nodes.items()}
    workers = {name: node for name, node in nodes.items() if isinstance(node, Worker)}
    for graph, names in within.items():
        if both := [name for name in names if name in workers]:
            raise DesignError(
                f"{graph!r} is a graph with a worker {both[0]!r}, and this graph has one of that "
                f"name too: the later result would stand in the other's place. Rename one, or give "
                f"the graph as an agent: {graph!r}: Worker(agent=..., contract=...)"
            )
    several = Counter(name for names in within.values() for name in names)
    for worker, node in workers.items():
        for need in (*node.contract.required, *node.contract.optional):
            if several[need] > 1:
                of = ", ".join(graph for graph, names in within.items() if need in names)
                raise DesignError(
                    f"{worker!r} needs {need!r}, which is a worker in several graphs ({of}): it "
                    "would get the last one's result. Rename them, or give the graphs as agents"
                )


def _results_of(node: Any) -> Iterator[str]:
    """Name the workers of a graph whose results stand under their own names; none of other nodes.

    Where a planner or a manager sends steps out, results have the steps' names, which are checked
    when a plan is made.
    """
    if not isinstance(node, CompiledStateGraph):
        return
    specs = node.builder.nodes
    parts = {name: getattr(spec.runnable, "inner", spec.runnable) for name, spec in specs.items()}
    if any(isinstance(part, Planner | Manager) for part in parts.values()):
        return
    for name, part in parts.items():
        if isinstance(part, Worker):
            yield name
        yield from _results_of(part)
