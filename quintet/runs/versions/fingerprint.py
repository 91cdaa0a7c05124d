"""Describe a compiled graph as plain data: nodes, ways, fields, effects, gates, nested graphs.

The code inside functions is not looked at. A node that has kept its name and its ways may do
something else today, as any deployment may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.runnables import Runnable
from langchain_core.runnables.base import RunnableBindingBase
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import get_type_hints

from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.node import Node
from quintet.nodes.effect import Effect
from quintet.runs.thread import App
from quintet.runs.versions.hints import fields_of, type_text
from quintet.state.record import digest
from quintet.state.run import Plain
from quintet.state.verdict import name_of

FORMAT = 1

_known: WeakKeyDictionary[Any, tuple[Plain, str]] = WeakKeyDictionary()


def fingerprint(app: App) -> Plain:
    """Describe a compiled graph as plain data.

    Returns:
        `nodes`, each with its kind, targets, gate and effects; `edges`, `joins` and `branches`;
        `fields` with type, channel and whether a run may lack it; `inner` graphs by their nodes.
    """
    return _known_of(app)[0]


def digest_of(app: App) -> str:
    """Give the short digest of a graph's fingerprint."""
    return _known_of(app)[1]


def _known_of(app: App) -> tuple[Plain, str]:
    known = _known.get(app)
    if known is None:
        # A compiled graph does not change, though its builder may: the first look counts.
        graph = {"format": FORMAT, **_describe(app, ())}
        known = _known[app] = graph, digest(graph)
    return known


def _describe(app: App, within: tuple[App, ...]) -> Plain:
    builder = app.builder
    joined = {start for starts, _ in builder.waiting_edges for start in starts}
    led = {start for start, _ in builder.edges} | joined
    led |= {source for source, named in builder.branches.items() if named}
    inner = {
        name: _describe(graph, (*within, app))
        for name, graph in sorted(inner_graphs(app))
        if graph not in (*within, app)
    }
    return {
        "nodes": {name: _node(spec, name in led) for name, spec in sorted(builder.nodes.items())},
        "edges": sorted([start, end] for start, end in (*builder.edges, *_begun(builder))),
        "joins": sorted([sorted(starts), end] for starts, end in builder.waiting_edges),
        "branches": _branches(builder),
        "fields": _fields(builder),
        "inner": inner,
    }


def inner_graphs(app: App) -> Iterator[tuple[str, App]]:
    """Give the graphs that run inside nodes: as the node, called by it, or a worker's agent."""
    found: dict[str, Any] = dict(app.get_subgraphs())
    for name, spec in app.builder.nodes.items():
        found.setdefault(name, getattr(_unwrapped(spec.runnable), "agent", None))
    for name, graph in found.items():
        if isinstance(graph, CompiledStateGraph):
            yield name, graph


def _unwrapped(runnable: Any) -> Any:
    while isinstance(runnable, RunnableBindingBase):
        runnable = runnable.bound
    return runnable


def _node(spec: Any, led: bool) -> Plain:
    part = _unwrapped(spec.runnable)
    function = getattr(part, "func", None) or getattr(part, "afunc", None)
    owner = function if isinstance(function, Node) or _is_ours(function) else part
    node: Plain = {"kind": _kind(part, function)}
    ends = sorted({*(spec.ends or ()), *getattr(owner, "destinations", ())})
    gates = [owner] if isinstance(owner, ApprovalGate) else [getattr(owner, "gate", None)]
    effects = [e for e in getattr(owner, "effects", ()) if isinstance(e, Effect)]
    details = {
        "ends": [str(end) for end in ends],
        "handler": spec.error_handler_node or "",
        "defer": spec.defer,
        "asks": isinstance(owner, ApprovalGate) or bool(getattr(owner, "asks", False)),
        "gate": next((gate.name for gate in gates if isinstance(gate, ApprovalGate)), ""),
        "effects": {effect.name: _effect(effect) for effect in effects},
        "blind": not led and not ends and function is not None and _may_command(function),
    }
    return node | {name: value for name, value in details.items() if value}


def _may_command(function: Any) -> bool:
    """Say whether a function may return a `Command` that leads anywhere: no hint says that not."""
    hint = getattr(function, "__annotations__", {}).get("return", "Command")
    return "Command" in str(hint) or hint is Any


def _is_ours(function: Any) -> bool:
    return type(function).__module__.partition(".")[0] == "quintet"


def _kind(part: Any, function: Any) -> str:
    if isinstance(part, CompiledStateGraph):
        return "graph"
    if _is_ours(function):  # such as Recovery, which LangGraph takes as a function
        return type(function).__name__
    if isinstance(part, Node) or (function is None and isinstance(part, Runnable)):
        return type(part).__name__
    return "function"


def _effect(effect: Effect) -> Plain:
    key = effect.key if isinstance(effect.key, str) else f"{name_of(effect.key)}()"
    try:
        hints = get_type_hints(effect.function)
    except Exception:  # noqa: BLE001 - a name that only a type checker knows
        hints = {}
    takes = effect.arguments.signature.parameters
    return {"key": key, "takes": {name: type_text(hints.get(name, Any)) for name in takes}}


def _branches(builder: Any) -> Plain:
    """Give the targets of each node's conditional edges; None where an edge does not say them."""
    conditional = {
        source: [branch for branch in named.values() if not _all_of(branch)]
        for source, named in sorted(builder.branches.items())
    }
    return {
        source: sorted((_targets(branch) for branch in branches), key=str)
        for source, branches in conditional.items()
        if branches
    }


def _targets(branch: Any) -> list[str] | None:
    return None if branch.ends is None else sorted(set(map(str, branch.ends.values())))


def _begun(builder: Any) -> Iterator[tuple[str, str]]:
    """Give the edges that `begin` makes: it leads to all its nodes, as plain edges do."""
    for source, named in builder.branches.items():
        for branch in named.values():
            yield from ((source, str(node)) for node in _all_of(branch))


def _all_of(branch: Any) -> tuple[Any, ...]:
    to = getattr(branch.path, "to", None) if getattr(branch.path, "name", "") == "begin" else None
    return to if isinstance(to, tuple) else ()


def _fields(builder: Any) -> Plain:
    found: dict[str, tuple[Any, bool]] = {}
    # The state's own schema first: a node's narrower view of a field does not change it.
    for schema in (builder.state_schema, *builder.schemas):
        for name, field in fields_of(schema).items():
            found.setdefault(name, field)
    fields: Plain = {}
    for key, channel in sorted(builder.channels.items()):
        hint, must = found.get(key, (getattr(channel, "ValueType", Any), False))
        fields[key] = {"type": type_text(hint), "channel": _channel(channel)}
        if must and not channel.is_available():
            fields[key]["required"] = True
    return fields


def _channel(channel: Any) -> str:
    operator = getattr(channel, "operator", None)
    name = type(channel).__name__
    return name if operator is None else f"{name}({name_of(operator)})"


def effects_in(graph: Mapping[str, Any]) -> dict[str, Plain]:
    """Give a fingerprint's effects by name, those of nested graphs included."""
    found: dict[str, Plain] = {}
    for node in graph["nodes"].values():
        found |= node.get("effects", {})
    for inner in graph["inner"].values():
        found |= effects_in(inner)
    return found


def gates_in(graph: Mapping[str, Any]) -> frozenset[str]:
    """Give the names of a fingerprint's gates, those of nested graphs included."""
    own = {node["gate"] for node in graph["nodes"].values() if "gate" in node}
    return frozenset(own).union(*(gates_in(inner) for inner in graph["inner"].values()))
