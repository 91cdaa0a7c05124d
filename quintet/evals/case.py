"""A case: an input, and what is expected of the run that it starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from quintet.errors import DesignError
from quintet.evals.trajectory import Call
from quintet.state.record import digest, plain


@dataclass(frozen=True, kw_only=True)
class Case:
    """An input with its labels. A label that is None is not expected of anybody, and not scored.

    Where a label may be several names, one name alone may be given; they are kept as a tuple.

    Args:
        input: what the target gets: for a graph its state's keys, or a text, which becomes the
            last message; for a router or chooser the text.
        id: a name that stays the same; made from the input by default.
        route: the expected route, or several of which each is acceptable.
        plan: the expected assignees of the plan's steps, in order.
        calls: the expected tool calls, in order: names, or `Call`s with the arguments that matter.
        path: the expected nodes, in order.
        outcome: the expected outcome's status, or several of which each is acceptable.
        escalate: True where a person must take over, False where that would be needless.
        approval: True where a person must be asked for a yes, False where that would be needless.
        never: tools, effects or nodes that may not occur.
        state: what must be in the end state; keys that it leaves out may hold anything.
        answer: a reference answer, for judges.
        tags: slices that this case belongs to.
        group: cases of one group are not independent of each other (such as variants of one
            message); statistics draw groups. By default every case is its own.

    Raises:
        DesignError: a label of the wrong kind; it names the field and the value.
    """

    input: Any
    id: str = ""
    route: Sequence[str] | None = None
    plan: Sequence[str] | None = None
    calls: Sequence[Any] | None = None
    path: Sequence[str] | None = None
    outcome: Sequence[str] | None = None
    escalate: bool | None = None
    approval: bool | None = None
    never: Sequence[str] = ()
    state: Mapping[str, Any] | None = None
    answer: Any = None
    tags: Sequence[str] = ()
    group: str = ""

    def __post_init__(self) -> None:
        for name in ("route", "outcome", "plan", "path"):
            self._keep(name, _labels(name, getattr(self, name)))
        for name in ("never", "tags"):
            self._keep(name, _labels(name, getattr(self, name)) or ())
        for name in ("escalate", "approval"):
            said = getattr(self, name)
            if said is not None and not isinstance(said, bool):
                raise DesignError(f"Case({name}={said!r}): give True, False, or None for no label")
        if self.calls is not None:
            self._keep("calls", tuple(_call(item) for item in _listed("calls", self.calls)))
        if self.state is not None and not isinstance(self.state, Mapping):
            raise DesignError(
                f"Case(state={self.state!r:.60}): give the expected keys as a mapping"
            )
        if not isinstance(self.id, str) or not isinstance(self.group, str):
            raise DesignError(f"Case(id={self.id!r}, group={self.group!r}): both are texts")
        if not self.id:
            self._keep("id", digest(plain(self.input))[:12])

    def _keep(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def text(self) -> str:
        """The input as one line, for tables."""
        given = self.input
        if isinstance(given, Mapping):
            given = given.get("message") or given.get("messages") or given
        if isinstance(given, list) and given:
            last = given[-1]
            given = last.get("content", last) if isinstance(last, Mapping) else last
        return " ".join(str(getattr(given, "content", given)).split())

    @property
    def expects(self) -> tuple[str, ...]:
        """The names of the labels that it has."""
        without = ("input", "id", "tags", "group")
        names = (item.name for item in fields(self) if item.name not in without)
        return tuple(
            name
            for name in names
            if getattr(self, name) is not None and (getattr(self, name) != () or name != "never")
        )


def _labels(name: str, given: Any) -> tuple[str, ...] | None:
    """One label or several as a tuple of texts."""
    if given is None:
        return None
    items = (given,) if isinstance(given, str) else tuple(_listed(name, given))
    if odd := [item for item in items if not isinstance(item, str) or not item]:
        raise DesignError(f"Case({name}=...): {odd[0]!r:.60} is not a name")
    if not items and name in ("route", "outcome"):
        raise DesignError(f"Case({name}=()): give at least one, or None for no label")
    return items


def _listed(name: str, given: Any) -> Collection[Any]:
    if isinstance(given, str | Mapping) or not isinstance(given, Collection):
        raise DesignError(f"Case({name}={given!r:.60}): give a list")
    return given


def _call(item: Any) -> Call:
    if isinstance(item, Call):
        return item
    if isinstance(item, str) and item:
        return Call(name=item)
    if isinstance(item, Mapping) and isinstance(item.get("name"), str):
        rest = {key: value for key, value in item.items() if key != "name"}
        arguments = rest.pop("arguments", rest)
        return Call(name=item["name"], arguments=dict(arguments))
    raise DesignError(f"Case(calls=...): {item!r:.60} is neither a name nor a call with a name")
