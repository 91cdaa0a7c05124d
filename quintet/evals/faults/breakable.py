"""Copy a graph so that faults may strike in it, at a spot in front of each of its parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.evals.faults.fault import Spot, SpotKind
from quintet.evals.faults.parts import Parts
from quintet.evals.faults.strike import around
from quintet.evals.faults.wrapped import BreakableRunnable
from quintet.evals.items import names_in
from quintet.evals.rebuild import with_nodes
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


def breakable(
    graph: StateGraph[Any] | CompiledStateGraph[Any, Any, Any, Any],
    *,
    fields: Mapping[str, tuple[str, ...]] | None = None,
    whole: Collection[str] = (),
) -> StateGraph[Any]:
    """Copy a graph so that faults may strike in it; until one is armed it behaves as before.

    A node of any graph may fail, be slow, or find a field of its input lost or changed. Parts of
    Quintet's nodes may fail too: a Worker's agent and tools, a Router's chooser, a Planner's maker,
    an Act's effects. Nodes that write the outcome or ask a person stay whole, and error handlers.

    Args:
        graph: a StateGraph, or a compiled one, whose builder is taken.
        fields: by node, the state keys that it is handed. By default those of a Worker's contract;
            any other node may lose each key of its input except Quintet's own records.
        whole: nodes of yours that stay whole: those that ask a person or write how the run ended.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: `graph` is no graph, `fields` or `whole` names a node that is not in it, or
            one name stands for several.
    """
    source = graph.builder if isinstance(graph, CompiledStateGraph) else graph
    if not isinstance(source, StateGraph):
        raise DesignError(f"breakable({type(graph).__name__}): give a StateGraph or a compiled one")
    whole = names_in(whole, "breakable(whole=...)")
    fields = {
        name: names_in(keys, f"breakable(fields={{{name!r}: ...}})")
        for name, keys in (fields or {}).items()
    }
    if unknown := sorted({*fields, *whole} - set(source.nodes)):
        raise DesignError(
            f"breakable(fields=..., whole=...): there is no node {unknown[0]!r}; "
            f"there are {', '.join(source.nodes)}"
        )
    parts = Parts()

    def broken(name: str, spec: Any) -> Any:
        node = spec.runnable
        if spec.is_error_handler or name in whole or _stays_whole(node):
            return node
        keys = fields.get(name) or _input_keys(node)
        return BreakableNode(parts.of(node, name), Spot(kind=_kind(node), name=name, fields=keys))

    return with_nodes(source, broken)


def breakable_call(function: F, *, kind: SpotKind, name: str = "") -> F:
    """Wrap a function so that faults may strike at it: a tool, an agent or a chooser of yours.

    Args:
        function: plain or async.
        kind: the kind of spot, such as `tool` or `agent`.
        name: of the spot; by default the function's name.
    """
    spot = Spot(kind=kind, name=name or name_of(function))
    return Parts().call(function, spot)  # type: ignore[no-any-return]


def pass_by(kind: SpotKind, name: str) -> None:
    """Let a fault strike here, in code with no call to wrap; only a fault that raises is felt."""
    pump(around(Spot(kind=kind, name=name), ()), lambda _: None)


def _input_keys(node: Any) -> tuple[str, ...]:
    """Return the state keys that a node of ours is handed; empty where unknown."""
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
    for cls, kind in _KINDS:
        if isinstance(node, cls):
            return kind
    return "node"


def _stays_whole(node: Any) -> bool:
    """Say whether a node writes the outcome or asks a person, or is breakable already."""
    # A broken run is judged by its outcome and by the questions that it asked: faults that hit
    # these nodes would break the measurement, not the orchestration.
    if isinstance(node, Finish | ApprovalGate | Undo | Merge | BreakableNode):
        return True
    # Our `Own` keeps its function as `function`, LangGraph's wrapper as `func`.
    return getattr(node, "function", getattr(node, "func", None)) is hand_over


class BreakableNode(BreakableRunnable):
    """Run a node unless a fault strikes; it has the attributes of the node, as `destinations`."""

    def __getattr__(self, name: str) -> Any:
        # copy and pickle look names up before `inner` is set, which would recurse without end.
        if name.startswith("_") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)
