"""Compare the cases of a `match` with the values that its subject can have."""

from __future__ import annotations

import ast
import enum
import types
import typing
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from inspect import isclass
from typing import Any, Literal, NoReturn, Union, get_args, get_origin

import typing_extensions

from quintet.checks.source.body import UNKNOWN, Body
from quintet.checks.source.flow import closes, falls_through
from quintet.checks.source.literals import values

_WRAPPERS = (typing_extensions.Annotated, typing_extensions.Required, typing_extensions.NotRequired)
_UNIONS = (Union, types.UnionType)
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Judge each `match` of a function, and each call that may never return.

    `state` is the type of the state that is passed to its first parameter.
    """

    body: Body
    state: Any = None
    through: frozenset[object] = frozenset()

    def __call__(self, match: ast.Match | ast.Call) -> bool:
        """Tell whether one case is always taken, or a call never returns.

        One case is, where there is a default or a case for each value.
        """
        if closes(match):
            return True
        if isinstance(match, ast.Call):
            return self._never_returns(match)
        possible = self._possible(match.subject)
        patterns = [case.pattern for case in match.cases if case.guard is None]
        handled = {value for pattern in patterns for value in self._constants(pattern)}
        return possible is not None and possible <= handled

    def _never_returns(self, call: ast.Call) -> bool:
        if _hints(self.body.callee(call)).get("return") in (NoReturn, typing_extensions.Never):
            return True
        helper = self.body.helper(call.func)
        if helper is None or helper.key in self.through or helper.returned or helper.generates:
            return False
        inner = Cases(body=helper, through=self.through | {self.body.key})
        return not falls_through(helper.statements, inner)

    def _constants(self, pattern: ast.pattern) -> Iterator[Hashable]:
        match pattern:
            case ast.MatchValue(value=value):
                constant = self.body.resolve(value)
                if constant is not UNKNOWN and isinstance(constant, Hashable):
                    yield constant
            case ast.MatchSingleton(value=value):
                yield value
            case ast.MatchOr(patterns=alternatives):
                for alternative in alternatives:
                    yield from self._constants(alternative)
            case ast.MatchAs(pattern=ast.pattern() as inner):
                yield from self._constants(inner)

    def _possible(self, subject: ast.expr) -> frozenset[Hashable] | None:
        """List the values that the subject can have; None where they cannot be listed."""
        subject_values = values(self.body, subject)
        if subject_values.complete and subject_values.known:
            return subject_values.known
        kind = self._type(subject, frozenset())
        return None if kind is _MISSING else values_of_type(kind)

    def _type(self, expression: ast.expr, seen: frozenset[str]) -> Any:
        match expression:
            case ast.Name(id=local) if local in self.body.parameters:
                return self._hints.get(local, self.state if local == self._first else _MISSING)
            case ast.Name(id=local) if local not in seen and self.body.assigned(local):
                kinds = [self._type(value, seen | {local}) for value in self.body.assigned(local)]
                return kinds[0] if len(kinds) == 1 else _MISSING
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(key))):
                return _field(self._type(owner, seen), key)
            case ast.Attribute(value=owner, attr=key):
                return _field(self._type(owner, seen), key)
            case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[first, *rest]):
                name = self.body.resolve(first)
                kind = _field(self._type(owner, seen), name) if isinstance(name, str) else _MISSING
                # `get` without a default may return None.
                return kind if kind is _MISSING or rest else Union[kind, None]  # noqa: UP007
            case ast.Call():
                return _hints(self.body.callee(expression)).get("return", _MISSING)
        return _MISSING

    @property
    def _hints(self) -> dict[str, Any]:
        return {} if self.body.nested else _hints(self.body.function)

    @property
    def _first(self) -> str:
        return next(iter(self.body.parameters), "")


def may_fall_through(body: Body, state: object = None) -> bool:
    """Tell whether a function can end without `return` or `raise`; `state` as in `Cases`."""
    return falls_through(body.statements, Cases(body=body, state=state))


def values_of_type(kind: Any) -> frozenset[Hashable] | None:
    """List the values of a type that has few: a Literal, Enum, bool, None or a union of them."""
    while get_origin(kind) in _WRAPPERS:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return frozenset(get_args(kind))
    if get_origin(kind) in _UNIONS:
        members = [values_of_type(member) for member in get_args(kind)]
        known = [member for member in members if member is not None]
        return frozenset().union(*known) if len(known) == len(members) else None
    if kind is None or kind is type(None):
        return frozenset({None})
    if kind is bool:
        return frozenset({True, False})
    return frozenset(kind) if isclass(kind) and issubclass(kind, enum.Enum) else None


def _field(kind: Any, key: str) -> Any:
    """Return the type of a key of a TypedDict or of an attribute of a class."""
    return _hints(kind).get(key, _MISSING) if isclass(kind) else _MISSING


def _hints(annotated: Any) -> dict[str, Any]:
    if annotated is UNKNOWN or annotated is None:
        return {}
    try:
        return typing.get_type_hints(annotated, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation may be anything, and may run any code
        return {}
