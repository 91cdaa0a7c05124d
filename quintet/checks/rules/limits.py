"""Gates that decide by an argument that the effects do not have."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from quintet.checks.finding import Finding, names
from quintet.checks.graph.actions import Named, effect_of, held_back, may_propose, proposals
from quintet.checks.graph.part import declared
from quintet.checks.graph.sameness import same
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.body import Body, read
from quintet.nodes import Act, ApprovalGate, Worker


@dataclass(frozen=True, kw_only=True)
class Gated:
    """A gate where it stands, and the effects that it decides on."""

    spot: Spot
    gate: ApprovalGate
    named: tuple[Named, ...]
    complete: bool = True


def blind_limits(tree: Tree) -> Iterator[Finding]:
    """Find limits on an argument that an effect does not have: they say nothing about it."""
    told: list[object] = []
    for each in _gated(tree):
        when = each.gate.when
        if any(same(when, other) for other in told):
            continue
        told.append(when)
        known = [named for named in each.named if named.arguments is not None]
        if not known or len(known) < len(each.named) or not each.complete:
            continue
        for argument, is_limit in sorted(_looks_at(when)):
            lacking = [named for named in known if argument not in (named.arguments or ())]
            if lacking and (is_limit or len(lacking) == len(known)):
                yield _blind(each, argument, lacking, known)


def _gated(tree: Tree) -> Iterator[Gated]:
    """List every gate, those that ask first, since a worker and an Act mostly have the same."""
    made = proposals(tree)
    proposing = [spot for spot in tree.spots if may_propose(spot)]
    for spot, gate in tree.of(ApprovalGate):
        before = [each for each in made if tree.runs_before(each.spot, spot)]
        known = {each.spot for each in made}
        others = [s for s in proposing if s not in known and tree.runs_before(s, spot)]
        named = {named.name: named for each in before for named in each.named}
        yield Gated(
            spot=spot,
            gate=gate,
            named=held_back(gate, named.values()),
            complete=not others and all(each.complete for each in before),
        )
    for spot in tree.spots:
        thing = spot.thing
        if isinstance(thing, Worker | Act) and thing.gate is not None:
            named_here = held_back(thing.gate, map(effect_of, thing.effects))
            yield Gated(spot=spot, gate=thing.gate, named=named_here)


def _blind(gated: Gated, argument: str, lacking: list[Named], known: list[Named]) -> Finding:
    every = sorted(name for named in known for name in named.arguments or ())
    none_has = len(lacking) == len(known)
    if none_has:
        who = f"no effect before it has ({names(*set(every))})"
        close = get_close_matches(argument, every, n=1)
        remedy = f"Write {close[0]!r}" if close else "Name an argument that the effects have"
    else:
        who = f"{names(*(named.name for named in lacking))} does not have"
        remedy = "Give those effects a gate of their own"
    return Finding(
        code="blind-limit",
        node=gated.spot.at,
        fault=f"The gate of {gated.spot.name!r} decides by the argument {argument!r}, which {who}: "
        "its limit says nothing there.",
        remedy=f"{remedy}, or give when= a function that knows every effect.",
        level="error" if none_has else "warning",
    )


def _looks_at(when: object) -> set[tuple[str, bool]]:
    """List the arguments that a condition looks at; True for a limit on every action."""
    argument, limit = declared(when, "argument"), declared(when, "limit")
    if isinstance(argument, str) and isinstance(limit, int | float):
        return {(argument, True)}
    body = read(when)
    if body is None:
        return set()
    found: set[tuple[str, bool]] = set()
    for each in body.reach:
        found |= {(name, False) for name in _read(each)}
        called = [each.callee(node) for node in each.nodes if isinstance(node, ast.Call)]
        found |= {
            (name, False)
            for thing in called
            if isinstance(name := declared(thing, "argument"), str)
            and isinstance(declared(thing, "limit"), int | float)
        }
    return found


def _read(body: Body) -> Iterator[str]:
    """Return the keys in `action.arguments["key"]` and `action.arguments.get("key")`."""
    for node in body.nodes:
        held: ast.expr | None = None
        key: ast.expr | None = None
        match node:
            case ast.Subscript(value=held, slice=key, ctx=ast.Load()):
                pass
            case ast.Call(func=ast.Attribute(value=held, attr="get"), args=[key, *_]):
                pass
        if held is None or key is None or not _is_arguments(body, held):
            continue
        name = body.resolve(key)
        if isinstance(name, str):
            yield name


def _is_arguments(body: Body, expression: ast.expr) -> bool:
    if isinstance(expression, ast.Name):
        return any(_is_arguments(body, each) for each in body.bound.get(expression.id) or ())
    return isinstance(expression, ast.Attribute) and expression.attr == "arguments"
