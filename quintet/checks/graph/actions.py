"""Who proposes which effects, and who carries them out."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from inspect import signature
from types import BuiltinFunctionType, MethodType

from quintet.checks.graph.agents import agent_parts
from quintet.checks.graph.part import Part
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.body import Body, body_of
from quintet.checks.source.literals import ANYTHING, values
from quintet.checks.source.payload import payload
from quintet.checks.source.updates import gives_foreign
from quintet.nodes import Act, ApprovalGate, Effect, Merge, Worker, proposed
from quintet.state import Action


@dataclass(frozen=True, kw_only=True)
class NamedEffect:
    """An effect by its name, and its arguments as far as they are known."""

    name: str
    arguments: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The effects that a node may propose; `complete` when no others, `gate` a worker's own."""

    spot: Spot
    named: tuple[NamedEffect, ...]
    complete: bool = True
    gate: ApprovalGate | None = None


def proposals(tree: Tree) -> list[Proposal]:
    """Find the workers whose gate may hold back an effect, and the nodes that propose actions."""
    candidates = [_of_worker(spot, worker) for spot, worker in tree.of(Worker)]
    candidates += [_of_function(spot) for spot in tree.spots if not isinstance(spot.action, Worker)]
    return [candidate for candidate in candidates if candidate is not None]


def may_propose(spot: Spot) -> bool:
    """Tell whether a node may propose an action, as far as can be told."""
    part, node = spot.part, spot.action
    if isinstance(node, Worker):
        return (node.gate is not None and bool(node.effects)) or _is_gated_inside(node)
    if part.is_ours:
        return False
    if part.writes is not None:
        return "actions" in part.writes
    update = spot.shape.written(spot.name)
    if part.is_opaque or "actions" in update.keys or _proposing(part):
        return True
    return not update.complete and any(
        mentions(body, "actions") or gives_foreign(body) for body in part.reach
    )


def acts(spot: Spot) -> bool:
    """Tell whether a node carries out actions, or may: a function of one's own that reads them."""
    part, node = spot.part, spot.action
    if isinstance(node, Act):
        return bool(node.effects)
    if isinstance(node, Worker):
        return _takes_actions(node)
    if part.is_ours or part.has_tools:
        return False
    bodies = [helper for body in part.bodies for helper in body.reach]
    return part.is_opaque or any(mentions(body, "actions") or _passes_on(body) for body in bodies)


def asks(spot: Spot) -> bool:
    """Tell whether a node may ask a person about an action."""
    if isinstance(spot.action, Merge):
        return False
    return spot.part.is_gate or spot.part.asks or spot.part.is_opaque


def mentions(body: Body, word: str) -> bool:
    """Tell whether a function uses a word as a key or as an attribute."""
    return any(
        (isinstance(node, ast.Constant) and node.value == word)
        or (isinstance(node, ast.Attribute) and node.attr == word)
        or (isinstance(node, ast.keyword) and node.arg == word)
        for node in body.nodes
    )


def effect_of(effect: Effect) -> NamedEffect:
    """Describe an effect by its name and its arguments."""
    return NamedEffect(name=effect.name, arguments=frozenset(signature(effect.function).parameters))


def _of_worker(spot: Spot, worker: Worker) -> Proposal | None:
    if worker.gate is None:
        return None
    named = tuple(map(effect_of, worker.effects))
    return Proposal(spot=spot, named=named, gate=worker.gate) if named else None


def _of_function(spot: Spot) -> Proposal | None:
    """Read the calls of `proposed(...)`."""
    part = spot.part
    calls = list(_proposing(part))
    if not calls or part.is_ours:
        return None
    effects = [
        _named(body, argument)
        for body, call in calls
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
    ]
    named = tuple(effect for options in effects for effect in options or ())
    return Proposal(spot=spot, named=named, complete=None not in effects)


def _proposing(part: Part) -> list[tuple[Body, ast.Call]]:
    return [(body, call) for body in part.reach for call in body.calls(proposed)]


def _named(
    body: Body, expression: ast.expr, seen: frozenset[str] = frozenset()
) -> list[NamedEffect] | None:
    """Return the actions that an expression may be; None where that cannot be read."""
    parts: list[ast.expr]
    match expression:
        case ast.Call():
            return _made(body, expression)
        case ast.Name(id=name) if name not in seen and body.assignments.get(name):
            parts, seen = [*(body.assignments[name] or ())], seen | {name}
        case ast.IfExp(body=first, orelse=second):
            parts = [first, second]
        case ast.Starred(value=value) | ast.ListComp(elt=value) | ast.GeneratorExp(elt=value):
            parts = [value]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            parts = items
        case _:
            return None
    options = [_named(body, item, seen) for item in parts]
    known = [option for option in options if option is not None]
    return [effect for option in known for effect in option] if len(known) == len(options) else None


def _made(body: Body, call: ast.Call) -> list[NamedEffect] | None:
    """Return the action that a call makes: `Action(name=...)`, or an effect's `action(...)`."""
    callee = body.callee(call)
    owner = callee.__self__ if isinstance(callee, MethodType) else None
    if isinstance(owner, Effect) and callee == owner.action:
        return [effect_of(owner)]
    if callee is not Action:
        return None
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    name = values(body, keywords["name"]) if "name" in keywords else ANYTHING
    keys_held = payload(body, keywords.get("arguments"))
    arguments = keys_held.keys if keys_held.complete and not keys_held.whole else None
    return (
        [NamedEffect(name=effect_name, arguments=arguments) for effect_name in sorted(name.texts)]
        if name.complete
        else None
    )


def _passes_on(body: Body) -> bool:
    """Tell whether a function hands the whole state to one that is written elsewhere."""
    state = body.parameters[:1]
    return any(
        any(isinstance(value, ast.Name) and value.id in state for value in call.args)
        and _is_elsewhere(body, body.callee(call))
        for call in body.call_nodes
    )


def _is_elsewhere(body: Body, callee: object) -> bool:
    return not isinstance(callee, type | BuiltinFunctionType) and not body.is_near(callee)


def _takes_actions(worker: Worker) -> bool:
    """Tell whether a worker is handed the actions of the state."""
    if worker.read is None:
        return "actions" in (*worker.contract.required, *worker.contract.optional)
    body = body_of(worker.read)
    return body is None or any(mentions(helper, "actions") for helper in body.reach)


def _is_gated_inside(worker: Worker) -> bool:
    """Tell whether a worker's agent is a graph with workers of ours that may propose."""
    nodes = [
        Part(name=name, spec=spec).action
        for graph in agent_parts(worker.agent).graphs
        for name, spec in graph.builder.nodes.items()
    ]
    return any(isinstance(node, Worker) and node.gate and node.effects for node in nodes)
