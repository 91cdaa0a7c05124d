"""Change Python source in place: rename, validate, make a parameter, and repair by trying."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

from quintet.nodes.core.syntax import parsed

from .request import Change

Span = tuple[ast.expr | ast.stmt | ast.arg, str]
"""A part of the source, and the text that takes its place."""


def functions(source: str) -> list[str]:
    """Name the functions that a file defines."""
    tree = parsed(lambda: ast.parse(source))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def names(source: str) -> list[str]:
    """List the names that a file uses."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return sorted({token.string for token in tokens if token.type == tokenize.NAME})


def renamed(source: str, old: str, new: str) -> str:
    """Write another name wherever a name stands as such, and not in texts or comments."""
    lines = source.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token in reversed(tokens):
        if token.type == tokenize.NAME and token.string == old:
            (row, start), (_, end) = token.start, token.end
            line = lines[row - 1]
            lines[row - 1] = line[:start] + new + line[end:]
    return "".join(lines)


def candidates(source: str, change: Change, strategy: str) -> list[str]:
    """Give the sources that may be the change; most kinds have one, a repair has several."""
    function = next(
        node
        for node in parsed(lambda: ast.parse(source)).body
        if isinstance(node, ast.FunctionDef) and node.name == change["name"]
    )
    if change["kind"] == "fix":
        repairs = _comparisons(function) if strategy == "comparisons" else _counts(function)
        return [_replaced(source, [repair]) for repair in repairs]
    if strategy != "comparisons":
        return []
    if change["kind"] == "validation":
        return [_validated(source, function, change)]
    spans = _parameter(function, change) if change["kind"] == "parameter" else []
    if change["kind"] == "default":
        spans = _default(function, change)
    return [_replaced(source, spans)] if spans else []


def _comparisons(function: ast.FunctionDef) -> Iterator[Span]:
    """Yield the function's comparisons with their borders moved by one."""
    other = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and (kind := other.get(type(node.ops[0]))):
            yield node, ast.unparse(ast.Compare(node.left, [kind()], node.comparators))


def _counts(function: ast.FunctionDef) -> Iterator[Span]:
    """Yield the function's sums without their constant, its divisions rounded up, its counts."""
    for node in ast.walk(function):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
            yield node, f"-(-{ast.unparse(node.left)} // {ast.unparse(node.right)})"
        elif isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant):
            yield node, ast.unparse(node.left)
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield node, str(node.value + 1)


def _validated(source: str, function: ast.FunctionDef, change: Change) -> str:
    """Put a check before the function's first statement after its docstring."""
    name, way = change["given"]
    lines = source.splitlines(keepends=True)
    body = [
        s for s in function.body if not (isinstance(s, ast.Expr) and ast.get_docstring(function))
    ]
    at = body[0].lineno - 1
    border = f"{name} {'>' if way == 'over' else '<'} {change['value']!r}"
    text = f"{name} is {way} {change['value']}"
    check = f"    if {border}:\n        raise ValueError({text!r})\n"
    return "".join([*lines[:at], check, *lines[at:]])


def _parameter(function: ast.FunctionDef, change: Change) -> list[Span]:
    """Replace a constant by a new parameter, which has it as its default."""
    new, value = change["given"][0], change["value"]
    doc = function.body[0]
    found: list[Span] = [
        (node, new)
        for statement in function.body
        if statement is not doc
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and node.value == value
    ]
    last = (function.args.defaults or function.args.args)[-1]
    return [*found, (last, f"{ast.unparse(last)}, {new}={value!r}")] if found else []


def _default(function: ast.FunctionDef, change: Change) -> list[Span]:
    """Replace the default of a parameter."""
    arguments = function.args
    pairs = zip(reversed(arguments.args), reversed(arguments.defaults), strict=False)
    name, value = change["given"][0], change["value"]
    return [(default, repr(value)) for argument, default in pairs if argument.arg == name]


def _replaced(source: str, spans: list[Span]) -> str:
    """Put texts in place of parts of the source, the last part first."""
    lines = source.splitlines(keepends=True)
    for node, text in sorted(spans, key=lambda s: (s[0].lineno, s[0].col_offset), reverse=True):
        row, start, end = node.lineno - 1, node.col_offset, node.end_col_offset
        lines[row] = lines[row][:start] + text + lines[row][end:]
    return "".join(lines)
