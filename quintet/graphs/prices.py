"""Refuse a graph that limits money, and in which a model would spend it uncounted."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.nodes.work import Worker


def refuse_uncounted(graph: StateGraph[Any]) -> None:
    """Refuse a limit on money that a router, planner or dispatcher would wait for in vain.

    A worker whose agent is a function may have no model, and needs no price.

    Raises:
        DesignError: it names the limit's node, and the worker that has no price.
    """
    nodes = {name: spec.runnable for name, spec in graph.nodes.items()}
    budgets = {name: getattr(node, "budget", None) for name, node in nodes.items()}
    limited = [name for name, each in budgets.items() if getattr(each, "money", None) is not None]
    free = [name for name, node in nodes.items() if limited and _spends_uncounted(node)]
    if free:
        raise DesignError(
            f"{limited[0]!r} limits money, and {free[0]!r} has no price, so that it would spend "
            "uncounted; give Worker(price=per_million(input=..., output=...))"
        )


def _spends_uncounted(node: Any) -> bool:
    """Say whether a worker's models have no price: a worker itself, or one in a nested graph."""
    if isinstance(node, CompiledStateGraph):
        return any(map(_spends_uncounted, _nodes(node)))
    if not isinstance(node, Worker) or node.price is not None:
        return False
    agent = node.agent
    if isinstance(agent, CompiledStateGraph) and any(isinstance(n, Worker) for n in _nodes(agent)):
        return _spends_uncounted(agent)
    return isinstance(agent, Runnable)


def _nodes(graph: CompiledStateGraph[Any]) -> list[Any]:
    return [spec.runnable for spec in graph.builder.nodes.values()]
