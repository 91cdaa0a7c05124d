"""Hold a run's records for people: the last of them, in the order in which they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from quintet.errors import ContractBroken
from quintet.state.channels import OfRun
from quintet.state.decision import KINDS, Decision
from quintet.state.failure import FAILURE_CLASSES
from quintet.state.record import with_defaults
from quintet.state.run import NOTHING

DECISIONS_KEPT = 64
FAILURES_KEPT = 16

_RECORDS: Mapping[str, tuple[str, frozenset[str], tuple[str, ...]]] = {
    "decisions": ("Decision", frozenset({"kind", "node", "choice", "reason"}), KINDS),
    "failures": ("Failure", frozenset({"kind", "node", "error", "message"}), FAILURE_CLASSES),
}
"""The records of a log by its key: their name, the fields that none may lack, and their kinds."""


class Log(OfRun):
    """Hold a list of the last `most` records, for people.

    A saver of ours is given every record, those that did not fit into the list as well.
    """

    __slots__ = ("given", "most", "unsaved")
    takes = (list | tuple, "a list")
    empty = []  # noqa: RUF012 - never changed

    def __init__(self, typ: Any = list, key: str = "", *, most: int = DECISIONS_KEPT) -> None:
        self.most = most
        self.unsaved: list[Any] = []
        self.given = False
        super().__init__(typ, key)

    def copy(self) -> Self:
        """Give a log of the same length."""
        twin = super().copy()
        twin.most, twin.unsaved, twin.given = self.most, self.unsaved, self.given
        return twin

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Load the channel at the start of an invocation."""
        loaded = super().from_checkpoint(checkpoint)
        loaded.unsaved, loaded.given = [], False
        if self.key == "decisions":
            loaded.value = restored(loaded.value)
        return loaded

    def checkpoint(self) -> Any:
        """Give the value to store, with the records that are new since the last time."""
        value = super().checkpoint()
        if value is NOTHING:
            return value
        self.given = True
        return Logged(value, self.unsaved)

    def check(self, values: Sequence[Any]) -> None:
        """Refuse updates that hold anything but records of the key."""
        super().check(values)
        if self.key not in _RECORDS:
            return
        called, needed, kinds = _RECORDS[self.key]
        for record in (record for value in values for record in value or ()):
            if not isinstance(record, Mapping) or not needed <= record.keys():
                fault = f"which lacks some of {', '.join(sorted(needed))}"
            elif record["kind"] not in kinds:
                fault = f"whose kind is none of {', '.join(kinds)}"
            else:
                continue
            raise ContractBroken(
                f"a node wrote {record!r:.60} to the state's key {self.key!r}, {fault}; write "
                f"plain({called}(...)) of quintet.state, or give your own key another name"
            )

    def first_value(self) -> Any:
        """Begin a new run without records."""
        self.unsaved = []
        return super().first_value()

    def merge(self, values: Sequence[Any]) -> Any:
        """Append new records, and keep the last."""
        merged = list(self.value)
        unsaved = [] if self.given else list(self.unsaved)
        for value in values:
            if value is None:
                merged, unsaved = [], []
                continue
            # A nested graph returns the records that it was given: each has its own `at`, so an
            # equal record is the same one.
            new = [record for record in value if record not in merged]
            merged += new
            unsaved += new
        self.unsaved, self.given = unsaved, False
        return merged[-self.most :]


def restored(records: Any) -> Any:
    """Give stored decisions with all of their fields: a saver of ours leaves the defaults out."""
    if not isinstance(records, list):  # a user's own value under this key
        return records
    return [
        with_defaults(Decision, record)
        if isinstance(record, Mapping) and record.get("kind") in KINDS
        else record
        for record in records
    ]


class Logged(list[Any]):
    """Mark a checkpoint's records as those of a `Log`, and not a key of the user's own.

    Args:
        records: the records to store.
        unsaved: all that are new since the last checkpoint.
    """

    def __init__(self, records: Sequence[Any], unsaved: Sequence[Any]) -> None:
        super().__init__(records)
        self.unsaved = unsaved

    @property
    def all(self) -> Sequence[Any]:
        """Give all records that are at hand, the oldest first."""
        return self.unsaved if len(self.unsaved) > len(self) else self
