"""Keep checkpoints in this process: for tests, demonstrations, and runs that need not survive."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from quintet.errors import CheckpointerError
from quintet.state.address import Address
from quintet.state.journal.sqlite import MemoryJournal
from quintet.state.saver import Saver
from quintet.state.serializer import StrictSerializer

_putting = threading.RLock()


class SaverInMemory(Saver, InMemorySaver):
    """Save checkpoints in memory, as LangGraph's saver does, and read back only known types."""

    @contextmanager
    def _alone(self, config: RunnableConfig) -> Iterator[str | None]:
        ids = config["configurable"]
        with _putting:
            # Read in this way, since a defaultdict adds an empty entry for each that is looked up.
            spaces = self.storage.get(str(ids["thread_id"])) or {}
            yield max(spaces.get(ids.get("checkpoint_ns", "")) or (), default=None)

    def drop(self, thread: str, gone: Mapping[str, Collection[str]]) -> None:
        """Delete checkpoints of a thread, with their writes and the values that only they have."""
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
        return sorted((thread for thread in latest if latest[thread]), key=latest.__getitem__)[::-1]


def open_memory(address: Address, serde: StrictSerializer) -> SaverInMemory:
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
    saver = SaverInMemory(serde=serde)
    saver.keep_with(MemoryJournal())
    return saver
