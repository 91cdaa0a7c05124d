"""How a graph is asked and moved, once for sync and async graphs."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from quintet.nodes.core.node import apump, pump
from quintet.state.hold import Holds
from quintet.state.run import RunChannel

R = TypeVar("R")

App = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """One call of a compiled graph: the method's sync name, and its arguments."""

    name: str
    given: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


Moves = Generator[Move, Any, R]


def drive(app: App, moves: Moves[R]) -> R:
    """Make the moves, waiting for each."""
    return pump(moves, partial(now, app))


async def adrive(app: App, moves: Moves[R]) -> R:
    """Make the moves, awaiting each."""
    return await apump(moves, partial(soon, app))


def now(app: App, move: Move) -> Any:
    """Make one move, waiting for it."""
    result = getattr(app, move.name)(*move.given, **move.options)
    return list(result) if move.name == "get_state_history" else result


async def soon(app: App, move: Move) -> Any:
    """Make one move, awaiting it."""
    result = getattr(app, "a" + move.name)(*move.given, **move.options)
    if move.name == "get_state_history":
        return [item async for item in result]
    return await result


PAGE = 16


def history(config: RunnableConfig) -> Moves[list[StateSnapshot]]:
    """Give the snapshots of a thread's last run, newest first, back to its input.

    LangGraph reads all that it is asked for before it gives the first, so a long thread is asked
    for page by page.
    """
    found: list[StateSnapshot] = []
    most = PAGE
    while True:
        options: dict[str, Any] = {"before": found[-1].config} if found else {}
        page: list[StateSnapshot] = yield Move(
            "get_state_history", (config,), {"limit": most, **options}
        )
        for item in page:
            found.append(item)
            if is_input(item):
                return found
        if len(page) < most:
            return found
        most *= 2


def held(app: App, thread: str, moves: Moves[R]) -> Moves[R]:
    """Make moves while nobody else moves the thread.

    Raises:
        ThreadHeld: somebody does.
    """
    with hold_of(app, thread):
        return (yield from moves)


def hold_of(app: App, thread: str) -> AbstractContextManager[None]:
    """Give the hold on a thread, by the saver's own means, else within this process."""
    saver = app.checkpointer
    holds: Holds | None = getattr(saver, "holds", None)
    if holds is None:
        if saver is None or isinstance(saver, bool):
            return _free()
        holds = _in_this_process.setdefault(saver, Holds())
    return holds.hold(thread)


_in_this_process: WeakKeyDictionary[Any, Holds] = WeakKeyDictionary()


@contextmanager
def _free() -> Iterator[None]:
    yield


def knows_quintet(app: App) -> bool:
    """Say whether a graph, or one nested in it, keeps our records; keys of these names do not."""
    return keeps_runs(app) or any(
        knows_quintet(inner)
        for _, inner in app.get_subgraphs()
        if isinstance(inner, CompiledStateGraph)
    )


def keeps_runs(app: App) -> bool:
    """Say whether a graph's own state tells one run from the next."""
    return isinstance(app.channels.get("run"), RunChannel)


def is_input(item: StateSnapshot) -> bool:
    """Say whether a run begins here; what is older is of the thread's earlier runs."""
    return (item.metadata or {}).get("source") == "input"
