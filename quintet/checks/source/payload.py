"""Read the keys of a dict that is written out, such as what is sent to a node."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, is_dataclass, replace

from pydantic import BaseModel
from typing_extensions import is_typeddict

from quintet.checks.source.body import Body


@dataclass(frozen=True, kw_only=True)
class Payload:
    """The keys of a dict, each with the expression of its value.

    `complete` is False where there may be other keys; `whole` is True where the whole state is
    among them.
    """

    values: tuple[tuple[str, ast.expr], ...] = ()
    complete: bool = True
    whole: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """List the keys that are spelled out."""
        return frozenset(key for key, _ in self.values)

    def of(self, key: str) -> list[ast.expr]:
        """List the expressions that a key may have."""
        return [value for name, value in self.values if name == key]


NOTHING = Payload()
ANYTHING = Payload(complete=False)


def payload(
    body: Body, expression: ast.expr | None, *, seen: frozenset[str] = frozenset()
) -> Payload:
    """Read the keys of an expression that is a dict or a record."""
    match expression:
        case None | ast.Constant(value=None):
            return NOTHING
        case ast.Dict(keys=keys, values=dict_values):
            pairs = zip(keys, dict_values, strict=True)
            return _joined(_entry(body, key, value, seen) for key, value in pairs)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _joined(payload(body, operand, seen=seen) for operand in (left, right))
        case ast.IfExp(body=first, orelse=second):
            options = [payload(body, option, seen=seen) for option in (first, second)]
            return replace(_joined(options), complete=False)
        case ast.Name(id=name):
            return _name(body, name, seen)
        case ast.Call():
            return _call(body, expression, seen)
    return ANYTHING


def _entry(body: Body, key: ast.expr | None, value: ast.expr, seen: frozenset[str]) -> Payload:
    if key is None:
        return payload(body, value, seen=seen)
    name = body.resolve(key)
    return Payload(values=((name, value),)) if isinstance(name, str) else ANYTHING


def _name(body: Body, name: str, seen: frozenset[str]) -> Payload:
    if name in body.parameters[:1]:  # a node is given the state first
        return Payload(whole=True)
    bound = body.assigned(name)
    if not bound or name in seen:
        return ANYTHING
    later = [_entry(body, key, value, seen) for key, value in _items_set_later(body, name)]
    payloads = [payload(body, value, seen=seen | {name}) for value in bound]
    if len(payloads) > 1 or _is_changed(body, name):
        return replace(_joined([*payloads, *later]), complete=False)
    return _joined([*payloads, *later])


def _call(body: Body, call: ast.Call, seen: frozenset[str]) -> Payload:
    callee = body.callee(call)
    if callee is dict or is_record(callee):
        positional = [
            payload(body, argument, seen=seen) if callee is dict else ANYTHING
            for argument in call.args
        ]
        return _joined([*positional, keywords(body, call, seen=seen)])
    if isinstance(call.func, ast.Attribute) and call.func.attr == "copy" and not call.args:
        return payload(body, call.func.value, seen=seen)
    return ANYTHING


def keywords(body: Body, call: ast.Call, *, seen: frozenset[str] = frozenset()) -> Payload:
    """Read the keywords of a call, those in `**{...}` among them."""
    return _joined(
        payload(body, keyword.value, seen=seen)
        if keyword.arg is None
        else Payload(values=((keyword.arg, keyword.value),))
        for keyword in call.keywords
    )


def is_record(callee: object) -> bool:
    """Tell whether calling an object makes a dict or record with the keywords as keys."""
    if not isinstance(callee, type):
        return False
    return is_typeddict(callee) or is_dataclass(callee) or issubclass(callee, BaseModel)


def _joined(payloads: Iterable[Payload]) -> Payload:
    listed = list(payloads)
    return Payload(
        values=tuple(pair for part in listed for pair in part.values),
        complete=all(part.complete for part in listed),
        whole=any(part.whole for part in listed),
    )


def _items_set_later(body: Body, name: str) -> list[tuple[ast.expr, ast.expr]]:
    """List the keys and values of `name["key"] = value`."""
    return [
        (target.slice, node.value)
        for node in body.nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Subscript)
        and isinstance(target.value, ast.Name)
        and target.value.id == name
    ]


def _is_changed(body: Body, name: str) -> bool:
    """Tell whether a local dict is changed by one of its methods, as by `name.update(...)`."""
    changing = ("update", "setdefault", "pop", "clear", "popitem")
    return any(method in changing for method, _ in body.method_calls(name))
