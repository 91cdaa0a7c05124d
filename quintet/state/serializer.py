"""How checkpoints are written and read: plain data, a list of known types, never pickle."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

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
            allowed_msgpack_modules=_allowlist(allow) or None,
        )

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The value as a type tag and bytes."""
        return super().dumps_typed(obj.value if isinstance(obj, Packed) else obj)


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
