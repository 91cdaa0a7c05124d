"""Add to LangGraph's savers: async calls, listing by pages, closing, a journal, one runner.

A checkpoint is put only where the one that it follows is its thread's newest. Of two runners that
go on from the same checkpoint, one is refused, and so is a run from an old checkpoint.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)

from quintet.errors import RunSuperseded
from quintet.state.hold import Holds
from quintet.state.journal.entry import Journal
from quintet.state.journal.found import Known, note_asking, note_loading
from quintet.state.room import Room, outside
from quintet.state.savers.decided import Decided, Moved
from quintet.state.savers.questions import Questions
from quintet.state.savers.roomed import Roomed
from quintet.state.savers.upkeep import INPUT, Upkeep

PAGE = 64

THREADS_QUERY: Final = (
    "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY max(checkpoint_id) DESC"
)


class Put(NamedTuple):
    """A checkpoint that is to be stored, ready as the database gets it.

    Args:
        config: the place of the checkpoint that it follows.
        checkpoint, metadata, versions: what LangGraph's saver is given.
        moved: the decisions that go to the journal with it; None without any.
    """

    config: RunnableConfig
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    versions: ChannelVersions
    moved: Moved | None = None


class Saver(Upkeep, Roomed):
    """Save checkpoints for sync and async calls alike, until it is closed.

    Attributes:
        holds: the holds on its threads; copies of a saver share them.
    """

    holds: Holds
    _known: Known
    _questions: Questions
    _decided: Decided

    def keep_with(self, journal: Journal, room: Room) -> None:
        """Keep a journal beside the checkpoints, which the nodes of their runs find.

        Raises:
            CheckpointerError: the room's keys do not open what is kept.
        """
        journal.enter(room)
        self.journal, self.holds, self.room = journal, journal.holds, room
        self._known, self._questions = Known(journal), Questions(journal)
        self._decided = Decided(journal)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Get the checkpoint that the config names, or the latest of its thread.

        Raises:
            CheckpointerError: it cannot be read; the thread and checkpoint are named.
        """
        note_loading(self._known, config)
        found = super().get_tuple(config)
        note_asking(found)
        if found is not None:
            found = _without_answer(found)
            self._note(found.config, found.checkpoint)
            self._questions.note_read(found)
            self._decided.forget(str(found.config["configurable"]["thread_id"]))
        return found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint after its thread's newest.

        Raises:
            RunSuperseded: the thread has a newer one than that which this one follows.
            DesignError: it holds a secret that would be written with its value.
        """
        self._note(config, checkpoint)
        checkpoint, moved = self._decided.cut(config, checkpoint, new_versions)
        inside, checkpoint, metadata = self.made_ready(config, checkpoint, metadata)
        newest, stored = self._store(Put(inside, checkpoint, metadata, new_versions, moved))
        if moved is not None:
            self._decided.note(moved)
        # Put once more, as a migration does, a checkpoint moves nothing: its questions stay open.
        if newest != checkpoint["id"]:
            self._questions.note_moved(config, checkpoint["id"])
        placed: RunnableConfig = self.room.leave(stored)
        return placed

    @abstractmethod
    def _store(self, put: Put) -> tuple[str | None, RunnableConfig]:
        """Store a checkpoint by `follow` and LangGraph's `put`, while nobody else may.

        Returns:
            The id of the thread's newest checkpoint before, and the place of this one.

        Raises:
            RunSuperseded: it does not follow the newest.
        """

    def follow(self, newest: str | None, put: Put, connection: Any = None) -> None:
        """Let a checkpoint's decisions go to the journal, in the transaction that stores it.

        Args:
            newest: the id of the thread's newest checkpoint; None without any.
            put: the checkpoint.
            connection: the transaction's connection, where there are several.

        Raises:
            RunSuperseded: it does not follow the newest.
        """
        require_newest(newest, put.config, put.checkpoint)
        if put.moved is not None:
            put.moved.add_to(self.journal, connection)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store a task's writes, and list the questions among them."""
        self._questions.note_writes(config, writes, task_id, task_path)
        super().put_writes(config, writes, task_id, task_path)

    def _note(self, config: RunnableConfig, checkpoint: Checkpoint) -> None:
        ids = config["configurable"]
        if not ids.get("checkpoint_ns"):
            self._known.note(str(ids["thread_id"]), checkpoint["id"])

    def delete_thread(self, thread_id: str) -> None:
        """Delete all checkpoints and writes of a thread; its journal stays, for an audit."""
        super().delete_thread(thread_id)
        self.journal.close(str(thread_id))

    def close(self) -> None:
        """Release what the saver holds; a second call does nothing."""
        self._known.close()

    @property
    def closed(self) -> bool:
        """Say whether it is closed."""
        return self._known.closed

    @abstractmethod
    def threads(self) -> Sequence[str]:
        """Give the ids of all threads that have a checkpoint, the latest written first."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)


class ThreadedSaver(Saver):
    """Add async calls to a sync saver: each runs in a worker thread.

    Listing reads a page at a time and holds no lock between pages. LangGraph's own savers keep
    their lock while a listing is being read, so any other call meanwhile waits for ever.
    """

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """List the checkpoints that match, newest first."""
        for page in self._pages(config, filter, before, limit):
            yield from page

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """List the checkpoints that match, newest first."""
        pages = self._pages(config, filter, before, limit)
        while page := await asyncio.to_thread(next, pages, None):
            for item in page:
                yield item

    def _pages(
        self,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> Iterator[Sequence[CheckpointTuple]]:
        if config is None:
            yield from self.all_pages(filter, before, limit)
            return
        size, inside = PAGE, self.room.enter(config)
        while limit is None or limit > 0:
            size = size if limit is None else min(size, limit)
            page = self.page(inside, filter=filter, before=before, limit=size)
            last = len(page) < size or size == limit
            if not last:
                # Two namespaces may share an id: never end a page inside such a group.
                whole = [item for item in page if _id(item) != _id(page[-1])]
                if not whole:
                    size *= 2
                    continue
                page = whole
            if page:
                yield page
            if last:
                return
            before, size = page[-1].config, PAGE
            limit = None if limit is None else limit - len(page)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Get the checkpoint that the config names, or the latest of its thread."""
        note_loading(self._known, config)  # in this context, not only in the thread's copy of it
        found = await asyncio.to_thread(self.get_tuple, config)
        note_asking(found)
        return found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        ids = config["configurable"]
        if ids.get("checkpoint_ns"):
            return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)
        # Nodes may run before it is stored, and look for their journal.
        with self._known.writing(str(ids["thread_id"]), checkpoint["id"]):
            return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store a task's writes."""
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete all checkpoints and writes of a thread."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Get the writes of delta channels, back to their last full value."""
        return await asyncio.to_thread(
            self.get_delta_channel_history, config=config, channels=channels
        )


def require_newest(newest: str | None, config: RunnableConfig, checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint that does not follow its thread's newest.

    Raises:
        RunSuperseded: it names the thread and both checkpoints.
    """
    ids = config["configurable"]
    followed = ids.get("checkpoint_id")
    # A run under durability="exit" puts its last checkpoint twice. One without channels is no
    # run's: somebody keeps checkpoints of their own making.
    if newest in (followed, checkpoint["id"]) or not checkpoint["channel_versions"]:
        return
    thread = outside(str(ids["thread_id"]))
    gone = "gone, since the thread was deleted"
    raise RunSuperseded(
        f"thread {thread!r} was moved on by another runner, or this run goes on from an old "
        f"checkpoint: it follows {followed or 'nothing'}, and the newest is {newest or gone}. "
        "Nothing of it is saved. Go on from the newest, or copy the old one into a thread of its "
        f"own: quintet.runs.fork(app, thread={thread!r}, at={followed!r}, to=...)"
    )


def _without_answer(found: CheckpointTuple) -> CheckpointTuple:
    """Leave out an answer that came with an earlier call of the graph, for no question by name.

    LangGraph would give it to whatever is asked next, so that one yes would be a yes to all. A task
    that has taken it keeps it; one that had not yet asks again.
    """
    kept = [w for w in found.pending_writes or () if (w[0], w[1]) != (INPUT, "__resume__")]
    return found._replace(pending_writes=kept)


def _id(item: CheckpointTuple) -> str:
    return str(item.config["configurable"]["checkpoint_id"])
