"""Read what an open run holds that a changed graph may lack: nodes, values, effects, gates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.graph import START
from langgraph.types import Send

from quintet.nodes.core.call import Call, Logic
from quintet.runs.pending import JOIN, SENDS, TRIGGER, next_nodes
from quintet.runs.tasks import tasks_of
from quintet.state.channels import OPEN
from quintet.state.journal.mode import mode_in
from quintet.state.savers.saver import Saver

EMPTY: tuple[Any, ...] = (None, "", [], {}, (), set())


@dataclass(frozen=True, kw_only=True)
class Held:
    """Hold what an open run has in one graph, or in a nested graph.

    Args:
        stored: its newest checkpoint.
        pending: the nodes that it goes on at; START where only its input is stored.
        results: whether results of an unfinished superstep are stored.
        following: nodes that results of an unfinished superstep lead to, or are joined with.
        ran: nodes that have run in the thread.
        keys: the state keys that have a value.
        awaited: for each edge that waits for several nodes, the name of its channel, if some have
            arrived.
        asking: whether a question is open.
        effects: the effects that the thread knows: proposed, begun or done.
        gates: the gates whose answer an action or a question waits for.
        inner: the same of nested graphs that have begun, each with the node that it is in.
    """

    stored: CheckpointTuple
    pending: tuple[str, ...]
    results: bool = False
    following: frozenset[str] = frozenset()
    ran: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    awaited: frozenset[str] = frozenset()
    asking: bool = False
    effects: frozenset[str] = frozenset()
    gates: frozenset[str] = frozenset()
    inner: tuple[tuple[str, Held], ...] = ()


def is_open(stored: CheckpointTuple) -> bool:
    """Say whether a run has something left to do."""
    return bool(pending_in(stored))


def pending_in(stored: CheckpointTuple) -> tuple[str, ...]:
    """Name the nodes that a run goes on at; START where only its input is stored."""
    waits = START in stored.checkpoint["channel_values"]
    seen = stored.checkpoint["versions_seen"].get(START, {}).get(START)
    if waits and seen != stored.checkpoint["channel_versions"].get(START):
        return (START,)
    return tuple(dict.fromkeys(next_nodes(stored.checkpoint)))


def held_by(saver: BaseCheckpointSaver[Any], stored: CheckpointTuple) -> Logic[Held]:
    """Read all that an open run holds, nested graphs included.

    Args:
        saver: the checkpointer that keeps it.
        stored: its newest checkpoint.
    """
    ids = stored.config["configurable"]
    thread = str(ids["thread_id"])
    # Not by `get_state`: a changed schema may refuse the values that are stored.
    spaces: dict[str, CheckpointTuple] = yield Call(
        _spaces, (saver, thread, ids["checkpoint_id"]), awaitable=_aspaces
    )
    begun: frozenset[str] = frozenset()
    if isinstance(saver, Saver):
        # A copy of a thread may share its claims.
        mode = yield Call(mode_in, (saver.journal, thread), blocks=True)
        about = (mode.scope or thread, "effect ")
        entries = yield Call(saver.journal.entries, about, blocks=True)
        begun = frozenset(e.subject.removeprefix("effect ").partition(":")[0] for e in entries)
    held = _held(stored, _inner(spaces, ""))
    return replace(held, effects=held.effects | begun)


def _spaces(saver: BaseCheckpointSaver[Any], thread: str, root: str) -> dict[str, CheckpointTuple]:
    """Give the newest checkpoint of each nested graph of a superstep, by its namespace."""
    return _newest(saver.list({"configurable": {"thread_id": thread}}), root)


async def _aspaces(
    saver: BaseCheckpointSaver[Any], thread: str, root: str
) -> dict[str, CheckpointTuple]:
    """Give the newest checkpoint of each nested graph, as `_spaces`."""
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    return _newest([item async for item in saver.alist(config)], root)


def _newest(items: Iterable[CheckpointTuple], root: str) -> dict[str, CheckpointTuple]:
    found: dict[str, CheckpointTuple] = {}
    for item in items:
        ids = item.config["configurable"]
        parents = (item.metadata or {}).get("parents") or {}
        if ids.get("checkpoint_ns") and parents.get("") == root:
            kept = found.setdefault(ids["checkpoint_ns"], item)
            if kept.config["configurable"]["checkpoint_id"] < ids["checkpoint_id"]:
                found[ids["checkpoint_ns"]] = item
    return found


def _inner(spaces: Mapping[str, CheckpointTuple], outer: str) -> tuple[tuple[str, Held], ...]:
    """Read the nested graphs that run right inside a graph: a namespace is `node:task|node:task`.

    Several of one node may be under way at once, as by `Send`.
    """
    inside = {space: stored for space, stored in spaces.items() if space.startswith(outer)}
    return tuple(
        (space.removeprefix(outer).partition(":")[0], _held(stored, _inner(spaces, f"{space}|")))
        for space, stored in sorted(inside.items())
        if "|" not in space.removeprefix(outer)
    )


def _held(stored: CheckpointTuple, inner: tuple[tuple[str, Held], ...]) -> Held:
    checkpoint, writes = stored.checkpoint, stored.pending_writes or ()
    values = checkpoint["channel_values"]
    filled = {channel for channel, value in values.items() if not _is_empty(value)}
    filled |= {channel for _, channel, value in writes if not _is_empty(value)}
    actions = [*_actions(values.get("actions"))]
    for _, channel, value in writes:
        actions += _actions(value) if channel == "actions" else ()
    packets = [question for _, channel, value in writes for question in _packets(channel, value)]
    gates = {str(action.get("gate", "")) for action in actions if action.get("status") in OPEN}
    gates |= {str(packet["gate"]) for packet in packets if "gate" in packet}
    effects = {str(action["name"]) for action in actions if "name" in action}
    effects = effects.union(*(held.effects for _, held in inner))
    gates = gates.union(*(held.gates for _, held in inner))
    pending, following = pending_in(stored), frozenset(_following(writes))
    if pending == (START,):
        filled |= _keys_of(values[START])
        # Its way into the graph is stored already, and START is not asked again.
        pending = tuple(sorted(following)) or pending
    return Held(
        stored=stored,
        pending=pending,
        results=any(task.output for task in tasks_of(writes)),
        following=following,
        ran=frozenset(n for n, seen in checkpoint["versions_seen"].items() if _is_node(n) and seen),
        keys=frozenset(c for c in filled if not c.startswith((TRIGGER, JOIN, "__"))),
        awaited=frozenset(c for c in filled if c.startswith(JOIN)),
        asking=any(channel == "__interrupt__" and value for _, channel, value in writes),
        effects=frozenset(effects),
        gates=frozenset(gates - {""}),
        inner=inner,
    )


def _keys_of(given: Any) -> set[str]:
    return (
        {key for key, value in given.items() if not _is_empty(value)}
        if isinstance(given, Mapping)
        else set()
    )


def _is_node(name: str) -> bool:
    return not name.startswith("__")


def _is_empty(value: Any) -> bool:
    return any(value is empty or (type(value) is type(empty) and value == empty) for empty in EMPTY)


def _actions(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield from (action for action in value.values() if isinstance(action, Mapping))


def _packets(channel: str, value: Any) -> Iterator[Mapping[str, Any]]:
    questions = value if isinstance(value, list | tuple) else (value,)
    for question in questions if channel == "__interrupt__" else ():
        packet = getattr(question, "value", None)
        if isinstance(packet, Mapping):
            yield packet


def _following(writes: Any) -> Iterator[str]:
    """Name the nodes that the ways of stored results of an unfinished superstep are known by."""
    for _, channel, value in writes:
        if channel.startswith(TRIGGER):
            yield channel.removeprefix(TRIGGER)
        elif channel.startswith(JOIN):
            # The channel is named by all of its nodes: none of them may change its name.
            starts, _, end = channel.removeprefix(JOIN).rpartition(":")
            yield from (*starts.split("+"), end)
        elif channel == SENDS and isinstance(value, Send):
            yield value.node
