"""Keep checkpoints in this process: for tests, demonstrations, and runs that need not survive."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver

from quintet.errors import CheckpointerError
from quintet.state.journal.sqlite import MemoryJournal
from quintet.state.room import Room
from quintet.state.savers.address import Address
from quintet.state.savers.saver import Put, Saver
from quintet.state.savers.serializer import StrictSerializer

_putting = threading.RLock()


class SaverInMemory(Saver, InMemorySaver):
    """Save checkpoints in memory, as LangGraph's saver does, and read back only known types."""

    def _store(self, put: Put) -> tuple[str | None, RunnableConfig]:
        ids = put.config["configurable"]
        with _putting:
            # Read in this way, since a defaultdict adds an empty entry for each that is looked up.
            spaces = self.storage.get(str(ids["thread_id"])) or {}
            newest = max(spaces.get(ids.get("checkpoint_ns", "")) or (), default=None)
            self.follow(newest, put)
            return newest, InMemorySaver.put(self, *put[:4])

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """List the checkpoints that match, the newest of each thread first."""
        if config is None:
            for page in self.all_pages(filter, before, limit):
                yield from page
        else:
            inside = self.room.enter(config)
            yield from self.page(inside, filter=filter, before=before, limit=limit)

    def _places(self) -> Sequence[tuple[str, str, str]]:
        found = [
            (thread, space, number)
            for thread, spaces in [*self.storage.items()]
            for space, numbers in [*spaces.items()]
            for number in [*numbers]
        ]
        return sorted(found, key=lambda place: place[2], reverse=True)

    def drop(self, thread: str, gone: Mapping[str, Collection[str]]) -> None:
        """Delete checkpoints of a thread, with their writes and the values that only they have."""
        thread = self.room.inside(thread)
        with _putting:
            for space, ids in gone.items():
                kept = (self.storage.get(thread) or {}).get(space) or {}
                for known in ids:
                    kept.pop(known, None)
                    self.writes.pop((thread, space, known), None)
                checkpoints = [self.serde.loads_typed(row[0]) for row in kept.values()]
                needed = {
                    (thread, space, channel, version)
                    for checkpoint in checkpoints
                    for channel, version in checkpoint["channel_versions"].items()
                }
                for key in [key for key in self.blobs if key[:2] == (thread, space)]:
                    if key not in needed:
                        del self.blobs[key]

    def threads(self) -> Sequence[str]:
        """Give the ids of all threads that have a checkpoint, the latest written first."""
        # Lists, not views: another thread may write meanwhile. Reading alone adds empty entries.
        latest = {
            thread: max((max(ids, default="") for ids in [*spaces.values()]), default="")
            for thread, spaces in [*self.storage.items()]
        }
        named = [thread for thread in latest if latest[thread]]
        return self.own_threads(sorted(named, key=latest.__getitem__)[::-1])

    def _delete_all(self, start: str) -> None:
        kept = (self.storage, self.writes, self.blobs)
        stored = {key if isinstance(key, str) else key[0] for keys in kept for key in [*keys]}
        for thread in stored:
            if thread.startswith(start):
                InMemorySaver.delete_thread(self, thread)


def open_memory(address: Address, serde: StrictSerializer, room: Room) -> SaverInMemory:
    """Give a new, empty saver; two calls share nothing.

    Raises:
        CheckpointerError: the URL names a place or an option.
    """
    address.refuse_unknown(())
    if address.place:
        raise CheckpointerError(
            f"{address.shown!r} names {address.place!r}, but memory has no places: "
            "write 'memory://', or 'sqlite:///file.db' to keep the checkpoints."
        )
    if room.keys is not None:
        raise CheckpointerError("key= encrypts what a database keeps, and memory:// keeps nothing")
    saver = SaverInMemory(serde=serde)
    saver.keep_with(MemoryJournal(), room)
    return saver
