"""Walk the syntax of one function, and find the names that it binds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def walk_scope(*roots: ast.AST) -> Iterator[ast.AST]:
    """Walk syntax trees in the order of the text, without entering functions defined inside."""
    waiting: list[ast.AST] = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def assigned_in(node: ast.AST) -> Iterator[tuple[ast.Name, ast.expr]]:
    """Pair each name to which a syntax node assigns with the expression, where that is written."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        targets = [node.target]
    value = getattr(node, "value", None)
    for target in targets:
        if isinstance(value, ast.expr):
            yield from _pairs(target, value)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.Name, ast.expr]]:
    """Pair the names of a target with their values: both names of `to, why = "a", "b"`."""
    if isinstance(target, ast.Name):
        yield target, value
        return
    names, parts = getattr(target, "elts", []), getattr(value, "elts", [])
    # With a star nobody knows which name gets which value; elements of a set have no order.
    starred = any(isinstance(item, ast.Starred) for item in (*names, *parts))
    if len(names) == len(parts) and not starred and not isinstance(value, ast.Set):
        for name, part in zip(names, parts, strict=True):
            yield from _pairs(name, part)


def bound_in(node: ast.AST) -> str | None:
    """Return the name that a syntax node makes local to its function, if it does."""
    if isinstance(node, ast.Name):
        return None if isinstance(node.ctx, ast.Load) else node.id
    if isinstance(node, (*_SCOPES, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return getattr(node, "name", None)
    return None
