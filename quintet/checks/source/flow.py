"""Follow the statements of a function: which run before another, and which can be its last."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from quintet.checks.source.body import walk_scope

Counter = Callable[[ast.AST], int]
IsExhaustive = Callable[[ast.Match], bool]
"""Tells whether one of the cases of a `match` is always taken."""
# Functions that never return, by their names.
_NEVER = ("assert_never", "exit", "abort")


def has_default(match: ast.Match) -> bool:
    """Tell whether a `match` has a case that takes every value."""
    return any(case.guard is None and _takes_all(case.pattern) for case in match.cases)


def _takes_all(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _takes_all(inner)
        case ast.MatchOr(patterns=patterns):
            return any(_takes_all(alternative) for alternative in patterns)
    return False


def falls_through(
    statements: Sequence[ast.stmt], is_exhaustive: IsExhaustive = has_default
) -> bool:
    """Tell whether the statements can end without `return` or `raise`."""
    return not any(_stops(statement, is_exhaustive) for statement in statements)


def _stops(statement: ast.stmt, is_exhaustive: IsExhaustive) -> bool:
    def on(block: Sequence[ast.stmt]) -> bool:
        return falls_through(block, is_exhaustive)

    match statement:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.If(body=body, orelse=orelse):
            return not on(body) and not on(orelse)
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return not on(body)
        case ast.While(test=ast.Constant(value=test), body=body):
            # An endless loop is left by `break` alone.
            return bool(test) and not any(isinstance(node, ast.Break) for node in walk_scope(*body))
        case ast.Match(cases=cases):
            return is_exhaustive(statement) and not any(on(case.body) for case in cases)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            caught = any(on(handler.body) for handler in handlers)
            return not on(last) or not (on([*body, *orelse]) or caught)
        case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
            return name in _NEVER
    return False


def nodes_before(statements: Sequence[ast.stmt], target: ast.AST) -> list[ast.AST]:
    """List the nodes that have run, for certain or perhaps, when a run first comes to `target`.

    A branch that leaves the function is left out, since it does not lead there.
    """
    place = next(
        index
        for index, statement in enumerate(statements)
        if any(node is target for node in walk_scope(statement))
    )
    passed_nodes = [node for statement in statements[:place] for node in _may_have_run(statement)]
    return passed_nodes + _inside(statements[place], target)


def max_count(statements: Sequence[ast.stmt], counts: Counter, *, rounds: int = 2) -> int:
    """Return the largest sum of `counts` on one way through the statements.

    A loop counts `rounds` times; a node counts what `counts` returns for it.
    """
    best = so_far = 0
    for statement in statements:
        if isinstance(statement, ast.If):
            after_test = so_far + _count_in(statement.test, counts)
            blocks = [statement.body, statement.orelse]
            totals = [after_test + max_count(block, counts, rounds=rounds) for block in blocks]
            # A block that leaves the function adds nothing to what follows it.
            pairs = zip(blocks, totals, strict=True)
            so_far = max(
                (total for block, total in pairs if falls_through(block)), default=after_test
            )
            best = max(best, *totals)
        else:
            so_far += _count(statement, counts, rounds)
        best = max(best, so_far)
    return best


def _count(statement: ast.stmt, counts: Counter, rounds: int) -> int:
    def on(block: Sequence[ast.stmt]) -> int:
        return max_count(block, counts, rounds=rounds)

    def head() -> int:
        return sum(map(counts, _heads(statement)))

    match statement:
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return head() + on(body)
        case ast.While(body=body):
            # The test is evaluated in every round.
            return rounds * (head() + on(body))
        case ast.For(body=body) | ast.AsyncFor(body=body):
            return head() + rounds * on(body)
        case ast.Match(cases=cases):
            return head() + max((on(case.body) for case in cases), default=0)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            caught = max((on(handler.body) for handler in handlers), default=0)
            return on([*body, *orelse]) + caught + on(last)
    return _count_in(statement, counts)


def _count_in(tree: ast.AST, counts: Counter) -> int:
    return sum(counts(node) for node in walk_scope(tree))


def _blocks(statement: ast.stmt) -> list[Sequence[ast.stmt]]:
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    blocks += [handler.body for handler in getattr(statement, "handlers", [])]
    return blocks + [case.body for case in getattr(statement, "cases", [])]


def _heads(statement: ast.stmt) -> list[ast.AST]:
    """List the nodes that a compound statement evaluates before it enters a block."""
    within = {id(inner) for block in _blocks(statement) for inner in block}
    skipped = (ast.ExceptHandler, ast.match_case)
    return [
        node
        for child in ast.iter_child_nodes(statement)
        if id(child) not in within and not isinstance(child, skipped)
        for node in walk_scope(child)
    ]


def _inside(statement: ast.stmt, target: ast.AST) -> list[ast.AST]:
    for block in _blocks(statement):
        if any(node is target for node in walk_scope(*block)):
            return _heads(statement) + nodes_before(block, target)
    return _ahead(statement, target)


def _ahead(statement: ast.stmt, target: ast.AST) -> list[ast.AST]:
    """List the calls of a simple statement that end before `target` starts."""
    inside = {id(node) for node in walk_scope(target)}
    place = (getattr(target, "lineno", 0), getattr(target, "col_offset", 0))
    return [
        node
        for node in walk_scope(statement)
        if isinstance(node, ast.Call)
        and id(node) not in inside
        and (node.end_lineno or 0, node.end_col_offset or 0) <= place
    ]


def _may_have_run(statement: ast.stmt) -> list[ast.AST]:
    if not isinstance(statement, ast.If):
        return list(walk_scope(statement))
    nodes = list(walk_scope(statement.test))
    for block in (statement.body, statement.orelse):
        if falls_through(block):
            nodes.extend(walk_scope(*block))
    return nodes
