"""How checkpoints are written and read: plain data, a list of known types, never pickle."""

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

Allowed = type | tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A value that a store must keep as bytes, though it looks like plain text or a number."""

    value: Any


class StrictSerializer(JsonPlusSerializer):
    """LangGraph's serializer, which brings back only known types, and runs nothing else.

    Args:
        allow: classes or `(module, name)` pairs, beside the types that LangGraph calls safe.
    """

    def __init__(self, allow: Iterable[Allowed] = ()) -> None:
        super().__init__(
            pickle_fallback=False,
            allowed_json_modules=None,
            # None is the list of safe types alone; left out, it would mean "everything".
            allowed_msgpack_modules=[*_allowlist(allow), *map(_named, CARRIERS)],
        )

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Give the value as a type tag and bytes."""
        value = obj.value if isinstance(obj, Packed) else obj
        # Looked for only where it may be, since the walk costs: JSON has text and numbers that
        # msgpack has not. It refuses them, or LangGraph lets it write "?" for half a pair.
        try:
            kind, data = super().dumps_typed(value)
        except (TypeError, ValueError):
            return super().dumps_typed(_carried(value))
        if b"?" in data and _has_half(value):
            return super().dumps_typed(_carried(value))
        return kind, data


class Carrier:
    """A value that msgpack cannot hold, as another that it can. Read back, it is the value."""

    held: Any

    @classmethod
    def of(cls, held: Any) -> Carrier:
        """Make a carrier; calling the class gives what it carries."""
        made = object.__new__(cls)
        object.__setattr__(made, "held", held)
        return made


@dataclass(frozen=True, init=False)
class Whole(Carrier):
    """A whole number of more than 64 bits."""

    held: str

    def __new__(cls, held: str) -> int:  # type: ignore[misc]
        """Give the number."""
        return int(held, 16)


@dataclass(frozen=True, init=False)
class HalfPairs(Carrier):
    """Text with a half of a surrogate pair, which models send and UTF-8 has not."""

    held: str

    def __new__(cls, held: str) -> str:  # type: ignore[misc]
        """Give the text."""
        return bytes.fromhex(held).decode("utf-16-le", "surrogatepass")


@dataclass(frozen=True, init=False)
class Keyed(Carrier):
    """A dict of which a key must be carried, as its pairs."""

    held: list[Any]

    def __new__(cls, held: list[Any]) -> dict[Any, Any]:  # type: ignore[misc]
        """Give the dict."""
        return dict(held)


@dataclass(frozen=True, init=False)
class Said(Carrier):
    """A message of LangChain's, as JSON."""

    held: str

    def __new__(cls, held: str) -> BaseMessage:  # type: ignore[misc]
        """Give the message."""
        return messages_from_dict([json.loads(held)])[0]


CARRIERS: tuple[type[Carrier], ...] = (Whole, HalfPairs, Keyed, Said)

_MOST = 2**63
_HALF = re.compile("[\ud800-\udfff]")


def _has_half(value: Any) -> bool:
    """Say whether a text within has half a surrogate pair; most have not, and this is quick."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if not part.isascii() and _HALF.search(part):
                return True
        elif isinstance(part, dict):
            waiting.extend(part)
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)
        elif part is None or isinstance(part, int | float | bytes):
            continue  # before the classes below, to which asking costs more
        elif isinstance(part, BaseMessage):
            waiting.append(vars(part))
        elif isinstance(part, Send):
            waiting.append(part.arg)
        elif isinstance(part, Interrupt):
            waiting.append(part.value)
    return False


def _carried(value: Any) -> Any:
    """Put what msgpack cannot hold into carriers, wherever it is; the value itself if nothing."""
    if isinstance(value, dict):
        return _carried_dict(value)
    if isinstance(value, list | tuple):
        items = [_carried(item) for item in value]
        if all(one is other for one, other in zip(items, value, strict=True)):
            return value
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, int) and not -_MOST <= value < 2 * _MOST:
        return Whole.of(hex(value))
    if isinstance(value, str) and not value.isascii() and _HALF.search(value):
        return HalfPairs.of(value.encode("utf-16-le", "surrogatepass").hex())
    return _carried_object(value)


def _carried_dict(value: dict[Any, Any]) -> Any:
    pairs = [(key, item, _carried(key), _carried(item)) for key, item in value.items()]
    if all(key is one and item is other for key, item, one, other in pairs):
        return value
    if all(key is one for key, _, one, _ in pairs):
        return {key: other for key, _, _, other in pairs}
    return Keyed.of([[one, other] for _, _, one, other in pairs])


def _carried_object(value: Any) -> Any:
    """Carry what is within an object of LangGraph's or LangChain's that a state may hold."""
    if isinstance(value, Send) and (arg := _carried(value.arg)) is not value.arg:
        return Send(value.node, arg, timeout=value.timeout)
    if isinstance(value, Interrupt) and (asked := _carried(value.value)) is not value.value:
        return dataclasses.replace(value, value=asked)
    if isinstance(value, BaseMessage) and _carried(inside := vars(value)) is not inside:
        return Said.of(json.dumps(message_to_dict(value)))
    return value


def _allowlist(allow: Iterable[Allowed]) -> Sequence[tuple[str, str]]:
    if isinstance(allow, (str, type)) or not isinstance(allow, Iterable):
        raise CheckpointerError(f"allow= takes a list of classes or pairs, got {allow!r}.")
    return [_named(entry) for entry in allow]


def _named(entry: object) -> tuple[str, str]:
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
