"""Convert an effect's arguments between the function's own types and plain data on record."""

from __future__ import annotations

import inspect
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import AnyUrl, BaseModel, PydanticUserError, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema

from quintet.errors import ContractBroken, DesignError
from quintet.state.action import Action
from quintet.state.record import SECRETS, adapter, faults, plain, validated
from quintet.state.redact import redacted


@dataclass(frozen=True, eq=False, kw_only=True)
class Arguments:
    """Bind, read and keep the arguments of an effect's function. Made by `arguments_of`.

    Attributes:
        name: the function's name.
        signature: its signature.
        types: the annotated type of each parameter that has one.
        returns: the annotated type of the result, if there is one.
        takes_key: whether it also takes an `idempotency_key`, which is none of its arguments.
    """

    name: str
    signature: inspect.Signature
    types: Mapping[str, Any]
    returns: Any = None
    takes_key: bool = False

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
                typed[name] = validated(kind, typed[name])
            except ValidationError as problem:
                raise DesignError(f"effect {self.name!r}: {name}: {faults(problem)}") from problem
        return typed

    def as_float(self, name: str) -> bool:
        """Say whether an argument's annotation reads every number as a float."""
        return reads_floats(self.types.get(name))

    def kept(self, typed: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give arguments as plain data for the record, and as they are read from it again.

        Raises:
            DesignError: one cannot be kept, or would come back as something else.
        """
        record, reread = {}, {}
        for name, value in typed.items():
            try:
                record[name] = plain(value)
            except DesignError as problem:
                raise DesignError(f"effect {self.name!r}: argument {name!r}: {problem}") from None
            reread[name] = value
            if record[name] is not value:
                reread[name] = self.read({name: record[name]})[name]
                self._refuse_changed(name, value, reread[name], record[name])
        return record, reread

    def _refuse_changed(self, name: str, value: Any, again: Any, kept: Any) -> None:
        # A record may call two values equal that differ in a field which it does not compare.
        if not _same(value, again) or plain(again) != kept:
            if redacted(text := repr(value)) != text:
                raise DesignError(
                    f"effect {self.name!r}: argument {name!r} holds the value of a secret; "
                    "annotate it as quintet.state.Secret, give the Secret itself, and reveal it "
                    "inside the function"
                )
            raise DesignError(
                f"effect {self.name!r}: argument {name!r} is {value!r:.60}, and would come back "
                f"from the record as {again!r:.60}; annotate it with its whole type, "
                "that of its keys and items too"
            )

    def check_fits(self, function: Callable[..., Any], part: str) -> None:
        """Refuse a function that takes anything but these arguments, `key` and `action`.

        Raises:
            DesignError: it names the parameter, and those that there are.
        """
        known = (*self.signature.parameters, "key", "action")
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                continue  # it takes them all
            if parameter.name not in known or parameter.kind is parameter.POSITIONAL_ONLY:
                raise DesignError(
                    f"effect {self.name!r}: {part} takes {parameter}, which is none of "
                    f"{', '.join(known)}: it is given by these names"
                )

    def result(self, kept: Any) -> Any:
        """Read a kept result in the annotated type; leave one that does not fit as it is."""
        if self.returns is None or kept is None:
            return kept
        try:
            return validated(self.returns, kept)
        except ValidationError:
            return kept

    def refuse_misfit(self, action: Action) -> None:
        """Let nothing build on a result of another kind; the effect has happened, and stays done.

        Of a model that writes itself in another form than it reads, nobody can tell.

        Raises:
            ContractBroken: it names the action, its result and the fault.
        """
        if action.status != "done" or _rewritten(self.returns):
            return
        if why := self.misfit(action.result):
            raise ContractBroken(
                f"{action} is done, and its result {action.result!r:.120} is none that "
                f"{self.name!r} says it returns: {why}; look at what it did before going on"
            )

    def misfit(self, result: Any) -> str:
        """Say why a result is none that the function may return; empty where it is, or nobody says.

        None fits: whoever tells that something happened need not know what it gave.
        """
        if self.returns is None or result is None:
            return ""
        try:
            validated(self.returns, result)
        except ValidationError as problem:
            return faults(problem)
        return ""


def _same(value: Any, again: Any) -> bool:
    """Say whether a value has come back from the record as it was; tuples may be lists."""
    if isinstance(value, list | tuple) and isinstance(again, list | tuple):
        return len(value) == len(again) and all(map(_same, value, again))
    if isinstance(value, Mapping) and isinstance(again, Mapping):
        return value.keys() == again.keys() and all(_same(value[key], again[key]) for key in value)
    return bool(value == again)


@lru_cache(maxsize=1024)
def arguments_of(function: Callable[..., Any]) -> Arguments:
    """Read a function's parameters.

    Raises:
        DesignError: one cannot be put on record by name, or its annotated type cannot be kept.
    """
    name = getattr(function, "__name__", type(function).__name__)
    signature = inspect.signature(function)
    takes_key = KEY in signature.parameters
    if takes_key:
        others = [p for at, p in signature.parameters.items() if at != KEY]
        signature = signature.replace(parameters=others)
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise DesignError(
                f"effect {name!r}: {parameter} cannot be put on record by name; "
                "give each argument a name of its own"
            )
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):  # an annotation that only a type checker can resolve
        hints = {}
    returns = hints.pop("return", None)
    types = {key: hint for key, hint in hints.items() if key in signature.parameters}
    for key, hint in types.items():
        _refuse_unkept(name, f"its argument {key!r}", hint)
    if returns is not None and returns is not type(None):
        _refuse_unkept(name, "what it returns", returns)
    types = {key: hint for key, hint in types.items() if hint is not Any}
    return Arguments(
        name=name, signature=signature, types=types, returns=returns, takes_key=takes_key
    )


KEY = "idempotency_key"
"""The parameter by which an effect's function passes its key on to whoever receives it."""


def takes(function: Callable[..., Any], name: str) -> bool:
    """Say whether a function takes an argument of this name."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a function of C's, which does not say
        return False
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return name in parameters or (any_name and name != KEY)


def without_key(schema: Any) -> Any:
    """Give a tool's schema without the key, which no model may choose."""
    fields: dict[str, Any] = {
        name: (f.annotation, f) for name, f in schema.model_fields.items() if name != KEY
    }
    return create_model(schema.__name__, __doc__=schema.__doc__, **fields)


class _Quiet(GenerateJsonSchema):
    """Generate a JSON schema without warning of a default that has no JSON form."""

    ignored_warning_kinds = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012


NEVER_KEPT: tuple[type[Any], ...] = (
    bytes,
    bytearray,
    complex,
    deque,
    Fraction,
    IPv4Address,
    IPv6Address,
    re.Pattern,
    AnyUrl,
)
"""Types that pydantic can write as JSON, but cannot always read back from it."""


_NUMBERS = frozenset({int, float, Decimal})


def reads_floats(hint: Any) -> bool:
    """Say whether an annotation reads every number as a float."""
    return _NUMBERS.intersection(_types_in(hint)) == {float}


def _types_in(hint: Any, seen: tuple[Any, ...] = ()) -> Iterator[type[Any]]:
    """Give the classes in an annotation: those of unions and collections, and secrets in models.

    Other fields of a model do not count: the model writes and reads them by itself.
    """
    for part in get_args(hint):
        yield from _types_in(part, seen)
    kind = get_origin(hint) or hint
    if not isinstance(kind, type) or kind in seen:
        return
    yield kind
    if issubclass(kind, BaseModel):
        for field in kind.model_fields.values():
            inner = _types_in(field.annotation, (*seen, kind))
            yield from (part for part in inner if issubclass(part, SECRETS))


def _rewritten(hint: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Say whether a model in an annotation may write itself in a form that it does not read."""
    for kind in _types_in(hint, seen):
        if not issubclass(kind, BaseModel):
            continue
        made, items = kind.__pydantic_decorators__, kind.model_fields.values()
        if made.model_serializers or made.field_serializers or made.computed_fields:
            return True
        if any(f.exclude or _rewritten(f.annotation, (*seen, kind)) for f in items):
            return True
    return False


def _refuse_unkept(name: str, part: str, hint: Any) -> None:
    """Refuse a type that plain data cannot hold, before the effect has happened once."""
    remedy = "give plain data, an enum, a dataclass, a TypedDict or a pydantic model"
    for kind in _types_in(hint):
        if issubclass(kind, SECRETS):
            raise DesignError(
                f"effect {name!r}: {part} is a secret, and the state keeps none; take a "
                "quintet.state.Secret, a name by which the function finds it"
            )
        if issubclass(kind, NEVER_KEPT):
            raise DesignError(f"effect {name!r}: {part} ({kind.__name__}) cannot be kept; {remedy}")
    try:
        # Refuses what has no plain form.
        adapter(hint).json_schema(mode="serialization", schema_generator=_Quiet)
    except (PydanticUserError, TypeError) as problem:
        if isinstance(problem, PydanticUserError) and problem.code == "class-not-fully-defined":
            return  # a forward reference, which may be resolved by the time of the first call
        shown = getattr(hint, "__name__", hint)
        raise DesignError(f"effect {name!r}: {part} ({shown}) cannot be kept; {remedy}") from None
