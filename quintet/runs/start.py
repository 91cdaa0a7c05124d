"""Start, resume and look at a run, safe from the traps of LangGraph's `invoke`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, StateSnapshot

from quintet.nodes.core.call import Logic, adrive, drive
from quintet.runs.dry import check_mode, without_journal
from quintet.runs.pending import check_nodes
from quintet.runs.refusals import (
    check_answerable,
    check_context,
    check_free,
    check_gates,
    check_input,
    check_options,
    check_resumable,
    check_stored,
    require_compiled,
    run_config,
    unanswerable,
)
from quintet.runs.run import Run, outcome_in, read_run
from quintet.runs.thread import (
    App,
    held,
    invocation,
    is_input,
    keeps_runs,
    snapshot_of,
    thread_of,
    unsaved_invocation,
)
from quintet.state.decision import Decision
from quintet.state.record import plain

Given = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """The ways to begin a run on a thread that has one, or dry; see `start`."""

    withdraw: bool = False
    dry_run: bool = False


def start(
    app: App,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    dry_run: bool = False,
    **options: Any,
) -> Run:
    """Start a run.

    Args:
        app: a compiled graph, with a checkpointer where it may stop for a person.
        given: the input, by state key.
        thread: the thread's id; a new one by default. A finished thread may be given again: a new
            run starts, and the thread's actions stay on record.
        config: further LangGraph configuration (callbacks, tags, recursion_limit, ...).
        withdraw: whether to start although the thread's last run waits for an answer or was cut
            off; its questions and proposals are then withdrawn, on record, and never done later.
        dry_run: whether effects are only recorded: each says what it would have done, and returns
            what stands in for its result. It holds for all of the thread, and for good.
        options: passed to LangGraph's `invoke` (`context`, `durability`, ...).

    Returns:
        The run: ended, or waiting for an answer.

    Raises:
        DesignError: the graph is not compiled, or stops for a person and has no checkpointer.
        RunError: the thread has a run that is not finished, the input names keys that the state
            does not have or that only nodes may write, an option asks for a stream, or dry and
            real effects would be mixed.
        ThreadHeld: somebody else moves this thread now.
    """
    begin = Beginning(withdraw=withdraw, dry_run=dry_run)
    return drive(start_logic(require_compiled(app), given, thread, config, begin, options))


async def astart(
    app: App,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    dry_run: bool = False,
    **options: Any,
) -> Run:
    """Start a run of an async graph; as `start`."""
    begin = Beginning(withdraw=withdraw, dry_run=dry_run)
    return await adrive(start_logic(require_compiled(app), given, thread, config, begin, options))


def resume(app: App, *, thread: str, config: RunnableConfig | None = None, **options: Any) -> Run:
    """Go on with a run that was cut off, from its last checkpoint; return a finished run as it is.

    Raises:
        NoSuchRun: nothing is stored under this thread.
        RunError: the run waits for an answer, failed where going on would skip work in silence, or
            goes on at a node that the graph does not have any more.
        ThreadHeld: somebody else moves this thread now.
    """
    return drive(resume_logic(require_compiled(app), thread, config, options))


async def aresume(
    app: App, *, thread: str, config: RunnableConfig | None = None, **options: Any
) -> Run:
    """Go on with a run of an async graph; as `resume`."""
    return await adrive(resume_logic(require_compiled(app), thread, config, options))


def look(app: App, *, thread: str) -> Run:
    """Look at a run without moving it.

    Raises:
        NoSuchRun: nothing is stored under this thread.
        RunError: the run goes on at a node that the graph does not have any more.
    """
    return drive(look_logic(require_compiled(app), thread))


async def alook(app: App, *, thread: str) -> Run:
    """Look at a run of an async graph; as `look`."""
    return await adrive(look_logic(require_compiled(app), thread))


def start_logic(
    app: App,
    given: Given,
    thread: str | None,
    config: RunnableConfig | None,
    begin: Beginning,
    options: dict[str, Any],
) -> Logic[Run]:
    """Check all that can be checked before anything runs, and start."""
    check_options(options)
    check_input(app, given)
    check_gates(app)
    run = run_config(thread, config)
    if not app.checkpointer:
        if begin.dry_run:
            raise without_journal("dry_run=True")
        return (yield from _start_unsaved(app, given, run, options))
    return (yield from held(app, thread_of(run), _start_saved(app, given, run, begin, options)))


def _start_saved(
    app: App, given: Given, config: RunnableConfig, begin: Beginning, options: dict[str, Any]
) -> Logic[Run]:
    whole = yield from _input_of_new_run(app, given, config, begin)
    try:
        yield invocation(app, whole, config, options)
    except Exception as problem:
        thread = thread_of(config)
        problem.add_note(f"thread {thread!r} keeps what was done; resume(app, thread={thread!r})")
        raise
    # A run that was started without a context goes on without one: `answer` must not ask for it.
    return (yield from read_run(app, config, {"context": None, **options}))


def _input_of_new_run(
    app: App, given: Given, config: RunnableConfig, begin: Beginning
) -> Logic[Given]:
    """Give the input that begins a new run on a thread; refuse a thread whose run is not over."""
    snapshot: StateSnapshot = yield snapshot_of(app, config)
    if not begin.withdraw:
        check_free(thread_of(config), snapshot)
        # A run with an outcome is over, and the usual case pays for no second reading.
        if snapshot.created_at is not None and outcome_in(snapshot.values) is None:
            yield from check_nodes(app, config)
    yield from check_mode(app, thread_of(config), snapshot, begin.dry_run)
    if not keeps_runs(app):
        return given
    # `run` is first, so that the other channels know of the new run when they are written.
    whole: dict[str, Any] = {"run": {"new": uuid4().hex[:8]}, **given}
    if snapshot.interrupts and "decisions" in app.channels:
        whole["decisions"] = [_withdrawal(task.name) for task in snapshot.tasks if task.interrupts]
    return whole


def _withdrawal(node: str) -> dict[str, Any]:
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
    result: Any = yield unsaved_invocation(app, given, config, options)
    if result.interrupts:
        raise unanswerable()
    values = dict(result.value)
    return Run(app=app, thread=thread_of(config), values=values, finished=True, config=config)


def resume_logic(
    app: App, thread: str, config: RunnableConfig | None, options: dict[str, Any]
) -> Logic[Run]:
    """Go on with a run that was cut off."""
    check_options(options)
    run = run_config(thread, config)
    return (yield from held(app, thread, _resume_held(app, thread, run, options)))


def _resume_held(
    app: App, thread: str, config: RunnableConfig, options: dict[str, Any]
) -> Logic[Run]:
    snapshot: StateSnapshot = yield snapshot_of(app, config)
    check_stored(thread, snapshot)
    check_resumable(app, thread, snapshot)
    yield from check_nodes(app, config)
    if snapshot.tasks:
        check_context(app, options)
        # Cut off between its input and its first node, it would go on as the run before.
        anew = is_input(snapshot) and keeps_runs(app)
        update = {"run": {"new": uuid4().hex[:8]}}
        yield invocation(app, Command(update=update) if anew else None, config, options)
    return (yield from read_run(app, config, options))


def look_logic(app: App, thread: str) -> Logic[Run]:
    """Look at a run without moving it."""
    config = run_config(thread, None)
    check_stored(thread, (yield snapshot_of(app, config)))
    yield from check_nodes(app, config)
    return (yield from read_run(app, config, {}))
