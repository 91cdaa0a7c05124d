"""Leave out the statements that cannot run, given the variables that a function captured.

A function made by another often holds branches for settings that it was not made with:
`if limit is not None:` in a closure where `limit` is None.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from copy import copy

FixedValue = Callable[[ast.expr], tuple[object] | None]
"""Returns the value of an expression in a tuple of one, or None where it is not fixed."""


def pruned(statements: Iterable[ast.stmt], fixed_value: FixedValue) -> list[ast.stmt]:
    """Return the statements without the branches that are never taken."""
    kept_statements: list[ast.stmt] = []
    for statement in statements:
        truth = _truth(statement.test, fixed_value) if isinstance(statement, ast.If) else None
        if isinstance(statement, ast.If) and truth is not None:
            kept_statements.extend(
                pruned(statement.body if truth else statement.orelse, fixed_value)
            )
        else:
            kept_statements.append(_inside(statement, fixed_value))
    return kept_statements


def _inside(statement: ast.stmt, fixed_value: FixedValue) -> ast.stmt:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return statement
    changed = copy(statement)  # the tree is shared by every function made from this source
    for name in ("body", "orelse", "finalbody"):
        if block := getattr(statement, name, None):
            setattr(changed, name, pruned(block, fixed_value))
    for name in ("handlers", "cases"):
        if parts := getattr(statement, name, None):
            copies = [copy(part) for part in parts]
            for part in copies:
                part.body = pruned(part.body, fixed_value)
            setattr(changed, name, copies)
    return changed


def _truth(test: ast.expr, fixed_value: FixedValue) -> bool | None:
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _truth(operand, fixed_value)
            return None if inner is None else not inner
        case ast.BoolOp(op=op, values=parts):
            stops = isinstance(op, ast.Or)
            truths = [_truth(part, fixed_value) for part in parts]
            if stops in truths:
                return stops
            return None if None in truths else not stops
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(op, fixed_value(left), fixed_value(right))
    value = fixed_value(test)
    # The truth of another object may change, or run code of the user's.
    simple = value is not None and isinstance(value[0], str | bool | int | None)
    return bool(value[0]) if value is not None and simple else None


def _compared(
    op: ast.cmpop, left: tuple[object] | None, right: tuple[object] | None
) -> bool | None:
    if left is None or right is None:
        return None
    first, second = left[0], right[0]
    if isinstance(op, ast.Is | ast.IsNot) and (first is None or second is None):
        return (first is second) == isinstance(op, ast.Is)
    plain = isinstance(first, str | int) and isinstance(second, str | int)
    if isinstance(op, ast.Eq | ast.NotEq) and plain:
        return (first == second) == isinstance(op, ast.Eq)
    return None
