"""List the values that an expression can have, as far as its source says."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from langgraph.types import Send

from quintet.checks.source.body import UNKNOWN, Body

_CONTAINERS = (list, tuple, set, frozenset)
_LISTS = (ast.List, ast.ListComp, ast.Tuple)
_COPIES = (list, tuple, set, frozenset, sorted)


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values that an expression can have; `complete` if it can have no others."""

    known: frozenset[Hashable] = frozenset()
    complete: bool = True

    @property
    def texts(self) -> frozenset[str]:
        """List the values that are strings."""
        return frozenset(value for value in self.known if isinstance(value, str))


NOTHING = Values()
ANYTHING = Values(complete=False)
_TRUTH = Values(known=frozenset({True, False}))


def values(body: Body, expression: ast.expr, *, seen: frozenset[str] = frozenset()) -> Values:
    """List the values of an expression; a list, tuple or set counts as its elements."""
    return _Reader(body=body, seen=seen).read(expression)


def returned_values(
    body: Body, *, certain: bool = False, through: frozenset[object] = frozenset()
) -> Values:
    """List the values that a function returns, itself or by the helpers whose answer it returns.

    If `certain`, a helper counts only where it is given the function's own arguments: other
    arguments may keep it from some of its answers.
    """
    reader = _Reader(body=body, seen=frozenset(), certain=certain, through=through | {body.key})
    nothing = ast.Constant(value=None)  # a bare `return`
    return union(reader.read(answer or nothing) for answer in body.returned)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    body: Body
    seen: frozenset[str]
    certain: bool = False
    through: frozenset[object] = frozenset()
    """The functions on the way to this one, so that none is read inside itself."""

    def read(self, expression: ast.expr) -> Values:
        if isinstance(expression, ast.BoolOp):
            return self._chosen(expression)
        parts = _parts(expression)
        if parts is not None:
            return self._union(parts)
        if isinstance(expression, ast.Compare):
            return _TRUTH
        if isinstance(expression, ast.UnaryOp):
            return _TRUTH if isinstance(expression.op, ast.Not) else ANYTHING
        if isinstance(expression, ast.Name) and expression.id in self.body.assignments:
            return self._local(expression.id)
        if isinstance(expression, ast.Subscript):
            return self._lookup(expression.value)
        if isinstance(expression, ast.Call):
            return self._call(expression)
        return _constants(self.body.resolve(expression))

    def _union(self, expressions: Iterable[ast.expr]) -> Values:
        return union(self.read(expression) for expression in expressions)

    def _local(self, name: str) -> Values:
        bound = self.body.assignments[name]
        if bound is None or name in self.seen:
            return ANYTHING
        inner = replace(self, seen=self.seen | {name})
        options = union(map(inner.read, [*bound, *_added(self.body, name)]))
        # None is mostly not what is meant, where the variable is tested.
        tested = None in options.known and _is_tested(self.body, name)
        return replace(options, known=options.known - {None}) if tested else options

    def _chosen(self, expression: ast.BoolOp) -> Values:
        """Read `a and b` and `a or b`, which answer `a` only where it is false, or true."""
        stops = isinstance(expression.op, ast.Or)
        *earlier, last = map(self.read, expression.values)
        kept = [
            replace(
                option, known=frozenset(v for v in option.known if _is_true(v) in (stops, None))
            )
            for option in earlier
        ]
        return union([*kept, last])

    def _lookup(self, table: ast.expr) -> Values:
        assigned = self.body.assigned(table.id) if isinstance(table, ast.Name) else []
        tables = assigned or [table]
        return union(self._table(option) for option in tables)

    def _table(self, table: ast.expr) -> Values:
        # The key is not computed: any value of the table may be meant.
        if isinstance(table, ast.Dict):
            return self._union(table.values)
        if isinstance(table, ast.List | ast.Tuple):
            return self._union(table.elts)
        table_value = self.body.resolve(table)
        if isinstance(table_value, Mapping):
            return union(_constants(value) for value in table_value.values())
        return _constants(table_value) if isinstance(table_value, _CONTAINERS) else ANYTHING

    def _call(self, call: ast.Call) -> Values:
        callee = self.body.callee(call)
        if callee is Send:  # not a name: the targets of sends are read by themselves
            return NOTHING
        if callee is bool:
            return _TRUTH
        if any(callee is copying for copying in _COPIES):
            return self._union(call.args[:1])
        if isinstance(call.func, ast.Attribute) and call.func.attr == "get":
            table_values = self._lookup(call.func.value)
            return (
                union([table_values, self._union(call.args[1:])]) if call.args[1:] else table_values
            )
        helper = self.body.helper(call.func)
        if helper is None or helper.key in self.through or helper.generates or helper.is_async:
            return ANYTHING
        given = (*call.args, *(keyword.value for keyword in call.keywords))
        passed_on = all(isinstance(v, ast.Name) and v.id in self.body.parameters for v in given)
        if self.certain and not passed_on:
            return ANYTHING
        return returned_values(helper, certain=self.certain, through=self.through | {self.body.key})


def union(groups: Iterable[Values]) -> Values:
    """Join the values of several expressions."""
    listed = list(groups)
    return Values(
        known=frozenset(value for group in listed for value in group.known),
        complete=all(group.complete for group in listed),
    )


def _parts(expression: ast.expr) -> list[ast.expr] | None:
    if isinstance(expression, ast.IfExp):
        return [expression.body, expression.orelse]
    if isinstance(expression, ast.List | ast.Tuple | ast.Set):
        return expression.elts
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add):
        sides = [expression.left, expression.right]
        return sides if any(isinstance(side, _LISTS) for side in sides) else None
    if isinstance(expression, ast.ListComp | ast.SetComp | ast.GeneratorExp):
        return [expression.elt]
    if isinstance(expression, ast.NamedExpr | ast.Starred):
        return [expression.value]
    return None


def _is_tested(body: Body, name: str) -> bool:
    tests = (getattr(node, "test", None) for node in body.nodes)
    parts = (part for test in tests if test is not None for part in ast.walk(test))
    return any(isinstance(part, ast.Name) and part.id == name for part in parts)


def _added(body: Body, name: str) -> list[ast.expr]:
    """List the values put into a local list later: `name.append(x)`, `name.extend(xs)`."""
    adding = ("append", "extend", "add", "insert")
    return [
        call.args[-1] for method, call in body.method_calls(name) if method in adding and call.args
    ]


def _is_true(value: object) -> bool | None:
    # The truth of an Enum member may run code of the user's.
    return None if isinstance(value, Enum) and not isinstance(value, str) else bool(value)


def _constants(value: object) -> Values:
    if value is UNKNOWN:
        return ANYTHING
    if value is None or isinstance(value, str | bool | int | Enum):
        return Values(known=frozenset({value}))
    if isinstance(value, _CONTAINERS):
        return union(_constants(element) for element in value)
    return ANYTHING
