"""Define an interval, and the checks that all statistics share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from statistics import NormalDist
from typing import Literal

from quintet.errors import DesignError

Sided = Literal["two", "lower", "upper"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A range that holds the true value in `confidence` of all repetitions of the measurement.

    `value in interval` asks whether a value lies in it, ends included; `str` gives
    `"[0.91, 0.95]"`. A one-sided bound has the end of the scale as its other end.

    Args:
        low: the lower end, in the unit of what was measured; `-inf` where nothing is known.
        high: the upper end; `inf` where nothing is known.
        confidence: the share of repetitions in which such a range holds the true value.

    Raises:
        DesignError: the ends are in the wrong order or not numbers.
    """

    low: float
    high: float
    confidence: float

    def __post_init__(self) -> None:
        if isnan(self.low) or isnan(self.high) or self.low > self.high:
            raise DesignError(
                f"Interval(low={self.low!r}, high={self.high!r}): give the lower end first, "
                "and two numbers"
            )

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.2f}, {self.high:.2f}]"

    @property
    def width(self) -> float:
        """Return the distance between the ends."""
        return self.high - self.low


def unknown(confidence: float) -> Interval:
    """Return the interval [-inf, inf] of a figure that too few data were seen for."""
    return Interval(low=float("-inf"), high=float("inf"), confidence=confidence)


def same_length(a: Sequence[object], b: Sequence[object], *names: str) -> None:
    """Refuse two sequences that do not give one value each per case.

    Raises:
        DesignError: their lengths differ.
    """
    if len(a) != len(b):
        raise DesignError(f"{len(a)} {names[0]} and {len(b)} {names[1]}: give one of each a case")


def checked_share(name: str, value: float) -> float:
    """Return a number that lies strictly between 0 and 1.

    Raises:
        DesignError: it does not.
    """
    if not 0 < value < 1:
        raise DesignError(f"{name}={value!r}: give a number between 0 and 1, such as 0.95")
    return value


def checked_number(name: str, value: float) -> float:
    """Return a finite number as a float; True and False count 1 and 0.

    Raises:
        DesignError: it is no number, or not finite.
    """
    if not isinstance(value, int | float) or not isfinite(value):
        raise DesignError(
            f"{name}={value!r}: give a finite number; count a missing score as a failure, "
            "or leave its case out on both sides"
        )
    return float(value)


def checked_side(sided: Sided) -> Sided:
    """Return the side of an interval that is asked for.

    Raises:
        DesignError: it is neither "two", "lower" nor "upper".
    """
    if sided not in ("two", "lower", "upper"):
        raise DesignError(f'sided={sided!r}: say "two", "lower" or "upper"')
    return sided


def tail(confidence: float, sided: Sided = "two") -> float:
    """Return the share of repetitions that may fall beyond one end.

    Raises:
        DesignError: the confidence is not between 0 and 1, or below 0.5 for a one-sided bound.
    """
    miss = 1 - checked_share("confidence", confidence)
    if checked_side(sided) == "two":
        return miss / 2
    if miss > 0.5:
        raise DesignError(f"confidence={confidence!r}: a bound on one side needs 0.5 or more")
    return miss


def deviate(confidence: float, sided: Sided = "two") -> float:
    """Return the standard errors from the middle to an end: 1.96 for 0.95, 1.64 if one-sided."""
    return -NormalDist().inv_cdf(tail(confidence, sided))


def cut(low: float, high: float, *, confidence: float, sided: Sided) -> Interval:
    """Return an interval cut to [0, 1]; an end that is not asked for is that end of the scale."""
    return Interval(
        low=0.0 if sided == "upper" else min(max(low, 0.0), 1.0),
        high=1.0 if sided == "lower" else max(min(high, 1.0), 0.0),
        confidence=confidence,
    )
