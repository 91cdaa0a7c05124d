"""Keep records over a database that is only read: writes lie in a layer above it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

Record = dict[str, Any]
"""One order, user or product."""
Receipt = dict[str, Any]
"""A write's effect, as plain JSON: `action`, `arguments` and `changes` with old and new values."""

COLLECTIONS = {"products": "Product", "users": "User", "orders": "Order"}
_ABSENT = object()


class Refused(ValueError):
    """Raised when the shop refuses an action; the message is for the agent that asked for it."""


class Records:
    """Hold the products, users and orders of one conversation.

    The database given is never changed and may be shared by any number of these; only the
    records that a write touches are copied.
    """

    def __init__(self, db: Mapping[str, Mapping[str, Record]]) -> None:
        absent = [name for name in COLLECTIONS if name not in db]
        if absent:
            raise ValueError(
                f"The database lacks {', '.join(absent)}; give one with {', '.join(COLLECTIONS)}."
            )
        self._base = db
        self._written: dict[str, dict[str, Record]] = {}

    def look(self, collection: str, key: str) -> Record:
        """Return the record as it stands, for reading only; raise `Refused` where there is none."""
        written = self._written.get(collection, {}).get(key)
        record = self._base[collection].get(key) if written is None else written
        if record is None:
            raise Refused(f"{COLLECTIONS[collection]} not found")
        return record

    def keys(self, collection: str) -> tuple[str, ...]:
        """Return all the ids of a collection; no record is ever added or removed."""
        return tuple(self._base[collection])

    def write(
        self, action: str, arguments: Mapping[str, Any], edits: Mapping[tuple[str, str], Record]
    ) -> Receipt:
        """Set fields of records, given as (collection, id) -> new values; return the receipt."""
        changes = []
        for (collection, key), fields in edits.items():
            record = self.look(collection, key)
            for field, after in fields.items():
                before = record.get(field, _ABSENT)
                if before == after:
                    continue
                change = {"collection": collection, "id": key, "field": field}
                if before is not _ABSENT:
                    change["before"] = before
                changes.append({**change, "after": after})
        for change in changes:
            self._own(change)[change["field"]] = deepcopy(change["after"])
        return deepcopy({"action": action, "arguments": dict(arguments), "changes": changes})

    def undo(self, receipt: Receipt) -> None:
        """Put back what a write replaced.

        Raises `Refused`, and changes nothing, where a field no longer holds what that write put
        there: it was undone already, or a later write must be undone first.
        """
        for change in receipt["changes"]:
            record = self.look(change["collection"], change["id"])
            if record.get(change["field"], _ABSENT) != change["after"]:
                raise Refused(
                    f"{receipt['action']} cannot be undone: {change['field']} of {change['id']} "
                    "has changed since. Undo the later action first, or leave it to a person."
                )
        for change in receipt["changes"]:
            record = self._own(change)
            if "before" in change:
                record[change["field"]] = deepcopy(change["before"])
            else:
                del record[change["field"]]

    def changes(self) -> dict[str, dict[str, Record]]:
        """Map collection -> id -> field -> new value, only what differs from the start."""
        changed: dict[str, dict[str, Record]] = {}
        for collection, records in self._written.items():
            for key, record in records.items():
                base = self._base[collection][key]
                differs = {f: v for f, v in record.items() if base.get(f, _ABSENT) != v}
                if differs:
                    changed.setdefault(collection, {})[key] = deepcopy(differs)
        return changed

    def _own(self, change: Mapping[str, Any]) -> Record:
        collection, key = change["collection"], change["id"]
        layer = self._written.setdefault(collection, {})
        if key not in layer:
            layer[key] = deepcopy(self._base[collection][key])
        return layer[key]
