"""Define faults: what goes wrong, at which kind of spot, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, get_args

from quintet.errors import DesignError
from quintet.evals.items import names_in

SpotKind = Literal[
    "node", "worker", "router", "planner", "act", "agent", "model", "tool", "chooser"
]
SPOT_KINDS: tuple[SpotKind, ...] = get_args(SpotKind)

NODES: tuple[SpotKind, ...] = ("node", "worker", "router", "planner", "act")
"""The spots that are whole nodes; the rest are what nodes call."""

FOR_GOOD = 10**9
"""As `times`: the fault strikes at every visit from its first to the end of the run."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place at which a fault may strike.

    Args:
        kind: `node`, `worker`, `router`, `planner` or `act` for a whole node; `agent`, `model`,
            `tool` or `chooser` for what it calls.
        name: the name of the node, tool or agent.
        fields: for a node, the state keys that are handed to it; empty where not known.
        takes: for an agent that is a graph, gives the part of its end state that its worker takes;
            all else of it is handed on to nobody.
    """

    kind: SpotKind
    name: str
    fields: tuple[str, ...] = field(default=(), compare=False)
    takes: Callable[[Any], Any] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One call at a spot, as the unbroken run made it.

    Attributes:
        spot: the spot.
        number: the visit's number at this spot, from 1.
        given: the arguments of the call.
        answer: the result of the call.
        ended: whether the call returned; False where it raised or stopped for a person.
    """

    spot: Spot
    given: tuple[Any, ...] = field(default=(), repr=False)
    number: int = 1
    answer: Any = None
    ended: bool = False


@dataclass(frozen=True, kw_only=True)
class Blow:
    """A strike as its fault sees it.

    Attributes:
        spot: where it strikes.
        given: the arguments of the call: `(args, kwargs)` for a function, `(state,)` for a node,
            `(messages,)` for a model, `(text,)` for a chooser.
        result: the result of the real call; None before it.
        recorded: the result in the unbroken run.
        random: the generator to draw from, seeded for this strike.
    """

    spot: Spot
    given: tuple[Any, ...]
    result: Any = None
    recorded: Any = None
    random: Random = field(default_factory=Random, repr=False)


@dataclass(frozen=True, kw_only=True)
class Instead:
    """A result in place of the real call, returned by `Fault.before`."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Describe something that goes wrong around the orchestration; write your own like ours.

    Args:
        kind: the fault's name in reports.
        at: the kinds of spot at which it may strike.
        before: gets the `Blow` before the call. It returns the arguments for the call (a tuple),
            or `Instead(value=...)` for no call, or raises.
        after: gets the `Blow` after the call, and returns another result, or raises.
        times: how often it may strike in a run; the seed draws one of these numbers.
        rounds: how often the real thing is called in place of once.
        last_word: whether `Blow.recorded` is the spot's last result in the unbroken run.
        varied: whether it draws something else each time; one visit may then be struck in several
            runs.
        of_another: whether `Blow.recorded` is what the same spot answered in another case's
            unbroken run, one on behalf of somebody else where the cases say on whose; it strikes
            nowhere where there is none.
        fits: says, for a visit of the unbroken run and all its visits, whether the fault may
            strike there; by default anywhere.
        about: a sentence on what it stands for.

    Raises:
        DesignError: no kind, no spot, an unknown spot, or a fault that does nothing.
    """

    kind: str
    at: tuple[SpotKind, ...]
    before: Callable[[Blow], Any] | None = None
    after: Callable[[Blow], Any] | None = None
    times: tuple[int, ...] = (1,)
    rounds: int = 1
    last_word: bool = False
    varied: bool = False
    of_another: bool = False
    fits: Callable[[Visit, tuple[Visit, ...]], bool] | None = None
    about: str = ""

    def __post_init__(self) -> None:
        if not self.kind.strip():
            raise DesignError("Fault(kind=''): give the fault a name")
        object.__setattr__(self, "at", names_in(self.at, f"Fault {self.kind!r}: at=..."))
        if unknown := [kind for kind in self.at if kind not in SPOT_KINDS]:
            raise DesignError(
                f"Fault {self.kind!r}: at={unknown[0]!r} is no spot; give {', '.join(SPOT_KINDS)}"
            )
        if not self.at or not self.times:
            raise DesignError(f"Fault {self.kind!r}: give at least one of at=... and of times=...")
        if self.before is None and self.after is None and self.rounds == 1:
            raise DesignError(f"Fault {self.kind!r} does nothing; give before, after or rounds")

    def may_strike(self, visit: Visit, visits: tuple[Visit, ...]) -> bool:
        """Say whether it may strike at this visit of an unbroken run, given all its visits."""
        if visit.spot.kind not in self.at:
            return False
        return self.fits is None or self.fits(visit, visits)
