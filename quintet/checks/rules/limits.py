"""Find gates that decide by an argument which the effects do not have."""

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
    """A gate at its node, and the effects that it decides on."""

    spot: Spot
    gate: ApprovalGate
    named: tuple[NamedEffect, ...]
    complete: bool = True


def blind_limits(tree: Tree) -> Iterator[Finding]:
    """Find gates whose condition looks at an argument that an effect does not have."""
    reported: list[object] = []
    for gated in _gated(tree):
        when = gated.gate.when
        # Gates with the same condition, such as a worker's and its Act's, make one finding.
        if any(same(when, other) for other in reported):
            continue
        reported.append(when)
        known = [named for named in gated.named if named.arguments is not None]
        if not known or len(known) < len(gated.named) or not gated.complete:
            continue
        for argument, outcome in sorted(_looks_at(when).items()):
            lacking = [named for named in known if argument not in (named.arguments or ())]
            if lacking and (outcome == _ASKS or len(lacking) == len(known)):
                yield _blind(gated, argument, outcome, lacking, known)


def _gated(tree: Tree) -> Iterator[Gated]:
    """List every gate with its effects; gate nodes first, as workers and Acts mostly share one."""
    all_proposals = proposals(tree)
    read = {proposal.spot for proposal in all_proposals}
    unread = [spot for spot in tree.spots if spot not in read and may_propose(spot)]
    # A node whose proposals cannot be read may propose anything: the list is then incomplete.
    for spot, gate in tree.of(ApprovalGate):
        before = [proposal for proposal in all_proposals if tree.runs_before(proposal.spot, spot)]
        others = any(tree.runs_before(other, spot) for other in unread)
        named = {named.name: named for proposal in before for named in proposal.named}
        complete = not others and all(proposal.complete for proposal in before)
        yield Gated(spot=spot, gate=gate, named=tuple(named.values()), complete=complete)
    for spot in tree.spots:
        node = spot.action
        if isinstance(node, Worker | Act) and node.gate is not None:
            yield Gated(spot=spot, gate=node.gate, named=tuple(map(effect_of, node.effects)))


def _blind(
    gated: Gated, argument: str, outcome: str, lacking: list[NamedEffect], known: list[NamedEffect]
) -> Finding:
    arguments = {name for named in known for name in named.arguments or ()}
    none_has = len(lacking) == len(known)
    if none_has:
        who = f"no effect before it has ({names(*arguments)})"
        remedy = correction(argument, arguments, "Name an argument that the effects have")
    else:
        who = f"{names(*(named.name for named in lacking))} does not have"
        remedy = "Give those effects a gate of their own"
    return Finding(
        code="blind-limit",
        node=gated.spot.at,
        fault=f"The gate of {gated.spot.name!r} decides by the argument {argument!r}, which {who}: "
        f"{outcome}.",
        remedy=f"{remedy}, or give when= a function that knows every effect.",
        level="error" if none_has else "warning",
    )


def _looks_at(when: object) -> dict[str, str]:
    """Map the arguments that a condition looks at to what it does where one is missing."""
    if isinstance(argument := _limit_argument(when), str):
        return {argument: _ASKS}
    body = body_of(when)
    outcomes: dict[str, str] = {}
    for helper in body.reach if body is not None else ():
        limits = map(_limit_argument, helper.callees)
        reads = [(name, _FAILS) for name in limits if isinstance(name, str)]
        for name, outcome in (*reads, *_argument_reads(helper)):
            outcomes[name] = _DEFAULT if _DEFAULT in (outcome, outcomes.get(name)) else outcome
    return outcomes


def _limit_argument(when: object) -> object:
    """Return the argument of an `over(...)` condition; None for any other."""
    limit = declared(when, "limit")
    return declared(when, "argument") if isinstance(limit, int | float) else None


def _argument_reads(body: Body) -> Iterator[tuple[str, str]]:
    """List the keys in `action.arguments["key"]` and `action.arguments.get("key")`."""
    for node in body.nodes:
        record: ast.expr | None = None
        key: ast.expr | None = None
        match node:  # the patterns bind both names
            case ast.Subscript(value=record, slice=key, ctx=ast.Load()):
                pass
            case ast.Call(func=ast.Attribute(value=record, attr="get"), args=[key, *_]):
                pass
        if record is None or key is None or not _is_arguments(body, record):
            continue
        name = body.resolve(key)
        if isinstance(name, str):
            yield name, _FAILS if isinstance(node, ast.Subscript) else _DEFAULT


def _is_arguments(body: Body, expression: ast.expr) -> bool:
    if isinstance(expression, ast.Name):
        return any(_is_arguments(body, value) for value in body.assigned(expression.id))
    return isinstance(expression, ast.Attribute) and expression.attr == "arguments"
