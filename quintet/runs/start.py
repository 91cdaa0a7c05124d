"""Start, resume and look at a run, safe from the traps of LangGraph's `invoke`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, StateSnapshot

from quintet.errors import DesignError
from quintet.nodes.core.call import Call, Logic, adrive, drive
from quintet.nodes.core.duration import seconds
from quintet.nodes.core.node import values
from quintet.runs.answered import NOBODY, answered
from quintet.runs.dry import check_mode, without_journal
from quintet.runs.pending import check_nodes
from quintet.runs.refusals import (
    check_answerable,
    check_context,
    check_free,
    check_gates,
    check_input,
    check_kept,
    check_options,
    check_resumable,
    check_stored,
    run_config,
    unanswerable,
)
from quintet.runs.run import Run, outcome_in, read_run
from quintet.runs.stop import check_not_stopped
from quintet.runs.taskrecord import cancel_tasks
from quintet.runs.thread import (
    App,
    check_saves,
    held,
    invocation,
    is_input,
    keeps_runs,
    snapshot_of,
    thread_of,
    unsaved_invocation,
)
from quintet.runs.versions.choose import Versions, choose, versions_of
from quintet.runs.versions.known import note_move
from quintet.state.decision import Decision
from quintet.state.record import plain

Given = Mapping[str, Any]


def start(  # noqa: PLR0913 - each is an option of the call
    app: App | Versions,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    dry_run: bool = False,
    deadline: str | float | None = None,
    **options: Any,
) -> Run:
    """Start a run.

    Args:
        app: a compiled graph, with a checkpointer where it may stop for a person; or several
            versions of one, from `pinned`.
        given: the input, by state key.
        thread: the thread's id; a new one by default. A finished thread may be given again: a new
            run starts, and the thread's actions stay on record.
        config: further LangGraph configuration (callbacks, tags, recursion_limit, ...).
        withdraw: whether to start although the thread's last run waits for an answer or was cut
            off; its questions, proposals and background tasks are then withdrawn, on record, and
            never done later.
        dry_run: whether effects are only recorded: each says what it would have done, and returns
            what stands in for its result. It holds for all of the thread, and for good.
        deadline: how long the run may take from its start, in seconds or as text such as `"10m"`.
            After that no agent, model or effect begins, an agent under way is cut off, and the run
            ends as `exhausted`. It is stored with the run, and the tighter of it and the graph's
            own holds. The time that the run waits for a person does not count; the time that it
            lies broken off does, where a checkpointer of ours keeps it.
        options: passed to LangGraph's `invoke` (`context`, `durability`, ...).

    Returns:
        The run: ended, or waiting for an answer.

    Raises:
        DesignError: the graph is not compiled, or stops for a person and has no checkpointer, or
            the deadline is no duration, or nothing in the graph's state would keep it.
        RunError: the thread has a run that is not finished, the input names keys that the state
            does not have or that only nodes may write, an option asks for a stream, or dry and
            real effects would be mixed.
        ThreadHeld: somebody else moves this thread now.
        Stopped: a person has stopped its graph, tenant or thread.
    """
    new = NewRun(given, withdraw, deadline, dry_run)
    return drive(start_logic(versions_of(app), new, thread, config, options))


async def astart(  # noqa: PLR0913 - each is an option of the call
    app: App | Versions,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    withdraw: bool = False,
    dry_run: bool = False,
    deadline: str | float | None = None,
    **options: Any,
) -> Run:
    """Start a run of an async graph; as `start`."""
    new = NewRun(given, withdraw, deadline, dry_run)
    logic = start_logic(versions_of(app), new, thread, config, options)
    return await adrive(logic)


def resume(
    app: App | Versions, *, thread: str, config: RunnableConfig | None = None, **options: Any
) -> Run:
    """Go on with a run that was cut off, from its last checkpoint; return a finished run as it is.

    Raises:
        DesignError: the graph has no checkpointer.
        NoSuchRun: nothing is stored under this thread.
        RunError: the run waits for an answer, failed where going on would skip work in silence, or
            goes on at a node that the graph does not have any more.
        GraphChanged: the run was begun with another graph, and going on with this one would harm
            it; `pinned` and `migrate` are the remedies.
        ThreadHeld: somebody else moves this thread now.
        Stopped: a person has stopped its graph, tenant or thread.
    """
    return drive(resume_logic(versions_of(app), thread, config, options))


async def aresume(
    app: App | Versions, *, thread: str, config: RunnableConfig | None = None, **options: Any
) -> Run:
    """Go on with a run of an async graph; as `resume`."""
    return await adrive(resume_logic(versions_of(app), thread, config, options))


def look(app: App | Versions, *, thread: str) -> Run:
    """Look at a run without moving it.

    Raises:
        DesignError: the graph has no checkpointer.
        NoSuchRun: nothing is stored under this thread.
        RunError: the run goes on at a node that the graph does not have any more.
        GraphChanged: the run was begun with another graph, and this one cannot go on with it.
    """
    return drive(look_logic(versions_of(app), thread))


async def alook(app: App | Versions, *, thread: str) -> Run:
    """Look at a run of an async graph; as `look`."""
    return await adrive(look_logic(versions_of(app), thread))


@dataclass(frozen=True)
class NewRun:
    """A run to start: its input, and what `start` takes beside it."""

    given: Given
    withdraw: bool = False
    deadline: str | float | None = None
    dry_run: bool = False

    def check(self, app: App) -> None:
        """Refuse input or a deadline that the graph would drop in silence."""
        check_input(app, self.given)
        if seconds(self.deadline) is not None and not keeps_runs(app):
            raise DesignError(
                f"start(deadline={self.deadline!r}): nothing in this graph's state would keep it; "
                "let the state inherit OrchestrationState"
            )

    @property
    def mark(self) -> dict[str, Any]:
        """Give the update of `run` that begins it."""
        limit = seconds(self.deadline)
        return {"new": uuid4().hex[:8]} | ({} if limit is None else {"deadline": limit})


def start_logic(
    versions: Versions,
    new: NewRun,
    thread: str | None,
    config: RunnableConfig | None,
    options: dict[str, Any],
) -> Logic[Run]:
    """Check all that can be checked before anything runs, and start."""
    app = versions.newest
    check_options(options, "thread", "config", "withdraw", "dry_run", "deadline")
    new.check(app)
    check_gates(app)
    check_kept(app)
    run = run_config(thread, config)
    if not app.checkpointer:
        if new.dry_run:
            raise without_journal("dry_run=True")
        return (yield from _start_unsaved(app, new, run, options))
    check_saves(app)
    started = yield from held(app, thread_of(run), _start_saved(app, new, run, options))
    return replace(started, versions=versions)


def _start_saved(
    app: App, new: NewRun, config: RunnableConfig, options: dict[str, Any]
) -> Logic[Run]:
    yield from check_not_stopped(app, config)
    whole, after = yield from _input_of_new_run(app, new, config)
    run = whole.get("run")
    name = run["new"] if isinstance(run, Mapping) and "new" in run else ""
    yield from note_move(app, config, "start", run=name, after=after)
    try:
        yield from invocation(app, whole, config, options)
    except Exception as problem:
        thread = thread_of(config)
        problem.add_note(f"thread {thread!r} keeps what was done; resume(app, thread={thread!r})")
        raise
    # A run that was started without a context goes on without one: `answer` must not ask for it.
    return (yield from read_run(app, config, {"context": None, **options}))


def _input_of_new_run(app: App, new: NewRun, config: RunnableConfig) -> Logic[tuple[Given, str]]:
    """Give the input that begins a new run on a thread, and the checkpoint that it comes after.

    A thread whose run is not over is refused.
    """
    snapshot: StateSnapshot = yield snapshot_of(app, config)
    if not new.withdraw:
        check_free(thread_of(config), snapshot)
        # A run with an outcome is over, and the usual case pays for no second reading.
        if snapshot.created_at is not None and outcome_in(snapshot.values) is None:
            yield from check_nodes(app, config)
    yield from check_mode(app, thread_of(config), snapshot, new.dry_run)
    if snapshot.next:  # what the run that is left has begun in the background is left too
        told = {"by": "start", "why": "the run that had started it was withdrawn"}
        yield Call(cancel_tasks, (app.checkpointer, thread_of(config)), options=told, blocks=True)
    after = str(snapshot.config["configurable"].get("checkpoint_id", ""))
    if not keeps_runs(app):
        return new.given, after
    # `run` is first, so that the other channels know of the new run when they are written.
    whole: dict[str, Any] = {"run": new.mark, **new.given}
    if snapshot.interrupts and "decisions" in app.channels:
        whole["decisions"] = [_withdrawal(task.name) for task in snapshot.tasks if task.interrupts]
    return whole, after


def _withdrawal(node: str) -> dict[str, Any]:
    decision = Decision(
        kind="answer",
        node=node,
        choice="withdrawn",
        reason="its question was open when a new run began; nothing of it is done",
    )
    return plain(decision)  # type: ignore[no-any-return]


def _start_unsaved(
    app: App, new: NewRun, config: RunnableConfig, options: dict[str, Any]
) -> Logic[Run]:
    check_answerable(app)
    given = new.given if new.deadline is None else {"run": new.mark, **new.given}
    result: Any = yield unsaved_invocation(app, given, config, options)
    if result.interrupts:
        raise unanswerable()
    state = dict(values(result.value))
    return Run(app=app, thread=thread_of(config), values=state, finished=True, config=config)


def resume_logic(
    versions: Versions, thread: str, config: RunnableConfig | None, options: dict[str, Any]
) -> Logic[Run]:
    """Go on with a run that was cut off."""
    check_options(options, "thread", "config")
    check_saves(versions.newest)
    run = run_config(thread, config)
    logic = _resume_held(versions, thread, run, options)
    return replace((yield from held(versions.newest, thread, logic)), versions=versions)


def _resume_held(
    versions: Versions, thread: str, config: RunnableConfig, options: dict[str, Any]
) -> Logic[Run]:
    yield from check_not_stopped(versions.newest, config)
    chosen = yield from choose(versions, config, move="resume")
    app = chosen.app
    snapshot: StateSnapshot = yield snapshot_of(app, config)
    check_stored(thread, snapshot)
    if chosen.migrated and snapshot.interrupts:
        return (yield from read_run(app, config, options))
    gone = yield from answered(app, config, snapshot)
    check_resumable(app, thread, snapshot, gone)
    if snapshot.tasks:
        check_context(app, options)
        # Cut off between its input and its first node, it would go on as the run before.
        anew = is_input(snapshot) and keeps_runs(app)
        command: Command[Any] | None = Command(resume=NOBODY) if gone else None
        if anew:
            command = Command(update={"run": {"new": uuid4().hex[:8]}})
        yield from invocation(app, command, config, options)
    return (yield from read_run(app, config, options))


def look_logic(versions: Versions, thread: str) -> Logic[Run]:
    """Look at a run without moving it."""
    check_saves(versions.newest)
    config = run_config(thread, None)
    app = (yield from choose(versions, config)).app
    check_stored(thread, (yield snapshot_of(app, config)))
    return replace((yield from read_run(app, config, {})), versions=versions)
