"""Where a function is written: from its code object to its syntax tree."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from types import CodeType, FunctionType

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def definition(function: FunctionType) -> Definition | None:
    """Find the syntax tree of a function; `None` if its source cannot be read for certain."""
    code = function.__code__
    try:
        text = "".join(linecache.getlines(code.co_filename, function.__globals__))
        found = _definitions(text).get((code.co_name, code.co_firstlineno), [])
    except (SyntaxError, ValueError, RecursionError, OSError):
        return None
    same = [each for each in found if parameters(each) == _parameters(code)]
    if len(same) > 1:
        same = [each for each in same if _covers(each, code)]
    return same[0] if len(same) == 1 else None


def parameters(tree: Definition) -> tuple[str, ...]:
    """Return the names of a function's parameters, `*args` and `**kwargs` left out."""
    taken = tree.args
    return tuple(each.arg for each in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs))


@lru_cache(maxsize=32)
def _definitions(text: str) -> dict[tuple[str, int], list[Definition]]:
    found: dict[tuple[str, int], list[Definition]] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Lambda):
            found.setdefault(("<lambda>", node.lineno), []).append(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            found.setdefault((node.name, first), []).append(node)
    return found


def _parameters(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _covers(tree: Definition, code: CodeType) -> bool:
    """Tell apart two lambdas of one line by the columns that the code came from."""
    body = tree.body if isinstance(tree.body, ast.expr) else tree.body[-1]
    first = (body.lineno, body.col_offset)
    last = (body.end_lineno or body.lineno, body.end_col_offset or body.col_offset)
    spans = [(line, column) for line, _, column, _ in code.co_positions()][1:]
    return any(
        line is not None and column is not None and first <= (line, column) < last
        for line, column in spans
    )
