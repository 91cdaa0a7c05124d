"""Call a compiled graph, sync or async, and hold its thread meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.guards import GRAPH
from quintet.state.hold import Holds
from quintet.state.run import RunChannel

R = TypeVar("R")

App = CompiledStateGraph[Any, Any, Any, Any]


def thread_of(config: RunnableConfig) -> str:
    """Give the thread's id from a configuration."""
    return str(config["configurable"]["thread_id"])


def invocation(
    app: App, graph_input: Any, config: RunnableConfig, options: Mapping[str, Any]
) -> Call:
    """Invoke a graph, and save each superstep before the next begins."""
    # LangGraph's default saves in the background: it hides a storage failure until the end.
    return _invocation(app, graph_input, config, {"durability": "sync", **options})


def unsaved_invocation(
    app: App, graph_input: Any, config: RunnableConfig, options: Mapping[str, Any]
) -> Call:
    """Invoke a graph without a checkpointer; its result holds values and open questions."""
    # Version 2 returns the questions beside the values; `output_keys` must hide no key here.
    whole = {"version": "v2", "stream_mode": "values", "output_keys": None}
    return _invocation(app, graph_input, config, {**options, **whole})


def _invocation(
    app: App, graph_input: Any, config: RunnableConfig, options: Mapping[str, Any]
) -> Call:
    named = {**config["configurable"], GRAPH: app.get_name()}
    config = {**config, "configurable": named}
    return Call(app.invoke, (graph_input, config), options=options, awaitable=app.ainvoke)


def snapshot_of(app: App, config: RunnableConfig) -> Call:
    """Read a thread's latest state, with the writes of its unfinished superstep."""
    return Call(app.get_state, (config,), awaitable=app.aget_state)


PAGE = 16


def history(app: App, config: RunnableConfig) -> Logic[list[StateSnapshot]]:
    """Read the snapshots of a thread's last run, newest first, back to its input."""
    snapshots: list[StateSnapshot] = []
    # LangGraph reads all snapshots that are asked for before it yields the first. Pages that
    # double keep both a short run on a long thread and a long run cheap.
    limit = PAGE
    while True:
        options: dict[str, Any] = {"before": snapshots[-1].config} if snapshots else {}
        page: list[StateSnapshot] = yield Call(
            _page, (app, config), options={"limit": limit, **options}, awaitable=_apage
        )
        for snapshot in page:
            snapshots.append(snapshot)
            if is_input(snapshot):
                return snapshots
        if len(page) < limit:
            return snapshots
        limit *= 2


def _page(app: App, config: RunnableConfig, **options: Any) -> list[StateSnapshot]:
    return list(app.get_state_history(config, **options))


async def _apage(app: App, config: RunnableConfig, **options: Any) -> list[StateSnapshot]:
    return [snapshot async for snapshot in app.aget_state_history(config, **options)]


def held(app: App, thread: str, logic: Logic[R]) -> Logic[R]:
    """Run a move's logic while this thread is held.

    Raises:
        ThreadHeld: somebody else moves it now.
    """
    with hold_of(app, thread):
        return (yield from logic)


def hold_of(app: App, thread: str) -> AbstractContextManager[None]:
    """Give the hold on a thread: the saver's own if it has one, else one within this process."""
    saver = app.checkpointer
    holds: Holds | None = getattr(saver, "holds", None)
    if holds is None:
        # No checkpointer, or one that a parent graph provides: there is no thread to hold here.
        if saver is None or isinstance(saver, bool):
            return nullcontext()
        holds = _in_this_process.setdefault(saver, Holds())
    return holds.hold(thread)


_in_this_process: WeakKeyDictionary[Any, Holds] = WeakKeyDictionary()


def knows_quintet(app: App) -> bool:
    """Say whether a graph, or one nested in it, keeps Quintet's records.

    A user's own keys that only share our keys' names do not count.
    """
    return keeps_runs(app) or any(
        knows_quintet(inner)
        for _, inner in app.get_subgraphs()
        if isinstance(inner, CompiledStateGraph)
    )


def keeps_runs(app: App) -> bool:
    """Say whether a graph's own state tells one run from the next."""
    return isinstance(app.channels.get("run"), RunChannel)


def is_input(snapshot: StateSnapshot) -> bool:
    """Say whether a run begins at this snapshot; older ones are of the thread's earlier runs."""
    return (snapshot.metadata or {}).get("source") == "input"
