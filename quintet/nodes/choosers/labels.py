"""Labelled examples and what is asked of them, checked before anything is fitted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from quintet.errors import DesignError, MissingExtra

AT_LEAST = 0.8
"""The promise of a learned chooser that is asked for no other."""

OUTSIDE = 0.15
"""The share of messages that belong to nobody, where nothing else is said."""

FEW = 20
"""Examples a route up to which the names of the routes may teach too."""

READ = 4000
"""Characters of a text that are read."""

Pair = tuple[str, str | None]
_WORDS = re.compile(r"[^\W_]+")
_JOINT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def legible(text: str) -> str:
    """The part of a text that is read, without what no encoding can hold."""
    return text[:READ].encode("utf-8", "replace").decode("utf-8")


def named(route: str) -> str:
    """The name of a route as people would write it: `transfer_funds` is "transfer funds"."""
    return " ".join(_WORDS.findall(_JOINT.sub(" ", route)))


def paired(given: Iterable[Any]) -> list[Pair]:
    """The pairs, checked."""
    pairs = list(given)
    if odd := [item for item in pairs if isinstance(item, str) or len(item) != 2]:
        raise DesignError(f"by_examples: {odd[0]!r:.60} is not one of (text, route) pairs")
    return [(str(text), None if route is None else str(route)) for text, route in pairs]


def checked(at_least: float | None) -> float | None:
    """A promise that is a share, or None."""
    if at_least is not None and not 0 <= at_least <= 1:
        raise DesignError(f"by_examples(at_least={at_least!r}): give a number from 0 to 1, or None")
    return at_least


def checked_share(out_of_scope: float) -> float:
    """A share of messages that leaves some."""
    if not 0 <= out_of_scope < 1:
        raise DesignError(
            f"by_examples(out_of_scope={out_of_scope!r}): give a share from 0 to under 1"
        )
    return out_of_scope


def extra() -> None:
    """Make sure that scikit-learn is there."""
    try:
        import sklearn.svm  # noqa: F401
    except ImportError as problem:
        raise MissingExtra(
            'by_examples needs scikit-learn: pip install "quintet[learn]"'
        ) from problem
