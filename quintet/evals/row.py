"""Hold a case that was run once: its trajectory and its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quintet.evals.case import Case
from quintet.evals.expected import contradictions
from quintet.evals.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class Share:
    """A score that is a part of a whole, such as 3 of 4 calls; a metric sums both over the runs.

    Args:
        part: the hits, or the amount.
        whole: the number of tries; 0 where there was none.
    """

    part: float
    whole: float = 1.0


Score = bool | float | Share | tuple[Any, ...] | None
"""True or False, a number, a `Share`, or None where a metric does not apply to a case; for a metric
with its own `over`, a tuple."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case, run once.

    Args:
        case: the case.
        trajectory: the run's trajectory.
        repeat: the number of the repeat, from 0.
        scores: by metric, the part and the whole of a `Share` (a hit is `(1, 1)`), or the tuple
            for the metric's `over`; None, or no entry, where the metric does not apply.
        errors: by metric that raised, its error. It counts as the worst score.
        reasons: by metric, the reason for the score, where it gives one, such as a judge.
    """

    case: Case
    trajectory: Trajectory
    repeat: int = 0
    scores: Mapping[str, tuple[Any, ...] | None] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def cluster(self) -> str:
        """Name the cluster that statistics count the row in: the case's group, or the case."""
        return self.case.group or self.case.id

    @property
    def wrong(self) -> tuple[str, ...]:
        """Say which labels of the case the run contradicts, in one sentence each."""
        return contradictions(self.case, self.trajectory)
