"""How a graph is asked and moved, once for sync and async graphs."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langgraph.graph.state import CompiledStateGraph

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
    try:
        move = next(moves)
        while True:
            try:
                result = _now(app, move)
            except BaseException as problem:  # noqa: BLE001 - it goes on into the moves
                move = moves.throw(problem)
            else:
                move = moves.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def adrive(app: App, moves: Moves[R]) -> R:
    """Make the moves, awaiting each."""
    try:
        move = next(moves)
        while True:
            try:
                result = await _soon(app, move)
            except BaseException as problem:  # noqa: BLE001 - it goes on into the moves
                move = moves.throw(problem)
            else:
                move = moves.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _now(app: App, move: Move) -> Any:
    result = getattr(app, move.name)(*move.given, **move.options)
    return list(result) if move.name == "get_state_history" else result


async def _soon(app: App, move: Move) -> Any:
    result = getattr(app, "a" + move.name)(*move.given, **move.options)
    if move.name == "get_state_history":
        return [item async for item in result]
    return await asyncio.ensure_future(result)
