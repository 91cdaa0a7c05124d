"""Define the steps of a plan: plain ones, and those that run others several times or in turn."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, get_args

from pydantic import ConfigDict

from quintet.errors import DesignError
from quintet.state.record import plain, without_defaults

StepKind = Literal["do", "each", "until", "vote", "first", "reduce"]
STEP_KINDS: tuple[StepKind, ...] = get_args(StepKind)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One item of a plan.

    A plain step (`do`) is one piece of work for an assignee. The other kinds run work several
    times: that of their `assignee`, or the steps of their `body`.

    - `each` runs once for every item `over` an earlier result that is a list, `most` at most; its
      result is the list of theirs.
    - `until` runs round after round until the `condition` holds for the round's result, `most`
      rounds at most; its result is the last.
    - `vote` runs `most` times, or each step of its body once; a result that `quorum` of them agree
      on is its own.
    - `first` runs the steps of its body one after the other; the first that succeeds gives its
      result.
    - `reduce` folds the items `over` a list to one, by a declared `reducer`, or by its assignee,
      item by item.

    Args:
        id: the step's name within its plan.
        goal: the step's goal, in words that the assignee can act on.
        assignee: the node that takes it; empty where a body or a reducer does the work.
        after: ids of the steps whose results it needs.
        inputs: plain data that the assignee's contract may ask for; a body's steps have it too.
        criterion: the condition for counting as done; the planner's check reads it.
        kind: how it runs; one of `STEP_KINDS`.
        body: the steps that it runs; the last one's result is that of a round or an item.
        over: the list that `each` and `reduce` go through: the id of an earlier step, or an input,
            with the fields that lead to the list after dots, as in `find.files`.
        into: the input under which the work finds its item (by default `item`), or under which
            `until` finds the result of the round before (by default `last`, with `reason`).
        most: the most items, rounds or votes.
        condition: the name of a condition declared to the planner.
        quorum: how many votes must agree; by default more than half.
        ballot: the field of a vote's result that is counted; by default all of it.
        reducer: the name of a reducer declared to the planner.

    Raises:
        DesignError: a name, goal or criterion that is no text, `after` as one name and not a tuple
            of names, inputs that are no dict, a body that holds no steps, an unknown kind, or a
            bound that is no whole number from 1.
    """

    # A word that no step has, such as `depends_on`, is refused where a step is read from data.
    __pydantic_config__ = ConfigDict(extra="forbid")

    id: str
    goal: str
    assignee: str = ""
    after: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    criterion: str = ""
    kind: StepKind = "do"
    body: tuple[Step, ...] = ()
    over: str = ""
    into: str = ""
    most: int | None = None
    condition: str = ""
    quorum: int | None = None
    ballot: str = ""
    reducer: str = ""

    def __post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if not isinstance(value, str):
                about = "Step(" if name == "id" else f"step {self.id!r}: Step("
                raise DesignError(f"{about}{name}={value!r:.60}): give a text")
        if isinstance(self.after, str):
            raise DesignError(
                f"step {self.id!r}: after={self.after!r} is one name; give a tuple, "
                f"({self.after!r},)"
            )
        for name, kind, what in _PARTS:
            value = getattr(self, name)
            several = isinstance(value, list | tuple | set | frozenset)
            if not (several and all(isinstance(part, kind) for part in value)):
                raise DesignError(f"step {self.id!r}: {name}={value!r:.60}: give a tuple of {what}")
        if not isinstance(self.inputs, Mapping):
            raise DesignError(f"step {self.id!r}: inputs={self.inputs!r:.60}: give a dict")
        if self.kind not in STEP_KINDS:
            raise DesignError(
                f"step {self.id!r}: kind={self.kind!r}: give one of {', '.join(STEP_KINDS)}"
            )
        for name in ("most", "quorum"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise DesignError(
                    f"step {self.id!r}: {name}={value!r:.40}: give a whole number from 1"
                )

    @property
    def given_as(self) -> str:
        """Name the input under which the work finds its item, or the result of the last round."""
        return self.into or ("last" if self.kind == "until" else "item")

    @property
    def gives(self) -> tuple[str, ...]:
        """Name all inputs that it gives to its work, beside those that the plan holds."""
        further = {"each": (), "until": ("reason",), "reduce": ("so_far",)}.get(self.kind)
        return () if further is None or self.reducer else (self.given_as, *further)

    @property
    def most_runs(self) -> int:
        """Give the most pieces of work that it sends to assignees."""
        if self.kind == "do":
            return 1
        if self.kind == "reduce":
            return self.most or 0 if self.assignee else 0
        once = sum(step.most_runs for step in self.body) if self.body else 1
        if self.kind == "first" or (self.kind == "vote" and self.body):
            return once
        return (self.most or 0) * once

    @property
    def work(self) -> Step:
        """Give one run of its assignee as a plain step."""
        return Step(
            id=self.id,
            goal=self.goal,
            assignee=self.assignee,
            inputs=self.inputs,
            criterion=self.criterion,
        )

    @property
    def data(self) -> dict[str, Any]:
        """Give the step as plain data, without what only other kinds of step need."""
        return dict(self._data)

    @cached_property
    def _data(self) -> dict[str, Any]:
        names = _ALWAYS if self.kind == "do" else _BARE
        record: dict[str, Any] = {name: plain(getattr(self, name)) for name in names}
        if self.kind == "do":  # the commonest, and no other field of it may be set
            return record
        short = without_defaults(Step, record) | {name: record[name] for name in _ALWAYS}
        return short | ({"body": [step.data for step in self.body]} if self.body else {})


_TEXTS = (
    "id",
    "goal",
    "assignee",
    "criterion",
    "over",
    "into",
    "condition",
    "ballot",
    "reducer",
)
_ALWAYS = ("id", "goal", "assignee", "after", "inputs", "criterion")
_BARE = tuple(field.name for field in fields(Step) if field.name != "body")
_PARTS: tuple[tuple[str, type[Any], str], ...] = (
    ("after", str, "ids"),
    ("body", Step, "steps"),
)


def leaves(steps: Collection[Step]) -> Iterator[Step]:
    """Yield the steps that assignees take: plain ones, and others with an assignee."""
    for step in steps:
        if step.assignee or not step.body:
            yield step
        yield from leaves(step.body)


def root_of(path: str) -> str:
    """Give the id of the plan's own step that a piece of work, such as `read[3]`, is part of."""
    return path.partition("[")[0]


def source_of(step: Step, names: Collection[str]) -> str:
    """Give which of the names a step's `over` begins with; empty where it is none of them."""
    if step.over in names:
        return step.over
    name = step.over.partition(".")[0]
    return name if name in names else ""


def found_over(step: Step, known: Mapping[str, Any]) -> Any:
    """Give what a step goes over, of what is known; None where that is not there."""
    source = source_of(step, known.keys())
    found = known.get(source)
    for name in filter(None, step.over.removeprefix(source).split(".")):
        found = found.get(name) if isinstance(found, Mapping) else None
    # They are lists once the plan is kept, and so they are before.
    return plain(found) if isinstance(found, tuple | set | frozenset) else found


def waits_for(step: Step, siblings: Collection[str]) -> tuple[str, ...]:
    """Give the ids of the steps beside it that must be done before a step begins."""
    if not step.over:
        return step.after
    source = source_of(step, siblings)
    found = source and source not in step.inputs and source not in step.after
    return (*step.after, source) if found else step.after
