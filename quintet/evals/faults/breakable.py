"""A graph in which faults may strike: the same nodes and edges, each part with a spot in front."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.evals.faults.fault import Spot, SpotKind
from quintet.evals.faults.parts import Parts
from quintet.evals.faults.strike import around
from quintet.evals.faults.wrapped import BreakableRunnable
from quintet.nodes.act import Act, Undo
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.call import pump
from quintet.nodes.finish import Finish, hand_over
from quintet.nodes.merge import Merge
from quintet.nodes.plan import Planner
from quintet.nodes.route import Router, text_of
from quintet.nodes.work import Worker
from quintet.state.verdict import name_of

F = TypeVar("F", bound=Callable[..., Any])

Fields = Mapping[str, tuple[str, ...]]


def breakable(
    graph: StateGraph[Any] | CompiledStateGraph[Any, Any, Any, Any],
    *,
    fields: Fields | None = None,
    whole: Collection[str] = (),
) -> StateGraph[Any]:
    """A copy of a graph in which faults may strike; until one is armed it does what it did.

    A node of any graph may fail, be slow, or find a field of its input lost or changed. Of our
    nodes, what they call may too: a Worker's agent and tools, a Router's chooser, a Planner's
    maker, an Act's effects. What writes outcomes and asks people stays whole, and so do error
    handlers.

    Args:
        graph: a StateGraph, or a compiled one, whose builder is taken.
        fields: the state keys that a node is handed, by node; by default a Worker's contract says,
            and any other node may lose each key of its input but Quintet's own records.
        whole: nodes of yours that stay whole: those that ask a person or write how the run ended.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: it is no graph, or `fields` or `whole` names a node that it does not have.
    """
    source = graph.builder if isinstance(graph, CompiledStateGraph) else graph
    if not isinstance(source, StateGraph):
        raise DesignError(f"breakable({type(graph).__name__}): give a StateGraph or a compiled one")
    if unknown := sorted({*(fields or {}), *whole} - set(source.nodes)):
        raise DesignError(
            f"breakable(fields=..., whole=...): there is no node {unknown[0]!r}; "
            f"there are {', '.join(source.nodes)}"
        )
    copied: StateGraph[Any] = copy.copy(source)
    copied.edges, copied.waiting_edges = set(source.edges), set(source.waiting_edges)
    copied.branches = defaultdict(dict, {k: dict(v) for k, v in source.branches.items()})
    copied.compiled = False
    parts = Parts()
    copied.nodes = {}
    for name, spec in source.nodes.items():
        runnable = spec.runnable
        if not (spec.is_error_handler or name in whole or _is_whole(runnable)):
            named = (fields or {}).get(name) or handed_to(runnable)
            spot = Spot(kind=_kind(runnable), name=name, fields=named)
            runnable = BreakableNode(parts.of(runnable, name), spot)
        copied.nodes[name] = replace(spec, runnable=runnable)
    return copied


def breakable_call(function: F, *, kind: SpotKind, name: str = "") -> F:
    """A function at which faults may strike: a tool, an agent or a chooser of your own.

    Args:
        function: plain or async.
        kind: the kind of spot, such as `tool` or `agent`.
        name: of the spot; by default the function's.
    """
    spot = Spot(kind=kind, name=name or name_of(function))
    return Parts().call(function, spot)  # type: ignore[no-any-return]


def pass_by(kind: SpotKind, name: str) -> None:
    """Let a fault strike here, in code that can only be told to raise."""
    pump(around(Spot(kind=kind, name=name), ()), _nothing)


def _nothing(given: tuple[Any, ...]) -> None:
    """What stands at a spot that `pass_by` makes."""


def handed_to(node: Any) -> tuple[str, ...]:
    """The state keys that a node of ours is handed; empty where it does not say."""
    if isinstance(node, Worker):
        return (*node.contract.required, *node.contract.optional, "behalf")
    if isinstance(node, Router) and node.read is text_of:
        return ("messages", "message")
    return ("actions",) if isinstance(node, Act) else ()


_KINDS: tuple[tuple[type, SpotKind], ...] = (
    (Worker, "worker"),
    (Router, "router"),
    (Planner, "planner"),
    (Act, "act"),
)


def _kind(node: Any) -> SpotKind:
    for of, kind in _KINDS:
        if isinstance(node, of):
            return kind
    return "node"


def _is_whole(node: Any) -> bool:
    """Whether it writes the outcome or asks a person: the instrument is not broken."""
    if isinstance(node, Finish | ApprovalGate | Undo | Merge | BreakableNode):
        return True
    return getattr(node, "function", getattr(node, "func", None)) is hand_over


class BreakableNode(BreakableRunnable):
    """A node, which is also asked for what else it has."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)
