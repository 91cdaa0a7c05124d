"""Call an effect's receiver, where a test may stand in between and count what has happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Deed:
    """An effect that is about to happen.

    Args:
        name: the effect's name; that of an undo has `undo ` before it.
        key: the action's key.
        receiver: the key by which the receiver knows a repeat; empty where it is given none.
    """

    name: str
    key: str
    receiver: str = ""


Between = Callable[[Deed, Callable[..., Any]], Callable[..., Any]]
"""Gives the function to call in place of an effect's; async where that is async."""

# Seen wherever effects work at all: they too find their attempt by a context variable.
_between: ContextVar[Between | None] = ContextVar("quintet_receiver", default=None)


def received(deed: Deed, function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the function that does a deed: as it is, unless a test stands in between."""
    between = _between.get()
    return function if between is None else between(deed, function)


@contextmanager
def standing_between(between: Between) -> Iterator[None]:
    """Stand between all effects and their receivers, in this context."""
    token = _between.set(between)
    try:
        yield
    finally:
        _between.reset(token)
