"""Record the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quintet.errors import DesignError

Status = Literal["done", "asked", "escalated", "rejected", "aborted", "exhausted"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a run: a status, the reason, and the evidence.

    Args:
        status: `done`, `asked`, `escalated`, `rejected`, `aborted` or `exhausted`. `asked` ends a
            turn: the customer was asked a question, and the thread's next run goes on from it.
        reason: one sentence; it may not be empty.
        evidence: plain data that proves the status: the criteria that held, a packet, a cycle.

    Raises:
        DesignError: an unknown status or an empty reason.
    """

    status: Status
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise DesignError(f"Outcome(status={self.status!r}): give one of {', '.join(STATUSES)}")
        if not self.reason.strip():
            raise DesignError(f"Outcome(status={self.status!r}): an outcome needs a reason")
