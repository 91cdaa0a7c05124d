"""Gates that decide by an argument that the effects do not have."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from quintet.checks.finding import Finding, correction, names
from quintet.checks.graph.actions import NamedEffect, effect_of, may_propose, proposals
from quintet.checks.graph.part import declared
from quintet.checks.graph.sameness import same
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.body import Body, body_of
from quintet.nodes import Act, ApprovalGate, Worker

_ASKS = "there it always asks a person"
_FAILS = "where it looks for it, it always asks a person"
_DEFAULT = "where it looks for it, it finds nothing, and may never ask"


@dataclass(frozen=True, kw_only=True)
class Gated:
    """A gate where it stands, and the effects that it decides on."""

    spot: Spot
    gate: ApprovalGate
    named: tuple[NamedEffect, ...]
    complete: bool = True


def blind_limits(tree: Tree) -> Iterator[Finding]:
    """Find limits on an argument that an effect does not have: they cannot tell there."""
    told: list[object] = []
    for each in _gated(tree):
        when = each.gate.when
        if any(same(when, other) for other in told):
            continue
        told.append(when)
        known = [named for named in each.named if named.arguments is not None]
        if not known or len(known) < len(each.named) or not each.complete:
            continue
        for argument, so in sorted(_looks_at(when).items()):
            lacking = [named for named in known if argument not in (named.arguments or ())]
            if lacking and (so == _ASKS or len(lacking) == len(known)):
                yield _blind(each, argument, so, lacking, known)


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
            named=tuple(named.values()),
            complete=not others and all(each.complete for each in before),
        )
    for spot in tree.spots:
        thing = spot.action
        if isinstance(thing, Worker | Act) and thing.gate is not None:
            yield Gated(spot=spot, gate=thing.gate, named=tuple(map(effect_of, thing.effects)))


def _blind(
    gated: Gated, argument: str, so: str, lacking: list[NamedEffect], known: list[NamedEffect]
) -> Finding:
    every = {name for named in known for name in named.arguments or ()}
    none_has = len(lacking) == len(known)
    if none_has:
        who = f"no effect before it has ({names(*every)})"
        remedy = correction(argument, every, "Name an argument that the effects have")
    else:
        who = f"{names(*(named.name for named in lacking))} does not have"
        remedy = "Give those effects a gate of their own"
    return Finding(
        code="blind-limit",
        node=gated.spot.at,
        fault=f"The gate of {gated.spot.name!r} decides by the argument {argument!r}, which {who}: "
        f"{so}.",
        remedy=f"{remedy}, or give when= a function that knows every effect.",
        level="error" if none_has else "warning",
    )


def _looks_at(when: object) -> dict[str, str]:
    """List the arguments that a condition looks at, and what it does about an action without."""
    if isinstance(argument := _limit_argument(when), str):
        return {argument: _ASKS}
    body = body_of(when)
    found: dict[str, str] = {}
    for each in body.reach if body is not None else ():
        limits = {
            name: _FAILS
            for thing in each.callees
            if isinstance(name := _limit_argument(thing), str)
        }
        for name, so in (*limits.items(), *_argument_reads(each)):
            found[name] = _DEFAULT if _DEFAULT in (so, found.get(name)) else so
    return found


def _limit_argument(when: object) -> object:
    """Return the argument of an `over(...)`."""
    limit = declared(when, "limit")
    return declared(when, "argument") if isinstance(limit, int | float) else None


def _argument_reads(body: Body) -> Iterator[tuple[str, str]]:
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
            yield name, _FAILS if isinstance(node, ast.Subscript) else _DEFAULT


def _is_arguments(body: Body, expression: ast.expr) -> bool:
    if isinstance(expression, ast.Name):
        return any(_is_arguments(body, each) for each in body.assignments.get(expression.id) or ())
    return isinstance(expression, ast.Attribute) and expression.attr == "arguments"
