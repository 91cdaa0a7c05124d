"""Name the nodes that a stored run goes on at, and refuse a graph that lacks one of them.

LangGraph keeps the nodes that are next as channels of the checkpoint, whose names are read here. A
graph without such a node has no such channel: LangGraph passes it over, and the run looks finished.
"""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple
from langgraph.types import Send

from quintet.errors import RunError
from quintet.nodes.core.call import Call, Logic
from quintet.runs.thread import App, thread_of

TRIGGER, JOIN, SENDS = "branch:to:", "join:", "__pregel_tasks"


def next_nodes(checkpoint: Checkpoint) -> list[str]:
    """Name the nodes that run next."""
    values, seen = checkpoint["channel_values"], checkpoint["versions_seen"]
    names: list[str] = []
    for channel, value in values.items():
        node = channel.rpartition(":")[2]
        version = checkpoint["channel_versions"].get(channel)
        if version == seen.get(node, {}).get(channel):
            continue  # the node has run on this version
        # A deferred node's channel holds a list, whose last part says whether it may run now.
        if channel.startswith(TRIGGER) and (not isinstance(value, list) or value[-1]):
            names.append(node)
        # An edge from several nodes waits until each has arrived.
        elif channel.startswith(JOIN):
            awaited = channel.removeprefix(JOIN).rpartition(":")[0].split("+")
            names += [node] if set(awaited) == set(value) else []
    return [*sent_nodes(checkpoint), *sorted(names)]


def sent_nodes(checkpoint: Checkpoint) -> list[str]:
    """Name the nodes that `Send` started."""
    sends = checkpoint["channel_values"].get(SENDS) or ()
    return [send.node for send in sends if isinstance(send, Send)]


def check_nodes(app: App, config: RunnableConfig) -> Logic[None]:
    """Refuse a run that goes on at a node which the graph does not have.

    Raises:
        RunError: it names the nodes, and those that there are.
    """
    saver = app.checkpointer
    if not isinstance(saver, BaseCheckpointSaver):
        return
    stored: CheckpointTuple | None = yield Call(
        saver.get_tuple, (config,), awaitable=saver.aget_tuple
    )
    nodes = [] if stored is None else next_nodes(stored.checkpoint)
    if gone := sorted({node for node in nodes if node not in app.nodes}):
        known = ", ".join(sorted(name for name in app.nodes if not name.startswith("__")))
        raise RunError(
            f"run {thread_of(config)!r} goes on at {', '.join(gone)}, which this graph does not "
            f"have ({known}): the graph was changed since. Go on with the graph that it was "
            "started with, give the node its old name back, or start(..., withdraw=True) to leave "
            "the run there"
        )
