"""The channels of the state: what belongs to a run, and how updates are put together.

A key of a run is empty again when the thread's next run begins. Each channel knows what identifies
its entries, so that parallel branches add up and a nested graph hands back what it added: a graph
that is a node is given its parent's values and returns its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from langgraph.channels import LastValue
from langgraph.channels.base import BaseChannel

from quintet.state.run import NO_RUN, NOTHING, Plain, RunChannel, join

DECISIONS_KEPT = 64
FAILURES_KEPT = 16
ACTIONS_KEPT_WHOLE = 64

OPEN = ("proposed", "approved")
"""The statuses of an action that may still be run."""

STANDING = ("done", "unknown")
"""The statuses of an action that has happened, or may have."""


class OfRun(BaseChannel[Any, Any, Any]):
    """A key of one run. Subclasses say how updates of one superstep are put into the value."""

    __slots__ = ("begun", "life", "supersteps", "value")
    empty: ClassVar[Any] = None

    def __init__(self, typ: Any = dict, key: str = "") -> None:
        super().__init__(typ, key)
        self.life = NO_RUN
        self.begun = False
        self.supersteps = 0
        self.value: Any = self.nothing()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def nothing(cls) -> Any:
        """Give a new empty value."""
        return type(cls.empty)() if cls.empty is not None else None

    @property
    def ValueType(self) -> Any:  # noqa: N802 - LangGraph's name
        """The type of the value."""
        return self.typ

    @property
    def UpdateType(self) -> Any:  # noqa: N802 - LangGraph's name
        """The type of an update."""
        return self.typ

    def copy(self) -> Self:
        """Give a channel with the same value, for a path function's look ahead."""
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
        loaded.value = checkpoint if stored else self.nothing()
        return loaded

    def checkpoint(self) -> Any:
        """Give what is stored; nothing of what belonged to the run before."""
        value = self.get()
        return NOTHING if value == self.empty else value

    def is_available(self) -> bool:
        """Be there always, so that a new run is noted when it begins."""
        return True

    def get(self) -> Any:
        """Give the value as nodes see it."""
        if self.begun or not self.life.begins(self.supersteps):
            return self.value
        return self.started()

    def update(self, values: Sequence[Any]) -> bool:
        """Put a superstep's updates in, on an empty value where a run begins."""
        superstep = self.supersteps
        self.supersteps = superstep + 1
        if not self.begun and self.life.begins(superstep):
            old, self.value, self.begun = self.value, self.started(), True
            if values:
                self.value = self.given(values)
            return bool(values) or self.value != old
        if not values:
            return False
        self.value = self.merged(values)
        return True

    def started(self) -> Any:
        """Give the value with which a new run begins."""
        return self.nothing()

    def given(self, values: Sequence[Any]) -> Any:
        """Take what came with the input that began the run: a nested graph's parent's values."""
        return self.merged(values)

    def merged(self, values: Sequence[Any]) -> Any:
        """Put one superstep's updates into the value."""
        raise NotImplementedError  # pragma: no cover


class Shared(LastValue[Any]):
    """A key of the thread that takes one value a superstep; the same one twice is one.

    Graphs that are nested side by side each hand back what they were given.
    """

    __slots__ = ()

    def update(self, values: Sequence[Any]) -> bool:
        """Take the value.

        Raises:
            InvalidUpdateError: LangGraph's, for values that differ.
        """
        same = len(values) > 1 and all(value == values[0] for value in values)
        return super().update(values[:1] if same else values)


class Latest(OfRun):
    """A key that holds what was written last. None is no write."""

    def given(self, values: Sequence[Any]) -> Any:
        """Leave what is the parent's to the parent."""
        return None

    def merged(self, values: Sequence[Any]) -> Any:
        """Take the last value that is one."""
        return next((value for value in reversed(values) if value is not None), self.value)


class Ending(Latest):
    """How the run ended. What was worse stays: no later `done` hides that a person was asked."""

    RANK: ClassVar = ("done", "rejected", "exhausted", "aborted", "escalated")

    def merged(self, values: Sequence[Any]) -> Any:
        """Take the worst of what stands and what comes."""
        worst = self.value
        for value in values:
            if value is not None and (worst is None or self._rank(value) >= self._rank(worst)):
                worst = value
        return worst

    def _rank(self, value: Any) -> int:
        status = value.get("status") if isinstance(value, Mapping) else None
        return self.RANK.index(status) if status in self.RANK else 0


class Keyed(OfRun):
    """A key with one entry for each of its parts. An entry None is removed; a None empties all."""

    empty = {}  # noqa: RUF012 - never changed

    def merged(self, values: Sequence[Any]) -> Any:
        """Put entries in by their keys. An entry as it stood is no write."""
        before, now = self.value, dict(self.value)
        for value in values:
            if value is None:
                now = {}
                continue
            for key, entry in value.items():
                if entry is None:
                    now.pop(key, None)
                elif before.get(key) != entry:
                    now[key] = entry
        return now


class OwnKeyed(Keyed):
    """As `Keyed`; a nested graph begins without its parent's entries."""

    def given(self, values: Sequence[Any]) -> Any:
        """Leave what is the parent's to the parent."""
        return {}


class Results(Keyed):
    """Results by the name of the worker or step.

    Several of one name in one superstep, as by `Send`, are all kept: `read`, `read#2`, ...
    """

    def merged(self, values: Sequence[Any]) -> Any:
        """Put results in; those that share a name are numbered in the order of their tasks."""
        before, now = self.value, dict(self.value)
        times: dict[str, int] = {}
        for value in values:
            if value is None:
                now, before = {}, {}
                continue
            for name, result in value.items():
                if result is None:
                    now.pop(name, None)
                    continue
                if name in before and before[name] == result:
                    continue
                times[name] = times.get(name, 0) + 1
                if times[name] == 1:
                    for other in [key for key in now if _numbers(key, name)]:
                        del now[other]
                now[name if times[name] == 1 else f"{name}#{times[name]}"] = result
        return now


def _numbers(key: str, name: str) -> bool:
    number = key.removeprefix(f"{name}#")
    return number != key and number.isdecimal()


class Log(OfRun):
    """A list of the last records, for people. A nested graph's are appended, not those given."""

    __slots__ = ("most",)
    empty = []  # noqa: RUF012 - never changed

    def __init__(self, typ: Any = list, key: str = "", *, most: int = DECISIONS_KEPT) -> None:
        self.most = most
        super().__init__(typ, key)

    def copy(self) -> Self:
        """Give a log of the same length."""
        twin = super().copy()
        twin.most = self.most
        return twin

    def merged(self, values: Sequence[Any]) -> Any:
        """Append what is new, and keep the last; each record has a moment of its own."""
        now = list(self.value)
        for value in values:
            if value is None:
                now = []
                continue
            now += [item for item in value if item not in now]
        return now[-self.most :]


BEFORE = "before"
"""In totals of a nested graph: what stood when it was given them."""


class Totals(OfRun):
    """Counts that are added up. A nested graph goes on from its parent's, and hands back the rest.

    A node writes what it adds. In a nested graph, the value has `before`, what it was given.
    """

    empty = {}  # noqa: RUF012 - never changed

    def given(self, values: Sequence[Any]) -> Any:
        """Go on from the parent's totals."""
        totals = [_amounts(value) for value in values if value]
        return {**totals[-1], BEFORE: totals[-1]} if totals else {}

    def merged(self, values: Sequence[Any]) -> Any:
        """Add what was added."""
        now: dict[str, Any] = dict(self.value)
        for value in values:
            if value is None:
                now = {}
                continue
            before = value.get(BEFORE, {})
            for name, amount in _amounts(value).items():
                added = amount - before.get(name, 0)
                if added or name not in now:
                    now[name] = now.get(name, 0) + added
        return now


def _amounts(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: amount for name, amount in value.items() if name != BEFORE}


class Actions(Keyed):
    """The thread's actions, each by its effect and key; see `slot`.

    What was done stays until it is undone. What an earlier run left open is withdrawn when a new
    run begins, and never run. The oldest settled ones shrink to what refuses a repeat.
    """

    def started(self) -> Any:
        """Withdraw what is open, and keep all."""
        return {
            key: {**action, "status": "withdrawn", "result": WITHDRAWN}
            if action["status"] in OPEN
            else {name: value for name, value in action.items() if name != "again"}
            for key, action in self.value.items()
        }

    def given(self, values: Sequence[Any]) -> Any:
        """Know what the parent has on record."""
        return {**self.value, **{k: v for value in values if value for k, v in value.items()}}

    def merged(self, values: Sequence[Any]) -> Any:
        """Put actions in. One that stands is never overwritten by a new proposal."""
        before = self.value
        now = dict(before)
        for value in values:
            if value is None:
                now = {}
                continue
            for key, action in value.items():
                if before.get(key) != action:
                    _put(now, key, action | {"run": action.get("run") or self.life.id})
        return _shrunk(now)


WITHDRAWN = "not done: a new run began before it was decided"


def slot(actions: Mapping[str, Any], name: str, key: str) -> str:
    """Give the place of an action among others: its key, or with its effect's name.

    The name comes in front where another effect has taken the key.
    """
    taken = actions.get(key)
    return key if taken is None or taken.get("name", name) == name else f"{name}:{key}"


def _put(now: dict[str, Any], key: str, action: Plain) -> None:
    place = slot(now, action.get("name", ""), key)
    recorded = now.get(place)
    stands = recorded is not None and recorded["status"] in STANDING
    if recorded is None or not stands or action["status"] in ("done", "undone"):
        now[place] = action
    elif action["status"] == "proposed":
        # Kept beside what stands: `Act` finds it there and refuses it as a repeat.
        now[place] = recorded | {"again": action}
    else:
        now[place] = {name: value for name, value in recorded.items() if name != "again"}


_KEPT = ("name", "key", "status", "run", "ended", "again")


def _shrunk(actions: dict[str, Any]) -> dict[str, Any]:
    for key in list(actions)[:-ACTIONS_KEPT_WHOLE]:
        if actions[key]["status"] not in (*OPEN, "unknown"):
            names = (*_KEPT, "approval") if actions[key]["status"] == "rejected" else _KEPT
            actions[key] = {name: actions[key][name] for name in names if name in actions[key]}
    return actions


def put_in(hint: Any, value: Any, *updates: Any) -> Any:
    """Put one superstep's updates into the value of a key, as annotated in a state."""
    spec = next(iter(getattr(hint, "__metadata__", ())), None)
    if isinstance(spec, OfRun):
        channel = spec.copy()
    elif isinstance(spec, type) and issubclass(spec, OfRun):
        channel = spec()
    else:
        return value if spec is RunChannel else updates[-1]
    channel.begun = True
    channel.value = channel.nothing() if value is None else value
    return channel.merged(updates)
