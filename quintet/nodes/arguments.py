"""The arguments of an effect: the function's own types where it runs, plain data on record."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from string import Formatter
from typing import Any, get_type_hints

from pydantic import BaseModel, PydanticUserError, SecretBytes, SecretStr, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from quintet.state.errors import DesignError
from quintet.state.record import adapter, faults, fitted

_FIELD = re.compile(r"(\w+)((?:\.\w+|\[[^\[\]]+\])*)")
_STEP = re.compile(r"\.(\w+)|\[([^\[\]]+)\]")


@dataclass(frozen=True, eq=False, kw_only=True)
class Arguments:
    """The parameters of an effect's function, and what its annotations say of them. See `of`.

    Attributes:
        name: the function's name.
        signature: its signature.
        types: the annotated type of each parameter that has one.
        returns: the annotated type of the result, if there is one.
    """

    name: str
    signature: inspect.Signature
    types: Mapping[str, Any]
    returns: Any = None

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Give the arguments of a call by name, defaults included, in the annotated types.

        Raises:
            DesignError: they do not fit.
        """
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as problem:
            raise DesignError(f"effect {self.name!r}: {problem}") from None
        bound.apply_defaults()
        return self.read(bound.arguments)

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Read arguments, plain or not, in the annotated types.

        Raises:
            DesignError: one does not fit; it names the argument, the fault and the value.
        """
        typed = dict(arguments)
        defaults = self.signature.parameters
        for name, kind in self.types.items():
            if name not in typed or typed[name] is defaults[name].default:
                continue  # a default is the author's own, whatever the annotation says
            try:
                typed[name] = fitted(kind, typed[name])
            except ValidationError as problem:
                raise DesignError(f"effect {self.name!r}: {name}: {faults(problem)}") from problem
        return typed

    def result(self, kept: Any) -> Any:
        """Read a kept result in the annotated type; as it is where that does not fit."""
        if self.returns is None or kept is None:
            return kept
        try:
            return fitted(self.returns, kept)
        except ValidationError:
            return kept


@lru_cache(maxsize=1024)
def arguments_of(function: Callable[..., Any]) -> Arguments:
    """Read a function's parameters.

    Raises:
        DesignError: one cannot be put on record by name, or its annotated type cannot be kept.
    """
    name = getattr(function, "__name__", type(function).__name__)
    signature = inspect.signature(function)
    for each in signature.parameters.values():
        if each.kind not in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
            raise DesignError(
                f"effect {name!r}: {each} cannot be put on record by name; "
                "give each argument a name of its own"
            )
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        hints = {}
    returns = hints.pop("return", None)
    types = {key: hint for key, hint in hints.items() if key in signature.parameters}
    for key, hint in types.items():
        _refuse_unkept(name, f"its argument {key!r}", hint)
    if returns is not None and returns is not type(None):
        _refuse_unkept(name, "what it returns", returns)
    types = {key: hint for key, hint in types.items() if hint is not Any}
    return Arguments(name=name, signature=signature, types=types, returns=returns)


class _Quiet(GenerateJsonSchema):
    """A JSON schema without a warning about a default that has none."""

    ignored_warning_kinds = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012


def _refuse_unkept(name: str, what: str, hint: Any) -> None:
    """Refuse a type that plain data cannot hold, before the effect has happened once."""
    remedy = "give plain data, an enum, a dataclass, a TypedDict or a pydantic model"
    if hint in (SecretStr, SecretBytes):
        raise DesignError(
            f"effect {name!r}: {what} is a secret, and the state keeps none; give a name by which "
            "the function finds it"
        )
    try:
        # Refuses what has no plain form.
        adapter(hint).json_schema(mode="serialization", schema_generator=_Quiet)
    except (PydanticUserError, TypeError) as problem:
        if isinstance(problem, PydanticUserError) and problem.code == "class-not-fully-defined":
            return
        shown = getattr(hint, "__name__", hint)
        raise DesignError(f"effect {name!r}: {what} ({shown}) cannot be kept; {remedy}") from None


def check_key(arguments: Arguments, key: str) -> None:
    """Refuse a key that names no argument, or something in one that does not say its content.

    Raises:
        DesignError: it names the effect, the key and the fault.
    """
    try:
        parts = list(_parts(key))
    except ValueError as problem:
        raise DesignError(
            f"effect {arguments.name!r}: key {key!r} is no format string over the arguments' "
            f"names: {problem}"
        ) from None
    for path in parts:
        match = _FIELD.fullmatch(path)
        name = match[1] if match else path
        if match is None or name not in arguments.signature.parameters:
            names = ", ".join(sorted(arguments.signature.parameters))
            raise DesignError(
                f"effect {arguments.name!r}: key {key!r} names {name!r}, which is not an argument "
                f"({names})"
            )
        kind = arguments.types.get(name)
        for attribute, _ in _STEP.findall(match[2]):
            if attribute and not _has_field(kind, attribute):
                raise DesignError(
                    f"effect {arguments.name!r}: key {key!r}: {name!r} has no field {attribute!r} "
                    "by its annotation; name the fields of a dataclass or a model, or use a "
                    "function as the key"
                )
            kind = None if not attribute else _type_of_field(kind, attribute)


def _parts(key: str) -> list[str]:
    found = []
    for _, field, spec, _ in Formatter().parse(key):
        if field is not None:
            if not field:
                raise ValueError("a field without a name")
            found.append(field)
        if spec:
            found += _parts(spec)
    return found


def _has_field(kind: Any, name: str) -> bool:
    if kind is None:
        return False
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return name in kind.model_fields
    if isinstance(kind, type) and is_dataclass(kind):
        return name in {field.name for field in fields(kind)}
    return False


def _type_of_field(kind: Any, name: str) -> Any:
    try:
        return get_type_hints(kind).get(name)
    except (NameError, TypeError):
        return None


def key_text(key: str, arguments: Arguments, typed: Mapping[str, Any]) -> str:
    """Fill a key's format string with arguments, equal numbers in equal letters.

    Raises:
        DesignError: an argument lacks what the key names.
    """
    shown = {name: _canonical(value, name in arguments.types) for name, value in typed.items()}
    try:
        return _KeyFormatter().vformat(key, (), shown)
    except (KeyError, IndexError, AttributeError, TypeError, ValueError) as problem:
        raise DesignError(
            f"effect {arguments.name!r}: key {key!r} does not fit its arguments: "
            f"{type(problem).__name__}: {problem}"
        ) from problem


class _KeyFormatter(Formatter):
    """A formatter whose fields end in equal letters for equal values."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        value, used = super().get_field(field_name, args, kwargs)
        return _canonical(value, True), used


def _canonical(value: Any, annotated: bool) -> Any:
    if isinstance(value, Decimal):
        text = format(value.normalize(), "f")  # not 1E+2
        return Decimal(text if value else 0)
    if isinstance(value, Enum):
        return value.value
    if not annotated and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
