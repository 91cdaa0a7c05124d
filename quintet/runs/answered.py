"""Find questions that were answered although a cut-off run still shows them.

A graph that runs in a node stores its next question before the graph around it does. Where the
process ends in between, the outer graph shows the question before, and LangGraph would take an
answer to that for one to the next, which nobody has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import Interrupt, StateSnapshot

from quintet.nodes.core.call import Call, Logic
from quintet.runs.pending import next_nodes
from quintet.runs.tasks import is_over
from quintet.runs.thread import App

INTERRUPT = "__interrupt__"
NOBODY: Mapping[str, Any] = {"0" * 32: "answered"}
"""An answer to no question: LangGraph runs the waiting nodes again, and they ask what is open."""


def answered(app: App, config: RunnableConfig, snapshot: StateSnapshot) -> Logic[frozenset[str]]:
    """Give the ids of the questions that a thread shows, and that nobody asks any more.

    Their task has ended since, or the graph nested in it asks something else.
    """
    saver = app.checkpointer
    gone: set[str] = set()
    for task in snapshot.tasks:
        shown = {interrupt.id for interrupt in task.interrupts}
        if is_over(task.error):
            gone |= shown
        elif shown and isinstance(saver, BaseCheckpointSaver):
            asked = yield from _asked_within(saver, config, "", task.name, task.id)
            gone |= shown - asked if asked else set()
    return frozenset(gone)


def _asked_within(
    saver: BaseCheckpointSaver[Any], config: RunnableConfig, around: str, node: str, task: str
) -> Logic[set[str]]:
    """Give the ids of what a graph in a node asks; empty where there is none, or it asks nothing.

    Args:
        saver: where the thread is.
        config: the outermost graph's.
        around: the namespace of the graph that the node is in; empty for the outermost.
        node: the node.
        task: its task's id.
    """
    # A graph that keeps its state from call to call has a namespace without the task.
    kept = "|".join(part.partition(":")[0] for part in around.split("|"))
    for ahead, name in ((around, f"{node}:{task}"), (kept, node)):
        space = f"{ahead}|{name}" if ahead else name
        thread = config["configurable"]["thread_id"]
        place: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_ns": space}}
        stored: CheckpointTuple | None = yield Call(
            saver.get_tuple, (place,), awaitable=saver.aget_tuple
        )
        if stored is not None:
            return (yield from _asked(saver, config, space, stored))
    return set()


def _asked(
    saver: BaseCheckpointSaver[Any], config: RunnableConfig, space: str, stored: CheckpointTuple
) -> Logic[set[str]]:
    """Give the ids of what a nested graph asks, by its own newest checkpoint and those within."""
    asked: set[str] = set()
    for task, channel, value in stored.pending_writes or ():
        if channel != INTERRUPT:
            continue
        ids = {one.id for one in value if isinstance(one, Interrupt)}
        for node in next_nodes(stored.checkpoint):
            within = yield from _asked_within(saver, config, space, node, task)
            ids = within or ids
        asked |= ids
    return asked
