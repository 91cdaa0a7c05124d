"""One case, run once: its trajectory and its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quintet.evals.case import Case
from quintet.evals.expected import contradictions
from quintet.evals.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class Share:
    """A score that is a part of a whole, such as 3 of 4 calls; a metric sums both over the cases.

    Args:
        part: the hits, or the amount.
        whole: out of how many; may be 0, where the case has nothing to say.
    """

    part: float
    whole: float = 1.0


Score = bool | float | Share | tuple[Any, ...] | None
"""True or False, a number, a `Share`, or None where a metric does not apply to a case. A metric
with its own `over` gives a tuple of whatever that looks at."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case, run once.

    Args:
        case: the case.
        trajectory: what the run did.
        repeat: which repeat this is, from 0.
        scores: by metric: the part and the whole of a `Share` (a hit is `(1, 1)`), or what the
            metric's `over` looks at; None where the metric does not apply.
        errors: metrics that raised, with what they said. They count as the worst score.
        reasons: by metric, why it scored so, where it says: a judge's sentence.
    """

    case: Case
    trajectory: Trajectory
    repeat: int = 0
    scores: Mapping[str, tuple[Any, ...] | None] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def cluster(self) -> str:
        """What this row is drawn with in a bootstrap: its case's group, or the case itself."""
        return self.case.group or self.case.id

    @property
    def wrong(self) -> tuple[str, ...]:
        """What contradicts the case's labels, one sentence each; empty where nothing does."""
        return contradictions(self.case, self.trajectory)
