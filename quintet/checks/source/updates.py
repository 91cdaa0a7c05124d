"""Which keys of the state a node function writes, as its source says."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace

from langgraph.types import Command, Send

from quintet.checks.source.body import Body
from quintet.checks.source.payload import is_record
from quintet.nodes import hand_over, proposed

_CLONES = (copy.copy, copy.deepcopy, replace)
_COPYING = ("copy", "model_copy", "model_dump")
_PLAIN = (hand_over, proposed)
"""Functions of ours that give a plain update."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """The keys that were found; `complete` when there can be no others.

    `whole` has an entry for each way in which the function gives the whole state back: the
    keys that it replaces by other values there.
    """

    keys: frozenset[str] = frozenset()
    complete: bool = True
    whole: frozenset[frozenset[str]] = frozenset()


NOTHING = Written()
ANYTHING = Written(complete=False)


def written(bodies: Iterable[Body]) -> Written:
    """Read the updates that node functions return, as dicts or in a `Command`."""
    return _union(_written_by(each) for each in bodies)


def may_command(body: Body) -> bool:
    """Tell whether the function may return a `Command` that was made where it cannot be read."""
    hint = body.return_hint
    if hint and "Command" not in hint and hint not in ("Any", "typing.Any"):
        return False
    return any(_is_foreign(each, answer) for each in body.reach for answer in each.returned)


def gives_foreign(body: Body) -> bool:
    """Tell whether the function may return, whole or in part, what was made out of sight."""
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
        return any(_is_foreign(body, each) for each in body.assignments.get(answer.id) or ())
    if isinstance(answer, ast.IfExp):
        return _is_foreign(body, answer.body) or _is_foreign(body, answer.orelse)
    if isinstance(answer, ast.Await):
        return _is_foreign(body, answer.value)
    if not isinstance(answer, ast.Call):
        return False
    thing = body.callee(answer)
    known = isinstance(thing, type) or any(thing is each for each in _PLAIN)
    return not known and not body.is_near(thing)


def is_silent(body: Body, answer: ast.expr | None) -> bool:
    """Tell whether an answer is certain to name no next node: a plain update or nothing."""
    if answer is None or (isinstance(answer, ast.Constant) and answer.value is None):
        return True
    if isinstance(answer, ast.IfExp):
        return is_silent(body, answer.body) or is_silent(body, answer.orelse)
    if isinstance(answer, ast.Name):
        bound = body.assignments.get(answer.id)
        return bool(bound) and all(is_silent(body, each) for each in bound or ())
    if isinstance(answer, ast.Call) and body.callee(answer) is Command:
        return not {each.arg for each in answer.keywords} & {"goto", "graph", None}
    if isinstance(answer, ast.Call) and any(body.callee(answer) is each for each in _PLAIN):
        return True
    return isinstance(answer, ast.Dict) or (
        isinstance(answer, ast.Call) and is_record(body.callee(answer))
    )


def _written_by(body: Body) -> Written:
    if body.generates:
        return ANYTHING
    reader = _Reader(body=body)
    return _union(reader.read(each) for each in body.returned if each is not None)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    body: Body
    seen: frozenset[str] = frozenset()

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
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return _overlay(self.read(left), self.read(right))
            case ast.BoolOp(values=several) | ast.List(elts=several) | ast.Tuple(elts=several):
                return _union(self.read(each) for each in several)
        return ANYTHING

    def _dict(self, update: ast.Dict) -> Written:
        found = NOTHING
        for key, value in zip(update.keys, update.values, strict=True):
            found = _overlay(found, self.read(value) if key is None else self._key(key))
        return found

    def _key(self, key: ast.expr) -> Written:
        name = self.body.resolve(key)
        return Written(keys=frozenset({name})) if isinstance(name, str) else ANYTHING

    def _name(self, name: str) -> Written:
        later = [self._key(each) for each in _set_later(self.body, name)]
        if name in self.body.parameters[:1] and self.body.assignments[name] is None:
            is_same = not any(_stores(each, name) for each in self.body.nodes)
            whole = Written(complete=False, whole=frozenset({frozenset()}))
            return _union([whole, *later]) if is_same else ANYTHING
        bound = self.body.assignments.get(name)
        if not bound or name in self.seen:
            return ANYTHING
        inner = replace(self, seen=self.seen | {name})
        found = _union(inner.read(each) for each in bound)
        calls = self.body.method_calls(name)
        merged = [call.args[0] for method, call in calls if method == "update" and call.args]
        for each in [*later, *map(inner.read, merged)]:
            found = _overlay(found, each)
        return found

    def _call(self, call: ast.Call) -> Written:
        thing = self.body.callee(call)
        if thing is Send:
            return NOTHING
        if thing is proposed:
            return Written(keys=frozenset({"actions"}))
        if thing is hand_over:
            return Written(keys=frozenset({"outcome", "actions", "decisions"}))
        given = {each.arg: each.value for each in call.keywords}
        if thing is Command:
            if None in given:
                return ANYTHING
            return self.read(given["update"]) if "update" in given else NOTHING
        if thing is dict or is_record(thing):
            base = _union(self.read(each) for each in call.args) if call.args else NOTHING
            return self._keywords(base, call)
        if any(thing is each for each in _CLONES) and call.args:
            return self._keywords(self.read(call.args[0]), call)
        if isinstance(call.func, ast.Attribute) and call.func.attr in _COPYING:
            found = self.read(call.func.value)
            return _overlay(found, self.read(given["update"])) if "update" in given else found
        return ANYTHING

    def _keywords(self, base: Written, call: ast.Call) -> Written:
        named = frozenset(each.arg for each in call.keywords if each.arg is not None)
        found = _overlay(base, Written(keys=named))
        rest = [self.read(each.value) for each in call.keywords if each.arg is None]
        return _union([found, *rest])


def _union(found: Iterable[Written]) -> Written:
    every = list(found)
    return Written(
        keys=frozenset(key for each in every for key in each.keys),
        complete=all(each.complete for each in every),
        whole=frozenset(way for each in every for way in each.whole),
    )


def _overlay(base: Written, top: Written) -> Written:
    """Lay `top` over `base`, as in `{**base, **top}`."""
    whole = frozenset(way | top.keys for way in base.whole) | top.whole
    return replace(_union([base, top]), whole=whole)


def _stores(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def _set_later(body: Body, name: str) -> list[ast.expr]:
    """Return the keys in `name["key"] = ...`."""
    return [
        node.slice
        for node in body.nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    ]
