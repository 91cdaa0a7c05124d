"""Moving a run: start it, resume it, answer it, look at it. LangGraph's traps end here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, StateSnapshot
from pydantic import ValidationError

from quintet.runs.moves import App, Move, Moves, adrive, drive, knows_quintet
from quintet.runs.refusals import (
    check_answerable,
    check_context,
    check_free,
    check_gates,
    check_input,
    check_resumable,
    check_stored,
    compiled,
    configured,
    unanswerable,
)
from quintet.runs.run import Run, Waiting, bound, seen
from quintet.state.channels import RUN_KEYS
from quintet.state.errors import AnswerRefused
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
    return drive(compiled(app), _start(app, given, thread, config, options))


async def astart(
    app: App,
    given: Given,
    *,
    thread: str | None = None,
    config: RunnableConfig | None = None,
    **options: Any,
) -> Run:
    """Start a run of an async graph; as `start`."""
    return await adrive(compiled(app), _start(app, given, thread, config, options))


def resume(app: App, *, thread: str, config: RunnableConfig | None = None, **options: Any) -> Run:
    """Go on with a run that was cut off, from its last checkpoint. A finished run is returned.

    Raises:
        NoSuchRun: nothing is stored under this thread.
        RunError: the run waits for an answer, or failed where going on would skip work in silence.
    """
    return drive(compiled(app), _resume(app, thread, config, options))


async def aresume(
    app: App, *, thread: str, config: RunnableConfig | None = None, **options: Any
) -> Run:
    """Go on with a run of an async graph; as `resume`."""
    return await adrive(compiled(app), _resume(app, thread, config, options))


def look(app: App, *, thread: str) -> Run:
    """Look at a run without moving it.

    Raises:
        NoSuchRun: nothing is stored under this thread.
    """
    return drive(compiled(app), _look(app, thread))


async def alook(app: App, *, thread: str) -> Run:
    """Look at a run of an async graph; as `look`."""
    return await adrive(compiled(app), _look(app, thread))


def answered(run: Run, question: Waiting, answer: Any, options: Mapping[str, Any]) -> Moves[Run]:
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
    check_context(run.app, options)
    try:
        yield _invoke(Command(resume={question.id: given}), run.config, options)
    except ValidationError as problem:
        after: StateSnapshot = yield Move("get_state", (run.config,))
        if question.id in {item.id for item in after.interrupts}:
            raise AnswerRefused(f"{question.node}: {faults(problem)}") from problem
        raise
    return (yield from seen(run.app, run.config, options))


def _start(
    app: App,
    given: Given,
    thread: str | None,
    config: RunnableConfig | None,
    options: dict[str, Any],
) -> Moves[Run]:
    check_input(app, given)
    check_gates(app)
    full = configured(thread, config)
    name = str(full["configurable"]["thread_id"])
    if app.checkpointer is None or app.checkpointer is False:
        return (yield from _start_unsaved(app, given, full, options))
    snapshot: StateSnapshot = yield Move("get_state", (full,))
    check_free(name, snapshot)
    again = snapshot.created_at is not None and knows_quintet(app)
    anew = {key: empty for key, empty in RUN_KEYS.items() if again and key in app.channels}
    try:
        yield _invoke({**anew, **given}, full, options)
    except Exception as problem:
        problem.add_note(f"thread {name!r} keeps what was done; resume(app, thread={name!r})")
        raise
    # What was started without a context goes on without one.
    return (yield from seen(app, full, {"context": None, **options}))


def _start_unsaved(
    app: App, given: Given, config: RunnableConfig, options: dict[str, Any]
) -> Moves[Run]:
    check_answerable(app)
    whole = {"version": "v2", "stream_mode": "values", "output_keys": None}
    result: Any = yield Move("invoke", (given, config), {**options, **whole})
    if result.interrupts:
        raise unanswerable()
    thread = str(config["configurable"]["thread_id"])
    return Run(app=app, thread=thread, values=dict(result.value), finished=True, config=config)


def _resume(
    app: App, thread: str, config: RunnableConfig | None, options: dict[str, Any]
) -> Moves[Run]:
    full = configured(thread, config)
    snapshot: StateSnapshot = yield Move("get_state", (full,))
    check_stored(thread, snapshot)
    check_resumable(app, thread, snapshot)
    if snapshot.tasks:
        check_context(app, options)
        yield _invoke(None, full, options)
    return (yield from seen(app, full, options))


def _look(app: App, thread: str) -> Moves[Run]:
    full = configured(thread, None)
    check_stored(thread, (yield Move("get_state", (full,))))
    return (yield from seen(app, full, {}))


def _invoke(given: Any, config: RunnableConfig, options: Mapping[str, Any]) -> Move:
    return Move("invoke", (given, config), {"durability": "sync", **options})
