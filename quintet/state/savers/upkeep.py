"""Add to savers: copying a thread, pruning it, and deleting runs, as LangGraph names these.

A copy is a real fork: it shares its claims on effects with the thread that it was copied from.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

from quintet.errors import CheckpointerError
from quintet.state.journal.entry import Journal
from quintet.state.journal.mode import Mode, mode_in, set_mode
from quintet.state.savers.decided import copy_decided

INPUT = "00000000-0000-0000-0000-000000000000"
"""LangGraph's id for writes that no task made, such as an answer."""

STRATEGIES = ("keep_latest", "delete", "delete_all")


class Upkeep(BaseCheckpointSaver[str]):
    """Copy and prune threads, by the calls that every saver has and one that deletes checkpoints.

    Attributes:
        journal: the journal beside the checkpoints.
    """

    journal: Journal

    @abstractmethod
    def drop(self, thread: str, gone: Mapping[str, Collection[str]]) -> None:
        """Delete checkpoints of a thread with all that only they need: their ids by namespace."""

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints and writes of a thread, but for answers, which are for that thread.

        An effect that one of the two has done is not done by the other.

        Raises:
            CheckpointerError: the target exists, or was begun as something else.
        """
        source, target = str(source_thread_id), str(target_thread_id)
        items = [*self.list({"configurable": {"thread_id": source}})]
        if not items:
            return
        mode = mode_in(self.journal, source)
        copied = Mode(
            dry=mode.dry,
            source=source,
            checkpoint=items[0].checkpoint["id"],
            scope="" if mode.dry else mode.scope or source,
            before=mode.before,
        )
        exists = self.get_tuple({"configurable": {"thread_id": target, "checkpoint_ns": ""}})
        if exists is not None or not set_mode(self.journal, target, copied):
            raise CheckpointerError(f"thread {target!r} exists: copy {source!r} into a new one")
        copy_decided(self.journal, source, target, next(i for i in items if not space_of(i)))
        for item in sorted(items, key=lambda item: item.checkpoint["id"]):
            self._copy(item, target)

    def _copy(self, item: CheckpointTuple, thread: str) -> None:
        ids: dict[str, Any] = {
            "thread_id": thread,
            "checkpoint_ns": item.config["configurable"]["checkpoint_ns"],
        }
        if item.parent_config is not None:
            ids["checkpoint_id"] = item.parent_config["configurable"]["checkpoint_id"]
        place: RunnableConfig = {"configurable": ids}
        versions = {**item.checkpoint["channel_versions"]}
        stored = self.put(place, item.checkpoint, item.metadata, versions)
        for task, writes in writes_of(item).items():
            self.put_writes(stored, writes, task)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keep the latest checkpoint of each namespace, or with `"delete"` none; the journal stays.

        Raises:
            CheckpointerError: an unknown strategy, or a thread whose latest value lies in its older
                checkpoints.
        """
        if strategy not in STRATEGIES or isinstance(thread_ids, str):
            raise CheckpointerError(
                f"prune({thread_ids!r:.60}, strategy={strategy!r}): give a list of threads, and "
                f"one of {', '.join(STRATEGIES)}"
            )
        for thread in map(str, thread_ids):
            if strategy != "keep_latest":
                self.delete_thread(thread)
            else:
                self._keep_latest(thread)

    def _keep_latest(self, thread: str) -> None:
        items = [*self.list({"configurable": {"thread_id": thread}})]
        refuse_deltas(thread, items)
        newest: dict[str, str] = {}
        for item in items:
            space = space_of(item)
            newest[space] = max(newest.get(space, ""), item.checkpoint["id"])
        gone = unneeded(items, {newest.get("", "")})
        for item in items:
            space, known = space_of(item), item.checkpoint["id"]
            if known != newest[space] and known not in gone.get(space, ()):
                gone.setdefault(space, []).append(known)
        self.drop(thread, gone)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints and writes of LangGraph's runs, by the ids in their metadata."""
        gone: dict[str, dict[str, list[str]]] = {}
        for run in run_ids:
            for item in self.list(None, filter={"run_id": str(run)}):
                ids = item.config["configurable"]
                spaces = gone.setdefault(ids["thread_id"], {})
                spaces.setdefault(ids["checkpoint_ns"], []).append(ids["checkpoint_id"])
        for thread, spaces in gone.items():
            latest = self.get_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
            self.drop(thread, spaces)
            if latest is not None and latest.checkpoint["id"] in spaces.get("", ()):
                self.journal.close(thread)  # nobody can answer what was asked there

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints and writes of a thread, as `copy_thread`."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete the older checkpoints of the threads, or with `"delete"` all of them."""
        await asyncio.to_thread(self.prune, thread_ids, strategy=strategy)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints and writes of runs, as `delete_for_runs`."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)


def refuse_deltas(thread: str, items: Sequence[CheckpointTuple]) -> None:
    """Refuse a thread with a `DeltaChannel`.

    Raises:
        CheckpointerError: its value lies in its older checkpoints too.
    """
    if any(map(keeps_deltas, items)):
        raise CheckpointerError(
            f"thread {thread!r} has a DeltaChannel, whose value lies in its older checkpoints: "
            "it cannot be pruned"
        )


def keeps_deltas(item: CheckpointTuple) -> bool:
    """Say whether a checkpoint has a `DeltaChannel`, whose value lies in the older ones too."""
    # LangGraph puts these into the metadata of graphs that have such channels.
    marks = ("counters_since_delta_snapshot", "delta_writes_versioned")
    return any(mark in item.metadata for mark in marks)


def unneeded(items: Sequence[CheckpointTuple], kept: Collection[str]) -> dict[str, list[str]]:
    """Give the checkpoints of a thread, by namespace, that go where only these roots are kept.

    A nested graph's go with the root checkpoint from which it was called. Where it keeps its state
    from one call to the next, its newest stays as long as any root does.
    """
    roots = {item.checkpoint["id"] for item in items if not space_of(item)}
    newest_root = max(roots, default="")
    lasting: dict[str, str] = {}
    for item in items:
        if ":" not in space_of(item):
            lasting[space_of(item)] = max(lasting.get(space_of(item), ""), item.checkpoint["id"])
    gone: dict[str, list[str]] = {}
    for item in items:
        space, known = space_of(item), str(item.checkpoint["id"])
        root = known if not space else root_of(item)
        # Without a root that is known, it was called from one that is not stored yet.
        stays = root in kept or (bool(kept) and not root) or root > newest_root
        if ":" not in space and space and kept:
            stays = stays or known == lasting[space]
        if not stays:
            gone.setdefault(space, []).append(known)
    return gone


def space_of(item: CheckpointTuple) -> str:
    """Give a checkpoint's namespace: empty for the outermost graph."""
    return str(item.config["configurable"].get("checkpoint_ns", ""))


def root_of(item: CheckpointTuple) -> str:
    """Give the checkpoint of the outermost graph at which a nested one was saved."""
    return str((item.metadata.get("parents") or {}).get("", ""))


def writes_of(item: CheckpointTuple) -> dict[str, list[tuple[str, Any]]]:
    """Give the writes of an unfinished step's tasks, without any answer that a person gave."""
    by_task: dict[str, list[tuple[str, Any]]] = {}
    for task, channel, value in item.pending_writes or ():
        by_task.setdefault(task, []).append((channel, value))
    kept: dict[str, list[tuple[str, Any]]] = {}
    for task, writes in by_task.items():
        answered = any(channel == "__resume__" for channel, _ in writes)
        # An answer is for its own thread. A task that goes on from one asks anew.
        left = ("__resume__", "__interrupt__") if answered and task != INPUT else ("__resume__",)
        if rest := [(channel, value) for channel, value in writes if channel not in left]:
            kept[task] = rest
    return kept
