"""Bound a mean so that the bound may be looked at after every value, and acted on at any time."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log, sqrt
from typing import Any

from quintet.errors import DesignError

POINTS = 1000
"""Means between 0 and 1 against which is bet; a bound is rounded outwards to one of them."""
STAKE = 0.5
"""The share of the capital that one value may cost at most."""

CERTAIN = 1e300
"""The bet against a mean that any other value contradicts."""


@dataclass(kw_only=True)
class Anytime:
    """Bound the mean of values between 0 and 1 while they come, by betting.

    For every mean that is thinkable, money is bet that the values lie above it, and that they lie
    below. Whoever bets against the true mean multiplies the money by 20 with a chance of 1 in 20
    at most, however often one looks (Ville's inequality). So a mean against which the money has
    grown to `1 / (1 - confidence)` is ruled out for good: each of the two bounds holds at all times
    at once with `confidence`. The bets are those of Waudby-Smith and Ramdas 2024, "Estimating means
    of bounded random variables by betting" (JRSS B 86, arXiv 2010.09686): a predictable plug-in of
    the variance so far, truncated.

    It is assumed that each value's mean, given those before it, is the one that is bounded; neither
    independence nor a distribution is. Where the mean drifts, a limit that is ruled out was
    not kept by all of them.

    Args:
        confidence: of each bound.
        limit: a mean that is also bet against, exactly, such as a gate's.
    """

    confidence: float = 0.95
    limit: float | None = None
    count: int = field(default=0, init=False)
    mean: float = field(default=0.0, init=False)
    _spread: float = field(default=0.25, init=False, repr=False)
    _grid: Any = field(init=False, repr=False)
    _above: Any = field(init=False, repr=False)
    _below: Any = field(init=False, repr=False)
    _out: tuple[Any, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import numpy as np

        if not 0 < self.confidence < 1:
            raise DesignError(f"Anytime(confidence={self.confidence!r}): give one between 0 and 1")
        if self.limit is not None and not 0 <= self.limit <= 1:
            raise DesignError(f"Anytime(limit={self.limit!r}): give a mean from 0 to 1")
        own = [] if self.limit is None else [self.limit]
        self._grid = np.unique(np.concatenate([np.linspace(0, 1, POINTS + 1), own]))
        self._above, self._below = np.zeros(len(self._grid)), np.zeros(len(self._grid))
        self._out = (self._above > 1, self._below > 1)

    def add(self, value: float) -> None:
        """Take the next value.

        Raises:
            DesignError: it is not between 0 and 1.
        """
        import numpy as np

        if not 0 <= value <= 1:
            raise DesignError(f"Anytime.add({value!r}): give a number from 0 to 1")
        need = log(1 / (1 - self.confidence))
        # The bet on a value is made before it is seen, by those before it alone.
        n = self.count + 1
        bet = sqrt(2 * need / (self._spread * log(n + 1)))
        away = value - self._grid
        # A mean of 0 or 1 leaves no choice: one other value rules it out, whatever was bet.
        with np.errstate(divide="ignore", over="ignore"):
            up = np.where(self._grid > 0, np.minimum(bet, STAKE / self._grid), CERTAIN)
            down = np.where(self._grid < 1, np.minimum(bet, STAKE / (1 - self._grid)), CERTAIN)
        self._above += np.log1p(up * away)
        self._below += np.log1p(-down * away)
        self._out = (self._out[0] | (self._above >= need), self._out[1] | (self._below >= need))
        guess = (0.5 + self.mean * self.count + value) / (n + 1)
        self.mean += (value - self.mean) / n
        self.count = n
        self._spread += (value - guess) ** 2

    @property
    def low(self) -> float:
        """Return the lower bound: with `confidence` the mean is above it, at all times."""
        return self._end(self._out[0], last=False)

    @property
    def high(self) -> float:
        """Return the upper bound: with `confidence` the mean is below it, at all times."""
        return self._end(self._out[1], last=True)

    @property
    def exceeds(self) -> bool:
        """Say whether the mean is proven to lie above the limit."""
        return self._at_limit(self._out[0])

    @property
    def falls_short(self) -> bool:
        """Say whether the mean is proven to lie below the limit."""
        return self._at_limit(self._out[1])

    def _end(self, out: Any, *, last: bool) -> float:
        left = [*(~out).nonzero()[0]]
        if not left:
            return float(self.mean)
        # The true bound lies between the last mean that is left and the first that is ruled out.
        place = min(left[-1] + 1, len(out) - 1) if last else max(left[0] - 1, 0)
        return float(self._grid[place])

    def _at_limit(self, out: Any) -> bool:
        if self.limit is None:
            return False
        return bool(out[int(self._grid.searchsorted(self.limit))])
