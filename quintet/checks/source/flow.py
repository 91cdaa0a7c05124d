"""Follow the statements of a function: which run before another, and which can be its last."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

from quintet.checks.source.scope import walk_scope

Counter = Callable[[ast.AST], int]
Closes = Callable[[ast.Match | ast.Call], bool]
"""Tells whether one of the cases of a `match` is always taken, or whether a call never returns."""
# Functions that never return, by their names.
_NEVER = ("assert_never", "exit", "_exit", "quit", "abort")
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


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


def closes(node: ast.Match | ast.Call) -> bool:
    """Tell without types: a `match` has a default, a call has the name of what never returns."""
    if isinstance(node, ast.Match):
        return has_default(node)
    return getattr(node.func, "attr", getattr(node.func, "id", "")) in _NEVER


def falls_through(statements: Sequence[ast.stmt], closes: Closes = closes) -> bool:
    """Tell whether the statements can end without `return` or `raise`."""
    if any(_stops(statement, closes) for statement in statements):
        return False
    return not any(map(closes, _as_matches(statements, closes)))


def _as_matches(statements: Sequence[ast.stmt], closes: Closes) -> Iterator[ast.Match]:
    """Rewrite tests of one value, `if x == "a": return ...` and so on, as a `match` of it."""
    cases: dict[str, list[ast.match_case]] = {}
    subjects: dict[str, ast.expr] = {}
    waiting = list(statements)
    while waiting:
        statement = waiting.pop(0)
        if not isinstance(statement, ast.If) or falls_through(statement.body, closes):
            continue
        waiting = [*statement.orelse, *waiting]
        match statement.test:
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
                options = [right]
            case ast.Compare(left=left, ops=[ast.In()], comparators=[right]):
                options = getattr(right, "elts", [])
            case _:
                continue
        name = ast.dump(left)
        subjects[name] = left
        cases.setdefault(name, []).extend(
            ast.match_case(pattern=ast.MatchValue(value=option), body=[]) for option in options
        )
    for name, subject in subjects.items():
        yield ast.Match(subject=subject, cases=cases[name])


def _stops(statement: ast.stmt, closes: Closes) -> bool:
    def on(block: Sequence[ast.stmt]) -> bool:
        return falls_through(block, closes)

    match statement:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.Assert(test=ast.Constant(value=False)):
            return True
        case ast.If(body=body, orelse=orelse):
            return not on(body) and not on(orelse)
        case ast.With(body=body, items=items) | ast.AsyncWith(body=body, items=items):
            return not on(body) and not any(map(_suppresses, items))
        case ast.For() | ast.AsyncFor() | ast.While():
            goes_on = not _is_endless(statement) and on(statement.orelse)
            return not goes_on and not _is_left(statement.body)
        case ast.Match(cases=cases):
            return closes(statement) and not any(on(case.body) for case in cases)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            caught = any(on(handler.body) for handler in handlers)
            return not on(last) or not (on([*body, *orelse]) or caught)
        case (
            ast.Expr(value=ast.Await(value=ast.Call() as call)) | ast.Expr(value=ast.Call() as call)
        ):
            return closes(call)
    return False


def _is_endless(loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    test = loop.test if isinstance(loop, ast.While) else None
    return isinstance(test, ast.Constant) and bool(test.value)


def _is_left(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a `break` leaves the loop of these statements, and not one inside it."""
    for statement in body:
        if isinstance(statement, ast.Break):
            return True
        scope = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        blocks = [] if scope else _blocks(statement)
        inside = [statement.orelse] if isinstance(statement, _LOOPS) else blocks
        if any(map(_is_left, inside)):
            return True
    return False


def _suppresses(item: ast.withitem) -> bool:
    """Tell whether `with suppress(...)` goes on behind an error."""
    match item.context_expr:
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress")):
            return True
    return False


def nodes_before(
    statements: Sequence[ast.stmt], target: ast.AST, closes: Closes = closes
) -> list[ast.AST]:
    """List the nodes that have run, for certain or perhaps, when a run first comes to `target`.

    A branch that leaves the function is left out, since it does not lead there.
    """
    place = next(
        index
        for index, statement in enumerate(statements)
        if any(node is target for node in walk_scope(statement))
    )
    before = statements[:place]
    passed_nodes = [node for statement in before for node in _may_have_run(statement, closes)]
    return passed_nodes + _inside(statements[place], target, closes)


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


def _inside(statement: ast.stmt, target: ast.AST, closes: Closes) -> list[ast.AST]:
    for block in _blocks(statement):
        if any(node is target for node in walk_scope(*block)):
            return _heads(statement) + nodes_before(block, target, closes)
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


def _may_have_run(statement: ast.stmt, closes: Closes) -> list[ast.AST]:
    if not isinstance(statement, ast.If):
        return list(walk_scope(statement))
    nodes = list(walk_scope(statement.test))
    for block in (statement.body, statement.orelse):
        if falls_through(block, closes):
            nodes.extend(walk_scope(*block))
    return nodes
