"""Keep claims on effects, and the records of attempts that were cut off, beyond one attempt.

`Journal` is the one place where another store can be put. `MemoryJournal` knows this process alone:
its parallel branches, its retries, and a resume without a restart.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A task's claim on an effect.

    Args:
        key: the effect's name and key.
        owner: the task that claimed it; a retry of that task has the same owner.
        status: `claimed` until the effect has happened, then `done`.
        result: the effect's result, as plain data.
    """

    key: str
    owner: str
    status: Literal["claimed", "done"] = "claimed"
    result: Any = None


class Journal(Protocol):
    """Take claims before effects run and settle them after, and keep the records of attempts."""

    def claim(self, scope: str, key: str, owner: str) -> Claim | None:
        """Claim a key atomically; give None on success, else the claim that stands."""

    def settle(self, scope: str, key: str, result: Any) -> None:
        """Record that the claimed effect happened, with its result."""

    def release(self, scope: str, key: str) -> None:
        """Give a claim back: the effect is known not to have happened, or was undone."""

    def keep(self, task: str, record: Mapping[str, Any]) -> None:
        """Keep an attempt's spending and actions for the next attempt of its task."""

    def take(self, task: str) -> Mapping[str, Any] | None:
        """Give the record of a task's last attempt and forget it; None where there is none."""


class MemoryJournal:
    """Keep a journal in this process.

    A scope is one superstep of one run. The claims of the last `most` scopes are kept, and as many
    records of attempts. Effects of earlier supersteps are on record in the state.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._claims: OrderedDict[str, dict[str, Claim]] = OrderedDict()
        self._attempts: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def claim(self, scope: str, key: str, owner: str) -> Claim | None:
        """Claim a key atomically; give None on success, else the claim that stands."""
        with self._lock:
            claims = self._claims.setdefault(scope, {})
            self._claims.move_to_end(scope)
            self._forget(self._claims)
            if (standing := claims.get(key)) is None:
                claims[key] = Claim(key=key, owner=owner)
            return standing

    def settle(self, scope: str, key: str, result: Any) -> None:
        """Record that the claimed effect happened, with its result."""
        with self._lock:
            claims = self._claims.setdefault(scope, {})
            # A claim may have been forgotten meanwhile, as one of too many.
            claim = claims.get(key) or Claim(key=key, owner="")
            claims[key] = replace(claim, status="done", result=result)

    def release(self, scope: str, key: str) -> None:
        """Give a claim back: the effect is known not to have happened, or was undone."""
        with self._lock:
            self._claims.get(scope, {}).pop(key, None)

    def keep(self, task: str, record: Mapping[str, Any]) -> None:
        """Keep an attempt's spending and actions for the next attempt of its task."""
        with self._lock:
            self._attempts[task] = record
            self._attempts.move_to_end(task)
            self._forget(self._attempts)

    def take(self, task: str) -> Mapping[str, Any] | None:
        """Give the record of a task's last attempt and forget it; None where there is none."""
        with self._lock:
            return self._attempts.pop(task, None)

    def _forget(self, records: OrderedDict[str, Any]) -> None:
        while len(records) > self._most:
            records.popitem(last=False)


_JOURNAL: Journal = MemoryJournal()


def journal() -> Journal:
    """Give the journal of this process."""
    return _JOURNAL
