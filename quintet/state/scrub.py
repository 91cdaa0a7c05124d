"""Look through packed data for secrets: mask what was revealed, refuse what would be written bare.

It works on msgpack, since LangGraph has then already taken every object apart. Bytes are searched
first, and taken apart again only where something is found.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import ormsgpack

from quintet.errors import DesignError
from quintet.state.record import SECRETS
from quintet.state.redact import has_revealed, redacted

_KEYS = ormsgpack.OPT_NON_STR_KEYS


class _Object(NamedTuple):
    """Hold an object that LangGraph has packed: the number of its form, and the data of that."""

    form: int
    data: bytes


def scrubbed(kind: str, data: bytes) -> bytes:
    """Give packed data with revealed values masked.

    Args:
        kind: LangGraph's name of the packing.
        data: the packed data.

    Raises:
        DesignError: it holds a pydantic secret, which LangGraph would write with its value, or a
            revealed value where no mask fits.
    """
    revealed = has_revealed(data)
    if kind == "msgpack" and (revealed or _names_secret(data)):
        data = _packed(_masked(_unpacked(data)))
    if revealed and has_revealed(data):
        raise DesignError(
            "the state holds the value of a secret inside bytes, where it cannot be masked; keep "
            "the Secret itself, and reveal it where it is used"
        )
    return data


def _names_secret(data: bytes) -> bool:
    # One search for pydantic's own three, since it is made for every value that is kept.
    return b"Secret" in data or any(name in data for name in _names() if b"Secret" not in name)


def _names() -> Iterator[bytes]:
    """Give the names of pydantic's secret types, and of all that inherit them."""
    kinds = list(SECRETS)
    while kinds:
        kind = kinds.pop()
        kinds.extend(kind.__subclasses__())
        yield kind.__name__.encode()


def _unpacked(data: bytes) -> Any:
    return ormsgpack.unpackb(data, ext_hook=_Object, option=_KEYS)


def _packed(value: Any) -> bytes:
    return ormsgpack.packb(value, option=_KEYS | ormsgpack.OPT_REPLACE_SURROGATES)


def _masked(value: Any) -> Any:
    if isinstance(value, _Object):  # before lists: it is a tuple
        return _masked_object(value)
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, list | tuple):  # a tuple is a key of a dict
        return type(value)(_masked(item) for item in value)
    if isinstance(value, dict):
        return {_masked(key): _masked(item) for key, item in value.items()}
    return value


def _masked_object(value: _Object) -> ormsgpack.Ext:
    try:
        parts = _unpacked(value.data)
    except ValueError:  # not LangGraph's: an object that another library packs
        return ormsgpack.Ext(value.form, value.data)
    match parts:
        case [str(module), str(name), *_] if _is_secret(module, name):
            raise DesignError(
                f"{module}.{name} is a secret, and LangGraph would write its value into the "
                "checkpoint; keep quintet.state.Secret('env:NAME') in the state, and reveal it "
                "where it is used"
            )
    return ormsgpack.Ext(value.form, _packed(_masked(parts)))


def _is_secret(module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    if isinstance(kind, type):
        return issubclass(kind, SECRETS)
    # One made inside a function, or a generic such as Secret[int], is found by its name.
    return any(name.encode() == known for known in _names())
