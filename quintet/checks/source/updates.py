"""List the keys of the state that a node function writes, as its source says."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from langgraph.types import Command, Send

from quintet.checks.source.body import Body, keywords_of
from quintet.checks.source.payload import is_record, keywords
from quintet.nodes import hand_over, proposed

_CLONES = (copy.copy, copy.deepcopy, replace)
_COPYING = ("copy", "model_copy", "model_dump")
_PLAIN = (hand_over, proposed)
"""Functions of ours that return a plain update."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """The keys that a function writes; `complete` if it can write no others.

    `whole` has an entry for each way in which the function returns the whole state: the keys
    that it replaces by other values there.
    """

    keys: frozenset[str] = frozenset()
    complete: bool = True
    whole: frozenset[frozenset[str]] = frozenset()


NOTHING = Written()
ANYTHING = Written(complete=False)


def written(bodies: Iterable[Body]) -> Written:
    """Read the keys of the updates that node functions return, as dicts or in a `Command`."""
    return _union(_written_by(body) for body in bodies)


def may_command(body: Body) -> bool:
    """Tell whether a function may return a `Command` that was made where it cannot be read."""
    hint = body.return_hint
    if hint and "Command" not in hint and hint not in ("Any", "typing.Any"):
        return False
    return any(_is_foreign(helper, answer) for helper in body.reach for answer in helper.returned)


def gives_foreign(body: Body) -> bool:
    """Tell whether a function may return, whole or in part, a value that cannot be read."""
    spread = [
        value
        for node in body.nodes
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if key is None
    ]
    return any(_is_foreign(body, answer) for answer in (*body.returned, *spread))


def _is_foreign(body: Body, answer: ast.expr | None) -> bool:
    if isinstance(answer, ast.Name):
        return any(_is_foreign(body, value) for value in body.assigned(answer.id))
    if isinstance(answer, ast.IfExp):
        return _is_foreign(body, answer.body) or _is_foreign(body, answer.orelse)
    if isinstance(answer, ast.Await):
        return _is_foreign(body, answer.value)
    if not isinstance(answer, ast.Call):
        return False
    callee = body.callee(answer)
    known = isinstance(callee, type) or any(callee is plain for plain in _PLAIN)
    return not known and not body.is_near(callee) and body.inner(answer.func) is None


def is_silent(body: Body, answer: ast.expr | None) -> bool:
    """Tell whether an answer is certain to name no next node: a plain update or nothing."""
    if answer is None or (isinstance(answer, ast.Constant) and answer.value is None):
        return True
    if isinstance(answer, ast.IfExp):
        return is_silent(body, answer.body) or is_silent(body, answer.orelse)
    if isinstance(answer, ast.Name):
        bound = body.assigned(answer.id)
        return bool(bound) and all(is_silent(body, value) for value in bound or ())
    if isinstance(answer, ast.Call) and body.callee(answer) is Command:
        command = keywords(body, answer)
        return command.complete and not command.keys & {"goto", "graph"}
    if isinstance(answer, ast.Call) and any(body.callee(answer) is plain for plain in _PLAIN):
        return True
    return isinstance(answer, ast.Dict) or (
        isinstance(answer, ast.Call) and is_record(body.callee(answer))
    )


def _written_by(body: Body) -> Written:
    if body.generates:  # the update is what it yields, not what it returns
        return ANYTHING
    return _Reader(body=body, state=body.first).all()


@dataclass(frozen=True, kw_only=True)
class _Reader:
    body: Body
    state: frozenset[str]
    """The parameters that hold the state."""
    seen: frozenset[str] = frozenset()
    through: frozenset[object] = frozenset()
    """The functions on the way to this one, so that none is read inside itself."""

    def all(self) -> Written:
        """Read every update that the function returns."""
        return _union(self.read(answer) for answer in self.body.returned if answer is not None)

    def read(self, update: ast.expr) -> Written:
        match update:
            case ast.Constant(value=None):
                return NOTHING
            case ast.Dict():
                return self._dict(update)
            case ast.Name(id=name):
                return self._name(name)
            case ast.Call():
                return self._call(update)
            case ast.IfExp(body=first, orelse=second):
                return _union([self.read(first), self.read(second)])
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.read(value)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return _overlay(self.read(left), self.read(right))
            case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
                return _union(self.read(part) for part in parts)
        return ANYTHING

    def _dict(self, update: ast.Dict) -> Written:
        update_keys = NOTHING
        for key, value in zip(update.keys, update.values, strict=True):
            update_keys = _overlay(
                update_keys, self._spread(value) if key is None else self._key(key)
            )
        return update_keys

    def _spread(self, value: ast.expr) -> Written:
        # Of a dict that a helper makes, not every key is meant for the state.
        by_helper = isinstance(value, ast.Call) and self.body.helper(value.func) is not None
        return ANYTHING if by_helper else self.read(value)

    def _key(self, key: ast.expr) -> Written:
        name = self.body.resolve(key)
        return Written(keys=frozenset({name})) if isinstance(name, str) else ANYTHING

    def _name(self, name: str) -> Written:
        later = [self._key(key) for key in _keys_set_later(self.body, name)]
        if name in self.state:
            # A state that is assigned anew is no longer the one that was given.
            is_same = not any(_stores(node, name) for node in self.body.nodes)
            whole = Written(complete=False, whole=frozenset({frozenset()}))
            return _union([whole, *later]) if is_same else ANYTHING
        bound = self.body.assigned(name)
        if not bound or name in self.seen:
            return ANYTHING
        inner = replace(self, seen=self.seen | {name})
        update = _union(inner.read(value) for value in bound)
        for method, call in self.body.method_calls(name):
            later += inner.added(method, call)
        for later_update in later:
            update = _overlay(update, later_update)
        return update

    def added(self, method: str, call: ast.Call) -> Iterator[Written]:
        """Read the keys that `update(...)` and `setdefault(...)` of a local dict add."""
        if method == "update":
            yield self._keywords(_union(map(self.read, call.args)), call)
        elif method == "setdefault" and call.args:
            yield self._key(call.args[0])

    def _call(self, call: ast.Call) -> Written:
        callee = self.body.callee(call)
        if callee is Send:
            return NOTHING
        if callee is proposed:
            return Written(keys=frozenset({"actions"}))
        if callee is hand_over:
            return Written(keys=frozenset({"outcome", "actions", "decisions"}))
        if callee is Command:
            command = keywords(self.body, call)
            return _union(map(self.read, command.of("update"))) if command.complete else ANYTHING
        if callee is dict or is_record(callee):
            base = _union(self.read(argument) for argument in call.args) if call.args else NOTHING
            return self._keywords(base, call)
        if any(callee is copying for copying in _CLONES) and call.args:
            return self._keywords(self.read(call.args[0]), call)
        if isinstance(call.func, ast.Attribute) and call.func.attr in _COPYING:
            cloned = self.read(call.func.value)
            update = keywords_of(call).get("update")
            return cloned if update is None else _overlay(cloned, self.read(update))
        return self._answer(call)

    def _answer(self, call: ast.Call) -> Written:
        """Read what a helper returns."""
        helper = self.body.helper(call.func)
        if helper is None or helper.generates or helper.key in self.through:
            return ANYTHING
        through = self.through | {self.body.key}
        return _Reader(
            body=helper, state=self.body.handed(self.state, call, helper), through=through
        ).all()

    def _keywords(self, base: Written, call: ast.Call) -> Written:
        named = frozenset(keyword.arg for keyword in call.keywords if keyword.arg is not None)
        update = _overlay(base, Written(keys=named))
        rest = [self.read(keyword.value) for keyword in call.keywords if keyword.arg is None]
        return _union([update, *rest])


def _union(updates: Iterable[Written]) -> Written:
    listed = list(updates)
    return Written(
        keys=frozenset(key for update in listed for key in update.keys),
        complete=all(update.complete for update in listed),
        whole=frozenset(way for update in listed for way in update.whole),
    )


def _overlay(base: Written, top: Written) -> Written:
    """Lay `top` over `base`, as in `{**base, **top}`."""
    whole = frozenset(way | top.keys for way in base.whole) | top.whole
    return replace(_union([base, top]), whole=whole)


def _stores(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def _keys_set_later(body: Body, name: str) -> list[ast.expr]:
    """List the keys in `name["key"] = ...`."""
    return [
        node.slice
        for node in body.nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    ]
