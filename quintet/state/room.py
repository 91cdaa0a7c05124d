"""Keep the threads of one tenant apart from all others in a shared database.

A tenant's threads are stored under ids that begin with a mark and its name. They are put on and
taken off where a saver or a journal meets its database, so nothing outside can name another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from quintet.errors import CheckpointerError, ThreadHeld
from quintet.state.crypt import Keys
from quintet.state.hold import Holds

MARK = "\x1e"
"""Begins the stored id of a tenant's thread, and ends the tenant's name; no other id may have it
first."""

LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class Room:
    """Name the part of a database that belongs to one tenant, or to none.

    Args:
        tenant: the tenant; None for the threads that belong to none.
        keys: the keys by which its values are encrypted, if they are.

    Raises:
        CheckpointerError: the tenant's name cannot be one.
    """

    tenant: str | None = None
    keys: Keys | None = None

    def __post_init__(self) -> None:
        name = self.tenant
        if name is None:
            return
        fits = isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST_NAME
        if not fits:
            raise CheckpointerError(
                f"tenant={name!r:.120}: give a text of 1 to {LONGEST_NAME} printable characters"
            )

    @property
    def start(self) -> str:
        """Give the beginning of the stored ids of its threads; empty where it has no tenant."""
        return "" if self.tenant is None else f"{MARK}{self.tenant}{MARK}"

    def of_tenant(self) -> str:
        """Give that beginning where there is a tenant.

        Raises:
            CheckpointerError: there is none.
        """
        if self.tenant is None:
            raise CheckpointerError(
                "there is no tenant to delete: open the database by checkpointer(url, tenant=...)"
            )
        return self.start

    def inside(self, thread: object) -> str:
        """Give a thread's id as it is stored.

        Raises:
            CheckpointerError: there is no tenant, and the id would name a tenant's thread.
        """
        text = str(thread)
        if self.tenant is not None:
            return self.start + text
        if text.startswith(MARK):
            raise CheckpointerError(
                f"thread {text!r} begins with the mark of a tenant's threads; open them by "
                "checkpointer(url, tenant=...)"
            )
        return text

    def has(self, stored: str) -> bool:
        """Say whether a stored id is of one of its threads."""
        if self.tenant is None:
            return not stored.startswith(MARK)
        return stored.startswith(self.start)

    def enter(self, config: RunnableConfig) -> RunnableConfig:
        """Give a configuration with the thread's id as it is stored."""
        ids = config["configurable"]
        stored = self.inside(ids["thread_id"])
        if self.tenant is None:
            return config
        return {**config, "configurable": {**ids, "thread_id": stored}}

    def leave(self, config: Any) -> Any:
        """Give a configuration that came from the database with the thread's own id."""
        if config is None or self.tenant is None:
            return config
        ids = config["configurable"]
        own = outside(ids["thread_id"])
        return {**config, "configurable": {**ids, "thread_id": own}}


def outside(stored: str) -> str:
    """Give a thread's own id from a stored one."""
    return stored[1:].partition(MARK)[2] if stored.startswith(MARK) else stored


class RoomHolds(Holds):
    """Hold the threads of one room.

    Args:
        holds: the holds of the whole database.
        room: the room.
    """

    def __init__(self, holds: Holds, room: Room) -> None:
        super().__init__()
        self._all, self._room = holds, room

    @contextmanager
    def hold(self, thread: str) -> Iterator[None]:
        """Hold a thread while something moves it.

        Raises:
            ThreadHeld: somebody else moves it now.
        """
        stored = self._room.inside(thread)
        with ExitStack() as stack:
            try:
                stack.enter_context(self._all.hold(stored))
            except ThreadHeld as problem:
                # Of its own kind: whether another process holds it decides what becomes of a run.
                told = str(problem).replace(repr(stored), repr(thread))
                raise type(problem)(told) from problem
            yield

    def close(self) -> None:
        """Release what the holds of the database need."""
        self._all.close()
