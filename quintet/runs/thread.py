"""Ask a compiled graph, sync or async, and hold its thread meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from quintet.nodes.core.call import Call, Logic
from quintet.state.hold import Holds
from quintet.state.run import RunChannel

R = TypeVar("R")

App = CompiledStateGraph[Any, Any, Any, Any]


def invoked(app: App, given: Any, config: RunnableConfig, options: Mapping[str, Any]) -> Call:
    """Invoke a graph, each step kept before the next begins."""
    return _invoke(app, given, config, {"durability": "sync", **options})


def invoked_unsaved(
    app: App, given: Any, config: RunnableConfig, options: Mapping[str, Any]
) -> Call:
    """Invoke a graph that saves nothing, and give its values and open questions together."""
    whole = {"version": "v2", "stream_mode": "values", "output_keys": None}
    return _invoke(app, given, config, {**options, **whole})


def _invoke(app: App, given: Any, config: RunnableConfig, options: Mapping[str, Any]) -> Call:
    return Call(app.invoke, (given, config), options=options, awaitable=app.ainvoke)


def snapshot_of(app: App, config: RunnableConfig) -> Call:
    """Get where a thread stands, with what its unfinished superstep has written."""
    return Call(app.get_state, (config,), awaitable=app.aget_state)


PAGE = 16


def history(app: App, config: RunnableConfig) -> Logic[list[StateSnapshot]]:
    """Give the snapshots of a thread's last run, newest first, back to its input.

    LangGraph reads all that it is asked for before it gives the first, so a long thread is asked
    for page by page.
    """
    found: list[StateSnapshot] = []
    most = PAGE
    while True:
        options: dict[str, Any] = {"before": found[-1].config} if found else {}
        page: list[StateSnapshot] = yield Call(
            _page, (app, config), options={"limit": most, **options}, awaitable=_apage
        )
        for item in page:
            found.append(item)
            if is_input(item):
                return found
        if len(page) < most:
            return found
        most *= 2


def _page(app: App, config: RunnableConfig, **options: Any) -> list[StateSnapshot]:
    return list(app.get_state_history(config, **options))


async def _apage(app: App, config: RunnableConfig, **options: Any) -> list[StateSnapshot]:
    return [snapshot async for snapshot in app.aget_state_history(config, **options)]


def held(app: App, thread: str, logic: Logic[R]) -> Logic[R]:
    """Run what moves a thread while nobody else moves it.

    Raises:
        ThreadHeld: somebody does.
    """
    with hold_of(app, thread):
        return (yield from logic)


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
