"""Define cases: an input, and labels for the run that it starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from quintet.errors import DesignError
from quintet.evals.items import unknown
from quintet.evals.trajectory import ToolCall
from quintet.state.record import digest, plain


@dataclass(frozen=True, kw_only=True)
class Case:
    """An input with its labels. A label that is None is not scored.

    A label that takes several names also takes one text; names are kept as a tuple.

    Args:
        input: the target's input: for a graph its state's keys, or a text, which becomes the last
            message; for a router or chooser the text.
        id: a name that does not change between versions of a suite; by default made from the input.
        route: the expected route, or several acceptable ones.
        plan: the expected assignees of the plan's steps, in order.
        calls: the expected tool calls, in order: names, or `ToolCall`s with the arguments that
            matter; also as mappings of a name and `arguments` (LangChain's `args`), or of a name
            and the arguments themselves.
        path: the expected nodes, in order.
        outcome: the expected status of the outcome, or several acceptable ones.
        escalate: True where a person must take over, False where that would be needless.
        approval: True where a person must be asked for a yes, False where that would be needless.
        never: tools, effects or nodes that may not occur.
        state: keys and values that the end state must hold; other keys may hold anything.
        answer: a reference answer, for judges.
        tags: slices that this case belongs to.
        group: a name for cases that depend on each other, such as variants of one message;
            statistics treat a group as one. By default every case is its own group.

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
            self._set(name, _labels(name, getattr(self, name)))
        for name in ("never", "tags"):
            self._set(name, _labels(name, getattr(self, name)) or ())
        for name in ("escalate", "approval"):
            label = getattr(self, name)
            if label is not None and not isinstance(label, bool):
                raise DesignError(f"Case({name}={label!r}): give True, False, or None for no label")
        if self.calls is not None:
            self._set("calls", _calls(self.calls))
        if self.state is not None and not isinstance(self.state, Mapping):
            raise DesignError(
                f"Case(state={self.state!r:.60}): give the expected keys as a mapping"
            )
        if not isinstance(self.id, str) or not isinstance(self.group, str):
            raise DesignError(f"Case(id={self.id!r}, group={self.group!r}): both are texts")
        if not self.id:
            self._set("id", digest(plain(self.input))[:12])

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen

    @property
    def text(self) -> str:
        """Return the input as one line, for tables: its message, or the last of its messages."""
        text = self.input
        if isinstance(text, Mapping):
            text = text.get("message") or text.get("messages") or text
        if isinstance(text, list) and text:
            last = text[-1]
            text = last.get("content", last) if isinstance(last, Mapping) else last
        return " ".join(str(getattr(text, "content", text)).split())

    @property
    def expects(self) -> tuple[str, ...]:
        """Name the labels that it has."""
        no_labels = ("input", "id", "tags", "group")
        labels = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in no_labels}
        # An empty `never` or `state` says nothing; empty `calls` expect that nothing is called.
        return tuple(
            name
            for name, label in labels.items()
            if label is not None and (label or name not in ("never", "state"))
        )


def _labels(name: str, value: Any) -> tuple[str, ...] | None:
    """Return one label or several as a tuple of texts."""
    if value is None:
        return None
    items = (value,) if isinstance(value, str) else tuple(_listed(name, value))
    if odd := [item for item in items if not isinstance(item, str) or not item]:
        raise DesignError(f"Case({name}=...): {odd[0]!r:.60} is not a name")
    if not items and name in ("route", "outcome"):
        raise DesignError(f"Case({name}=()): give at least one, or None for no label")
    return items


def _listed(name: str, value: Any) -> Collection[Any]:
    # Texts and mappings are collections too, but a list of letters or keys is never meant.
    if isinstance(value, str | Mapping) or not isinstance(value, Collection):
        raise DesignError(f"Case({name}={value!r:.60}): give a list")
    return value


def _calls(value: Any) -> tuple[ToolCall, ...]:
    try:
        return tuple(map(read_call, _listed("calls", value)))
    except DesignError as problem:
        raise DesignError(f"Case(calls=...): {problem}") from problem


def read_call(item: Any) -> ToolCall:
    """Read an expected call: a name, a call, or a mapping that describes one.

    Raises:
        DesignError: it is none of them.
    """
    if isinstance(item, ToolCall):
        return item
    if isinstance(item, str) and item:
        return ToolCall(name=item)
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str) or not item["name"]:
        raise DesignError(f"{item!r:.60} is neither a name nor a call with a name")
    rest = {key: value for key, value in item.items() if key != "name"}
    # `{"name": "pay", "amount": 5}` is short for `arguments={"amount": 5}`.
    spelled = "arguments" if "arguments" in rest else "args"
    if spelled == "args" and not isinstance(rest.get("args"), Mapping):
        return ToolCall(name=item["name"], arguments=rest)
    arguments = rest.pop(spelled)
    if odd := [key for key in rest if key not in (*_CALL, *_OF_CALLS)]:
        raise DesignError(f"in {item!r:.60} {unknown(odd[0], _CALL)}")
    if not isinstance(arguments, Mapping):
        raise DesignError(f"{item!r:.60}: give a call's name, and its arguments as an object")
    own = {key: value for key, value in rest.items() if key not in _OF_CALLS}
    if odd := [key for key, value in own.items() if type(value) is not type(getattr(_BLANK, key))]:
        kind = type(getattr(_BLANK, odd[0])).__name__
        raise DesignError(f"{item!r:.60}: {odd[0]}={own[odd[0]]!r:.40} is no {kind}")
    return ToolCall(name=item["name"], arguments=dict(arguments), **own)


_BLANK = ToolCall(name="")
_CALL = tuple(item.name for item in fields(ToolCall))
_OF_CALLS = ("id", "type")
"""What else a recorded call has, and a label does not need."""
