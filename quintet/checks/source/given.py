"""Follow the state that a function is given through its variables."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from quintet.checks.source.body import Body, keywords_of
from quintet.checks.source.payload import payload


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """Read what in a function is the given state or a part of it.

    `state` names the parameters that the state is passed to.
    """

    body: Body
    state: frozenset[str]

    @cached_property
    def held(self) -> frozenset[str]:
        """List the parameters that hold the given state from the first to the last statement."""
        nodes = self.body.nodes
        joined = {id(node.target) for node in nodes if isinstance(node, ast.AugAssign)}
        return self.state - {
            node.id
            for node in nodes
            if isinstance(node, ast.Name)
            and not isinstance(node.ctx, ast.Load)
            and id(node) not in joined
        }

    @cached_property
    def _loops(self) -> dict[str, ast.expr]:
        """Map the variables of `for` loops to what the loops go through."""
        loops = [node for node in self.body.nodes if isinstance(node, ast.For | ast.AsyncFor)]
        return dict(variable for loop in loops for variable in _variable(loop))

    def root(self, expression: ast.expr, seen: frozenset[str] = frozenset()) -> str | None:
        """Return the key in whose value an object is, "" for the state; None if it is elsewhere."""
        match expression:
            case ast.Name(id=name) if name in self.held:
                return ""
            case ast.Name(id=name) if name not in seen:
                bound = self.body.assigned(name)
                source = bound[0] if len(bound) == 1 else self._loops.get(name)
                return self.root(source, seen | {name}) if source is not None else None
            case ast.Call(func=ast.Attribute(value=owner, attr="values"), args=[]):
                return self.root(owner, seen)
        for owner, key in _taken(expression):
            above = self.root(owner, seen)
            found = self.body.resolve(key) if above == "" else above
            return found if isinstance(found, str) and found else None
        return None

    def is_old(self, value: ast.expr, key: str, seen: frozenset[str] = frozenset()) -> bool:
        """Tell whether a value is the one that a key of the state has, or adds to that."""

        def old(part: ast.expr) -> bool:
            return self.is_old(part, key, seen)

        match value:
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return old(left) or old(right)
            case ast.BinOp(left=left, op=ast.Sub() | ast.BitOr()):
                return old(left)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return any(isinstance(item, ast.Starred) and old(item.value) for item in items)
            case ast.BoolOp(op=ast.Or(), values=[first, *_]):
                return old(first)
            case ast.Call(func=ast.Name(id="list" | "tuple" | "sorted"), args=[copied]):
                return old(copied)
            case ast.Call(func=ast.Attribute(value=copied, attr="copy"), args=[]):
                return old(copied)
            case ast.Name(id=name) if name not in seen and len(self.body.assigned(name)) == 1:
                return self.is_old(self.body.assigned(name)[0], key, seen | {name})
        taken = [(self.root(owner), self.body.resolve(name)) for owner, name in _taken(value)]
        return taken == [("", key)]


def of_state(body: Body) -> Given:
    """Read a function whose first argument is the state."""
    return Given(body=body, state=body.first)


def regiven(body: Body) -> frozenset[str]:
    """List the keys to which a node gives their old value, or one that adds to it."""
    given = of_state(body)
    return frozenset(
        key
        for answer in body.returned
        if answer is not None
        for key, value in payload(body, _update(answer)).values
        if given.is_old(value, key)
    )


def _update(answer: ast.expr) -> ast.expr:
    update = keywords_of(answer).get("update") if isinstance(answer, ast.Call) else None
    return update if update is not None else answer


def _variable(loop: ast.For | ast.AsyncFor) -> Iterator[tuple[str, ast.expr]]:
    """Give the variable that takes each element, and the expression of what is gone through."""
    match loop.target, loop.iter:
        case ast.Tuple(elts=[_, ast.Name(id=name)]), ast.Call(
            func=ast.Name(id="enumerate"), args=[elements, *_]
        ):
            yield name, elements
        case ast.Tuple(elts=[_, ast.Name(id=name)]), ast.Call(
            func=ast.Attribute(value=elements, attr="items"), args=[]
        ):
            yield name, elements
        case ast.Name(id=name), elements:
            yield name, elements


def _taken(expression: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Give the object and the key of `x["key"]`, `x.key` and `x.get("key")`."""
    match expression:
        case ast.Subscript(value=owner, slice=key):
            yield owner, key
        case ast.Attribute(value=owner, attr=name):
            yield owner, ast.Constant(value=name)
        case ast.Call(func=ast.Attribute(value=owner, attr="get" | "setdefault"), args=[key, *_]):
            yield owner, key
