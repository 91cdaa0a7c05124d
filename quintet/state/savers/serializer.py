"""Write and read checkpoints: plain data and known types only, never pickle."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt, Send

from quintet.errors import CheckpointerError
from quintet.state.crypt import Sealed
from quintet.state.redact import redacted
from quintet.state.scrub import scrubbed
from quintet.state.secret import Secret, declaring_nothing

Allowed = type | tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Mark a value that a store must keep as bytes, though it is plain text or a number."""

    value: Any


class StrictSerializer(JsonPlusSerializer):
    """Serialize as LangGraph does, but bring back only known types and run no other code.

    Args:
        allow: classes or `(module, name)` pairs, beside the types that LangGraph calls safe.
    """

    def __init__(self, allow: Iterable[Allowed] = ()) -> None:
        super().__init__(
            pickle_fallback=False,
            allowed_json_modules=None,
            # A list adds to LangGraph's safe types; left out, every type would be brought back.
            allowed_msgpack_modules=[*_allowlist(allow), *map(_import_path, OWN)],
        )

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Give the value as a type tag and bytes, without the values of revealed secrets.

        Raises:
            DesignError: it holds a pydantic secret, which LangGraph would write with its value.
        """
        kind, data = self._dumped(obj)
        return kind, scrubbed(kind, data)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Give the value back.

        Raises:
            CheckpointerError: the data was cut or altered, or is of a kind that runs code.
        """
        try:
            with declaring_nothing():
                return super().loads_typed(data)
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            EOFError,
            NotImplementedError,
        ) as problem:
            raise CheckpointerError(
                f"a value kept as {data[0]!r} cannot be read ({problem}): it was cut or altered, "
                "or written by another program"
            ) from problem

    def _dumped(self, obj: Any) -> tuple[str, bytes]:
        value = obj.value if isinstance(obj, Packed) else obj
        # JSON has numbers and text that msgpack has not. It refuses them, or writes "?" for half a
        # surrogate pair. The walk through the value costs, so it is made only where one shows.
        try:
            kind, data = super().dumps_typed(value)
        except (TypeError, ValueError):
            return super().dumps_typed(_carried(value))
        if b"?" in data and _has_half(value):
            return super().dumps_typed(_carried(value))
        return kind, data


# A checkpoint names its carriers' classes: a class that is renamed could not be read back.
class Carrier:
    """Carry a value that msgpack cannot hold in one that it can; read back, it is the value."""

    held: Any

    @classmethod
    def of(cls, held: Any) -> Carrier:
        """Make a carrier; calling the class gives the carried value."""
        # Not by the class: LangGraph calls that with the fields to bring an object back.
        carrier = object.__new__(cls)
        object.__setattr__(carrier, "held", held)
        return carrier


@dataclass(frozen=True, init=False)
class Whole(Carrier):
    """Carry a whole number of more than 64 bits, as hexadecimal text."""

    held: str

    def __new__(cls, held: str) -> int:  # type: ignore[misc]
        """Give the number."""
        return int(held, 16)


@dataclass(frozen=True, init=False)
class HalfPairs(Carrier):
    """Carry text with half a surrogate pair, which models send and UTF-8 cannot hold."""

    held: str

    def __new__(cls, held: str) -> str:  # type: ignore[misc]
        """Give the text."""
        return bytes.fromhex(held).decode("utf-16-le", "surrogatepass")


@dataclass(frozen=True, init=False)
class Keyed(Carrier):
    """Carry a dict that has keys which msgpack cannot hold, as a list of its pairs."""

    held: list[Any]

    def __new__(cls, held: list[Any]) -> dict[Any, Any]:  # type: ignore[misc]
        """Give the dict."""
        return dict(held)


@dataclass(frozen=True, init=False)
class Said(Carrier):
    """Carry a LangChain message, as JSON."""

    held: str

    def __new__(cls, held: str) -> BaseMessage:  # type: ignore[misc]
        """Give the message."""
        return messages_from_dict([json.loads(held)])[0]


CARRIERS: tuple[type[Carrier], ...] = (Whole, HalfPairs, Keyed, Said)
OWN: tuple[type, ...] = (*CARRIERS, Secret, Sealed)

_MOST = 2**63
_HALF = re.compile("[\ud800-\udfff]")


def _has_half(value: Any) -> bool:
    """Say whether a text anywhere in a value has half a surrogate pair."""
    # A loop and no recursion, to be quick: this runs for each value with a "?" in it.
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            if not part.isascii() and _HALF.search(part):
                return True
        elif isinstance(part, dict):
            stack.extend(part)
            stack.extend(part.values())
        elif isinstance(part, list | tuple):
            stack.extend(part)
        elif part is None or isinstance(part, int | float | bytes):
            continue  # before the classes below, whose `isinstance` costs more
        elif isinstance(part, BaseMessage):
            stack.append(vars(part))
        elif isinstance(part, Send):
            stack.append(part.arg)
        elif isinstance(part, Interrupt):
            stack.append(part.value)
    return False


def _carried(value: Any) -> Any:
    """Put the parts that msgpack cannot hold into carriers; give the value itself if it has none.

    A new object therefore means that something within is carried.
    """
    if isinstance(value, dict):
        return _carried_dict(value)
    if isinstance(value, list | tuple):
        items = [_carried(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, int) and not -_MOST <= value < 2 * _MOST:
        return Whole.of(hex(value))
    if isinstance(value, str) and not value.isascii() and _HALF.search(value):
        return HalfPairs.of(redacted(value).encode("utf-16-le", "surrogatepass").hex())
    return _carried_object(value)


def _carried_dict(value: dict[Any, Any]) -> Any:
    pairs = [(key, item, _carried(key), _carried(item)) for key, item in value.items()]
    if all(key is new_key and item is new_item for key, item, new_key, new_item in pairs):
        return value
    if all(key is new_key for key, _, new_key, _ in pairs):
        return {key: new_item for key, _, _, new_item in pairs}
    return Keyed.of([[new_key, new_item] for _, _, new_key, new_item in pairs])


def _carried_object(value: Any) -> Any:
    """Carry values within a LangGraph or LangChain object that a state may hold."""
    if isinstance(value, Send) and (arg := _carried(value.arg)) is not value.arg:
        return Send(value.node, arg, timeout=value.timeout)
    if isinstance(value, Interrupt) and (packet := _carried(value.value)) is not value.value:
        return dataclasses.replace(value, value=packet)
    if isinstance(value, BaseMessage) and _carried(fields := vars(value)) is not fields:
        return Said.of(json.dumps(message_to_dict(value)))
    return value


def _allowlist(allow: Iterable[Allowed]) -> Sequence[tuple[str, str]]:
    if isinstance(allow, (str, type)) or not isinstance(allow, Iterable):
        raise CheckpointerError(f"allow= takes a list of classes or pairs, got {allow!r}.")
    return [_import_path(entry) for entry in allow]


def _import_path(entry: object) -> tuple[str, str]:
    if isinstance(entry, type):
        module, name = entry.__module__, entry.__name__
        if getattr(sys.modules.get(module), name, None) is not entry:
            raise CheckpointerError(
                f"allow= names {entry!r}, which cannot be found again as {module}.{name}: "
                "define it at the top level of a module."
            )
        return module, name
    match entry:
        case (str(module), str(name)):
            return module, name
    raise CheckpointerError(
        f"allow= holds {entry!r}; each entry must be a class or a (module, name) pair."
    )
