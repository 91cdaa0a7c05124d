"""Start or resume a run, and yield LangGraph's events as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.runnables import RunnableConfig

from quintet.errors import RunError
from quintet.nodes.core.call import Logic
from quintet.runs.events import StreamOptions, awatch, watch
from quintet.runs.run import Run
from quintet.runs.start import Given, NewRun, resume_logic, start_logic
from quintet.runs.thread import App
from quintet.runs.versions.choose import Versions, versions_of


def stream(  # noqa: PLR0913 - each is an option of the call
    app: App | Versions,
    given: Given | None,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    dry_run: bool = False,
    deadline: str | float | None = None,
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
        deadline: as for `start`; a run that goes on keeps its own.
        options: passed to LangGraph's `stream`: `stream_mode`, `subgraphs` (tokens of an agent that
            is a graph come with `subgraphs=True`), `version`, `context`, ...

    Yields:
        LangGraph's events, in the form that the options ask for; then the `Run`.

    Raises:
        DesignError, RunError, ThreadHeld: as `start` and `resume`.
    """
    new = None if given is None else NewRun(given, withdraw, deadline, dry_run)
    _check_going_on(given, thread, withdraw or dry_run or deadline is not None)
    versions = versions_of(app)
    sorted_options = StreamOptions.of(versions.newest, options)
    logic = _logic(versions, new, thread, config, sorted_options.invoke)
    return watch(logic, sorted_options)


def astream(  # noqa: PLR0913 - each is an option of the call
    app: App | Versions,
    given: Given | None,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    dry_run: bool = False,
    deadline: str | float | None = None,
    **options: Any,
) -> AsyncIterator[Any]:
    """Start a run of an async graph, and yield its events and last the `Run`; as `stream`."""
    new = None if given is None else NewRun(given, withdraw, deadline, dry_run)
    _check_going_on(given, thread, withdraw or dry_run or deadline is not None)
    versions = versions_of(app)
    sorted_options = StreamOptions.of(versions.newest, options)
    logic = _logic(versions, new, thread, config, sorted_options.invoke)
    return awatch(logic, sorted_options)


def _check_going_on(given: Given | None, thread: str | None, more: bool) -> None:
    if given is None and (more or thread is None):
        raise RunError(
            "None goes on with what its thread was doing: name the thread, withdraw nothing, and "
            "give no deadline; a dry run is dry already"
        )


def _logic(
    versions: Versions,
    new: NewRun | None,
    thread: str | None,
    config: RunnableConfig | None,
    options: dict[str, Any],
) -> Logic[Run]:
    if new is None:
        return resume_logic(versions, thread or "", config, options)
    return start_logic(versions, new, thread, config, options)
