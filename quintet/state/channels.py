"""Merge updates into the keys of the state, and empty a run's keys when the next run begins.

LangGraph gives a nested graph its parent's values, and gives the parent all of the nested graph's
values back. Each channel tells its entries apart by name, key or content, so the parent takes only
those that the nested graph added, and parallel branches add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from langgraph.channels import LastValue
from langgraph.channels.base import BaseChannel

from quintet.state.run import NO_RUN, NOTHING, RunChannel, join, refuse_others

OPEN = ("proposed", "approved")
"""The statuses of an action that may still be run."""

STANDING = ("done", "unknown", "dry")
"""The statuses of an action that has happened, or may have, or would have in a dry run."""


class OfRun(BaseChannel[Any, Any, Any]):
    """Hold a key of one run; subclasses say how the updates of one superstep are merged."""

    __slots__ = ("begun", "life", "supersteps", "value")
    empty: ClassVar[Any] = None
    takes: ClassVar[tuple[Any, str] | None] = None

    def __init__(self, typ: Any = dict, key: str = "") -> None:
        super().__init__(typ, key)
        self.life = NO_RUN
        self.begun = False
        self.supersteps = 0
        self.value: Any = self.empty_value()

    # LangGraph compares the channels that two schemas declare for one key, and they must be equal.
    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def empty_value(cls) -> Any:
        """Give a new empty value."""
        return type(cls.empty)() if cls.empty is not None else None

    @property
    def ValueType(self) -> Any:  # noqa: N802 - LangGraph's name
        """Give the type of the value."""
        return self.typ

    @property
    def UpdateType(self) -> Any:  # noqa: N802 - LangGraph's name
        """Give the type of an update."""
        return self.typ

    def copy(self) -> Self:
        """Give a channel with the same value; LangGraph lets a path function look ahead by it."""
        # Not by __init__: this is done for every channel, again and again.
        twin = self.__new__(type(self))
        twin.typ, twin.key, twin.life = self.typ, self.key, self.life
        twin.value, twin.begun, twin.supersteps = self.value, self.begun, self.supersteps
        return twin

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Load the channel at the start of an invocation."""
        loaded = self.copy()
        loaded.life, loaded.begun, loaded.supersteps = join(self.key), False, 0
        stored = checkpoint is not NOTHING and checkpoint is not None
        loaded.value = checkpoint if stored else self.empty_value()
        return loaded

    def checkpoint(self) -> Any:
        """Give the value to store, without values of an earlier run."""
        value = self.get()
        return NOTHING if value == self.empty else value

    def is_available(self) -> bool:
        """Say yes always."""
        # LangGraph tells only available channels of a superstep that wrote nothing to them.
        return True

    def get(self) -> Any:
        """Give the value as nodes see it."""
        if self.begun or not self.life.begins(self.supersteps):
            return self.value
        return self.first_value()

    def update(self, values: Sequence[Any]) -> bool:
        """Merge a superstep's updates, into a first value where a new run begins.

        Raises:
            ContractBroken: one is not of the kind that the key holds.
        """
        superstep = self.supersteps
        self.supersteps = superstep + 1
        if values:
            self.check(values)
        if self.begun and not values:  # the usual case, for each key in each superstep
            return False
        if not self.begun and self.life.begins(superstep):
            old, self.value, self.begun = self.value, self.first_value(), True
            if values:
                self.value = self.merge_input(values)
            return bool(values) or self.value != old
        if not values:
            return False
        self.value = self.merge(values)
        return True

    def check(self, values: Sequence[Any]) -> None:
        """Refuse updates that are not of the kind that the key holds.

        Raises:
            ContractBroken: it names the key, the value and the kind.
        """
        if (kind := self.kind()) is not None:
            refuse_others(self.key, values, *kind)

    def kind(self) -> tuple[Any, str] | None:
        """Give the kind of value that the key holds, and what it is called; None for any."""
        return self.takes

    def first_value(self) -> Any:
        """Give the value with which a new run begins."""
        return self.empty_value()

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Merge the input that began the run: in a nested graph, the parent's values."""
        return self.merge(values)

    def merge(self, values: Sequence[Any]) -> Any:
        """Merge one superstep's updates into the value."""
        raise NotImplementedError  # pragma: no cover


class Shared(LastValue[Any]):
    """Hold a key of the thread that takes one value a superstep, or several equal ones."""

    __slots__ = ()

    def update(self, values: Sequence[Any]) -> bool:
        """Take the value.

        Raises:
            InvalidUpdateError: LangGraph's, for values that differ.
        """
        # Graphs that are nested side by side each hand back the value that they were given.
        same = len(values) > 1 and all(value == values[0] for value in values)
        return super().update(values[:1] if same else values)


class Given(OfRun):
    """Hold the record that a run, or a nested graph, was begun with; else an empty one.

    What nested graphs hand back changes nothing: each was given one of its own.
    """

    __slots__ = ()
    empty: ClassVar[Any] = {}

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Take the record."""
        return values[-1] or self.empty_value()

    def merge(self, values: Sequence[Any]) -> Any:
        """Keep the value that there is."""
        return self.value


class Latest(OfRun):
    """Hold the value that was written last. None counts as no write.

    Where `only` is given, as a kind and what it is called, it refuses all others.
    """

    __slots__ = ("only",)

    def __init__(
        self, typ: Any = dict, key: str = "", *, only: tuple[Any, str] | None = None
    ) -> None:
        self.only = only
        super().__init__(typ, key)

    def copy(self) -> Self:
        """Give a channel that refuses the same."""
        twin = super().copy()
        twin.only = self.only
        return twin

    def kind(self) -> tuple[Any, str] | None:
        """Give the kind of value that the key holds."""
        return self.only or self.takes

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Leave the parent's value to the parent."""
        return None

    def merge(self, values: Sequence[Any]) -> Any:
        """Take the last value that is not None."""
        return next((value for value in reversed(values) if value is not None), self.value)


class Ending(Latest):
    """Hold the run's worst outcome: no later `done` hides that somebody was asked."""

    takes = (Mapping, "a dict")
    RANK: ClassVar = ("done", "rejected", "asked", "exhausted", "aborted", "escalated")

    def merge(self, values: Sequence[Any]) -> Any:
        """Take the worst of the outcome so far and the new ones; of equals, the newest."""
        worst = self.value
        for value in values:
            if value is not None and (worst is None or self._rank(value) >= self._rank(worst)):
                worst = value
        return worst

    def _rank(self, value: Any) -> int:
        status = value.get("status") if isinstance(value, Mapping) else None
        return self.RANK.index(status) if status in self.RANK else 0


class Keyed(OfRun):
    """Hold a dict. An entry of None removes that entry; an update of None removes all."""

    takes: ClassVar[tuple[Any, str] | None] = (Mapping, "a dict")
    empty = {}  # noqa: RUF012 - never changed

    def merge(self, values: Sequence[Any]) -> Any:
        """Put entries in by their keys."""
        # An entry that stood before is no write: a nested graph hands it back, and a parallel
        # branch may have changed it meanwhile.
        before, merged = self.value, dict(self.value)
        for value in values:
            if value is None:
                merged = {}
                continue
            for key, entry in value.items():
                if entry is None:
                    merged.pop(key, None)
                elif before.get(key) != entry:
                    merged[key] = entry
        return merged


class OwnKeyed(Keyed):
    """Hold a dict as `Keyed` does, but begin a nested graph without its parent's entries."""

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Leave the parent's entries to the parent."""
        return {}


class Results(Keyed):
    """Hold results by the name of the worker or step.

    Several results of one name in one superstep, as by `Send`, are all kept: `read`, `read#2`, ...
    """

    def merge(self, values: Sequence[Any]) -> Any:
        """Put results in; number those that share a name in the order of their tasks."""
        before, merged = self.value, dict(self.value)
        times: dict[str, int] = {}
        for value in values:
            if value is None:
                merged, before = {}, {}
                continue
            for name, result in value.items():
                if result is None:
                    merged.pop(name, None)
                    continue
                if name in before and before[name] == result and _back(name, value, before, values):
                    continue
                times[name] = times.get(name, 0) + 1
                # The first of this superstep replaces all results that the name had before.
                if times[name] == 1:
                    for other in [key for key in merged if is_numbered(key, name)]:
                        del merged[other]
                merged[name if times[name] == 1 else f"{name}#{times[name]}"] = result
        return merged


def _back(
    name: str, value: Mapping[str, Any], before: Mapping[str, Any], values: Sequence[Any]
) -> bool:
    """Say whether a nested graph hands back a result that stood before; a worker gave it anew.

    A nested graph hands back all that stood before, and a worker gives its one result.
    """
    if len(value) > 1:
        return True
    others = (other[name] for other in values if other and name in other)
    return len(before) == 1 and all(other == before[name] for other in others)


def is_numbered(key: str, name: str) -> bool:
    """Say whether a key is that of one of several results of a name, such as `read#2`."""
    number = key.removeprefix(f"{name}#")
    return number != key and number.isdecimal()


BEFORE = "before"
"""The key, in a nested graph's totals, of the totals that its parent gave it."""


class Totals(OfRun):
    """Add up counts by name. A node writes the amounts that it adds.

    A nested graph counts on from its parent's totals, and keeps these under `before`; the parent
    adds the difference.
    """

    takes = (Mapping, "a dict")
    empty = {}  # noqa: RUF012 - never changed

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Count on from the parent's totals."""
        totals = [_amounts(value) for value in values if value]
        return {**totals[-1], BEFORE: totals[-1]} if totals else {}

    def merge(self, values: Sequence[Any]) -> Any:
        """Add the amounts of each update, less those that a nested graph was given."""
        merged: dict[str, Any] = dict(self.value)
        for value in values:
            if value is None:
                merged = {}
                continue
            before = value.get(BEFORE, {})
            for name, amount in _amounts(value).items():
                added = amount - before.get(name, 0)
                if added or name not in merged:
                    merged[name] = merged.get(name, 0) + added
        return merged


def _amounts(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: amount for name, amount in value.items() if name != BEFORE}


def slot(actions: Mapping[str, Any], name: str, key: str) -> str:
    """Give the place of an action among others: its key, or `name:key` if another effect has it."""
    taken = actions.get(key)
    return key if taken is None or taken.get("name", name) == name else f"{name}:{key}"


def apply_updates(hint: Any, value: Any, *updates: Any) -> Any:
    """Merge one superstep's updates into the value of a key, as its annotation says."""
    spec = next(iter(getattr(hint, "__metadata__", ())), None)
    if isinstance(spec, OfRun):
        channel = spec.copy()
    elif isinstance(spec, type) and issubclass(spec, OfRun):
        channel = spec()
    else:
        return value if spec is RunChannel else updates[-1]
    channel.begun = True  # outside a graph there is no life to tell whether a run begins
    channel.value = channel.empty_value() if value is None else value
    return channel.merge(updates)
