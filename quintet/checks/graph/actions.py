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
    found = [_of_worker(spot, worker) for spot, worker in tree.of(Worker)]
    found += [_of_function(spot) for spot in tree.spots if not isinstance(spot.action, Worker)]
    return [each for each in found if each is not None]


def may_propose(spot: Spot) -> bool:
    """Tell whether a node may propose an action, as far as can be told."""
    part, thing = spot.part, spot.action
    if isinstance(thing, Worker):
        return (thing.gate is not None and bool(thing.effects)) or _is_gated_inside(thing)
    if part.is_ours:
        return False
    if part.writes is not None:
        return "actions" in part.writes
    said = spot.shape.written(spot.name)
    if part.is_opaque or "actions" in said.keys or _proposing(part):
        return True
    return not said.complete and any(
        mentions(body, "actions") or gives_foreign(body) for body in part.reach
    )


def acts(spot: Spot) -> bool:
    """Tell whether a node carries out actions, or may: a function of one's own that reads them."""
    part, thing = spot.part, spot.action
    if isinstance(thing, Act):
        return bool(thing.effects)
    if isinstance(thing, Worker):
        return _takes_actions(thing)
    if part.is_ours or part.has_tools:
        return False
    bodies = [each for body in part.bodies for each in body.reach]
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
    several = [
        _named(body, argument)
        for body, call in calls
        for argument in (*call.args, *(each.value for each in call.keywords))
    ]
    named = tuple(each for found in several for each in found or ())
    return Proposal(spot=spot, named=named, complete=None not in several)


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
        case ast.Starred(value=one) | ast.ListComp(elt=one) | ast.GeneratorExp(elt=one):
            parts = [one]
        case ast.List(elts=several) | ast.Tuple(elts=several):
            parts = several
        case _:
            return None
    found = [_named(body, each, seen) for each in parts]
    known = [each for each in found if each is not None]
    return [each for few in known for each in few] if len(known) == len(found) else None


def _made(body: Body, call: ast.Call) -> list[NamedEffect] | None:
    """Return the action that a call makes: `Action(name=...)`, or an effect's `action(...)`."""
    thing = body.callee(call)
    owner = thing.__self__ if isinstance(thing, MethodType) else None
    if isinstance(owner, Effect) and thing == owner.action:
        return [effect_of(owner)]
    if thing is not Action:
        return None
    given = {each.arg: each.value for each in call.keywords}
    name = values(body, given["name"]) if "name" in given else ANYTHING
    held = payload(body, given.get("arguments"))
    arguments = held.keys if held.complete and not held.whole else None
    return (
        [NamedEffect(name=each, arguments=arguments) for each in sorted(name.texts)]
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


def _is_elsewhere(body: Body, thing: object) -> bool:
    return not isinstance(thing, type | BuiltinFunctionType) and not body.is_near(thing)


def _takes_actions(worker: Worker) -> bool:
    """Tell whether a worker is handed the actions of the state."""
    if worker.read is None:
        return "actions" in (*worker.contract.required, *worker.contract.optional)
    body = body_of(worker.read)
    return body is None or any(mentions(each, "actions") for each in body.reach)


def _is_gated_inside(worker: Worker) -> bool:
    """Tell whether a worker's agent is a graph with workers of ours that may propose."""
    nodes = [
        Part(name=name, spec=spec).action
        for graph in agent_parts(worker.agent).graphs
        for name, spec in graph.builder.nodes.items()
    ]
    return any(isinstance(each, Worker) and each.gate and each.effects for each in nodes)
