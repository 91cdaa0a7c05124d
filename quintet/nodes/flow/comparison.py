"""Compare values in the state by declared data, which can be checked before the first run.

{"results.check.ok": True}                 one value
{"results.total": {">": 100, "<=": 500}}   by operators
{"a": 1, "b": 2}                           all of them
[{"a": 1}, {"b": 2}]                       any of them
{"not": {"a": 1}}                          the opposite
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quintet.errors import ContractBroken, DesignError
from quintet.state.own import own
from quintet.state.verdict import check_answers, name_of, why_not

ELSE = "else"
"""The condition of an arc that is followed where no other condition of its source holds."""

Condition = Callable[[Mapping[str, Any]], Any]
"""Say by the state whether an arc is followed."""

_ORDERED: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
OPERATORS = ("==", "!=", *_ORDERED, "in")


class _Missing:
    """Stand for a value that the state does not have."""


MISSING = _Missing()


def value_at(state: Mapping[str, Any], path: str) -> Any:
    """Give the value under a dotted path, as `results.check.ok`; `MISSING` where there is none.

    Raises:
        ContractBroken: the path leads into something that is no plain data.
    """
    return _within(state, path.split("."), path)


def _within(value: Any, parts: list[str], path: str) -> Any:
    if not parts:
        return value
    if isinstance(value, Mapping):
        for count in range(1, len(parts) + 1):  # a name may have dots of its own
            name = ".".join(parts[:count])
            if name in value:
                found = _within(value[name], parts[count:], path)
                if found is not MISSING:
                    return found
        return MISSING
    if isinstance(value, list | tuple):
        place = int(parts[0]) if parts[0].isdecimal() else len(value)
        return _within(value[place], parts[1:], path) if place < len(value) else MISSING
    if value is None or isinstance(value, str | int | float):
        return MISSING
    raise ContractBroken(
        f"{path}: {parts[0]!r} cannot be read from {value!r:.60}, which is no plain data; give a "
        "function of the state"
    )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Compare the value under a path with a value. One that is missing fits no comparison.

    Args:
        path: where the value is, as `results.check.ok`.
        sign: `==`, `!=`, `>`, `>=`, `<`, `<=` or `in`.
        value: the value that it is compared with.
    """

    path: str
    sign: str
    value: Any

    def __call__(self, state: Mapping[str, Any]) -> bool:
        """Say whether it holds.

        Raises:
            ContractBroken: the values have no order.
        """
        found = value_at(state, self.path)
        if found is MISSING:
            return False
        if self.sign in ("==", "!="):
            return _same(found, self.value) is (self.sign == "==")
        if self.sign == "in":
            return any(_same(found, one) for one in self.value)
        try:
            return bool(_ORDERED[self.sign](found, self.value))
        except TypeError as problem:
            raise ContractBroken(
                f"{self}: the state has {found!r:.60} there, which has no order with it"
            ) from problem

    def __str__(self) -> str:
        return f"{self.path} {self.sign} {self.value!r}"

    @property
    def paths(self) -> Iterator[str]:
        """Name the paths that it reads."""
        yield self.path


@dataclass(frozen=True, kw_only=True)
class Several:
    """Hold where all, or any, of several conditions hold."""

    of: tuple[Any, ...]
    every: bool = True

    def __call__(self, state: Mapping[str, Any]) -> bool:
        """Say whether they hold."""
        held = (holds(condition, state) for condition in self.of)
        return all(held) if self.every else any(held)

    def __str__(self) -> str:
        return (" and " if self.every else " or ").join(map(named, self.of))

    @property
    def paths(self) -> Iterator[str]:
        """Name the paths that they read."""
        for condition in self.of:
            yield from getattr(condition, "paths", ())


@dataclass(frozen=True, kw_only=True)
class Opposite:
    """Hold where a condition does not."""

    of: Any

    def __call__(self, state: Mapping[str, Any]) -> bool:
        """Say whether it holds."""
        return not holds(self.of, state)

    def __str__(self) -> str:
        return f"not ({named(self.of)})"

    @property
    def paths(self) -> Iterator[str]:
        """Name the paths that it reads."""
        yield from getattr(self.of, "paths", ())


def holds(condition: Condition, state: Mapping[str, Any]) -> bool:
    """Say whether a condition holds."""
    mine = hasattr(condition, "paths")  # data, or a condition made of others, changes nothing
    return why_not(condition(state if mine else own(dict(state))), condition) is None


def named(condition: Any) -> str:
    """Give a condition in words."""
    ours = isinstance(condition, Comparison | Several | Opposite)
    return str(condition) if ours else name_of(condition)


def condition_of(given: Any) -> Condition:
    """Read a condition: a function of the state, or declared comparisons.

    Raises:
        DesignError: it is neither, an operator does not exist, or nothing is compared.
    """
    if isinstance(given, list | tuple):
        if not given:
            raise DesignError("when=[]: give at least one condition")
        return Several(of=tuple(condition_of(one) for one in given), every=False)
    if isinstance(given, Mapping):
        if not given:
            raise DesignError("when={}: give a path and a value, as {'results.check.ok': True}")
        parts = [part for path, value in given.items() for part in _parts(path, value)]
        return parts[0] if len(parts) == 1 else Several(of=tuple(parts))
    if not callable(given):
        raise DesignError(
            f"when={given!r:.60}: give a function of the state, comparisons such as "
            "{'results.check.ok': True}, or 'else'"
        )
    check_answers("when=", given)
    condition: Condition = given
    return condition


def _parts(path: Any, value: Any) -> list[Condition]:
    if not isinstance(path, str) or not all(path.split(".")):
        raise DesignError(
            f"when={{{path!r}: ...}}: give a path in the state, as 'results.check.ok'"
        )
    if path == "not":
        return [Opposite(of=condition_of(value))]
    if not (isinstance(value, Mapping) and value and all(sign in OPERATORS for sign in value)):
        if isinstance(value, Mapping) and value:
            raise DesignError(
                f"when={{{path!r}: {value!r:.60}}}: give a value, or operators among "
                f"{', '.join(OPERATORS)}"
            )
        return [Comparison(path=path, sign="==", value=value)]
    for sign, other in value.items():
        _check_operand(path, sign, other)
    return [Comparison(path=path, sign=sign, value=other) for sign, other in value.items()]


def _check_operand(path: str, sign: str, value: Any) -> None:
    ordered = isinstance(value, str | int | float) and not isinstance(value, bool)
    if sign in _ORDERED and not ordered:
        raise DesignError(
            f"when={{{path!r}: {{{sign!r}: {value!r:.40}}}}}: give a number or a text"
        )
    if sign == "in" and not isinstance(value, list | tuple):
        raise DesignError(f"when={{{path!r}: {{'in': {value!r:.40}}}}}: give a list")


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does, where true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
