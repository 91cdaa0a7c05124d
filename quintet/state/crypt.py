"""Encrypt what is kept, bound to the place where it is kept (AES-256-GCM).

Each thread has a key of its own, made from the given one. The place is authenticated with the
data: the tenant, the thread and more. Data that was altered or copied elsewhere cannot be opened.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from quintet.errors import CheckpointerError, MissingExtra
from quintet.state.secret import Secret

Key = bytes | Secret | None
"""A key of 32 bytes, or a Secret of them as base64 or hexadecimal; None stands for no encryption,
to read what was written before there was a key."""

TEXT = "quintet-sealed:"
"""Begins a sealed value that is kept as text."""

_ID, _NONCE = 4, 12


@dataclass(frozen=True)
class Sealed:
    """Hold a value that is encrypted.

    Args:
        held: the key's id, the nonce and the encrypted bytes.
    """

    held: bytes


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Seal with the first key, and open with any. Made by `keys_of`.

    Args:
        given: the keys, the one to seal with first.
        reads_clear: whether values that are not encrypted are accepted too.
    """

    given: tuple[bytes, ...] = field(repr=False)
    reads_clear: bool = False

    def sealed_first(self, text: str) -> bool:
        """Say whether sealed text was encrypted with the first of the keys."""
        return base64.b64decode(text.removeprefix(TEXT))[:_ID] == _id(self.given[0])

    def seal(self, data: bytes, place: Sequence[str]) -> bytes:
        """Encrypt data for a place, of which the first two parts are the tenant and the thread."""
        nonce = os.urandom(_NONCE)
        sealed = _cipher(self.given[0], *place[:2]).encrypt(nonce, data, _bound(place))
        return bytes(_id(self.given[0]) + nonce + sealed)

    def open(self, sealed: bytes, place: Sequence[str]) -> bytes:
        """Decrypt the data of a place.

        Raises:
            CheckpointerError: no key given has its id, or it was altered or is of another place.
        """
        from cryptography.exceptions import InvalidTag

        key = next((key for key in self.given if _id(key) == sealed[:_ID]), None)
        if key is None:
            known = ", ".join(_id(key).hex() for key in self.given)
            raise CheckpointerError(
                f"it is encrypted with the key {sealed[:_ID].hex()}, and key= has {known}: give "
                "that key too"
            )
        nonce = sealed[_ID : _ID + _NONCE]
        try:
            cipher = _cipher(key, *place[:2])
            return bytes(cipher.decrypt(nonce, sealed[_ID + _NONCE :], _bound(place)))
        except (InvalidTag, ValueError):
            raise CheckpointerError(
                "it was altered, or copied from another place, thread or tenant: it is not used"
            ) from None

    def seal_text(self, data: bytes, place: Sequence[str]) -> str:
        """Encrypt data for a place that takes only text."""
        return TEXT + base64.b64encode(self.seal(data, place)).decode()

    def open_text(self, text: str, place: Sequence[str]) -> bytes:
        """Decrypt the data of a place that takes only text.

        Raises:
            CheckpointerError: as `open` does.
        """
        try:
            sealed = base64.b64decode(text.removeprefix(TEXT), validate=True)
        except binascii.Error:
            sealed = b"\0" * _ID
        return self.open(sealed, place)

    def refuse_clear(self) -> None:
        """Refuse a value that is not encrypted, unless it may be.

        Raises:
            CheckpointerError: it says how to read it.
        """
        if not self.reads_clear:
            raise CheckpointerError(
                "it is not encrypted, and key= wants all that it reads to be; add None to the "
                "keys, key=[key, None], while there are threads from before there was a key"
            )


def keys_of(key: Key | Sequence[Key]) -> Keys | None:
    """Read the keys that a checkpointer is given; None where it is given none.

    Raises:
        CheckpointerError: one is no key, or there is only None.
        MissingExtra: the package that encrypts is not installed.
    """
    if key is None:
        return None
    listed = [key] if isinstance(key, bytes | Secret | str) else [*key]
    given = tuple(_read(item) for item in listed if item is not None)
    if not given:
        raise CheckpointerError("key= holds no key: leave it out where nothing is encrypted")
    try:
        import cryptography  # noqa: F401 - to say so now, and not at the first checkpoint
    except ImportError as problem:
        raise MissingExtra(
            f"key= needs a package that is not installed ({problem}): "
            'pip install "quintet[encrypt]"'
        ) from problem
    return Keys(given=given, reads_clear=None in listed)


def _read(key: Any) -> bytes:
    if isinstance(key, bytes) and len(key) == 32:
        return key
    if isinstance(key, Secret):
        text = key.reveal()
        for read in (bytes.fromhex, lambda t: base64.b64decode(t, validate=True)):
            try:
                found = read(text)
            except ValueError:
                continue
            if len(found) == 32:
                return bytes(found)
    shown = repr(key) if isinstance(key, Secret) else type(key).__name__
    raise CheckpointerError(
        f"key= holds {shown}, which is no key: give 32 bytes, as os.urandom(32) makes them, or a "
        "Secret of 32 bytes in base64 or hexadecimal"
    )


def hidden(text: str, place: Sequence[str], secret: bytes) -> str:
    """Give a digest in a text's place, by which only who has the secret can look it up."""
    return hmac.new(secret, _bound([*place, text]), "sha256").hexdigest()[:40]


@lru_cache(maxsize=64)
def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"quintet key id" + key).digest()[:_ID]


# A thread's own key also keeps the count of random nonces under one key low.
@lru_cache(maxsize=1024)
def _cipher(key: bytes, tenant: str, thread: str) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    own = hmac.digest(key, b"quintet thread" + _bound([tenant, thread]), "sha256")
    return AESGCM(own)


def _bound(place: Sequence[str]) -> bytes:
    return json.dumps([*place]).encode()
