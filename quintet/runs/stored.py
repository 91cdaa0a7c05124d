"""Read runs from a checkpointer, without the graph that made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple
from langgraph.types import Interrupt

from quintet.errors import NoSuchRun
from quintet.runs.past import Past, last_decisions, nodes_between, until_input, values_of
from quintet.runs.pending import JOIN, TRIGGER, next_nodes
from quintet.runs.run import outcome_in
from quintet.runs.tasks import Task, tasks_of
from quintet.state import actions, log
from quintet.state.channels import apply_updates
from quintet.state.checkpointer import require_saver, threads
from quintet.state.decision import Decision
from quintet.state.fragments import OrchestrationState, without_run
from quintet.state.run import run_of

_OURS = get_type_hints(OrchestrationState, include_extras=True)


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """A run read back from its checkpoints.

    Args:
        thread: the thread's id.
        id: the run's own id, eight letters; empty where its state keeps none.
        past: what it has been through, as far as it is read.
        status: the outcome's status, `waiting`, or `unfinished`.
        reason: the outcome's reason, or the questions that the run waits for.
        updated: when its last checkpoint was written, ISO 8601.
        path: the nodes that ran, in order.
        values: the state; of an unfinished superstep, only its writes to our own keys.
        waiting: the packets of the questions that are open.
    """

    thread: str
    status: str
    reason: str
    updated: str
    path: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    waiting: tuple[Any, ...] = ()
    id: str = ""
    past: Past = field(default_factory=Past, repr=False, compare=False)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Give the run's decisions in order; a long run's oldest are read now.

        Raises:
            RunError: they are to be read now, and the checkpointer is closed.
        """
        return self.past.decisions(self.values)


def stored_runs(saver: BaseCheckpointSaver[Any]) -> list[StoredRun]:
    """Read the last run of each thread of a checkpointer, the newest first, without its path."""
    latest = ((thread, saver.get_tuple(_config(thread))) for thread in threads(saver))
    # A thread may be deleted between the two readings.
    return [_run(saver, thread, item, ()) for thread, item in latest if item is not None]


def open_questions(
    saver: BaseCheckpointSaver[Any], thread: str | None
) -> Iterator[tuple[str, Interrupt]]:
    """Yield the open questions of one thread or of all, each with its thread."""
    for name in threads(saver) if thread is None else (thread,):
        latest = saver.get_tuple(_config(name))
        for task in tasks_of(() if latest is None else latest.pending_writes or ()):
            yield from ((name, question) for question in task.questions)


def stored_run(saver: BaseCheckpointSaver[Any], thread: str) -> StoredRun:
    """Read the last run of a thread, with its path.

    Args:
        saver: the checkpointer.
        thread: the thread's id, the id of its last run, or the beginning of either where no other
            id begins like it.

    Raises:
        CheckpointerError: it is no checkpointer.
        NoSuchRun: the checkpointer holds no run of this id, or several that begin like it.
    """
    require_saver(saver)
    history = [*until_input(saver.list(_config(thread)))]
    if not history:
        thread = _thread_like(saver, thread)
        history = [*until_input(saver.list(_config(thread)))]
    return _run(saver, thread, history[0], (*nodes_between(history), *_ended(history[0])))


def _thread_like(saver: BaseCheckpointSaver[Any], start: str) -> str:
    """Give the one thread whose id, or whose last run's id, begins like this."""
    runs = stored_runs(saver) if start else []
    matches = [run.thread for run in runs if any(i.startswith(start) for i in (run.thread, run.id))]
    if not matches:
        raise NoSuchRun(
            f"no run is stored under thread {start!r}, and no thread's or run's id begins like it"
        )
    if len(matches) > 1:
        some = ", ".join(map(repr, matches[:3])) + (", ..." if len(matches) > 3 else "")
        raise NoSuchRun(f"{start!r} is of {len(matches)} threads ({some}); give more of the id")
    return matches[0]


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def status_of(latest: CheckpointTuple) -> str:
    """Give the status of the run that a thread's newest checkpoint is of."""
    return _run(None, "", latest, ()).status


def _run(saver: Any, thread: str, latest: CheckpointTuple, path: tuple[str, ...]) -> StoredRun:
    tasks = tasks_of(latest.pending_writes or ())
    values = _values(latest.checkpoint, tasks)
    if latest.metadata.get("source") == "input" and "run" in values:
        # Cut off before its first node, the run has nothing yet: these are the last run's values.
        values = without_run(values)
    waiting = tuple(question.value for task in tasks for question in task.questions)
    outcome, past = outcome_in(values), _past(saver, thread, path, values)
    status = outcome.status if outcome is not None else _status(latest, tasks)
    return StoredRun(
        thread=thread,
        status="waiting" if waiting else status,
        reason=_question_texts(waiting) if waiting else "" if outcome is None else outcome.reason,
        updated=latest.checkpoint["ts"],
        path=path,
        values=values_of(values, past),
        waiting=waiting,
        id=run_of(values),
        past=past,
    )


def _past(
    saver: BaseCheckpointSaver[Any], thread: str, path: tuple[str, ...], values: Mapping[str, Any]
) -> Past:
    config = _config(thread)
    logged = last_decisions(saver, config, values)
    return Past(saver=saver, config=config, nodes=path, logged=logged)


def _status(latest: CheckpointTuple, tasks: list[Task]) -> str:
    """Give the status of a run without an outcome.

    A graph that writes no outcomes is done when nothing is left to run.
    """
    over = not tasks and not next_nodes(latest.checkpoint)
    ours = "run" in latest.checkpoint["channel_values"]
    return "done" if over and not ours else "unfinished"


def _values(checkpoint: Checkpoint, tasks: list[Task]) -> dict[str, Any]:
    values = {
        key: value
        for key, value in checkpoint["channel_values"].items()
        if not key.startswith((TRIGGER, JOIN, "__"))
    }
    if "run" in values:
        # Stored with what its channel alone needs; nodes and users see only the id.
        values["run"] = {"id": values["run"]["id"]}
        if "actions" in values:
            values["actions"] = actions.restored(values["actions"])
        if "decisions" in values:
            values["decisions"] = log.restored(values["decisions"])
    pending: dict[str, list[Any]] = {}
    for key, value in (write for task in tasks for write in task.output if write[0] in _OURS):
        pending.setdefault(key, []).append(value)
    for key, updates in pending.items():
        values[key] = apply_updates(_OURS[key], values.get(key), *updates)
    return values


def _question_texts(questions: tuple[Any, ...]) -> str:
    return "; ".join(
        str(packet["question"])[:120]
        if isinstance(packet, Mapping) and "question" in packet
        else f"{packet['action']}: {packet['why_asked']}"
        if isinstance(packet, Mapping) and "action" in packet
        else str(packet)[:120]
        for packet in questions
    )


def _ended(latest: CheckpointTuple) -> tuple[str, ...]:
    """Name the nodes of an unfinished superstep that have run."""
    tasks = tasks_of(latest.pending_writes or ())
    nodes = next_nodes(latest.checkpoint)
    for task in tasks:
        if task.questions and (node := task.asks(nodes)):
            nodes.remove(node)
    # A checkpointer does not say which task is of which node: as many as ended are named.
    return tuple(nodes[: len([task for task in tasks if task.ended])])
