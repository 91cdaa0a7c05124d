"""Hold the messages of runs against the examples that their router has learned from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.nodes.choosers.choose import Cascade, Within
from quintet.nodes.choosers.examples import Examples
from quintet.nodes.route import Router, text_of
from quintet.stats.anytime import Anytime
from quintet.stats.proportion import wilson

State = Literal["broken", "kept", "open"]


@dataclass(kw_only=True)
class Drift:
    """Count the messages that a learned chooser accepts, with a bound that holds at any time.

    Of messages like its examples a chooser accepts the coverage of its promise. That share is an
    estimate on held-out examples: half of the error goes to its lower bound (Wilson), the other
    half to the share that is accepted (`Anytime`). So messages that are like the examples are
    called unlike in one watch of `1 / (1 - confidence)` at most, however often one looks.

    Args:
        chooser: the chooser, with a promise.
        confidence: of `broken` and of `kept`.

    Raises:
        DesignError: the chooser never abstains, or accepts so few that fewer cannot be told.
    """

    chooser: Examples = field(repr=False)
    confidence: float = 0.95
    accepted: Anytime = field(init=False)
    without: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        promise, half = self.chooser.promise, (1 + self.confidence) / 2
        if not promise.at_least:
            raise DesignError(
                "a chooser that never abstains accepts whatever comes, and cannot be watched; give "
                "it at_least=..., as in chooser.promising(0.9)"
            )
        hits = promise.coverage * promise.messages
        least = wilson(hits, promise.messages, confidence=half, sided="lower").low
        if not least:
            raise DesignError(
                f"the chooser accepts {promise.coverage:.1%} of messages like its examples, and "
                "fewer cannot be told; promise less, as in chooser.promising(0.8), or give it more "
                "examples"
            )
        self.accepted = Anytime(confidence=half, limit=least)

    def take(self, messages: Iterable[str]) -> None:
        """Take the messages of further runs in their order; empty ones are counted apart."""
        given = list(messages)
        texts = [text for text in given if text.strip()]
        self.without += len(given) - len(texts)
        for one in self.chooser.scores(texts) if texts else ():
            self.accepted.add(float(one.accepted))

    @property
    def wanted(self) -> float:
        """Return the share that is accepted at least of messages like the examples."""
        return self.accepted.limit or 0.0

    @property
    def state(self) -> State:
        """Say whether the messages are proven unlike the examples, proven like them, or open."""
        bound = self.accepted
        return "broken" if bound.falls_short else "kept" if bound.exceeds else "open"

    def __str__(self) -> str:
        bound = self.accepted
        if not bound.count:
            return "open chooser: no run holds a message"
        advice = "; the messages are unlike the examples: label some, and use corrected or tuned"
        return (
            f"{self.state} chooser: accepts {bound.mean:.3f} [{bound.low:.3f}, {bound.high:.3f}] "
            f"({bound.count:,} messages), wanted at least {self.wanted:.3f}"
            f"{advice if self.state == 'broken' else ''}"
        )


def learned_in(thing: Any) -> Examples:
    """Return the one learned chooser of a chooser, a `Router` or a graph.

    Raises:
        DesignError: there is none or several, or its router reads by a function of the user's: what
            that has read is not stored.
    """
    found = dict(_learned(thing, ""))
    choosers = [one for n, one in enumerate(found.values()) if one not in [*found.values()][:n]]
    if len(choosers) != 1:
        where = (
            f"several learned choosers, at {', '.join(found)}" if found else "no learned chooser"
        )
        raise DesignError(
            f"there is {where}; give a graph or router with one made by by_examples, or the file "
            "that its save wrote"
        )
    return choosers[0]


def _learned(thing: Any, name: str) -> Iterator[tuple[str, Examples]]:
    """Yield the learned choosers in a thing, each with the way to it."""
    if isinstance(thing, Examples):
        yield name, thing
    elif isinstance(thing, Cascade):
        for number, tier in enumerate(thing.tiers, start=1):
            yield from _learned(tier, f"{name} tier {number}".strip())
    elif isinstance(thing, Within):
        yield from _learned(thing.chooser, name)
    elif isinstance(thing, Router):
        found = dict(_learned(thing.choose, name))
        if found and thing.read is not text_of:
            raise DesignError(
                f"the router {name!r} reads by a function of its own, and what that has read is "
                "not stored; hand such texts to the chooser's own watch"
            )
        yield from found.items()
    elif isinstance(thing, StateGraph | CompiledStateGraph):
        graph = thing.builder if isinstance(thing, CompiledStateGraph) else thing
        for node, spec in graph.nodes.items():
            yield from _learned(spec.runnable, f"{name}/{node}".lstrip("/"))
