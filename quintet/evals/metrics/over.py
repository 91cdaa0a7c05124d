"""Hold a measure over all runs in two forms: of points, and of how often each point was drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from quintet.stats.weighted import Weighed

Points = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Over:
    """Compute a measure from points; a metric's `over`.

    Args:
        measure: of points; None where it is undefined.
        weighed: gives the same measure as a function of counts, for the bootstrap; it is asked
            only for points that have a value.
    """

    measure: Callable[[Points], float | None]
    weighed: Callable[[Points], Weighed]

    def __call__(self, points: Points) -> float | None:
        """Return the measure of points."""
        return self.measure(points)


def weighed_of(over: Any, points: Points) -> Weighed | None:
    """Return a measure of points as a function of counts; None where it has no such form."""
    make = getattr(over, "weighed", None)
    return None if make is None else make(points)
