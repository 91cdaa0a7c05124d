"""The identity of a run: new input begins a new one, whatever door it came through.

LangGraph tells no node that new input has come. It tells its channels, though: they are loaded at
the start of an invocation, saved when the input is, and updated at the end of each superstep. A
`Life` is what the channels of one invocation know together, and by it they drop what belonged to
the run before. What is decided, and by what, in `Life.begins`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self
from uuid import uuid4

from langgraph.channels import LastValue
from langgraph.channels.base import BaseChannel

Plain = dict[str, Any]

NOTHING: Any = LastValue(Any).checkpoint()
"""The value by which LangGraph says that a channel has none."""


class Life:
    """What the channels of one invocation of a graph know together.

    Attributes:
        id: the run's id; empty before its first superstep.
        fresh: whether nothing was stored before.
        ended: whether nothing was left to run.
        edged: whether an edge of ours from START has begun a run, and so will begin the next.
        joined: the keys whose channels know it.
        supersteps: how many have ended in this invocation.
        begun: with which superstep of this invocation a new run began, if with any.
    """

    __slots__ = (
        "_marked",
        "_read",
        "_saved",
        "_silent",
        "begun",
        "edged",
        "ended",
        "fresh",
        "id",
        "joined",
        "supersteps",
    )

    def __init__(self, stored: Mapping[str, Any] | None) -> None:
        self.fresh = stored is None
        self.id = str((stored or {}).get("id", ""))
        self.ended = bool((stored or {}).get("ended"))
        self.edged = bool((stored or {}).get("edged"))
        self.joined: set[str] = set()
        self.supersteps = 0
        self.begun: int | None = None
        self._marked = False
        self._saved = False
        self._read = False
        self._silent = False

    def begins(self, superstep: int) -> bool:
        """Say whether a new run begins with a superstep, or has begun with one before it.

        The first superstep of an invocation has the number 0. A run begins when
        - nothing was stored before;
        - it was said so: by an edge of ours from START, or by `quintet.runs.start`;
        - the state was saved before any superstep had ended: so it is with new input;
        - under `durability="exit"`, which does not save then: the last run had ended, and nobody
          has read the state, as a resumed node would have;
        - the last run was broken off or waits, and a superstep went by in which none of our nodes
          wrote (its pending one, dropped), and one for which nobody read (START's). Nodes that
          read none of our keys look alike, and a stream in debug mode hides it: hence the edges.
        """
        if self.begun is not None:
            return superstep >= self.begun
        if superstep < self.supersteps:
            return False
        if self._marked:
            return True
        if superstep == 0:
            return self.fresh or self._saved or (self._guesses and self.ended)
        return superstep == 1 and self._guesses and self._silent

    @property
    def _guesses(self) -> bool:
        return not self.edged and not self._read

    @property
    def early(self) -> bool:
        """Say whether a node that writes now shows that this invocation is a resumed one."""
        return not self.fresh and self.begun is None and self.supersteps < 2

    def mark(self) -> None:
        """Say that a new run begins with this superstep."""
        self._marked = True

    def begin(self, run: str = "") -> None:
        """Begin a new run, under the id given or a new one."""
        self.begun = self.supersteps
        self.id = run or uuid4().hex[:8]

    def saving(self) -> None:
        """Note that the state is saved."""
        self._saved = True

    def reading(self) -> None:
        """Note that somebody reads the state."""
        self._read = True

    def passed(self, *, stamped: bool) -> None:
        """Note that a superstep has ended, and whether one of our nodes wrote in it."""
        self.edged = self.edged or self._marked
        if self.supersteps == 0:
            self._silent = not stamped
        self._saved = self._read = False
        self.supersteps += 1


NO_RUN = Life({})
"""What a channel has whose state keeps no run: nothing begins."""

_loading = threading.local()


def load(stored: Mapping[str, Any] | None) -> Life:
    """Begin the life of an invocation; the channels that are loaded next, in this thread, join."""
    _loading.life = life = Life(stored)
    return life


def join(key: str) -> Life:
    """Give a channel that is being loaded the life of its invocation."""
    life: Life = getattr(_loading, "life", NO_RUN)
    if key in life.joined:  # it is of another graph, whose state has no `run`
        return NO_RUN
    life.joined.add(key)
    return life


class RunView(dict[str, Any]):
    """The `run` key as nodes see it: its id, and in memory alone the life behind it."""

    __slots__ = ("life",)
    life: Life


class RunChannel(BaseChannel[Any, Any, Any]):
    """The state key `run`: which run the other keys belong to.

    A node may write `{"at": node}`, a mark that it has run; `{"new": id}` begins a run.
    """

    __slots__ = ("ahead", "life", "view")

    def __init__(self, typ: Any, key: str = "") -> None:
        super().__init__(typ, key)
        self.life = Life(None)
        self.view: RunView | None = None
        self.ahead = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunChannel)

    __hash__ = None  # type: ignore[assignment]

    @property
    def ValueType(self) -> Any:  # noqa: N802 - LangGraph's name
        """The type of the value."""
        return dict

    @property
    def UpdateType(self) -> Any:  # noqa: N802 - LangGraph's name
        """The type of an update."""
        return dict

    def copy(self) -> Self:
        """Give a channel of the same life, for a path function's look ahead."""
        twin = type(self)(self.typ, self.key)
        twin.life, twin.ahead = self.life, True
        return twin

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Load the channel, first among ours, at the start of an invocation."""
        loaded = type(self)(self.typ, self.key)
        loaded.life = load(checkpoint if isinstance(checkpoint, Mapping) else None)
        return loaded

    def is_available(self) -> bool:
        """Be there always, so that every superstep comes by."""
        return True

    def get(self) -> RunView:
        """Give the run's id, and in memory the life behind it."""
        life = self.life
        life.reading()
        begins = life.begun is None and life.begins(life.supersteps)
        run = "" if begins else life.id
        if self.view is None or self.view["id"] != run:
            self.view = RunView(id=run)
            self.view.life = life
        return self.view

    def checkpoint(self) -> Any:
        """Give what is stored."""
        self.life.saving()
        stored = {"id": self.life.id, "ended": self.life.ended}
        return stored | {"edged": True} if self.life.edged else stored

    def update(self, values: Sequence[Any]) -> bool:
        """Note the end of a superstep; begin a run where it is one."""
        if self.ahead:
            return False
        life = self.life
        was = life.id, life.ended, life.edged
        named = [value for value in values if isinstance(value, Mapping)]
        if new := [str(value["new"]) for value in named if "new" in value]:
            life.begin(new[-1])
        elif life.begun is None and life.begins(life.supersteps):
            life.begin(_within(next((str(v["id"]) for v in named if v.get("id")), "")))
        life.ended = False
        life.passed(stamped=bool(values))
        return was != (life.id, life.ended, life.edged)

    def finish(self) -> bool:
        """Note that nothing is left to run, though a deferred node may still come."""
        changed = not self.life.ended
        self.life.ended = True
        return changed


def _within(parent: str) -> str:
    """Name a run within the run that a nested graph was given; empty where there is none."""
    return f"{parent}.{uuid4().hex[:4]}" if parent else ""


def run_of(state: Mapping[str, Any]) -> str:
    """Give the id of the run that a state belongs to; empty where it keeps none."""
    run = state.get("run")
    return str(run.get("id", "")) if isinstance(run, dict) else ""


def is_within(run: str, outer: str) -> bool:
    """Say whether a run is the outer one, or nested in it."""
    return run == outer or run.startswith(f"{outer}.")


def mark(state: Mapping[str, Any], node: str) -> Plain:
    """Give the state update by which a node of ours shows that it has run, where that matters.

    A run that goes on after a pause is told by it from a new one.
    """
    if "run" not in state:
        return {}
    life = getattr(state["run"], "life", None)  # none in what was sent, and read back from a store
    return {"run": {"at": node}} if life is None or life.early else {}
