"""A suite: cases, the target that they are run on, metrics and gates."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.gate import Gate
from quintet.evals.metric import Metric, Scorer, as_metric
from quintet.state.record import digest, plain


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What is measured, on what, and what must be reached.

    Args:
        cases: the cases; their ids are unique.
        target: what is evaluated: a compiled graph, a `Router`, a chooser, a `GraphTarget`, or a
            plain or async function of a case that returns a `Trajectory`.
        name: as it stands in reports.
        metrics: beside the standard ones; one of the same name takes its place. A function of a
            case and its trajectory is a metric too.
        gates: what must be reached.
        confidence: of all intervals and bounds.
        seed: of what is drawn by lot: the sample and the bootstrap.

    Raises:
        DesignError: two cases of one id, or a confidence outside 0 to 1.
    """

    cases: Sequence[Case]
    target: Any
    name: str = "suite"
    metrics: Sequence[Metric | Scorer] = ()
    gates: Sequence[Gate] = ()
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "cases", tuple(self.cases))
        object.__setattr__(self, "gates", tuple(self.gates))
        object.__setattr__(self, "metrics", tuple(as_metric(each) for each in self.metrics))
        if odd := [case for case in self.cases if not isinstance(case, Case)]:
            raise DesignError(f"Suite {self.name!r}: {odd[0]!r:.60} is not a Case")
        seen: set[str] = set()
        for case in self.cases:
            if case.id in seen:
                raise DesignError(
                    f"Suite {self.name!r}: two cases have the id {case.id!r}; give each its own"
                )
            seen.add(case.id)
        if not 0 < self.confidence < 1:
            raise DesignError(f"Suite(confidence={self.confidence!r}): give a number such as 0.95")

    @property
    def fingerprint(self) -> str:
        """A name for exactly these cases; runs of the same cases can be compared and continued."""
        return digest([plain(case) for case in self.cases])[:16]

    def sampled(self, number: int) -> Suite:
        """The same suite on so many of its cases, drawn by its seed; all where it has no more.

        Raises:
            DesignError: less than one case is asked for.
        """
        if number < 1:
            raise DesignError(f"sampled({number!r}): give at least 1")
        if number >= len(self.cases):
            return self
        drawn = random.Random(self.seed).sample(range(len(self.cases)), number)  # noqa: S311 - reproducible
        return replace(self, cases=tuple(self.cases[place] for place in sorted(drawn)))

    def on(self, target: Any) -> Suite:
        """The same suite on another target."""
        return replace(self, target=target)

    def tagged(self, *tags: str) -> Suite:
        """The same suite on the cases that have one of these tags."""
        chosen: Sequence[Case] = [case for case in self.cases if set(tags) & set(case.tags)]
        return replace(self, cases=tuple(chosen))
