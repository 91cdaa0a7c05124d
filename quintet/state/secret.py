"""Refer to a secret by where it is found, so that nothing that is kept holds its value."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from quintet.errors import DesignError
from quintet.state.redact import note_revealed

Resolver = Callable[[str], str]

_declared: set[str] = set()
_resolvers: dict[str, Resolver] = {}


class _Reading(threading.local):
    """Say of this thread whether it reads what somebody else has written."""

    now = False


_reading = _Reading()


@contextmanager
def declaring_nothing() -> Iterator[None]:
    """Let references be made that no code has declared: those of a checkpoint or a text."""
    before, _reading.now = _reading.now, True
    try:
        yield
    finally:
        _reading.now = before


@dataclass(frozen=True, kw_only=True, init=False, repr=False)
class Secret:
    """Refer to a secret; its value is looked up where it is used, by `reveal()`.

    `Secret("env:STRIPE_KEY")` is an environment variable, `Secret("file:/run/secrets/stripe")` the
    text of a file. `Secret.resolver("vault", function)` adds a scheme: `Secret("vault:stripe")`
    then calls the function with `"stripe"`.

    State, checkpoints, the journal, packets and logs hold the reference. A value that was revealed
    is masked in all that this process writes from then on, if it has at least 8 letters.

    A reference that comes as text, from a state or a model, is accepted only where code of this
    process has made a `Secret` of it, so that a model cannot choose which file or variable is read.
    A scheme of your own is left to its function, which may refuse.

    Args:
        reference: the scheme and the place, with a colon between.

    Raises:
        DesignError: it is no reference. The text is not shown, since it may be a value.
    """

    reference: str

    def __init__(self, reference: str) -> None:
        # A stored reference may be of a scheme that is added only later.
        fits = _is_reference(reference) if _reading.now else _is_known(reference)
        if not fits:
            raise _no_reference()
        object.__setattr__(self, "reference", reference)
        if not _reading.now:
            _declared.add(reference)

    @classmethod
    def resolver(cls, scheme: str, function: Resolver) -> None:
        """Add a scheme whose secrets a function finds, such as in a vault.

        Raises:
            DesignError: the scheme is no word, or one of Quintet's own.
        """
        if not scheme.isidentifier() or scheme in ("env", "file"):
            raise DesignError(f"Secret.resolver({scheme!r}): give a word other than env and file")
        _resolvers[scheme] = function

    @property
    def name(self) -> str:
        """Give the name that stands for the secret in a mask: the last part of the reference."""
        return self.reference.partition(":")[2].rstrip("/").rpartition("/")[2] or "secret"

    def reveal(self) -> str:
        """Look the value up, and mask it from now on wherever it would be written.

        Raises:
            DesignError: the reference was not declared by code, or there is no such secret.
        """
        self.require_declared()
        scheme, _, place = self.reference.partition(":")
        if scheme == "env":
            value = os.environ.get(place)
        elif scheme == "file":
            value = self._in_file(place)
        elif scheme in _resolvers:
            value = _resolvers[scheme](place)
        else:
            raise DesignError(
                f"{self!r}: nothing knows the scheme {scheme!r}; add it by "
                f"Secret.resolver({scheme!r}, function)"
            )
        if not isinstance(value, str) or not value:
            raise DesignError(
                f"{self!r} cannot be found, or is empty: set it where the run goes on"
            )
        note_revealed(value, self.name)
        return value

    def _in_file(self, path: str) -> str | None:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise DesignError(f"{self!r} cannot be read: {type(problem).__name__}") from None

    def require_declared(self) -> None:
        """Refuse a reference to a file or variable that no code of this process has named.

        Raises:
            DesignError: it names the reference and the remedy.
        """
        scheme = self.reference.partition(":")[0]
        if scheme in ("env", "file") and self.reference not in _declared:
            raise DesignError(
                f"{self!r} comes from a text, and no code of this process has declared it; write "
                f"Secret({self.reference!r}) in a module that is imported here"
            )

    def __str__(self) -> str:
        return self.reference

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    # Whoever unpickles runs the pickle's code anyway: another process's declaration holds.
    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (self.reference,)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.no_info_plain_validator_function(_from_text)
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema([core_schema.str_schema(), text]),
            python_schema=text,
            serialization=core_schema.to_string_ser_schema(),
        )


def _from_text(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    try:
        if not _is_known(value):
            raise _no_reference()
        with declaring_nothing():
            secret = Secret(value)
        secret.require_declared()
    except DesignError as problem:
        raise ValueError(str(problem)) from None
    return secret


_SHAPE = re.compile(r"([A-Za-z_]\w*):\S.*")


def _is_reference(text: Any) -> bool:
    return isinstance(text, str) and _SHAPE.fullmatch(text) is not None


def _is_known(text: Any) -> bool:
    """Say whether a text is a reference of a scheme that this process knows."""
    if not _is_reference(text):
        return False
    scheme, _, place = text.partition(":")
    return scheme in ("env", *_resolvers) or (scheme == "file" and place.startswith("/"))


def _no_reference() -> DesignError:
    # A value that was given by mistake must not get into an error text.
    return DesignError(
        "a Secret takes a reference, such as 'env:NAME', 'file:/absolute/path', or one of a scheme "
        "that Secret.resolver has added before; the text given is none (it is not shown, since it "
        "may be a secret itself)"
    )
