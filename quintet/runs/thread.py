"""Call a compiled graph, sync or async, and hold its thread meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from quintet.errors import CheckpointerError, DesignError
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.guards import GRAPH
from quintet.runs.drain import check_not_ending, control_of_process
from quintet.state.hold import Holds
from quintet.state.run import RunChannel
from quintet.state.savers.saver import ThreadedSaver

R = TypeVar("R")

App = CompiledStateGraph[Any, Any, Any, Any]


def check_saves(app: App) -> None:
    """Refuse a graph that keeps no runs of its own, where a stored one is to be found.

    Raises:
        DesignError: it is compiled without a checkpointer, or with that of a graph around it.
        CheckpointerError: its checkpointer is closed.
    """
    check_open(app.checkpointer)
    if not isinstance(app.checkpointer, BaseCheckpointSaver):
        raise DesignError(
            f"this graph is compiled with checkpointer={app.checkpointer}, so it keeps no run: "
            'compile(checkpointer=checkpointer("sqlite:///runs.db")), of quintet.state'
        )


def check_open(saver: Any) -> None:
    """Refuse a database that is closed, before its driver does.

    Raises:
        CheckpointerError: it says what to do.
    """
    if isinstance(saver, ThreadedSaver) and saver.closed:
        raise CheckpointerError(
            "this checkpointer is closed: use its graphs within `with checkpointer(url) as saver:`,"
            " or open it anew and compile with that"
        )


def thread_of(config: RunnableConfig) -> str:
    """Give the thread's id from a configuration."""
    return str(config["configurable"]["thread_id"])


def invocation(
    app: App, graph_input: Any, config: RunnableConfig, options: Mapping[str, Any]
) -> Logic[bool]:
    """Invoke a graph, and save each superstep before the next begins.

    Returns:
        True where the process was told to end meanwhile, and the run stopped between supersteps.
    """
    # LangGraph's default saves in the background: it hides a storage failure until the end.
    whole = {"durability": "sync", **control_of_process(), **options}
    try:
        yield _invocation(app, graph_input, config, whole)
    except GraphDrained:
        return True
    return False


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


def held(app: App, thread: str, logic: Logic[R]) -> Logic[R]:
    """Run a move's logic while this thread is held.

    Raises:
        ThreadHeld: somebody else moves it now.
        RunError: this process was told to end.
    """
    check_not_ending()
    check_open(app.checkpointer)
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


def is_input_of(stored: CheckpointTuple) -> bool:
    """Say whether a run begins at this checkpoint, and none of it has run."""
    return (stored.metadata or {}).get("source") == "input"
