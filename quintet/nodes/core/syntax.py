"""Parse Python while other threads do so too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_TRIES = 20


def parsed(parse: Callable[[], T]) -> T:
    """Give what `ast.parse` or `ast.literal_eval` gives, called again where threads got in its way.

    CPython 3.11 and 3.12 count the depth of the tree once for all threads. A thread that is let in
    meanwhile, by a callback of the garbage collector for one, leaves a wrong count, and right
    source ends in a `SystemError` (python/cpython#106905).
    """
    for _ in range(_TRIES - 1):
        try:
            return parse()
        except SystemError:
            continue
    return parse()
