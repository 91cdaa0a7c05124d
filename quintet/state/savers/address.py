"""Take a checkpointer's URL apart, and keep its password out of messages."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote

from quintet.errors import CheckpointerError

SCHEMES = ("memory", "sqlite", "postgresql")
ALIASES = {"postgres": "postgresql"}
SHAPES = (
    "memory://, sqlite:///file.db (absolute: sqlite:////folder/file.db), postgresql://user@host/db"
)

_PASSWORD = re.compile(r"(?i)([^?&=]*password=)[^&]*")


@dataclass(frozen=True, kw_only=True)
class Address:
    """The parts of a checkpointer's URL.

    Args:
        scheme: one of `SCHEMES`.
        place: the text between `://` and `?`.
        options: the options after `?`.
        shown: the URL without passwords, for messages.
    """

    scheme: str
    place: str
    options: dict[str, str]
    shown: str

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Raise `CheckpointerError` for the first option that is not in `known`."""
        for name in self.options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                remedy = f"did you mean {near[0]!r}?" if near else "remove it."
                raise CheckpointerError(
                    f"Unknown option {name!r} in {self.shown!r}; "
                    f"known here: {', '.join(sorted(known)) or 'none'}; {remedy}"
                )

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        """Read an option as a number from `low` to `high`; give the default where it is left out.

        An `int` as default asks for a whole number.

        Raises:
            CheckpointerError: the text is no such number.
        """
        text = self.options.get(name, str(default))
        try:
            value = type(default)(text)
        except ValueError:
            value = math.nan  # which is in no range
        if not low <= value <= high:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise CheckpointerError(
                f"Option {name!r} in {self.shown!r} is {text!r}; "
                f"it must be {kind} from {low:g} to {high:g}, such as {name}={default:g}."
            )
        return value

    def choice(self, name: str, default: str, among: Collection[str]) -> str:
        """Read an option as one of the words `among`; give the default where it is left out."""
        value = self.options.get(name, default).lower()
        if value not in among:
            raise CheckpointerError(
                f"Option {name!r} in {self.shown!r} is {value!r}; "
                f"it must be one of: {', '.join(among)}."
            )
        return value


def read_address(url: object) -> Address:
    """Take a checkpointer URL apart.

    Raises:
        CheckpointerError: not a string, no scheme, or an unknown scheme; the message names the
            three that exist and the one that was probably meant.
    """
    if not isinstance(url, str) or not url.strip():
        raise CheckpointerError(f"A checkpointer URL must be a string, got {url!r}; use {SHAPES}.")
    url = url.strip()
    word, colon, rest = url.partition("://")
    scheme = ALIASES.get(word.lower(), word.lower())
    # A SQLite path has no password, and may hold an `@` or a `:` of its own.
    shown = url if scheme == "sqlite" else _without_password(url)
    if not colon or scheme not in SCHEMES:
        raise CheckpointerError(f"Cannot open a checkpointer at {shown!r}: {_suggestion(shown)}")
    place, _, query = rest.partition("?")
    return Address(scheme=scheme, place=place, options=_options(query), shown=shown)


def _options(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    # `+` stays `+`: libpq does not read it as a space either.
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _without_password(url: str) -> str:
    scheme, colon, rest = url.partition("://") if "://" in url else ("", "", url)
    rest = _PASSWORD.sub(r"\1***", rest)
    # From the right: a password may hold an `@` that is not percent-encoded.
    login, at, host = rest.rpartition("@")
    if at:
        user, secret, _ = login.partition(":")
        rest = f"{user}:***@{host}" if secret else rest
    return f"{scheme}{colon}{rest}"


def _suggestion(shown: str) -> str:
    """Guess the URL that was meant by one that cannot be read."""
    word, colon, rest = shown.partition(":")
    first = re.split(r"[+/]", word.lower())[0]
    near = difflib.get_close_matches(first, (*SCHEMES, *ALIASES), n=1)
    path = rest.lstrip("/")
    if shown == ":memory:" or near == ["memory"]:
        hint = "did you mean 'memory://'?"
    elif near == ["sqlite"] and colon:
        hint = f"did you mean {'sqlite:///' + path!r}?"
        if rest.startswith("/"):
            hint += f" (for an absolute path: {'sqlite:////' + path!r})"
    elif near and colon:
        hint = f"did you mean {'postgresql://' + path!r}?"
    elif not colon or word in ("", "file"):
        hint = f"for a SQLite file write {'sqlite:///' + (rest if word == 'file' else shown)!r}."
    else:
        hint = f"there is no scheme {word!r}."
    return f"{hint} The three that exist: {SHAPES}."
