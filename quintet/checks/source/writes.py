"""List what a function writes into the state that it is given, instead of returning it."""

from __future__ import annotations

import ast
import bisect
import heapq
import operator
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from quintet.checks.source.body import Body
from quintet.checks.source.given import Given, of_state
from quintet.checks.source.payload import payload
from quintet.checks.source.scope import walk_scope

_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete, ast.Expr, ast.Return)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_PARTS = (ast.Subscript, ast.Attribute)
_LISTING = ("append", "extend", "insert")
_CHANGING = frozenset(
    "add append appendleft clear difference_update discard extend extendleft insert "  # noqa: SIM905
    "intersection_update move_to_end pop popitem popleft remove reverse rotate setdefault sort "
    "subtract symmetric_difference_update update __delitem__ __iadd__ __ior__ __setitem__".split()
)
_CHANGES_FIRST: tuple[Callable[..., Any], ...] = (
    random.shuffle,
    *(heapq.heapify, heapq.heappop, heapq.heappush, heapq.heappushpop, heapq.heapreplace),
    *(bisect.insort, bisect.insort_left, bisect.insort_right),
    *(operator.delitem, operator.setitem),
)
"""Functions that change their first argument."""
_TELLING = ("print", "log", "debug", "info", "warning", "error", "exception")


@dataclass(frozen=True, kw_only=True)
class Write:
    """A key of the given state that a statement writes in place.

    `deep` where its value is changed rather than replaced, `within` where that is done to an object
    inside it, and `sure` where no object but a list or a dict is changed so. `adds` where the new
    value is made from the old one.
    """

    key: str
    statement: ast.stmt
    deep: bool = False
    within: bool = False
    sure: bool = True
    adds: bool = False


def lost_writes(body: Body) -> list[Write]:
    """List the writes into the given state after which nothing is done with what was written.

    Those that the function returns under their own key are listed as well.
    """
    reader = _Reader(given=of_state(body))
    return [write for write in reader.writes if not reader.is_used(write)]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reader:
    given: Given
    through: frozenset[object] = frozenset()

    @property
    def body(self) -> Body:
        return self.given.body

    @cached_property
    def writes(self) -> list[Write]:
        """List every write into the state, those of helpers that are handed it among them."""
        if not self.given.held:
            return []
        statements = [node for node in self.body.nodes if isinstance(node, _SIMPLE)]
        return [write for statement in statements for write in self._written(statement)]

    def _written(self, statement: ast.stmt) -> Iterator[Write]:
        adds = isinstance(statement, ast.AugAssign)
        for node in walk_scope(statement):
            if isinstance(node, _PARTS) and not isinstance(node.ctx, ast.Load):
                if (key := self.given.root(node)) is not None:
                    deep = self.given.root(node.value) != ""
                    sure = isinstance(node, ast.Subscript)
                    grows = adds or self._grows(statement, key)
                    within = not self.given.is_old(node.value, key)
                    yield Write(
                        key=key,
                        statement=statement,
                        deep=deep,
                        within=within,
                        sure=sure,
                        adds=grows,
                    )
            elif isinstance(node, ast.Call):
                yield from self._called(statement, node)
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.BitOr(), value=value):
                if name in self.given.held:
                    yield from self._keys(statement, value)

    def _grows(self, statement: ast.stmt, key: str) -> bool:
        """Tell whether a value is written that adds to the old one: `s["n"] = s["n"] + 1`."""
        value = getattr(statement, "value", None)
        return isinstance(value, ast.BinOp) and self.given.root(value.left) == key

    def _called(self, statement: ast.stmt, call: ast.Call) -> Iterator[Write]:
        callee = self.body.callee(call)
        if callee is setattr or callee == object.__setattr__:
            match call.args:
                case [owner, name, *_] if self.given.root(owner) == "":
                    key = self.body.resolve(name)
                    if isinstance(key, str):
                        yield Write(key=key, statement=statement)
            return
        if call.args and _changes_first(callee):
            owner = call.args[0]
            if key := self.given.root(owner):
                within = not self.given.is_old(owner, key)
                yield Write(key=key, statement=statement, deep=True, within=within)
            return
        if isinstance(call.func, ast.Attribute):
            owner, method = call.func.value, call.func.attr
            key = self.given.root(owner)
            if key == "":
                yield from self._of_state(statement, method, call)
            elif key is not None and method in _CHANGING:
                within, sure = not self.given.is_old(owner, key), method in _LISTING
                yield Write(key=key, statement=statement, deep=True, within=within, sure=sure)
        helper = self.body.helper(call.func)
        if helper is not None and helper.key not in self.through:
            state = self.body.handed(self.given.held, call, helper)
            through = self.through | {self.body.key}
            inner = _Reader(given=Given(body=helper, state=state), through=through)
            yield from (replace(write, statement=statement) for write in inner.writes)

    def _of_state(self, statement: ast.stmt, method: str, call: ast.Call) -> Iterator[Write]:
        if method == "update":
            for given in (*call.args, *(word.value for word in call.keywords if not word.arg)):
                yield from self._keys(statement, given)
            for word in call.keywords:
                if word.arg is not None:
                    yield Write(key=word.arg, statement=statement)
        elif method in ("setdefault", "pop") and call.args and isinstance(statement, ast.Expr):
            key = self.body.resolve(call.args[0])
            if isinstance(key, str) and statement.value is call:
                yield Write(key=key, statement=statement)

    def _keys(self, statement: ast.stmt, given: ast.expr) -> Iterator[Write]:
        for key in payload(self.body, given).keys:
            yield Write(key=key, statement=statement)

    def is_used(self, write: Write) -> bool:
        """Tell whether a write was meant for this function: the value is passed on after it."""
        end = (write.statement.end_lineno or 0, write.statement.end_col_offset or 0)
        again = {
            id(node)
            for loop in self.body.nodes
            if isinstance(loop, _LOOPS) and _holds(loop, write.statement)
            for node in walk_scope(loop)
        }
        own = {id(node) for node in walk_scope(write.statement)}
        for node, is_whole, is_passed in self.reads(write.key):
            later = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)) > end
            counts = is_whole or is_passed or not (write.adds or write.deep)
            repeats = id(node) in again and not write.deep
            if id(node) not in own and ((later and counts) or repeats):
                return True
        return False

    def reads(self, key: str) -> Iterator[tuple[ast.expr, bool, bool]]:
        """List the reads of a key; whether of the whole state, and whether in what is returned."""
        told = self._inside(lambda node: isinstance(node, ast.Call) and _name(node) in _TELLING)
        tests = self._inside(lambda node: isinstance(node, ast.Compare | ast.BoolOp))
        passed = self._inside(lambda node: isinstance(node, ast.Return)) - tests
        parts = {id(node.value) for node in self.body.nodes if isinstance(node, _PARTS)}
        for node in self.body.nodes:
            if not isinstance(node, ast.expr) or id(node) in told:
                continue
            if isinstance(node, ast.Name) and self.given.root(node) == "":
                whole = id(node) not in parts and isinstance(node.ctx, ast.Load)
                if whole and self._is_passed(node, key):
                    yield node, True, True
            elif isinstance(getattr(node, "ctx", None), ast.Load) and self.given.root(node) == key:
                yield node, False, id(node) in passed

    def _is_passed(self, state: ast.Name, key: str) -> bool:
        """Tell whether the state goes where the key may be read; of helpers, that is looked at."""
        for call in self.body.call_nodes:
            helper = self.body.helper(call.func)
            given = [*call.args, *(word.value for word in call.keywords)]
            if helper is not None and helper.key not in self.through and state in given:
                handed = self.body.handed(self.given.held, call, helper)
                through = self.through | {self.body.key}
                inner = _Reader(given=Given(body=helper, state=handed), through=through)
                return any(inner.reads(key))
        return True

    def _inside(self, is_meant: Callable[[ast.AST], bool]) -> set[int]:
        meant = [node for node in self.body.nodes if is_meant(node)]
        return {id(inner) for node in meant for inner in walk_scope(node)}


def _holds(loop: ast.AST, statement: ast.stmt) -> bool:
    return any(node is statement for node in walk_scope(loop))


def _changes_first(callee: Any) -> bool:
    """Tell whether a call changes its first argument, as `heappush` and `list.append` do."""
    if getattr(callee, "__objclass__", None) in (list, dict):
        return callee.__name__ in _CHANGING
    return any(callee == function for function in _CHANGES_FIRST)


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))
