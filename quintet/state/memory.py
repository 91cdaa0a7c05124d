"""Checkpoints in this process: for tests, demonstrations, and runs that need not survive."""

from __future__ import annotations

from collections.abc import Sequence

from langgraph.checkpoint.memory import InMemorySaver

from quintet.errors import CheckpointerError
from quintet.state.address import Address
from quintet.state.hold import Holds
from quintet.state.saver import Saver
from quintet.state.serializer import StrictSerializer


class SaverInMemory(Saver, InMemorySaver):
    """LangGraph's in-memory saver, strict about what it reads."""

    def threads(self) -> Sequence[str]:
        """The ids of all threads that have a checkpoint, the latest written first."""
        latest = {
            thread: max((max(ids, default="") for ids in [*spaces.values()]), default="")
            for thread, spaces in [*self.storage.items()]
        }
        return sorted((thread for thread in latest if latest[thread]), key=latest.__getitem__)[::-1]


def open_memory(address: Address, serde: StrictSerializer) -> SaverInMemory:
    """A new, empty saver; two calls share nothing."""
    address.refuse_unknown(())
    if address.place:
        raise CheckpointerError(
            f"{address.shown!r} names {address.place!r}, but memory has no places: "
            "write 'memory://', or 'sqlite:///file.db' to keep the checkpoints."
        )
    saver = SaverInMemory(serde=serde)
    saver.holds = Holds()
    return saver
