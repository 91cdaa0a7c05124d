"""Read the `Send`s of a function: their targets, their payloads, and whether one is repeated."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from langgraph.types import Send

from quintet.checks.source.body import Body, argument, body_of
from quintet.checks.source.flow import max_count
from quintet.checks.source.literals import Values, values
from quintet.checks.source.payload import ANYTHING, Payload, payload
from quintet.checks.source.scope import walk_scope

_LEAVING = (ast.Break, ast.Return, ast.Raise)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One `Send(...)`; `often` where it may be made several times in one step."""

    to: Values
    given: Payload
    often: bool


def sends_of(body: Body) -> Iterator[Sent]:
    """List the `Send`s that a node or path function makes, itself or by its helpers."""
    bodies = _bodies(body)
    calls = [(helper, call) for helper in bodies for call in _sends(helper)]
    looped = _looped(bodies)
    for helper, call in calls:
        to, value = _target(helper, call), _given(helper, call)
        if helper is not body and value.whole:
            value = replace(value, complete=False)  # a helper's first argument is not the state
        often = id(call) in looped or _is_sent_twice(helper, to)
        yield Sent(to=to, given=value, often=often)


def _bodies(body: Body) -> list[Body]:
    """List a function and its helpers, with those that it passes to `map`."""
    mapped = [called for caller in body.reach for given in caller.mapped for called in given.reach]
    # Those that are defined inside another are read with it, by `all_calls`.
    return [helper for helper in (*body.reach, *mapped) if not helper.nested]


def _sends(body: Body) -> list[ast.Call]:
    """List every `Send(...)` of a function, in its lambdas and inner functions too."""
    return [call for call in body.all_calls if body.callee(call) is Send]


def _target(body: Body, call: ast.Call) -> Values:
    target = argument(call, 0, "node")
    return values(body, target) if target is not None else Values(complete=False)


def _given(body: Body, call: ast.Call) -> Payload:
    value = argument(call, 1, "arg")
    return payload(body, value) if value is not None else ANYTHING


def _is_sent_twice(body: Body, to: Values) -> bool:
    """Tell whether one way through a function sends to the same node more than once."""
    if not to.complete or len(to.known) != 1:
        return False
    # Loops are read by `_repetitions`; here each counts once.
    same = {id(call) for call in _sends(body) if _target(body, call) == to}
    return max_count(body.statements, lambda node: id(node) in same, rounds=1) > 1


def _looped(bodies: Sequence[Body]) -> frozenset[int]:
    """List the ids of the `Send`s made in a loop, or in a helper that a loop calls."""
    looped: set[int] = set()
    for body in bodies:
        for nodes in _repetitions(body):
            for call in (node for node in nodes if isinstance(node, ast.Call)):
                looped |= {id(call)} if body.callee(call) is Send else _sends_called(body, call)
    return frozenset(looped)


def _sends_called(body: Body, call: ast.Call) -> set[int]:
    """List the ids of the `Send`s of a helper that is called, and of the helpers it calls."""
    if (inner := body.inner(call.func)) is not None:
        return {id(node) for node in ast.walk(inner.tree) if isinstance(node, ast.Call)}
    callee = body.callee(call)
    helper = body_of(callee) if body.is_near(callee) else None
    return {id(node) for called in (helper.reach if helper else ()) for node in _sends(called)}


def _repetitions(body: Body) -> Iterator[list[ast.AST]]:
    """List the parts of a function that may run several times."""
    for node in body.nodes:
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            yield list(_repeated_parts(node.body))
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            yield list(walk_scope(node))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):  # [Send(...)] * 3
            yield list(ast.walk(node))
        elif isinstance(node, ast.Call) and body.callee(node) is map and node.args:
            yield _mapped(node.args[0])


def _repeated_parts(statements: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """List the parts of a loop's body that may run in more than one round."""
    if statements and isinstance(statements[-1], _LEAVING):  # there is no second round
        return
    for statement in statements:
        if isinstance(statement, ast.If):
            yield from walk_scope(statement.test)
            yield from _repeated_parts(statement.body)
            yield from _repeated_parts(statement.orelse)
        else:
            yield from walk_scope(statement)


def _mapped(function: ast.expr) -> list[ast.AST]:
    """List the call that `map` makes for each element, as if it were written out."""
    if isinstance(function, ast.Lambda):
        return list(ast.walk(function.body))
    return [ast.Call(func=function, args=[], keywords=[])]
