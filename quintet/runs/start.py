"""Moving a run: start it, resume it, answer it, look at it. LangGraph's traps end here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from langgraph.types import Command, StateSnapshot
from pydantic import ValidationError

from quintet.nodes.node import Node
from quintet.runs.moves import App, Move, Moves, adrive, drive
from quintet.runs.run import Run, Waiting, bound, seen
from quintet.state.channels import RUN_KEYS
from quintet.state.errors import AnswerRefused, DesignError, NoSuchRun, RunError
from quintet.state.record import faults

Given = Mapping[str, Any]


def start(
    app: App,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    **options: Any,
) -> Run:
    """Start a run.

    Args:
        app: a compiled graph, with a checkpointer where it may stop for a person.
        given: the input, by state key.
        thread: the thread's id; a new one by default. A finished thread may be given again: the run
            starts anew, and what the thread has done stays on record.
        config: further LangGraph configuration (callbacks, tags, recursion_limit, ...).
        options: passed to LangGraph's `invoke` (`context`, `durability`, ...).

    Returns:
        The run: ended, or waiting for an answer.

    Raises:
        DesignError: the graph is not compiled, or stops for a person and has no checkpointer.
        RunError: the thread has a run that is not finished, or the input names keys that the state
            does not have or that only nodes may write.
    """
    return drive(_compiled(app), _start(app, given, thread, config, options))


async def astart(
    app: App,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    **options: Any,
) -> Run:
    """Start a run of an async graph; as `start`."""
    return await adrive(_compiled(app), _start(app, given, thread, config, options))


def resume(app: App, *, thread: str, config: RunnableConfig | None = None, **options: Any) -> Run:
    """Go on with a run that was cut off, from its last checkpoint. A finished run is returned.

    Raises:
        NoSuchRun: nothing is stored under this thread.
        RunError: the run waits for an answer, or failed where going on would skip work in silence.
    """
    return drive(_compiled(app), _resume(app, thread, config, options))


async def aresume(
    app: App, *, thread: str, config: RunnableConfig | None = None, **options: Any
) -> Run:
    """Go on with a run of an async graph; as `resume`."""
    return await adrive(_compiled(app), _resume(app, thread, config, options))


def look(app: App, *, thread: str) -> Run:
    """Look at a run without moving it.

    Raises:
        NoSuchRun: nothing is stored under this thread.
    """
    return drive(_compiled(app), _look(app, thread))


async def alook(app: App, *, thread: str) -> Run:
    """Look at a run of an async graph; as `look`."""
    return await adrive(_compiled(app), _look(app, thread))


def answered(run: Run, question: Waiting, answer: Any) -> Moves[Run]:
    """Answer one open question by its id, and run on (the moves behind `Run.answer`)."""
    snapshot: StateSnapshot = yield Move("get_state", (run.config,))
    open_now = {item.id for item in snapshot.interrupts}
    if question.id not in open_now:
        raise AnswerRefused(
            f"run {run.thread!r}: the question at {question.node} is not open any more "
            "(it was answered, or the run was started anew); look(app, thread=...) shows what is"
        )
    given = bound(answer, question)
    if given is None:
        raise AnswerRefused("None is not an answer; give approve(by=...), or a value")
    try:
        yield _invoke(Command(resume={question.id: given}), run.config, {})
    except ValidationError as problem:
        after: StateSnapshot = yield Move("get_state", (run.config,))
        if question.id in {item.id for item in after.interrupts}:
            raise AnswerRefused(f"{question.node}: {faults(problem)}") from problem
        raise
    return (yield from seen(run.app, run.config))


def _start(
    app: App,
    given: Given,
    thread: str | None,
    config: RunnableConfig | None,
    options: dict[str, Any],
) -> Moves[Run]:
    _check_input(app, given)
    name = thread or str(uuid4())
    full = _config(name, config)
    if app.checkpointer is None or app.checkpointer is False:
        return (yield from _start_unsaved(app, given, name, full, options))
    snapshot: StateSnapshot = yield Move("get_state", (full,))
    if snapshot.interrupts:
        raise RunError(
            f"thread {name!r} waits for an answer at {', '.join(snapshot.next)}: new input would "
            "drop that question; look(app, thread=...).answer(...) it, or use another thread"
        )
    if snapshot.tasks:
        raise RunError(
            f"thread {name!r} has a run that stopped at {_stopped_at(snapshot)}: "
            "resume(app, thread=...) it, or use another thread"
        )
    anew = {k: v for k, v in RUN_KEYS.items() if k in app.channels and k not in given}
    try:
        yield _invoke({**(anew if snapshot.created_at else {}), **given}, full, options)
    except Exception as problem:
        problem.add_note(f"thread {name!r} keeps what was done; resume(app, thread={name!r})")
        raise
    return (yield from seen(app, full))


def _start_unsaved(
    app: App, given: Given, name: str, config: RunnableConfig, options: dict[str, Any]
) -> Moves[Run]:
    for node, spec in app.builder.nodes.items():
        if isinstance(spec.runnable, Node) and spec.runnable.asks:
            raise DesignError(
                f"node {node!r} stops for a person, but the graph has no checkpointer, so nothing "
                'could answer: compile(checkpointer=checkpointer("sqlite:///runs.db"))'
            )
    result: Any = yield Move("invoke", (given, config), {"version": "v2", **options})
    if result.interrupts:
        raise DesignError(
            "the graph stopped for a person, but it has no checkpointer, so nothing can answer: "
            'compile(checkpointer=checkpointer("sqlite:///runs.db"))'
        )
    return Run(app=app, thread=name, values=dict(result.value), finished=True, config=config)


def _resume(
    app: App, thread: str, config: RunnableConfig | None, options: dict[str, Any]
) -> Moves[Run]:
    full = _config(thread, config)
    snapshot: StateSnapshot = yield Move("get_state", (full,))
    if snapshot.created_at is None:
        raise NoSuchRun(_no_run(thread))
    if snapshot.interrupts:
        raise RunError(
            f"run {thread!r} waits for an answer at {', '.join(snapshot.next)}; "
            "look(app, thread=...).answer(...) gives it"
        )
    if snapshot.tasks:
        _check_resumable(thread, snapshot)
        yield _invoke(None, full, options)
    return (yield from seen(app, full))


def _check_resumable(thread: str, snapshot: StateSnapshot) -> None:
    """Refuse what LangGraph would go on with by skipping: a failed path function."""
    failed = [task.name for task in snapshot.tasks if task.error is not None]
    if failed and not snapshot.next:
        raise RunError(
            f"run {thread!r} failed when it left {', '.join(failed)}: resuming would end it there "
            "without running what comes next; mend the path function and start a new thread"
        )


def _look(app: App, thread: str) -> Moves[Run]:
    full = _config(thread, None)
    snapshot: StateSnapshot = yield Move("get_state", (full,))
    if snapshot.created_at is None:
        raise NoSuchRun(_no_run(thread))
    return (yield from seen(app, full))


def _no_run(thread: str) -> str:
    return (
        f"no run is stored under thread {thread!r}; start(app, ..., thread={thread!r}) begins one"
    )


def _invoke(given: Any, config: RunnableConfig, options: dict[str, Any]) -> Move:
    return Move("invoke", (given, config), {"durability": "sync", **options})


def _config(thread: str, config: RunnableConfig | None) -> RunnableConfig:
    given: RunnableConfig = config or {}
    configurable = {**given.get("configurable", {}), "thread_id": thread}
    return {**given, "configurable": configurable}


def _stopped_at(snapshot: StateSnapshot) -> str:
    return ", ".join(task.name for task in snapshot.tasks)


def _compiled(app: App) -> App:
    if isinstance(app, StateGraph):
        raise DesignError("this graph is not compiled: start(graph.compile(checkpointer=...), ...)")
    return app


_WRITTEN_BY_NODES = frozenset(RUN_KEYS) | {"actions"}


def _check_input(app: App, given: Given) -> None:
    if not isinstance(given, Mapping):
        raise RunError(f"the input is {type(given).__name__}; give a dict of state keys")
    forged = sorted(_WRITTEN_BY_NODES & set(given) & set(app.channels))
    if forged and "outcome" in app.channels:
        raise RunError(
            f"the input names {', '.join(forged)}, which only nodes may write: an approval or an "
            "outcome cannot be brought in from outside"
        )
    known = app.builder.channels
    if unknown := sorted(set(given) - set(known)):
        raise RunError(
            f"the input names {', '.join(unknown)}, which the state does not have "
            f"({', '.join(sorted(known))}); LangGraph would drop it in silence"
        )
