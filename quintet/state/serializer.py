"""How checkpoints are written and read: plain data, a list of known types, never pickle."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt, Send

from quintet.state.errors import CheckpointerError

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
            allowed_msgpack_modules=[*_allowlist(allow), *map(_named, (Whole, HalfPairs))],
        )

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Give the value as a type tag and bytes."""
        value = obj.value if isinstance(obj, Packed) else obj
        try:
            return super().dumps_typed(value)
        except (TypeError, ValueError):
            # Only now, since the walk costs: JSON has numbers and text that msgpack has not.
            return super().dumps_typed(_carried(value))


class Carrier:
    """A value that msgpack cannot hold, as text. Read back, it is the value itself."""

    text: str

    @classmethod
    def of(cls, text: str) -> Carrier:
        """Make a carrier; calling the class gives what it carries."""
        made = object.__new__(cls)
        object.__setattr__(made, "text", text)
        return made


@dataclass(frozen=True, init=False)
class Whole(Carrier):
    """A whole number of more than 64 bits."""

    text: str

    def __new__(cls, text: str) -> int:  # type: ignore[misc]
        """Give the number."""
        return int(text, 16)


@dataclass(frozen=True, init=False)
class HalfPairs(Carrier):
    """Text with a half of a surrogate pair, which models send and UTF-8 has not."""

    text: str

    def __new__(cls, text: str) -> str:  # type: ignore[misc]
        """Give the text."""
        return bytes.fromhex(text).decode("utf-16-le", "surrogatepass")


_MOST = 2**63


def _carried(value: Any) -> Any:
    """Put what msgpack cannot hold into carriers, wherever it is in a state."""
    if isinstance(value, dict):
        return {key: _carried(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_carried(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, Send):
        return Send(value.node, _carried(value.arg), timeout=value.timeout)
    if isinstance(value, Interrupt):
        return dataclasses.replace(value, value=_carried(value.value))
    if isinstance(value, int) and not -_MOST <= value < 2 * _MOST:
        return Whole.of(hex(value))
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return HalfPairs.of(value.encode("utf-16-le", "surrogatepass").hex())
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
