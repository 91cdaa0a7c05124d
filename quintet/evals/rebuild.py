"""Copy a graph with other nodes, and compile it like the first."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph


def with_nodes(graph: StateGraph[Any], change: Callable[[str, Any], Any]) -> StateGraph[Any]:
    """Copy an uncompiled graph; `change` gets each node's name and spec, and returns the node."""
    copied: StateGraph[Any] = copy.copy(graph)
    # A shallow copy shares these containers: an edge added to the copy would change the original.
    copied.edges, copied.waiting_edges = set(graph.edges), set(graph.waiting_edges)
    copied.branches = defaultdict(dict, {k: dict(v) for k, v in graph.branches.items()})
    copied.nodes = {
        name: replace(spec, runnable=change(name, spec)) for name, spec in graph.nodes.items()
    }
    copied.compiled = False  # or LangGraph warns of each edge that the user adds to the copy
    return copied


def compiled_like(
    app: CompiledStateGraph[Any, Any, Any, Any], graph: StateGraph[Any], *, checkpointer: Any = None
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a graph with the options of another, and its checkpointer where none is given."""
    return graph.compile(
        checkpointer=app.checkpointer if checkpointer is None else checkpointer,
        store=app.store,
        cache=app.cache,
        interrupt_before=app.interrupt_before_nodes,  # type: ignore[arg-type]
        interrupt_after=app.interrupt_after_nodes,  # type: ignore[arg-type]
        name=app.name,
    )
