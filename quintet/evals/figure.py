"""A figure with its interval: no number leaves the suite without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a metric says of a whole suite.

    Args:
        metric: the metric's name.
        value: the estimate; None where no case had anything to say.
        low, high: its interval, two-sided at `confidence`; None where there is no estimate.
        bound_low, bound_high: the one-sided bounds at `confidence`, which gates look at.
        confidence: such as 0.95.
        cases: how many cases had something to say.
        rows: how many runs of them; more than `cases` with repeats.
        errors: how often the metric raised; such a row counts as the worst score.
        better: `higher`, `lower` or `neither`.
        unit: `share` (0 to 1), `seconds`, `tokens`, `money`, `calls`, or a plain `number`.
        note: what a reader should know, such as how the interval was made.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    bound_low: float | None = None
    bound_high: float | None = None
    confidence: float = 0.95
    cases: int = 0
    rows: int = 0
    errors: int = 0
    better: Better = "higher"
    unit: str = "share"
    note: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.metric}: no case has anything to say"
        interval = f" {self.interval}" if self.interval else ""
        return f"{self.metric} {self.shown(self.value)}{interval} ({self.cases} cases)"

    @property
    def interval(self) -> str:
        """The interval as text, such as `[0.912, 0.954]`; empty where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"[{self.shown(self.low)}, {self.shown(self.high)}]"

    def shown(self, value: float) -> str:
        """A value of this figure's unit as text."""
        return f"{value:.3f}" if self.unit == "share" else f"{value:.4g}"
