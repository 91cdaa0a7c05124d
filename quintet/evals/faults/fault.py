"""A fault: what goes wrong, at which kind of spot, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, get_args

from quintet.errors import DesignError

SpotKind = Literal[
    "node", "worker", "router", "planner", "act", "agent", "model", "tool", "chooser"
]
SPOT_KINDS: tuple[SpotKind, ...] = get_args(SpotKind)

NODES: tuple[SpotKind, ...] = ("node", "worker", "router", "planner", "act")
"""The spots that are whole nodes; the rest are what nodes call."""

FOR_GOOD = 10**9
"""As `times`: it strikes from its first visit to the end of the run."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place at which a fault may strike.

    Args:
        kind: `node`, `worker`, `router`, `planner` or `act` for a whole node; `agent`, `model`,
            `tool` or `chooser` for what it calls.
        name: of the node, tool or agent.
        fields: for a node, the state keys that are handed to it; empty where that is not known.
    """

    kind: SpotKind
    name: str
    fields: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A run that came by a spot.

    Attributes:
        spot: where.
        number: the how manieth visit of this spot, from 1.
        given: what the thing there was called with.
        answer: what it gave.
        ended: whether it gave anything; False where it raised or stopped for a person.
    """

    spot: Spot
    given: tuple[Any, ...] = field(default=(), repr=False)
    number: int = 1
    answer: Any = None
    ended: bool = False


@dataclass(frozen=True, kw_only=True)
class Blow:
    """What a fault is told when it strikes.

    Attributes:
        spot: where.
        given: what the thing is called with: `(args, kwargs)` for a function, `(state,)` for a
            node, `(messages,)` for a model, `(text,)` for a chooser.
        result: what the thing gave; None before it is called.
        recorded: what it gave in the unbroken run.
        random: what to draw from.
    """

    spot: Spot
    given: tuple[Any, ...]
    result: Any = None
    recorded: Any = None
    random: Random = field(default_factory=Random, repr=False)


@dataclass(frozen=True, kw_only=True)
class Instead:
    """What `Fault.before` returns where the real thing is not to be called at all."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong at the edge of the orchestration. Write your own like ours.

    Args:
        kind: its name in reports.
        at: the kinds of spot at which it may strike.
        before: gets the `Blow` and returns what the thing is called with instead (a tuple); or
            `Instead(value=...)`, and it is not called; or it raises.
        after: gets the `Blow` and returns something else than its `result`, or raises.
        times: how often it strikes in a run; one of these is drawn by the seed.
        rounds: how often the thing is called in place of once.
        last_word: whether `Blow.recorded` is what the spot gave last in the unbroken run, and not
            what it gave at this visit.
        varied: whether it does something else each time, by lot; one visit may then be struck in
            several runs.
        fits: which visits of the unbroken run it may strike, such as those of agents that called
            a tool; all by default.
        about: what it stands for, in a sentence.

    Raises:
        DesignError: no kind, no spot, an unknown spot, or nothing that goes wrong.
    """

    kind: str
    at: tuple[SpotKind, ...]
    before: Callable[[Blow], Any] | None = None
    after: Callable[[Blow], Any] | None = None
    times: tuple[int, ...] = (1,)
    rounds: int = 1
    last_word: bool = False
    varied: bool = False
    fits: Callable[[Visit, tuple[Visit, ...]], bool] | None = None
    about: str = ""

    def __post_init__(self) -> None:
        if not self.kind.strip():
            raise DesignError("Fault(kind=''): give the fault a name")
        if unknown := [kind for kind in self.at if kind not in SPOT_KINDS]:
            raise DesignError(
                f"Fault {self.kind!r}: at={unknown[0]!r} is no spot; give {', '.join(SPOT_KINDS)}"
            )
        if not self.at or not self.times:
            raise DesignError(f"Fault {self.kind!r}: give at least one of at=... and of times=...")
        if self.before is None and self.after is None and self.rounds == 1:
            raise DesignError(f"Fault {self.kind!r} does nothing; give before, after or rounds")

    def may_strike(self, visit: Visit, visits: tuple[Visit, ...]) -> bool:
        """Whether it may strike at this visit of an unbroken run, given all its visits."""
        if visit.spot.kind not in self.at:
            return False
        return self.fits is None or self.fits(visit, visits)
