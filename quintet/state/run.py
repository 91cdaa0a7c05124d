"""Tell one run of a thread from the next: new input begins a new run, however it came in.

LangGraph tells no node that new input has come, but its channels can tell: they are loaded at the
start of an invocation, saved with its input, and updated at the end of each superstep. The channels
of one invocation share a `Life`, by which they drop the values of the run before. `Life.begins`
decides when.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self
from uuid import uuid4

from langgraph.channels import LastValue
from langgraph.channels.base import BaseChannel
from langgraph.config import get_config

from quintet.errors import ContractBroken
from quintet.state.clock import now
from quintet.state.deadline import Deadline, note_running
from quintet.state.journal.found import note_loaded

Plain = dict[str, Any]

NOTHING: Any = LastValue(Any).checkpoint()
"""LangGraph's marker for a channel without a value; it is not public under a name."""


class Life:
    """Decide, for all channels of one invocation of a graph, whether a new run begins.

    Attributes:
        id: the run's id; empty before its first superstep.
        fresh: whether nothing was stored before.
        ended: whether nothing was left to run.
        edged: whether an edge of ours from START has begun a run, and so will begin the next.
        joined: the keys whose channels share it.
        supersteps: the number of supersteps that have ended in this invocation.
        begun: the superstep of this invocation with which a new run began; None if none has.
        limit: the seconds that the run may take; None for any.
        used: the seconds that it had taken when this invocation began.
        since: when this invocation, or the run, began.
    """

    __slots__ = (
        "_marked",
        "_next_limit",
        "_read",
        "_saved",
        "_silent",
        "begun",
        "edged",
        "ended",
        "fresh",
        "id",
        "joined",
        "limit",
        "since",
        "supersteps",
        "used",
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
        self._next_limit: float | None = None
        self.limit: float | None = None
        self.used, self.since = 0.0, 0.0

    def go_on(self, clock: Mapping[str, Any], *, waited: bool) -> None:
        """Let the clock of a run with a deadline go on.

        Args:
            clock: how it stood when the run was last saved.
            waited: whether the run has waited for a person since then; that does not count.
        """
        self.since = now()
        self.limit, self.used = clock["limit"], clock["used"]
        if not waited:
            self.used += max(self.since - clock["at"], 0.0)

    @property
    def deadline(self) -> Deadline | None:
        """Give the run's deadline, by the time that it has taken; None without one."""
        limit = self.limit
        return None if limit is None else Deadline(limit, self.since + limit - self.used)

    def begins(self, superstep: int) -> bool:
        """Say whether a new run begins with a superstep, or has begun with one before it.

        The first superstep of an invocation has the number 0. A run begins when
        - nothing was stored before;
        - an edge of ours from START or `quintet.runs.start` said so;
        - the state was saved before any superstep had ended, as happens with new input only;
        - under `durability="exit"`, which does not save then: the last run had ended, and nobody
          has read the state, as a resumed node would have;
        - the last run was broken off or waits, none of our nodes wrote in the first superstep
          (which then only drops the pending one), and nobody read the state for the second (which
          is START's). Nodes that read none of our keys look the same, and a stream in debug mode
          hides it: the edges from START are there for these cases.
        """
        if self.begun is not None:
            return superstep >= self.begun
        if superstep < self.supersteps:
            return False  # it is over, and no run began with it
        if self._marked:
            return True
        if superstep == 0:
            return self.fresh or self._saved or (self._guesses and self.ended)
        return superstep == 1 and self._guesses and self._silent

    @property
    def _guesses(self) -> bool:
        # On a thread where an edge has begun a run, only the edge begins the next.
        return not self.edged and not self._read

    @property
    def early(self) -> bool:
        """Say whether a node that writes now proves that this invocation resumes a run."""
        return not self.fresh and self.begun is None and self.supersteps < 2

    def mark(self, limit: float | None = None) -> None:
        """Note that a new run begins with this superstep, and the seconds that it may take."""
        self._marked, self._next_limit = True, limit

    def begin(self, run: str = "", limit: float | None = None) -> None:
        """Begin a new run, under the id `run` or a new one; the tighter limit holds."""
        # A resume at the input begins the run, and so does the input: it has begun with the first.
        if self.begun is None:
            self.begun = self.supersteps
        self.id = run or uuid4().hex[:8]
        limits = [each for each in (limit, self._next_limit) if each is not None]
        if limits or self.limit is not None:
            self.limit, self.used, self.since = min(limits, default=None), 0.0, now()

    def note_saved(self) -> None:
        """Note that the state is saved."""
        self._saved = True

    def note_read(self) -> None:
        """Note that somebody reads the state."""
        self._read = True

    def end_superstep(self, *, stamped: bool) -> None:
        """Note that a superstep has ended, and whether one of our nodes wrote in it."""
        self.edged = self.edged or self._marked
        if self.supersteps == 0:
            self._silent = not stamped
        # Both are asked about one superstep at a time.
        self._saved = self._read = False
        self.supersteps += 1


NO_RUN = Life({})
"""The life of channels in a state that has no `run` key: no run ever begins."""

_loading = threading.local()

working: ContextVar[str] = ContextVar("quintet_working", default="")
"""The id of the run whose node is at work: a graph that the node calls is a part of that run."""


@contextmanager
def at_work_for(run: str) -> Iterator[None]:
    """Say that a node is at work for a run, by its id; a state without one leaves what is said."""
    token = working.set(run or working.get())
    try:
        yield
    finally:
        working.reset(token)


def load(stored: Mapping[str, Any] | None) -> Life:
    """Begin the life of an invocation; the channels that are loaded next, in this thread, join."""
    # LangGraph loads a graph's channels in the order of the state's keys, within one call, and
    # hands them nothing in common: the life is passed on by the thread.
    waited = note_loaded()
    _loading.life = life = Life(stored)
    if stored and (clock := stored.get("clock")):
        life.go_on(clock, waited=waited)
    note_running(life, nested=is_nested())
    return life


def join(key: str) -> Life:
    """Give a channel that is being loaded the life of its invocation."""
    life: Life = getattr(_loading, "life", NO_RUN)
    if key in life.joined:  # the channel is of another graph, whose state has no `run`
        return NO_RUN
    life.joined.add(key)
    return life


def is_nested() -> bool:
    """Say whether a channel is updated for a graph that runs in a node of another."""
    try:
        config = get_config()
    except RuntimeError:  # nothing runs around this graph
        return False
    return bool(config.get("configurable", {}).get("checkpoint_ns"))


def refuse_others(key: str, values: Sequence[Any], kind: Any, called: str) -> None:
    """Refuse updates of a key of ours that are neither None nor of the kind that it holds.

    Raises:
        ContractBroken: it names the key, the value and the kind.
    """
    for value in values:
        if value is not None and not isinstance(value, kind):
            raise ContractBroken(
                f"a node wrote {value!r:.60} to the state's key {key!r}, where Quintet keeps "
                f"{called}; write {called}, or give your own key another name"
            )


class RunView(dict[str, Any]):
    """Show the `run` key to nodes: the run's id, and in memory alone its life."""

    __slots__ = ("life",)
    life: Life


class RunChannel(BaseChannel[Any, Any, Any]):
    """Hold the state key `run`: the id of the run that the other keys belong to.

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
        """Give the type of the value."""
        return dict

    @property
    def UpdateType(self) -> Any:  # noqa: N802 - LangGraph's name
        """Give the type of an update."""
        return dict

    def copy(self) -> Self:
        """Give a channel of the same life, for a path function's look ahead."""
        # Its updates are the node's, and are not yet the end of a superstep.
        twin = type(self)(self.typ, self.key)
        twin.life, twin.ahead = self.life, True
        return twin

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Load the channel at the start of an invocation, as the first of ours."""
        loaded = type(self)(self.typ, self.key)
        loaded.life = load(checkpoint if isinstance(checkpoint, Mapping) else None)
        return loaded

    def is_available(self) -> bool:
        """Say yes always."""
        # LangGraph tells only available channels of a superstep that wrote nothing to them.
        return True

    def get(self) -> RunView:
        """Give the run's id, and in memory its life."""
        life = self.life
        life.note_read()
        begins = life.begun is None and life.begins(life.supersteps)
        run = "" if begins else life.id
        if self.view is None or self.view["id"] != run:
            self.view = RunView(id=run)
            self.view.life = life
        return self.view

    def checkpoint(self) -> Any:
        """Give the value to store, and note that it is saved."""
        self.life.note_saved()
        life = self.life
        stored: Plain = {"id": life.id, "ended": life.ended}
        if life.edged:
            stored["edged"] = True
        if life.limit is not None:
            at = now()
            used = life.used + max(at - life.since, 0.0)
            stored["clock"] = {"limit": life.limit, "used": used, "at": at}
        return stored

    def update(self, values: Sequence[Any]) -> bool:
        """Note the end of a superstep, and begin a new run where one begins.

        Raises:
            ContractBroken: an update is no dict.
        """
        refuse_others(self.key, values, Mapping, "a dict")
        if self.ahead:
            return False
        life = self.life
        before = life.id, life.ended, life.edged
        updates = [value for value in values if isinstance(value, Mapping)]
        if new := [str(update["new"]) for update in updates if "new" in update]:
            # A run that is resumed before its first node is given an id anew, beside its input's.
            limits = [u["deadline"] for u in updates if u.get("deadline") is not None]
            life.begin(new[-1], min(limits, default=None))
        elif life.begun is None and life.begins(life.supersteps):
            # A nested graph's input has the parent's run, unless a node calls it with a request
            # of its own, as a worker does with an agent that is a graph.
            around = working.get() if is_nested() else ""
            life.begin(_within(next((str(u["id"]) for u in updates if u.get("id")), around)))
        life.ended = False
        life.end_superstep(stamped=bool(values))
        # Its clock is stored with each superstep.
        if life.limit is not None:
            return True
        return before != (life.id, life.ended, life.edged)

    def finish(self) -> bool:
        """Note that nothing is left to run; a deferred node may still follow."""
        changed = not self.life.ended
        self.life.ended = True
        return changed


def _within(parent: str) -> str:
    """Make an id for a nested graph's run within its parent's; empty where there is no parent."""
    return f"{parent}.{uuid4().hex[:4]}" if parent else ""


def run_of(state: Mapping[str, Any]) -> str:
    """Give the id of the run that a state belongs to; empty where it has none."""
    run = state.get("run")
    return str(run.get("id", "")) if isinstance(run, dict) else ""


def is_within(run: str, outer: str) -> bool:
    """Say whether a run is the outer run itself or one nested in it."""
    return run == outer or run.startswith(f"{outer}.")


def mark(state: Mapping[str, Any], node: str) -> Plain:
    """Give the state update that shows that a node of ours has run; empty where it is not needed.

    It tells a run that goes on after a pause from a new one.
    """
    if "run" not in state:
        return {}
    # A state that was sent and read back from a store has lost the life: mark it then, to be safe.
    life = getattr(state["run"], "life", None)
    return {"run": {"at": node}} if life is None or life.early else {}
