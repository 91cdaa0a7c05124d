"""Hold figures with their intervals: no number leaves the suite without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A metric's value over a whole suite, with its interval.

    Args:
        metric: the metric's name.
        value: the estimate; None where the metric applied to no case.
        low, high: the two-sided interval at `confidence`; None where none can be drawn.
        bound_low, bound_high: the one-sided bounds at `confidence`, which gates look at.
        confidence: such as 0.95.
        cases: the number of cases that the metric applied to.
        rows: the number of their runs; more than `cases` with repeats.
        errors: the number of runs at which the metric raised; each counts as the worst score, where
            there is one.
        left_out: the number of runs at which it raised and that no worst score stands for; a gate
            on the figure does not pass.
        better: `higher`, `lower` or `neither`.
        unit: `share` (0 to 1), `seconds`, `tokens`, `money`, `calls`, or a plain `number`.
        note: a remark for the reader, such as why there is no interval.
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
    left_out: int = 0
    better: Better = "higher"
    unit: str = "share"
    note: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.metric}: no case has anything to say"
        interval = f" {self.interval}" if self.interval else ""
        lost = f", {self.left_out} runs left out" if self.left_out else ""
        return f"{self.metric} {self.shown(self.value)}{interval} ({self.cases} cases{lost})"

    @property
    def interval(self) -> str:
        """Write the interval as text, such as `[0.912, 0.954]`; empty where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"[{self.shown(self.low)}, {self.shown(self.high)}]"

    def shown(self, value: float) -> str:
        """Write a value of this figure's unit as text."""
        return f"{value:.3f}" if self.unit == "share" else f"{value:.4g}"
