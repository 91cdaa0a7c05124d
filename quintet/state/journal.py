"""What must be known beyond one attempt: who has claimed which effect, and what was cut off.

This is the one seam for it. `MemoryJournal` knows of this process alone: of parallel branches,
retries, and a resume without a restart.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An effect that somebody has claimed.

    Args:
        key: the effect's name and key.
        owner: the task that claimed it; a retry of that task has the same owner.
        status: `claimed` until its end is known, then `done`.
        result: the effect's result, as plain data.
    """

    key: str
    owner: str
    status: Literal["claimed", "done"] = "claimed"
    result: Any = None


class Journal(Protocol):
    """Where effects are claimed before and settled after, and what an attempt did is kept."""

    def claim(self, scope: str, key: str, owner: str) -> Claim | None:
        """Claim a key atomically: None when it is now ours, else the claim that stands."""

    def settle(self, scope: str, key: str, result: Any) -> None:
        """Record that the effect happened, with its result."""

    def release(self, scope: str, key: str) -> None:
        """Give a claim back: the effect is known not to have happened, or was undone."""

    def keep(self, task: str, record: Mapping[str, Any]) -> None:
        """Keep what an attempt has spent and done, for the next one of its task."""

    def take(self, task: str) -> Mapping[str, Any] | None:
        """Give what the last attempt of a task has left behind, once; None where nothing."""


class MemoryJournal:
    """A journal in this process.

    A scope is one superstep of one run; the claims of the last `most` of them are kept, and as many
    records of attempts. What an earlier superstep has settled is in the state.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._claims: OrderedDict[str, dict[str, Claim]] = OrderedDict()
        self._attempts: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def claim(self, scope: str, key: str, owner: str) -> Claim | None:
        """Claim a key atomically: None when it is now ours, else the claim that stands."""
        with self._lock:
            claims = self._claims.setdefault(scope, {})
            self._claims.move_to_end(scope)
            self._forget(self._claims)
            if (standing := claims.get(key)) is None:
                claims[key] = Claim(key=key, owner=owner)
            return standing

    def settle(self, scope: str, key: str, result: Any) -> None:
        """Record that the effect happened, with its result."""
        with self._lock:
            claims = self._claims.setdefault(scope, {})
            ours = claims.get(key) or Claim(key=key, owner="")
            claims[key] = replace(ours, status="done", result=result)

    def release(self, scope: str, key: str) -> None:
        """Give a claim back: the effect is known not to have happened, or was undone."""
        with self._lock:
            self._claims.get(scope, {}).pop(key, None)

    def keep(self, task: str, record: Mapping[str, Any]) -> None:
        """Keep what an attempt has spent and done, for the next one of its task."""
        with self._lock:
            self._attempts[task] = record
            self._attempts.move_to_end(task)
            self._forget(self._attempts)

    def take(self, task: str) -> Mapping[str, Any] | None:
        """Give what the last attempt of a task has left behind, once; None where nothing."""
        with self._lock:
            return self._attempts.pop(task, None)

    def _forget(self, kept: OrderedDict[str, Any]) -> None:
        while len(kept) > self._most:
            kept.popitem(last=False)


_HERE: Journal = MemoryJournal()


def journal() -> Journal:
    """Give the journal of this process."""
    return _HERE
