"""Variants of a graph of agents: one taken out, two made one, one agent with all the tools."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError, PersonNeeded
from quintet.nodes.choosers.choose import Cascade, Choice, ask, routes_of
from quintet.nodes.choosers.model import ModelChooser
from quintet.nodes.core.call import Logic, drive
from quintet.nodes.route import Router
from quintet.nodes.work import Worker
from quintet.state.budget import RESOURCES, Budget
from quintet.state.contract import Contract, tool_name
from quintet.state.verdict import name_of

Kind = Literal["whole", "without", "merged", "one"]
Merging = Callable[[Mapping[str, Worker]], Worker]
"""Makes one worker of several, given by name."""


class NotTried(DesignError):
    """A variant that cannot be made by itself; the message says what to give."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A change to who the agents are.

    Args:
        kind: `whole` (nothing changes), `without` (an agent is taken out), `merged` (several become
            one) or `one` (all become one, and nothing routes).
        agents: whom it is about.
    """

    kind: Kind = "whole"
    agents: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind == "without":
            return f"removing {' and '.join(self.agents)}"
        if self.kind == "merged":
            return f"merging {' and '.join(self.agents)}"
        return "one agent with all the tools" if self.kind == "one" else "all agents"

    @property
    def fewer(self) -> int:
        """How many agents fewer it has."""
        return 1 if self.kind == "without" else max(0, len(self.agents) - 1)

    def apply(self, graph: StateGraph[Any], *, merge: Merging | None = None) -> StateGraph[Any]:
        """A copy of a graph with this change; the nodes keep their names and edges.

        A request for an agent that was taken out goes to the chooser's next best, and to a person
        where it has none. Agents that are merged stand in each other's places.

        Args:
            graph: uncompiled, with a `Router` and `Worker`s.
            merge: makes one worker of several; by default `merged_worker`.

        Raises:
            NotTried: these workers cannot be merged by themselves; it says why.
            DesignError: the graph has no such agents.
        """
        if self.kind == "whole":
            return graph
        workers = workers_in(graph)
        if absent := [name for name in self.agents if name not in workers]:
            raise DesignError(
                f"{self}: this graph has no Worker {absent[0]!r}; it has {', '.join(workers)}"
            )
        chosen = {name: workers[name] for name in self.agents}
        if self.kind == "without":
            gone = {name: replace(worker, agent=Gone(name)) for name, worker in chosen.items()}
            return _with(graph, gone, self._shorter)
        joined = (merge or merged_worker)(chosen)
        made = {name: replace(joined, then=worker.then) for name, worker in chosen.items()}
        only = self.agents[0]
        return _with(graph, made, partial(_always, only) if self.kind == "one" else None)

    def _shorter(self, router: Router) -> Any:
        lost = tuple(route for route, node in router.targets.items() if node in self.agents)
        return Without(router.choose, lost)


WHOLE = Variant()


def variants_of(
    agents: Sequence[str] | StateGraph[Any], pairs: Iterable[tuple[str, str]] | None = None
) -> tuple[Variant, ...]:
    """Every agent taken out in turn, every pair (or those given) merged, and one agent for all.

    Args:
        agents: their names, or a graph with a `Router`, whose routes lead to them.
        pairs: the pairs to be merged.

    Raises:
        DesignError: fewer than two agents.
    """
    names = agents_in(agents) if isinstance(agents, StateGraph) else tuple(agents)
    if len(names) < 2:
        raise DesignError(f"ablate needs two agents or more; there is {', '.join(names) or 'none'}")
    both = tuple(combinations(names, 2)) if pairs is None else tuple(pairs)
    return (
        *(Variant(kind="without", agents=(name,)) for name in names),
        *(Variant(kind="merged", agents=tuple(pair)) for pair in both if len(names) > 2),
        Variant(kind="one", agents=names),
    )


def workers_in(graph: StateGraph[Any]) -> dict[str, Worker]:
    """The `Worker`s of a graph, by node."""
    found = ((name, spec.runnable) for name, spec in graph.nodes.items())
    return {name: node for name, node in found if isinstance(node, Worker)}


def agents_in(graph: StateGraph[Any]) -> tuple[str, ...]:
    """The workers that its routers choose among and its planners assign, in order."""
    workers = workers_in(graph)
    named: list[str] = []
    for spec in graph.nodes.values():
        if isinstance(spec.runnable, Router):
            named += [spec.runnable.targets[route] for route in spec.runnable.routes]
    return tuple(dict.fromkeys(name for name in named if name in workers))


def builder_of(target: Any) -> StateGraph[Any] | None:
    """The uncompiled graph behind a target, if it is one."""
    app = getattr(target, "app", target)
    return app.builder if isinstance(app, CompiledStateGraph) else None


def compiled_like(
    app: CompiledStateGraph[Any, Any, Any, Any], graph: StateGraph[Any]
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """A graph compiled with what another one was compiled with."""
    return graph.compile(
        checkpointer=app.checkpointer,
        store=app.store,
        cache=app.cache,
        interrupt_before=app.interrupt_before_nodes,  # type: ignore[arg-type]
        interrupt_after=app.interrupt_after_nodes,  # type: ignore[arg-type]
        name=app.name,
    )


def merged_worker(workers: Mapping[str, Worker]) -> Worker:
    """One worker of several chat-model workers: their goals, tools and criteria joined.

    Each handoff may use what the most generous of them could.

    Raises:
        NotTried: they are no chat models, or their contracts ask for different things.
    """
    names, each = " and ".join(workers), tuple(workers.values())
    first = each[0]
    if not all(isinstance(worker.agent, BaseChatModel) for worker in each):
        raise NotTried(f"{names} are not chat models; give merge=, which makes one worker of them")
    for what in ("needs", "gives", "success", "escalate"):
        if any(getattr(w.contract, what) != getattr(first.contract, what) for w in each):
            raise NotTried(f"the contracts of {names} differ in {what}=; give merge=")
    tools = {tool_name(tool): tool for worker in each for tool in worker.contract.tools}
    contract = replace(
        first.contract,
        goal="\n".join(dict.fromkeys(worker.contract.goal for worker in each)),
        tools=tuple(tools.values()),
        budget=loosest(worker.contract for worker in each),
    )
    handoffs = tuple(dict.fromkeys(to for w in each for to in w.handoffs if to not in workers))
    return replace(first, contract=contract, handoffs=handoffs)


def loosest(contracts: Iterable[Contract]) -> Budget:
    """The budget of a handoff that allows whatever any of these contracts does."""
    stops = [contract.budget for contract in contracts]
    limits: dict[str, Any] = {}
    for name in RESOURCES:
        given = [getattr(stop, name) for stop in stops]
        limits[name] = None if None in given else max(given)
    return Budget(**limits)


def _with(
    graph: StateGraph[Any], nodes: Mapping[str, Worker], change: Callable[[Router], Any] | None
) -> StateGraph[Any]:
    """A copy with other nodes in these places, and the routers' choosers changed."""
    copied: StateGraph[Any] = copy.copy(graph)
    copied.edges, copied.waiting_edges = set(graph.edges), set(graph.waiting_edges)
    copied.branches = defaultdict(dict, {k: dict(v) for k, v in graph.branches.items()})
    copied.compiled = False
    copied.nodes = {}
    for name, spec in graph.nodes.items():
        node = nodes.get(name, spec.runnable)
        if change is not None and isinstance(node, Router):
            node = replace(node, choose=change(node))
        copied.nodes[name] = replace(spec, runnable=node)
    return copied


@dataclass(frozen=True)
class Gone:
    """Where an agent was taken out: whatever still comes here goes to a person."""

    name: str

    def __call__(self, request: Any) -> Any:
        """Ask for a person."""
        raise PersonNeeded(f"{self.name} was taken out of this variant")


@dataclass(frozen=True)
class Without:
    """A chooser without some of its routes: each tier that names one abstains."""

    inner: Any
    gone: tuple[str, ...]

    def bound(self, routes: tuple[str, ...]) -> Without:
        """The same, its tiers without these routes; a model is told only of those that are left."""
        left = tuple(route for route in routes if route not in self.gone)
        return replace(self, inner=self._without(self.inner, left))

    def _without(self, chooser: Any, left: tuple[str, ...]) -> Any:
        if isinstance(chooser, Cascade):
            tiers = tuple(Without(tier, self.gone).bound(left) for tier in chooser.tiers)
            return replace(chooser, tiers=tiers)
        return chooser.bound(left) if isinstance(chooser, ModelChooser) else chooser

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes that are left."""
        return tuple(route for route in routes_of(self.inner) if route not in self.gone)

    @property
    def __name__(self) -> str:
        return name_of(self.inner)

    def logic(self, given: Any) -> Logic[Choice | None]:
        """Ask the inner chooser; a route that is gone is none."""
        choice = yield from ask(self.inner, given)
        return None if choice is None or choice.to in self.gone else choice

    def __call__(self, given: Any) -> Choice | None:
        """Ask it as a plain function."""
        return drive(self.logic(given))


@dataclass(frozen=True)
class Always:
    """A chooser that does not choose: one agent takes everything."""

    to: str

    def __call__(self, given: Any) -> Choice:
        """The one agent, whatever is asked."""
        return Choice(to=self.to, reason="one agent takes everything", confidence=1.0)


def _always(agent: str, router: Router) -> Any:
    ways = [route for route, node in router.targets.items() if node == agent]
    return Always(ways[0]) if ways else router.choose
