"""Define metrics: how one run is scored, and how the scores add up over a suite."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, get_args

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.figure import Better
from quintet.evals.row import Score, Share
from quintet.evals.trajectory import Trajectory
from quintet.state.record import plain
from quintet.state.verdict import name_of

Scorer = Callable[[Case, Trajectory], Score | Awaitable[Score]]
"""A plain or async function of a case and its trajectory."""

Unit = Literal["share", "seconds", "tokens", "money", "calls", "number"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Score runs, and sum the scores up. Without `over` the value is a ratio of sums.

    The ratio is the sum of all parts divided by the sum of all wholes.

    Args:
        name: the name in reports and gates, such as `routing_accuracy`.
        score: scores one run: returns True or False, a number, a `Share`, or None where the metric
            does not apply; with `over`, a tuple for it.
        over: computes the value from all tuples, for measures that are no ratio (macro-F1, AURC);
            returns None where it is undefined. For a ratio over cases instead of runs (pass^k) it
            also has `parts`, a function of `(cluster, tuple)` pairs that returns
            `(cluster, part, whole)` by case.
        better: `higher`, `lower`, or `neither` where a figure only informs.
        unit: `share`, `seconds`, `tokens`, `money`, `calls` or `number`.
        about: the definition in a sentence or two, and its source.

    Raises:
        DesignError: no name, a `score` or `over` that is no function, or an unknown `better` or
            `unit`.
    """

    name: str
    score: Scorer
    over: Callable[[Sequence[tuple[Any, ...]]], float | None] | None = None
    better: Better = "higher"
    unit: Unit = "share"
    about: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise DesignError(f"Metric(name={self.name!r:.60}): give the metric a name")
        if not callable(self.score) or not (self.over is None or callable(self.over)):
            odd = "over" if callable(self.score) else "score"
            raise DesignError(
                f"Metric {self.name!r}: {odd}={getattr(self, odd)!r:.60} is no function; give one"
            )
        for name, known in (("better", get_args(Better)), ("unit", get_args(Unit))):
            if getattr(self, name) not in known:
                raise DesignError(
                    f"Metric {self.name!r}: {name}={getattr(self, name)!r:.60}; give one of "
                    f"{', '.join(known)}"
                )

    @property
    def worst(self) -> tuple[Any, ...] | None:
        """Return the score of a run at which the metric raised; None if none is the worst."""
        if self.over is not None or self.unit != "share" or self.better == "neither":
            return None
        return (0.0, 1.0) if self.better == "higher" else (1.0, 1.0)

    def kept(self, score: Any) -> tuple[Any, ...] | None:
        """Return a score in the form that a row keeps: `(part, whole)`, or a tuple for `over`.

        Raises:
            DesignError: it is no score, or holds what a row cannot keep, such as a NaN.
        """
        if score is None:
            return None
        if isinstance(score, Share):
            point: tuple[Any, ...] = (score.part, score.whole)
        elif isinstance(score, tuple):
            point = score
        else:
            point = (score, 1.0)
        if self.over is not None and isinstance(score, tuple):
            if any(type(item) not in _SIMPLE and not _is_plain(item) for item in point):
                raise self._no_score(score)
            return point
        numbers = tuple(map(_number, point))
        if len(numbers) != 2 or None in numbers or (numbers[1] or 0.0) < 0:
            raise self._no_score(score)
        return numbers

    def _no_score(self, score: Any) -> DesignError:
        form = "a tuple of plain data" if self.over is not None else "a Share"
        return DesignError(
            f"metric {self.name!r} returned {score!r:.60}; return True or False, a finite number, "
            f"{form}, or None"
        )


_SIMPLE = frozenset({str, bool, type(None)})


def _number(value: Any) -> float | None:
    """Return a finite number as a float; None for anything else."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()  # numpy's; its bool is no bool of Python's
    if not isinstance(value, bool | int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, int | float):
        return _number(value) is not None
    try:
        plain(value)
    except DesignError:
        return False
    return True


def as_metric(metric: Metric | Scorer) -> Metric:
    """Return a metric as it is, or make one of a function, under the function's name.

    Raises:
        DesignError: neither.
    """
    if isinstance(metric, Metric):
        return metric
    if not callable(metric):
        raise DesignError(f"{metric!r:.60} is no metric; give a Metric or a function")
    about = (inspect.getdoc(metric) or "").partition("\n")[0]
    return Metric(name=name_of(metric), score=metric, about=about)
