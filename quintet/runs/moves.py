"""How a graph is asked and moved, once for sync and async graphs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from quintet.nodes.node import apump, pump
from quintet.state.channels import keep_decisions

R = TypeVar("R")

App = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """One call of a compiled graph: the method's sync name, and its arguments."""

    name: str
    given: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)


Moves = Generator[Move, Any, R]


def drive(app: App, moves: Moves[R]) -> R:
    """Make the moves, waiting for each."""
    return pump(moves, partial(_now, app))


async def adrive(app: App, moves: Moves[R]) -> R:
    """Make the moves, awaiting each."""
    return await apump(moves, partial(_soon, app))


def _now(app: App, move: Move) -> Any:
    result = getattr(app, move.name)(*move.given, **move.options)
    if move.name != "get_state_history":
        return result
    history: list[StateSnapshot] = []
    with closing(result):
        for item in result:
            history.append(item)
            if _is_input(item):
                break
    return history


async def _soon(app: App, move: Move) -> Any:
    result = getattr(app, "a" + move.name)(*move.given, **move.options)
    if move.name != "get_state_history":
        return await result
    history: list[StateSnapshot] = []
    async with aclosing(result):
        async for item in result:
            history.append(item)
            if _is_input(item):
                break
    return history


def knows_quintet(app: App) -> bool:
    """Whether a graph, or one nested in it, keeps our records; keys of the same names do not."""
    decisions = app.channels.get("decisions")
    if getattr(decisions, "operator", None) is keep_decisions:
        return True
    return any(
        knows_quintet(inner)
        for _, inner in app.get_subgraphs()
        if isinstance(inner, CompiledStateGraph)
    )


def _is_input(item: StateSnapshot) -> bool:
    """Whether a run begins here; what is older is of the thread's earlier runs."""
    return (item.metadata or {}).get("source") == "input"
