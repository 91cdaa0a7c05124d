"""Moving a run: start it, resume it, look at it. LangGraph's traps end here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, StateSnapshot

from quintet.nodes.core.call import Logic, adrive, drive
from quintet.runs.refusals import (
    check_answerable,
    check_context,
    check_free,
    check_gates,
    check_input,
    check_options,
    check_resumable,
    check_stored,
    compiled,
    configured,
    unanswerable,
)
from quintet.runs.run import Run, seen
from quintet.runs.thread import (
    App,
    held,
    invoked,
    invoked_unsaved,
    is_input,
    keeps_runs,
    snapshot_of,
)
from quintet.state.decision import Decision
from quintet.state.record import plain

Given = Mapping[str, Any]


def start(
    app: App,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    **options: Any,
) -> Run:
    """Start a run.

    Args:
        app: a compiled graph, with a checkpointer where it may stop for a person.
        given: the input, by state key.
        thread: the thread's id; a new one by default. A finished thread may be given again: the run
            starts anew, and what the thread has done stays on record.
        config: further LangGraph configuration (callbacks, tags, recursion_limit, ...).
        withdraw: whether to go on where the thread's last run waits for an answer or was cut off;
            its questions and proposals are then withdrawn, on record, and never done later.
        options: passed to LangGraph's `invoke` (`context`, `durability`, ...).

    Returns:
        The run: ended, or waiting for an answer.

    Raises:
        DesignError: the graph is not compiled, or stops for a person and has no checkpointer.
        RunError: the thread has a run that is not finished, the input names keys that the state
            does not have or that only nodes may write, or an option asks for a stream.
        ThreadHeld: somebody else moves this thread now.
    """
    return drive(started(compiled(app), given, thread, config, withdraw, options))


async def astart(
    app: App,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    **options: Any,
) -> Run:
    """Start a run of an async graph; as `start`."""
    return await adrive(started(compiled(app), given, thread, config, withdraw, options))


def resume(app: App, *, thread: str, config: RunnableConfig | None = None, **options: Any) -> Run:
    """Go on with a run that was cut off, from its last checkpoint. A finished run is returned.

    Raises:
        NoSuchRun: nothing is stored under this thread.
        RunError: the run waits for an answer, or failed where going on would skip work in silence.
        ThreadHeld: somebody else moves this thread now.
    """
    return drive(resumed(compiled(app), thread, config, options))


async def aresume(
    app: App, *, thread: str, config: RunnableConfig | None = None, **options: Any
) -> Run:
    """Go on with a run of an async graph; as `resume`."""
    return await adrive(resumed(compiled(app), thread, config, options))


def look(app: App, *, thread: str) -> Run:
    """Look at a run without moving it.

    Raises:
        NoSuchRun: nothing is stored under this thread.
    """
    return drive(_look(compiled(app), thread))


async def alook(app: App, *, thread: str) -> Run:
    """Look at a run of an async graph; as `look`."""
    return await adrive(_look(compiled(app), thread))


def started(
    app: App,
    given: Given,
    thread: str | None,
    config: RunnableConfig | None,
    withdraw: bool,
    options: dict[str, Any],
) -> Logic[Run]:
    """Check all that can be before anything runs, and start."""
    full = prepared(app, given, thread, config, options)
    if not app.checkpointer:
        return (yield from _start_unsaved(app, given, full, options))
    return (
        yield from held(app, thread_of(full), _start_saved(app, given, full, withdraw, options))
    )


def prepared(
    app: App,
    given: Given,
    thread: str | None,
    config: RunnableConfig | None,
    options: Mapping[str, Any],
) -> RunnableConfig:
    """Check a run's input and options, and give its configuration."""
    check_options(options)
    check_input(app, given)
    check_gates(app)
    return configured(thread, config)


def thread_of(config: RunnableConfig) -> str:
    """Give the thread that a configuration names."""
    return str(config["configurable"]["thread_id"])


def _start_saved(
    app: App, given: Given, full: RunnableConfig, withdraw: bool, options: dict[str, Any]
) -> Logic[Run]:
    whole = yield from begun(app, given, full, withdraw)
    try:
        yield invoked(app, whole, full, options)
    except Exception as problem:
        thread = thread_of(full)
        problem.add_note(f"thread {thread!r} keeps what was done; resume(app, thread={thread!r})")
        raise
    # What was started without a context goes on without one.
    return (yield from seen(app, full, {"context": None, **options}))


def begun(app: App, given: Given, full: RunnableConfig, withdraw: bool) -> Logic[Given]:
    """Give the input by which a new run begins on a thread, unless the last one is not over."""
    snapshot: StateSnapshot = yield snapshot_of(app, full)
    if not withdraw:
        check_free(thread_of(full), snapshot)
    if not keeps_runs(app):
        return given
    # First, so that the other channels know of it when they are written.
    whole: dict[str, Any] = {"run": {"new": uuid4().hex[:8]}, **given}
    if snapshot.interrupts and "decisions" in app.channels:
        whole["decisions"] = [_withdrawn(task.name) for task in snapshot.tasks if task.interrupts]
    return whole


def _withdrawn(node: str) -> dict[str, Any]:
    decision = Decision(
        kind="answer",
        node=node,
        choice="withdrawn",
        reason="its question was open when a new run began; nothing of it is done",
    )
    return plain(decision)  # type: ignore[no-any-return]


def _start_unsaved(
    app: App, given: Given, config: RunnableConfig, options: dict[str, Any]
) -> Logic[Run]:
    check_answerable(app)
    result: Any = yield invoked_unsaved(app, given, config, options)
    if result.interrupts:
        raise unanswerable()
    values = dict(result.value)
    return Run(app=app, thread=thread_of(config), values=values, finished=True, config=config)


def resumed(
    app: App, thread: str, config: RunnableConfig | None, options: dict[str, Any]
) -> Logic[Run]:
    """Go on with what was cut off."""
    check_options(options)
    full = configured(thread, config)
    return (yield from held(app, thread, _resume_held(app, thread, full, options)))


def _resume_held(
    app: App, thread: str, full: RunnableConfig, options: dict[str, Any]
) -> Logic[Run]:
    snapshot: StateSnapshot = yield snapshot_of(app, full)
    check_stored(thread, snapshot)
    check_resumable(app, thread, snapshot)
    if snapshot.tasks:
        check_context(app, options)
        # Cut off between its input and its first node, it would go on as the run before.
        anew = is_input(snapshot) and keeps_runs(app)
        update = {"run": {"new": uuid4().hex[:8]}}
        yield invoked(app, Command(update=update) if anew else None, full, options)
    return (yield from seen(app, full, options))


def _look(app: App, thread: str) -> Logic[Run]:
    full = configured(thread, None)
    check_stored(thread, (yield snapshot_of(app, full)))
    return (yield from seen(app, full, {}))
