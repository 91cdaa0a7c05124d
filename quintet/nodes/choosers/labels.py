"""Check labelled examples, and the promise asked of them, before anything is fitted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from quintet.errors import DesignError, MissingExtra

AT_LEAST = 0.8
"""The accuracy that a learned chooser promises by default."""

OUT_OF_SCOPE = 0.15
"""The share of messages that are expected to belong to no route, by default."""

FEW_PER_ROUTE = 20
"""With at most this many examples a route, the routes' names may be training texts too."""

MAX_CHARACTERS = 4000
"""Characters of a text that are read; the rest is ignored."""

Pair = tuple[str, str | None]
_WORDS = re.compile(r"[^\W_]+")
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def sendable(text: str) -> str:
    """Cut a text to the part that is read, with "?" for what UTF-8 cannot encode."""
    # JSON may hold half a surrogate pair, which no client of an embedding service can send.
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def spell_out(route: str) -> str:
    """Write a route's name as people would: `transfer_funds` is "transfer funds"."""
    return " ".join(_WORDS.findall(_CAMEL_CASE.sub(" ", route)))


def check_pairs(pairs: Iterable[Any]) -> list[Pair]:
    """Return `(text, route)` pairs as strings, the route or None; refuse anything else.

    Raises:
        DesignError: something that is no such pair, such as the NaN of an empty cell.
    """
    if isinstance(pairs, Mapping) or not isinstance(pairs, Iterable):
        raise DesignError(
            f"{pairs!r:.60} is no list of (text, route) pairs; give one, such as the "
            "items() of a dict"
        )
    return [_pair(item) for item in pairs]


def _pair(item: Any) -> Pair:
    # A text of two characters would unpack into a pair.
    if isinstance(item, str | Mapping) or not isinstance(item, Sequence) or len(item) != 2:
        raise DesignError(f"{item!r:.60} is not one of (text, route) pairs")
    text, route = item
    if not isinstance(text, str) or not (route is None or isinstance(route, str)):
        raise DesignError(
            f"{item!r:.60} is not one of (text, route) pairs; both are texts, and the "
            "route is None for a text that belongs to none"
        )
    # An enum's member is a text whose `str` may be another.
    return str.__str__(text), None if route is None else str.__str__(route)


def check_texts(texts: Iterable[str], name: str) -> list[str]:
    """Return messages as a list; refuse a single text, which would be read by its letters.

    Raises:
        DesignError: it is no list of texts.
    """
    listed = [] if isinstance(texts, str) else list(texts)
    if isinstance(texts, str) or not all(isinstance(text, str) for text in listed):
        raise DesignError(f"{name}({texts!r:.60}): give a list of texts")
    return listed


def check_at_least(at_least: float | None) -> float | None:
    """Return a promised accuracy; refuse a number outside 0 to 1."""
    if at_least is not None and not (_is_number(at_least) and 0 <= at_least <= 1):
        raise DesignError(f"at_least={at_least!r}: give a number from 0 to 1, or None")
    return None if at_least is None else float(at_least)


def checked_share(out_of_scope: float) -> float:
    """Return a share of messages; refuse a number outside 0 to under 1."""
    if not (_is_number(out_of_scope) and 0 <= out_of_scope < 1):
        raise DesignError(f"out_of_scope={out_of_scope!r}: give a share from 0 to under 1")
    return float(out_of_scope)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def require_sklearn() -> None:
    """Refuse to go on without scikit-learn, the extra `learn`."""
    try:
        import sklearn.svm  # noqa: F401
    except ImportError as problem:
        raise MissingExtra(
            'by_examples needs scikit-learn: pip install "quintet[learn]"'
        ) from problem
