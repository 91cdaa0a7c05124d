"""Who has claimed which effect: one atomic claim for each key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One effect in a ledger.

    Args:
        key: what makes it one and the same effect.
        owner: the task that claimed it; a retry of that task has the same owner.
        status: `claimed` until its end is known, then `done`.
        result: what the effect returned, as plain data.
    """

    key: str
    owner: str
    status: Literal["claimed", "done"] = "claimed"
    result: Any = None


class Ledger(Protocol):
    """Where effects are claimed before and settled after."""

    def claim(self, scope: str, key: str, owner: str) -> Claim | None:
        """Claim a key atomically: None when it is now ours, else the claim that stands."""

    def settle(self, scope: str, key: str, result: Any) -> None:
        """Record that the effect happened, with its result."""

    def release(self, scope: str, key: str) -> None:
        """Give a claim back: the effect is known not to have happened, or was undone."""


class MemoryLedger:
    """A ledger in this process: it sees parallel branches and retries, but no crash.

    A scope is one superstep of one run; the claims of the last `scopes` of them are kept. What an
    earlier superstep has settled is in the state.
    """

    def __init__(self, scopes: int = 10_000) -> None:
        self._scopes = scopes
        self._claims: OrderedDict[str, dict[str, Claim]] = OrderedDict()
        self._lock = threading.Lock()

    def claim(self, scope: str, key: str, owner: str) -> Claim | None:
        """Claim a key atomically: None when it is now ours, else the claim that stands."""
        with self._lock:
            claims = self._claims.setdefault(scope, {})
            self._claims.move_to_end(scope)
            while len(self._claims) > self._scopes:
                self._claims.popitem(last=False)
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
