"""Rewrite a run's newest checkpoint for another graph, in one write that a crash cannot halve.

The checkpoint keeps its id, so tasks and nested graphs that keep their names keep what they have
done. It is put again only while it is its thread's newest, and its metadata then names the new
graph; so nobody migrates it twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import Send

from quintet.nodes.core.call import Call, Logic
from quintet.runs.pending import JOIN, SENDS, TRIGGER
from quintet.runs.thread import App
from quintet.runs.versions.known import FLAG
from quintet.state.decision import Decision
from quintet.state.log import Log
from quintet.state.record import plain
from quintet.state.savers.questions import INTERRUPT

RESERVED = ("run", "kept")
"""Keys whose stored form only their own channels read."""


@dataclass(frozen=True, kw_only=True)
class Rewriting:
    """Change one checkpoint.

    Args:
        app: the graph that it is rewritten for.
        names: new names of nodes by the old.
        values: the new values of the state; None leaves them as they are.
        decision: a record to append to the run's decisions.
    """

    app: App
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] | None = None
    decision: Decision | None = None

    def put(
        self, saver: BaseCheckpointSaver[Any], stored: CheckpointTuple, digest: str
    ) -> Logic[None]:
        """Put the checkpoint once more, with its changes and the digest of its graph.

        Raises:
            RunSuperseded: somebody has moved the thread on meanwhile.
        """
        newest: Any = saver.get_next_version(
            max(stored.checkpoint["channel_versions"].values(), default=None), None
        )
        whole = self._renamed(stored.checkpoint, newest)
        self._set_values(whole, newest)
        before = stored.checkpoint["channel_versions"]
        # Some stores keep a value once for a channel and version, so a new value has a new version.
        versions = {c: v for c, v in whole["channel_versions"].items() if before.get(c) != v}
        metadata = {**stored.metadata, FLAG: digest}
        yield Call(
            saver.put,
            (_parent(stored), whole, metadata, versions),
            awaitable=saver.aput,
        )

    def _renamed(self, checkpoint: Any, newest: Any) -> Any:
        values = {self._channel(c): v for c, v in checkpoint["channel_values"].items()}
        before = dict(values)
        for channel, value in before.items() if self.names else ():
            if channel.startswith(JOIN) and isinstance(value, set | frozenset | list | tuple):
                values[channel] = type(value)(self.names.get(name, name) for name in value)
            elif channel == SENDS and isinstance(value, list | tuple):
                values[channel] = type(value)(map(self._send, value))
            elif channel == "route" and isinstance(value, str):
                values[channel] = self.names.get(value, value)
            elif channel == "results" and isinstance(value, Mapping):
                values[channel] = {self.names.get(name, name): r for name, r in value.items()}
        seen = {
            self.names.get(node, node): {self._channel(c): v for c, v in channels.items()}
            for node, channels in checkpoint["versions_seen"].items()
        }
        versions = {self._channel(c): v for c, v in checkpoint["channel_versions"].items()}
        versions |= {c: newest for c in before.keys() & versions if before[c] is not values[c]}
        updated = checkpoint.get("updated_channels")
        return {
            **checkpoint,
            "channel_values": values,
            "channel_versions": versions,
            "versions_seen": seen,
            "updated_channels": updated and [self._channel(c) for c in updated],
        }

    def _channel(self, channel: str) -> str:
        """Give a channel's name under the new graph."""
        if channel.startswith(TRIGGER):
            node = channel.removeprefix(TRIGGER)
            return f"{TRIGGER}{self.names.get(node, node)}"
        if not channel.startswith(JOIN) or not self.names:
            return channel
        starts, _, end = channel.removeprefix(JOIN).rpartition(":")
        awaited = {self.names.get(name, name) for name in starts.split("+")}
        # The new graph may list the same nodes in another order.
        for other in self.app.channels:
            if other.startswith(JOIN):
                others, _, to = other.removeprefix(JOIN).rpartition(":")
                if to == self.names.get(end, end) and set(others.split("+")) == awaited:
                    return other
        return channel

    def _send(self, send: Any) -> Any:
        if isinstance(send, Send) and send.node in self.names:
            return Send(self.names[send.node], send.arg)
        return send

    def _set_values(self, whole: dict[str, Any], newest: Any) -> None:
        """Set the state's values, with a new version for each that has changed."""
        channels, versions = whole["channel_values"], whole["channel_versions"]
        new = dict(state_values(channels) if self.values is None else self.values)
        if self.decision is not None and isinstance(self.app.channels.get("decisions"), Log):
            log = new.get("decisions")
            new["decisions"] = [*(log if isinstance(log, list) else []), plain(self.decision)]
        changed = {key for key, value in new.items() if channels.get(key, self) is not value}
        for key in state_values(channels).keys() - new.keys():
            del channels[key]
            versions.pop(key, None)
        for key in changed:
            channels[key] = new[key]
            versions[key] = newest


def state_values(channels: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values of a state's keys from a checkpoint's channels."""
    return {
        key: value
        for key, value in channels.items()
        if key not in RESERVED and not key.startswith((TRIGGER, JOIN, "__"))
    }


def take_questions_back(saver: BaseCheckpointSaver[Any], stored: CheckpointTuple) -> Logic[bool]:
    """Take the open questions of a checkpoint back, so that their nodes ask anew.

    Returns:
        True where there were any.
    """
    stored_writes = stored.pending_writes or ()
    tasks = {task for task, channel, value in stored_writes if channel == INTERRUPT and value}
    for task in sorted(tasks):
        # LangGraph replaces a task's interrupts as a whole.
        none: list[tuple[str, Any]] = [(INTERRUPT, [])]
        yield Call(saver.put_writes, (stored.config, none, task), awaitable=saver.aput_writes)
    return bool(tasks)


def _parent(stored: CheckpointTuple) -> RunnableConfig:
    """Give the configuration under which a checkpoint was put: it names the one before it."""
    ids = {
        name: stored.config["configurable"].get(name, "") for name in ("thread_id", "checkpoint_ns")
    }
    before = (stored.parent_config or {}).get("configurable", {}).get("checkpoint_id")
    return {"configurable": ids | ({"checkpoint_id": before} if before else {})}
