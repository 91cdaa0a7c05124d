"""Start or resume a run, and yield LangGraph's events as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.runnables import RunnableConfig

from quintet.errors import RunError
from quintet.nodes.core.call import Logic
from quintet.runs.events import StreamOptions, awatch, watch
from quintet.runs.refusals import require_compiled
from quintet.runs.run import Run
from quintet.runs.start import Beginning, Given, resume_logic, start_logic
from quintet.runs.thread import App


def stream(
    app: App,
    given: Given | None,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    dry_run: bool = False,
    **options: Any,
) -> Iterator[Any]:
    """Start a run, and yield LangGraph's events as they come, and last the `Run`.

    Nobody else moves the thread until the last event is taken or the iterator is closed. If it is
    closed early, the run is cut off at its last checkpoint; `resume` goes on with it.

    Args:
        app: as for `start`.
        given: the input; None goes on with a run that was cut off, as `resume` does.
        thread: as for `start`.
        config: as for `start`.
        withdraw: as for `start`.
        dry_run: as for `start`.
        options: passed to LangGraph's `stream`: `stream_mode`, `subgraphs` (tokens of an agent that
            is a graph come with `subgraphs=True`), `version`, `context`, ...

    Yields:
        LangGraph's events, in the form that the options ask for; then the `Run`.

    Raises:
        DesignError, RunError, ThreadHeld: as `start` and `resume`.
    """
    sorted_options = StreamOptions.of(require_compiled(app), options)
    begin = Beginning(withdraw=withdraw, dry_run=dry_run)
    logic = _logic(app, given, thread, config, begin, sorted_options.invoke)
    return watch(app, logic, sorted_options)


def astream(
    app: App,
    given: Given | None,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    dry_run: bool = False,
    **options: Any,
) -> AsyncIterator[Any]:
    """Start a run of an async graph, and yield its events and last the `Run`; as `stream`."""
    sorted_options = StreamOptions.of(require_compiled(app), options)
    begin = Beginning(withdraw=withdraw, dry_run=dry_run)
    logic = _logic(app, given, thread, config, begin, sorted_options.invoke)
    return awatch(app, logic, sorted_options)


def _logic(
    app: App,
    given: Given | None,
    thread: str | None,
    config: RunnableConfig | None,
    begin: Beginning,
    options: dict[str, Any],
) -> Logic[Run]:
    if given is not None:
        return start_logic(app, given, thread, config, begin, options)
    if begin != Beginning() or thread is None:
        raise RunError(
            "None goes on with what its thread was doing: name the thread, and withdraw nothing; "
            "a dry run is dry already"
        )
    return resume_logic(app, thread, config, options)
