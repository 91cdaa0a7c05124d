"""How the statements of a function follow each other."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from quintet.checks.source.body import walk_scope

Counter = Callable[[ast.AST], int]
IsExhaustive = Callable[[ast.Match], bool]
"""Says whether one of the cases of a `match` is always taken."""
_NEVER = ("assert_never", "exit", "abort")


def has_default(match: ast.Match) -> bool:
    """Tell whether a `match` has a case that takes everything."""
    return any(each.guard is None and _takes_all(each.pattern) for each in match.cases)


def _takes_all(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _takes_all(inner)
        case ast.MatchOr(patterns=several):
            return any(_takes_all(each) for each in several)
    return False


def falls_through(
    statements: Sequence[ast.stmt], is_exhaustive: IsExhaustive = has_default
) -> bool:
    """Tell whether the statements can end without `return` or `raise`."""
    return not any(_stops(each, is_exhaustive) for each in statements)


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
            return bool(test) and not any(isinstance(each, ast.Break) for each in walk_scope(*body))
        case ast.Match(cases=cases):
            return is_exhaustive(statement) and not any(on(each.body) for each in cases)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            caught = any(on(each.body) for each in handlers)
            return not on(last) or not (on([*body, *orelse]) or caught)
        case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
            return name in _NEVER
    return False


def nodes_before(statements: Sequence[ast.stmt], wanted: ast.AST) -> list[ast.AST]:
    """Return what has run, for certain or perhaps, when the run first comes to `wanted`.

    A branch that leaves the function is left out: it does not lead there.
    """
    place = next(
        index
        for index, statement in enumerate(statements)
        if any(each is wanted for each in walk_scope(statement))
    )
    passed = [each for statement in statements[:place] for each in _may_have_run(statement)]
    return passed + _inside(statements[place], wanted)


def max_count(statements: Sequence[ast.stmt], counts: Counter, *, rounds: int = 2) -> int:
    """Return the largest number of counted calls on one way through; a loop goes round twice."""
    best = so_far = 0
    for statement in statements:
        if isinstance(statement, ast.If):
            taken = so_far + _count_in(statement.test, counts)
            ways = [statement.body, statement.orelse]
            found = [(each, taken + max_count(each, counts, rounds=rounds)) for each in ways]
            best = max([best, *(number for _, number in found)])
            so_far = max((number for each, number in found if falls_through(each)), default=taken)
        else:
            so_far += _count(statement, counts, rounds)
        best = max(best, so_far)
    return best


def _count(statement: ast.stmt, counts: Counter, rounds: int) -> int:
    def on(block: Sequence[ast.stmt]) -> int:
        return max_count(block, counts, rounds=rounds)

    match statement:
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return on(body)
        case ast.While(test=test, body=body):
            return rounds * (_count_in(test, counts) + on(body))
        case ast.For(body=body) | ast.AsyncFor(body=body):
            return rounds * on(body)
        case ast.Match(cases=cases):
            return max((on(each.body) for each in cases), default=0)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            caught = max((on(each.body) for each in handlers), default=0)
            return on([*body, *orelse]) + caught + on(last)
    return _count_in(statement, counts)


def _count_in(tree: ast.AST, counts: Counter) -> int:
    return sum(counts(each) for each in walk_scope(tree))


def _blocks(statement: ast.stmt) -> list[Sequence[ast.stmt]]:
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    blocks += [each.body for each in getattr(statement, "handlers", [])]
    return blocks + [each.body for each in getattr(statement, "cases", [])]


def _heads(statement: ast.stmt) -> list[ast.AST]:
    """Return what a compound statement computes before it goes into a block."""
    within = {id(each) for block in _blocks(statement) for each in block}
    skipped = (ast.ExceptHandler, ast.match_case)
    return [
        each
        for child in ast.iter_child_nodes(statement)
        if id(child) not in within and not isinstance(child, skipped)
        for each in walk_scope(child)
    ]


def _inside(statement: ast.stmt, wanted: ast.AST) -> list[ast.AST]:
    for block in _blocks(statement):
        if any(each is wanted for each in walk_scope(*block)):
            return _heads(statement) + nodes_before(block, wanted)
    return _ahead(statement, wanted)


def _ahead(statement: ast.stmt, wanted: ast.AST) -> list[ast.AST]:
    """Return the parts of a simple statement that stand left of `wanted`, and not inside it."""
    inside = {id(each) for each in walk_scope(wanted)}
    place = (getattr(wanted, "lineno", 0), getattr(wanted, "col_offset", 0))
    return [
        each
        for each in walk_scope(statement)
        if isinstance(each, ast.Call)
        and id(each) not in inside
        and (each.end_lineno or 0, each.end_col_offset or 0) <= place
    ]


def _may_have_run(statement: ast.stmt) -> list[ast.AST]:
    if not isinstance(statement, ast.If):
        return list(walk_scope(statement))
    found = list(walk_scope(statement.test))
    for block in (statement.body, statement.orelse):
        if falls_through(block):
            found.extend(walk_scope(*block))
    return found
