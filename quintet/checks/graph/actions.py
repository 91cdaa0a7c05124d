"""Find the nodes that propose effects, and the nodes that carry them out."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from inspect import signature
from types import BuiltinFunctionType, MethodType

from quintet.checks.graph.agents import agent_parts
from quintet.checks.graph.part import Part
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.body import Body, body_of, keywords_of
from quintet.checks.source.literals import ANYTHING, values
from quintet.checks.source.payload import payload
from quintet.checks.source.updates import gives_foreign
from quintet.nodes import Act, ApprovalGate, Effect, Merge, Worker, proposed
from quintet.state import Action


@dataclass(frozen=True, kw_only=True)
class NamedEffect:
    """An effect by its name; `arguments` is None where they cannot be read."""

    name: str
    arguments: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The effects that a node may propose.

    `complete` is False where it may propose others too; `gate` is the gate of a worker.
    """

    spot: Spot
    named: tuple[NamedEffect, ...]
    complete: bool = True
    gate: ApprovalGate | None = None


def proposals(tree: Tree) -> list[Proposal]:
    """List the nodes that may propose actions: workers with a gate, and users of `proposed`."""
    candidates = [_of_worker(spot, worker) for spot, worker in tree.of(Worker)]
    candidates += [_of_function(spot) for spot in tree.spots if not isinstance(spot.action, Worker)]
    return [candidate for candidate in candidates if candidate is not None]


def may_propose(spot: Spot) -> bool:
    """Tell whether a node may propose an action; where that cannot be read, it may."""
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
    """Tell whether a node may carry out actions: an `Act`, or a function that reads `actions`."""
    part, node = spot.part, spot.action
    if isinstance(node, Act):
        return bool(node.effects)
    if isinstance(node, Worker):
        return _takes_actions(node)
    if part.is_ours or part.has_tools:  # tools do their own work, not proposed actions
        return False
    bodies = [helper for body in part.bodies for helper in body.reach]
    return part.is_opaque or any(mentions(body, "actions") or _passes_on(body) for body in bodies)


def asks(spot: Spot) -> bool:
    """Tell whether a node may ask a person about an action."""
    if isinstance(spot.action, Merge):  # it asks about a conflict, never about an action
        return False
    return spot.part.is_gate or spot.part.asks or spot.part.is_opaque


def mentions(body: Body, word: str) -> bool:
    """Tell whether a function uses a word as a string, an attribute or a keyword."""
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
    """Read the effects in the calls of `proposed(...)` that a node makes."""
    part = spot.part
    calls = list(_proposing(part))
    if not calls or part.is_ours:
        return None
    effects = [
        _named(body, argument)
        for body, call in calls
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
    ]
    named = tuple(effect for group in effects for effect in group or ())
    return Proposal(spot=spot, named=named, complete=None not in effects)


def _proposing(part: Part) -> list[tuple[Body, ast.Call]]:
    return [(body, call) for body in part.reach for call in body.calls(proposed)]


def _named(
    body: Body, expression: ast.expr, seen: frozenset[str] = frozenset()
) -> list[NamedEffect] | None:
    """List the effects that the actions in an expression name; None if they cannot be read."""
    parts: list[ast.expr]
    match expression:
        case ast.Call():
            return _made(body, expression)
        case ast.Name(id=name) if name not in seen and body.assigned(name):
            parts, seen = [*body.assigned(name)], seen | {name}
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
    """Read the effect that `Action(name=...)` or an effect's own `action(...)` names."""
    callee = body.callee(call)
    owner = callee.__self__ if isinstance(callee, MethodType) else None
    if isinstance(owner, Effect) and callee == owner.action:
        return [effect_of(owner)]
    if callee is not Action:
        return None
    keywords = keywords_of(call)
    effects = values(body, keywords["name"]) if "name" in keywords else ANYTHING
    if not effects.complete:
        return None
    record = payload(body, keywords.get("arguments"))
    arguments = record.keys if record.complete and not record.whole else None
    return [NamedEffect(name=name, arguments=arguments) for name in sorted(effects.texts)]


def _passes_on(body: Body) -> bool:
    """Tell whether a function passes the whole state to one that cannot be read here."""
    state = body.parameters[:1]
    return any(
        any(isinstance(value, ast.Name) and value.id in state for value in call.args)
        and _is_elsewhere(body, body.callee(call))
        for call in body.call_nodes
    )


def _is_elsewhere(body: Body, callee: object) -> bool:
    # Making an object or calling a builtin carries out no action.
    return not isinstance(callee, type | BuiltinFunctionType) and not body.is_near(callee)


def _takes_actions(worker: Worker) -> bool:
    """Tell whether a worker is given the `actions` of the state."""
    if worker.read is None:
        return "actions" in (*worker.contract.required, *worker.contract.optional)
    body = body_of(worker.read)
    return body is None or any(mentions(helper, "actions") for helper in body.reach)


def _is_gated_inside(worker: Worker) -> bool:
    """Tell whether the agent of a worker is a graph that holds a worker with a gate."""
    nodes = [
        Part(name=name, spec=spec).action
        for graph in agent_parts(worker.agent).graphs
        for name, spec in graph.builder.nodes.items()
    ]
    return any(isinstance(node, Worker) and node.gate and node.effects for node in nodes)
