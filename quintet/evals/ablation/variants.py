"""Make variants of a graph of agents: one taken out, two merged, or one agent for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph

from quintet.errors import DesignError, PersonNeeded
from quintet.evals.items import names_in
from quintet.evals.rebuild import with_nodes
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
    """Raised when a variant cannot be made automatically; the message says what to give."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A change to who the agents are.

    Args:
        kind: `whole` (nothing changes), `without` (an agent is taken out), `merged` (several become
            one) or `one` (all become one, and nothing routes).
        agents: the names of the agents that are taken out or merged.

    Raises:
        DesignError: `agents` is one name and no tuple of names.
    """

    kind: Kind = "whole"
    agents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "agents", names_in(self.agents, "Variant(agents=...)"))

    def __str__(self) -> str:
        if self.kind == "without":
            return f"removing {' and '.join(self.agents)}"
        if self.kind == "merged":
            return f"merging {' and '.join(self.agents)}"
        return "one agent with all the tools" if self.kind == "one" else "all agents"

    @property
    def fewer(self) -> int:
        """Count the agents that it has fewer than the whole."""
        return 1 if self.kind == "without" else max(0, len(self.agents) - 1)

    def apply(self, graph: StateGraph[Any], *, merge: Merging | None = None) -> StateGraph[Any]:
        """Copy a graph with this change; the nodes keep their names and edges.

        A request for an agent that was taken out goes to the chooser's next best, and to a person
        where it has none. Agents that are merged stand in each other's places.

        Args:
            graph: uncompiled, with a `Router` and `Worker`s.
            merge: makes one worker of several; by default `merged_worker`.

        Raises:
            NotTried: these workers cannot be merged automatically; it says why.
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
            return _with_workers(graph, gone, self._without_routes)
        joined = (merge or merged_worker)(chosen)
        # Each place keeps its own `then`, which says where control goes from there.
        merged = {name: replace(joined, then=worker.then) for name, worker in chosen.items()}
        choose = partial(_always, self.agents[0]) if self.kind == "one" else None
        return _with_workers(graph, merged, choose)

    def _without_routes(self, router: Router) -> Any:
        gone = tuple(route for route, node in router.targets.items() if node in self.agents)
        return Without(router.choose, gone)


WHOLE = Variant()


def variants_of(
    agents: Sequence[str] | StateGraph[Any], pairs: Iterable[tuple[str, str]] | None = None
) -> tuple[Variant, ...]:
    """List variants: each agent taken out, each pair merged, and one agent for all.

    Args:
        agents: their names, or a graph with a `Router`, whose routes lead to them.
        pairs: the pairs to merge; by default all.

    Raises:
        DesignError: fewer than two agents, or one text in place of several names.
    """
    if isinstance(agents, StateGraph):
        names = agents_in(agents)
    else:
        names = names_in(agents, "variants_of(...)")
    if len(names) < 2:
        raise DesignError(f"ablate needs two agents or more; there is {', '.join(names) or 'none'}")
    merged = tuple(combinations(names, 2)) if pairs is None else tuple(pairs)
    return (
        *(Variant(kind="without", agents=(name,)) for name in names),
        # Of two agents, the merged pair is one agent for all.
        *(Variant(kind="merged", agents=pair) for pair in merged if len(names) > 2),
        Variant(kind="one", agents=names),
    )


def workers_in(graph: StateGraph[Any]) -> dict[str, Worker]:
    """Return the `Worker`s of a graph, by node."""
    nodes = ((name, spec.runnable) for name, spec in graph.nodes.items())
    return {name: node for name, node in nodes if isinstance(node, Worker)}


def agents_in(graph: StateGraph[Any]) -> tuple[str, ...]:
    """Name the workers that the graph's routers choose among, in the order of the routes."""
    workers = workers_in(graph)
    targets: list[str] = []
    for spec in graph.nodes.values():
        if isinstance(spec.runnable, Router):
            targets += [spec.runnable.targets[route] for route in spec.runnable.routes]
    return tuple(dict.fromkeys(name for name in targets if name in workers))


def merged_worker(workers: Mapping[str, Worker]) -> Worker:
    """Make one worker of several chat-model workers, with the goals and tools of all.

    Each handoff may spend as much as the most generous of them.

    Raises:
        NotTried: they are no chat models, or their contracts ask for different things.
    """
    names, parts = " and ".join(workers), tuple(workers.values())
    first = parts[0]
    if not all(isinstance(worker.agent, BaseChatModel) for worker in parts):
        raise NotTried(f"{names} are not chat models; give merge=, which makes one worker of them")
    for setting in ("needs", "gives", "success", "escalate"):
        if any(getattr(w.contract, setting) != getattr(first.contract, setting) for w in parts):
            raise NotTried(f"the contracts of {names} differ in {setting}=; give merge=")
    # By name: a tool that several have is given to the model once.
    tools = {tool_name(tool): tool for worker in parts for tool in worker.contract.tools}
    contract = replace(
        first.contract,
        goal="\n".join(dict.fromkeys(worker.contract.goal for worker in parts)),
        tools=tuple(tools.values()),
        budget=_loosest(worker.contract for worker in parts),
    )
    handoffs = tuple(dict.fromkeys(to for w in parts for to in w.handoffs if to not in workers))
    return replace(first, contract=contract, handoffs=handoffs)


def _loosest(contracts: Iterable[Contract]) -> Budget:
    """Join budgets: the highest limit on each resource."""
    budgets = [contract.budget for contract in contracts]
    limits: dict[str, Any] = {}
    for name in RESOURCES:
        bounds = [getattr(budget, name) for budget in budgets]
        limits[name] = None if None in bounds else max(bounds)  # None is no limit at all
    return Budget(**limits)


def _with_workers(
    graph: StateGraph[Any], workers: Mapping[str, Worker], choose: Callable[[Router], Any] | None
) -> StateGraph[Any]:
    """Copy a graph with other workers, and other choosers in its routers."""

    def node_of(name: str, spec: Any) -> Any:
        node = workers.get(name, spec.runnable)
        if choose is not None and isinstance(node, Router):
            return replace(node, choose=choose(node))
        return node

    return with_nodes(graph, node_of)


@dataclass(frozen=True)
class Gone:
    """Stand in for an agent that was taken out: each request that still comes goes to a person."""

    name: str

    def __call__(self, request: Any) -> Any:
        """Raise `PersonNeeded`."""
        raise PersonNeeded(f"{self.name} was taken out of this variant")


@dataclass(frozen=True)
class Without:
    """Choose as another chooser does, but without some routes: a tier that names one abstains."""

    inner: Any
    gone: tuple[str, ...]

    def bound(self, routes: tuple[str, ...]) -> Without:
        """Take the routes out of each tier; a model is told only of those that are left."""
        left = tuple(route for route in routes if route not in self.gone)
        return replace(self, inner=self._without(self.inner, left))

    def _without(self, chooser: Any, left: tuple[str, ...]) -> Any:
        # Tier by tier: if only the cascade's choice were dropped, no later tier would be asked.
        if isinstance(chooser, Cascade):
            tiers = tuple(Without(tier, self.gone).bound(left) for tier in chooser.tiers)
            return replace(chooser, tiers=tiers)
        return chooser.bound(left) if isinstance(chooser, ModelChooser) else chooser

    @property
    def routes(self) -> tuple[str, ...]:
        """Return the routes that are left."""
        return tuple(route for route in routes_of(self.inner) if route not in self.gone)

    @property
    def __name__(self) -> str:
        return name_of(self.inner)

    def logic(self, text: Any) -> Logic[Choice | None]:
        """Ask the inner chooser; a choice of a route that is gone becomes None."""
        choice = yield from ask(self.inner, text)
        return None if choice is None or choice.to in self.gone else choice

    def __call__(self, text: Any) -> Choice | None:
        """Ask it as a plain function."""
        return drive(self.logic(text))


@dataclass(frozen=True)
class Always:
    """Choose one agent, whatever is asked."""

    to: str

    def __call__(self, text: Any) -> Choice:
        """Return the choice of the one agent."""
        return Choice(to=self.to, reason="one agent takes everything", confidence=1.0)


def _always(agent: str, router: Router) -> Any:
    # A router that does not lead to the agent keeps its chooser.
    routes = [route for route, node in router.targets.items() if node == agent]
    return Always(routes[0]) if routes else router.choose
