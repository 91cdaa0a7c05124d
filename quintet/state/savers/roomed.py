"""Add to savers: threads of one tenant alone, values without secrets, encryption where wanted.

It stands between what Quintet adds to a saver, which knows threads by their own ids, and
LangGraph's saver, which has them as they are stored.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
)

from quintet.errors import CheckpointerError
from quintet.state.journal.entry import Journal
from quintet.state.room import Room, outside
from quintet.state.savers.keeping import (
    Spot,
    kept_values,
    kept_writes,
    metadata_of,
    opened,
    refuse_misplaced,
    refuse_sealed,
    sealed_metadata,
)
from quintet.state.savers.serializer import StrictSerializer

PLACES_QUERY: Final = (
    "SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints ORDER BY checkpoint_id DESC"
)
READING: Final = (ValueError, TypeError, LookupError, AttributeError)
"""The errors of a checkpoint that was cut or altered; a database's own errors are none of them."""


class Roomed(BaseCheckpointSaver[str]):
    """Put tenants' names on thread ids and take them off, and seal and open what is kept.

    Attributes:
        journal: the journal beside the checkpoints.
        room: the tenant, and the keys.
    """

    journal: Journal
    room: Room
    serde: StrictSerializer

    keeps_text_apart: ClassVar[bool] = False
    """Whether LangGraph's saver keeps lone texts and numbers as JSON beside the checkpoint."""

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Get the checkpoint that the config names, or the latest of its thread.

        Raises:
            CheckpointerError: it cannot be read; the thread and checkpoint are named.
        """
        inside = self.room.enter(config)
        try:
            stored = super().get_tuple(inside)
        except READING as problem:
            raise self.unreadable(inside, problem) from problem
        return None if stored is None else self.read_back(stored)

    def read_back(self, stored: CheckpointTuple) -> CheckpointTuple:
        """Decrypt what the database holds, and give it under the thread's own id.

        Raises:
            CheckpointerError: it is not what its place says, or cannot be decrypted.
        """
        refuse_misplaced(self.room, stored)
        if self.room.keys is None:
            refuse_sealed(self.room, stored)
        else:
            stored = opened(self.room, stored, self.room.keys, self.serde)
        leave = self.room.leave
        return stored._replace(
            config=leave(stored.config), parent_config=leave(stored.parent_config)
        )

    def unreadable(self, inside: RunnableConfig, problem: Exception) -> CheckpointerError:
        """Give the error for a checkpoint whose reading has failed."""
        told = f"it cannot be read ({type(problem).__name__}: {problem}); it was cut or altered"
        ours = isinstance(problem, CheckpointerError)
        return Spot(room=self.room, config=inside).refused(problem if ours else told)

    def made_ready(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata
    ) -> tuple[RunnableConfig, Checkpoint, CheckpointMetadata]:
        """Give a checkpoint as it is to be stored: its place, values and metadata.

        Raises:
            DesignError: it holds a secret that would be written with its value.
        """
        inside = self.room.enter(config)
        told: Any = metadata_of(inside, metadata)
        keys = self.room.keys
        if keys is not None:
            spot, apart = Spot(room=self.room, config=inside), self.keeps_text_apart
            parent = inside["configurable"].get("checkpoint_id")
            told = sealed_metadata(spot, parent, checkpoint, told, keys)
            checkpoint = kept_values(spot, checkpoint, keys, self.serde, as_text=apart)
        return inside, checkpoint, told

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store a task's writes."""
        inside = self.room.enter(config)
        if self.room.keys is not None:
            spot = Spot(room=self.room, config=inside)
            writes = kept_writes(spot, writes, task_id, self.room.keys, self.serde)
        super().put_writes(inside, writes, task_id, task_path)

    def delete_thread(self, thread_id: str) -> None:
        """Delete all checkpoints and writes of a thread."""
        super().delete_thread(self.room.inside(thread_id))

    def delete_tenant(self, *, keep_journal: bool = True) -> None:
        """Delete all threads of the saver's tenant; stop its runs before.

        Args:
            keep_journal: whether what the journal says of effects and answers stays, for an audit.

        Raises:
            CheckpointerError: the saver has no tenant.
        """
        self.journal.forget_room(keep_streams=keep_journal)
        self._delete_all(self.room.start)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Get the writes of delta channels, back to their last full value."""
        if self.room.keys is not None:
            # By whole checkpoints, since each of their parts is opened by where it stands.
            return BaseCheckpointSaver.get_delta_channel_history(
                self, config=config, channels=channels
            )
        if not config["configurable"].get("checkpoint_id"):
            newest = self.get_tuple(config)
            config = config if newest is None else newest.config
        return super().get_delta_channel_history(config=self.room.enter(config), channels=channels)

    def page(self, inside: RunnableConfig, **options: Any) -> Sequence[CheckpointTuple]:
        """List checkpoints of a stored thread by LangGraph's saver, read back.

        Raises:
            CheckpointerError: one cannot be read.
        """
        try:
            found = [*super().list(inside, **options)]
        except READING as problem:
            raise self.unreadable(inside, problem) from problem
        return [self.read_back(item) for item in found]

    def all_pages(
        self, filter: dict[str, Any] | None, before: RunnableConfig | None, limit: int | None
    ) -> Iterator[Sequence[CheckpointTuple]]:
        """List checkpoints of all its threads; those of other tenants are not read at all."""
        found, end = 0, get_checkpoint_id(before) if before else None
        for thread, space, number in self._places():
            if found == limit:
                return
            if not self.room.has(thread) or (end and number >= end):
                continue
            ids = {"thread_id": thread, "checkpoint_ns": space, "checkpoint_id": number}
            if page := self.page({"configurable": ids}, filter=filter):
                found += 1
                yield page

    def own_threads(self, stored: Iterable[str]) -> Sequence[str]:
        """Give the threads' own ids of those stored that are its own."""
        return [outside(thread) for thread in stored if self.room.has(thread)]

    @abstractmethod
    def _places(self) -> Sequence[tuple[str, str, str]]:
        """Give the stored thread, namespace and id of all checkpoints, the newest first."""

    @abstractmethod
    def _delete_all(self, start: str) -> None:
        """Delete all checkpoints and writes of the threads whose stored ids begin like this."""
