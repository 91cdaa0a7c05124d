"""A metric: how one run is scored, and what that says of a whole suite."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.figure import Better
from quintet.evals.row import Score, Share
from quintet.evals.trajectory import Trajectory
from quintet.state.verdict import name_of

Scorer = Callable[[Case, Trajectory], Score | Awaitable[Score]]
"""A plain or async function of a case and its trajectory."""

Unit = Literal["share", "seconds", "tokens", "money", "calls", "number"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A measure. Without `over` it is a ratio of sums: all parts by all wholes.

    Args:
        name: as it stands in reports and gates, such as `routing_accuracy`.
        score: what one run says: True or False, a number, a `Share`, or None where the metric
            does not apply; with `over`, a tuple of what that needs.
        over: the value over all tuples, for measures that are no ratio (macro-F1, AURC); it
            returns None where they say nothing. One that is a ratio over cases, not over runs
            (pass^k), also has `parts`, a function of `(cluster, tuple)` pairs that returns
            `(cluster, part, whole)` by case.
        better: `higher`, `lower`, or `neither` where a figure only informs.
        unit: `share`, `seconds`, `tokens`, `money`, `calls` or `number`.
        about: the definition in a sentence or two, and its source.

    Raises:
        DesignError: an empty name.
    """

    name: str
    score: Scorer
    over: Callable[[Sequence[tuple[Any, ...]]], float | None] | None = None
    better: Better = "higher"
    unit: Unit = "share"
    about: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DesignError("Metric(name=''): give the metric a name")

    @property
    def worst(self) -> tuple[Any, ...] | None:
        """What a run counts as where scoring it raised; None where no worst exists."""
        if self.over is not None or self.unit != "share" or self.better == "neither":
            return None
        return (0.0, 1.0) if self.better == "higher" else (1.0, 1.0)

    def kept(self, score: Any) -> tuple[Any, ...] | None:
        """A score in the form that a row keeps.

        Raises:
            DesignError: it is none of the forms of a score.
        """
        if score is None or isinstance(score, tuple):
            return score
        if isinstance(score, Share):
            return (float(score.part), float(score.whole))
        if isinstance(score, bool | int | float):
            return (float(score), 1.0)
        raise DesignError(
            f"metric {self.name!r} returned {score!r:.60}; return True or False, a number, a "
            "Share, or None"
        )


def as_metric(given: Metric | Scorer) -> Metric:
    """A metric as it is; a function becomes one under its own name.

    Raises:
        DesignError: neither.
    """
    if isinstance(given, Metric):
        return given
    if not callable(given):
        raise DesignError(f"{given!r:.60} is no metric; give a Metric or a function")
    about = (inspect.getdoc(given) or "").partition("\n")[0]
    return Metric(name=name_of(given), score=given, about=about)
