"""Runs as they stand in a checkpointer, read without the graph that made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import Interrupt, Send

from quintet.state.checkpointer import threads
from quintet.state.decision import Decision
from quintet.state.errors import NoSuchRun
from quintet.state.record import read

_TRIGGER = "branch:to:"
_SENT = "__pregel_tasks"


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """A run read back from its checkpoints.

    Args:
        thread: the thread's id.
        status: the outcome's status, `waiting`, or `unfinished`.
        reason: the outcome's reason, or what the run waits for.
        updated: when its last checkpoint was written, ISO 8601.
        path: the nodes that ran, in order.
        values: the state.
        waiting: the packets of the questions that are open.
    """

    thread: str
    status: str
    reason: str
    updated: str
    path: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    waiting: tuple[Any, ...] = ()

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The run's decisions in order."""
        return tuple(read(Decision, item) for item in self.values.get("decisions") or ())


def stored_runs(saver: BaseCheckpointSaver[Any]) -> list[StoredRun]:
    """All runs of a checkpointer, the newest first; without their paths."""
    runs = []
    for thread in threads(saver):
        found = saver.get_tuple(_config(thread))
        if found is not None:
            runs.append(_run(thread, found, ()))
    return runs


def stored_run(saver: BaseCheckpointSaver[Any], thread: str) -> StoredRun:
    """One run, with its path.

    Raises:
        NoSuchRun: the checkpointer holds nothing under this thread.
    """
    history = list(saver.list(_config(thread)))
    if not history:
        raise NoSuchRun(f"no run is stored under thread {thread!r}")
    return _run(thread, history[0], _path(history))


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def _run(thread: str, latest: CheckpointTuple, path: tuple[str, ...]) -> StoredRun:
    values = {
        key: value
        for key, value in latest.checkpoint["channel_values"].items()
        if not key.startswith((_TRIGGER, "__"))
    }
    questions = _questions(latest)
    outcome = values.get("outcome") or {}
    status = "waiting" if questions else outcome.get("status", "unfinished")
    reason = outcome.get("reason", "") if not questions else _asked(questions)
    return StoredRun(
        thread=thread,
        status=status,
        reason=reason,
        updated=latest.checkpoint["ts"],
        path=path[: len(path) - len(questions)] if questions else path,
        values=values,
        waiting=questions,
    )


def _questions(latest: CheckpointTuple) -> tuple[Any, ...]:
    found: list[Any] = []
    for _, channel, value in latest.pending_writes or ():
        if channel == "__interrupt__":
            items = value if isinstance(value, list | tuple) else [value]
            found += [item.value for item in items if isinstance(item, Interrupt)]
    return tuple(found)


def _asked(questions: tuple[Any, ...]) -> str:
    return "; ".join(
        f"{packet['action']}: {packet['why_asked']}"
        if isinstance(packet, Mapping) and "action" in packet
        else str(packet)[:120]
        for packet in questions
    )


def _path(history: list[CheckpointTuple]) -> tuple[str, ...]:
    """The nodes that were set going since the last input, from newest-first history."""
    names: list[list[str]] = []
    for item in history:
        checkpoint = item.checkpoint
        updated = checkpoint.get("updated_channels") or []
        sent = checkpoint["channel_values"].get(_SENT) or []
        going = [name.removeprefix(_TRIGGER) for name in updated if name.startswith(_TRIGGER)]
        names.append([*going, *(send.node for send in sent if isinstance(send, Send))])
        if item.metadata.get("source") == "input":
            break
    return tuple(name for step in reversed(names) for name in step)
