"""Find the syntax tree of a function from its code object."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from types import CodeType, FunctionType

from quintet.nodes.core.syntax import parsed

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def definition(function: FunctionType) -> Definition | None:
    """Return the syntax tree of a function; None if its source cannot be read for certain."""
    code = function.__code__
    try:
        text = "".join(linecache.getlines(code.co_filename, function.__globals__))
        candidates = _definitions(text).get((code.co_name, code.co_firstlineno), [])
    except (SyntaxError, ValueError, RecursionError, OSError):
        return None
    # The file may have been edited since it was imported: other parameters are another function.
    same = [candidate for candidate in candidates if parameters(candidate) == _parameters(code)]
    if len(same) > 1:
        same = [candidate for candidate in same if _covers(candidate, code)]
    return same[0] if len(same) == 1 else None


def parameters(tree: Definition) -> tuple[str, ...]:
    """List the names of a function's parameters, except for `*args` and `**kwargs`."""
    args = tree.args
    return tuple(arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs))


@lru_cache(maxsize=32)
def _definitions(text: str) -> dict[tuple[str, int], list[Definition]]:
    definitions: dict[tuple[str, int], list[Definition]] = {}
    for node in ast.walk(parsed(lambda: ast.parse(text))):
        if isinstance(node, ast.Lambda):
            definitions.setdefault(("<lambda>", node.lineno), []).append(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # A code object starts at its first decorator, a syntax tree at `def`.
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            definitions.setdefault((node.name, first), []).append(node)
    return definitions


def _parameters(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _covers(tree: Definition, code: CodeType) -> bool:
    """Tell by columns whether the code of a lambda came from one of several on its line."""
    body = tree.body if isinstance(tree.body, ast.expr) else tree.body[-1]
    first = (body.lineno, body.col_offset)
    last = (body.end_lineno or body.lineno, body.end_col_offset or body.col_offset)
    # The first position belongs to the whole code object, and not to its body.
    spans = [(line, column) for line, _, column, _ in code.co_positions()][1:]
    return any(
        line is not None and column is not None and first <= (line, column) < last
        for line, column in spans
    )
