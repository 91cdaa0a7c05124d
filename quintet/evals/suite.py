"""Define suites: cases, the target that they run on, metrics and gates."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.gate import Gate
from quintet.evals.items import is_number, items_in, names_in, things_in
from quintet.evals.metric import Metric, Scorer, as_metric
from quintet.state.budget import Budget, Resource
from quintet.state.record import digest, plain

LIMITED: tuple[Resource, ...] = ("seconds", "tokens", "money")
"""The resources that a case's run can be held to, whatever the target is."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Put together cases, the target to run them on, metrics, and gates to pass.

    Args:
        cases: the cases; their ids are unique.
        target: the system to evaluate: a compiled graph, a `Router`, a chooser, a `GraphTarget`, or
            a plain or async function of a case that returns a `Trajectory`.
        name: the suite's name in reports.
        metrics: metrics beside the standard ones; one of the same name replaces that. A function
            of a case and its trajectory is a metric too.
        gates: the requirements on figures.
        confidence: of all intervals and bounds.
        seed: of the sample and the bootstrap.
        limit: the most that one run may take, in seconds, tokens and money; a run that takes more
            is a wrong one. At the end of its seconds it is given up; a function in a thread cannot
            be stopped, and goes on unseen. Tokens and money are known, and judged, at the run's
            end.
        max_errors: the number of runs that raise after which no more are begun; the report is then
            cut off, and does not pass.
        repeats: how often each case is run, where `evaluate` is not told; by default once, or of
            recorded runs (`Recorded`) as often as every case is recorded.

    Raises:
        DesignError: two cases of one id, a confidence outside 0 to 1, or a part of another kind.
    """

    cases: Sequence[Case]
    target: Any
    name: str = "suite"
    metrics: Sequence[Metric | Scorer] = ()
    gates: Sequence[Gate] = ()
    confidence: float = 0.95
    seed: int = 0
    limit: Budget | None = None
    max_errors: int | None = None
    repeats: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise DesignError(f"Suite(name={self.name!r:.60}): give a text")
        metrics = map(as_metric, things_in(self.metrics, "Suite(metrics=...)", "metrics"))
        object.__setattr__(self, "cases", items_in(self.cases, "Suite(cases=...)", Case))
        object.__setattr__(self, "gates", items_in(self.gates, "Suite(gates=...)", Gate))
        object.__setattr__(self, "metrics", tuple(metrics))
        ids = Counter(case.id for case in self.cases)
        if twice := next((name for name, number in ids.items() if number > 1), None):
            raise DesignError(
                f"Suite {self.name!r}: two cases have the id {twice!r}; give each its own"
            )
        if not is_number(self.confidence) or not 0 < self.confidence < 1:
            raise DesignError(f"Suite(confidence={self.confidence!r}): give a number such as 0.95")
        if type(self.seed) is not int:
            raise DesignError(f"Suite(seed={self.seed!r:.60}): give a whole number")
        self._check_limits()

    def _check_limits(self) -> None:
        limit = self.limit
        if limit is not None and not isinstance(limit, Budget):
            raise DesignError(
                f"Suite(limit={limit!r:.60}): give a Budget, such as Budget(seconds=60)"
            )
        if odd := [name for name in (limit.limited if limit else ()) if name not in LIMITED]:
            raise DesignError(
                f"Suite(limit=Budget({odd[0]}=...)): a case's run is held to {', '.join(LIMITED)}; "
                "give other limits to the workers"
            )
        for name, number in (("max_errors", self.max_errors), ("repeats", self.repeats)):
            if number is not None and (type(number) is not int or number < 1):
                raise DesignError(f"Suite({name}={number!r}): give a whole number, 1 or more")

    @property
    def fingerprint(self) -> str:
        """Hash the cases; a file of rows goes on only with equal cases."""
        return digest([self._plain(case) for case in self.cases])[:16]

    def _plain(self, case: Case) -> Any:
        try:
            return plain(case)
        except DesignError as problem:
            raise DesignError(f"Suite {self.name!r}: case {case.id!r}: {problem}") from problem

    def sampled(self, number: int) -> Suite:
        """Return the suite on a sample of its cases, drawn by its seed; on all if it has no more.

        Raises:
            DesignError: `number` is no whole number, or less than one.
        """
        if type(number) is not int or number < 1:
            raise DesignError(f"sampled({number!r}): give a whole number, at least 1")
        if number >= len(self.cases):
            return self
        drawn = random.Random(self.seed).sample(range(len(self.cases)), number)  # noqa: S311 - reproducible
        return replace(self, cases=tuple(self.cases[place] for place in sorted(drawn)))

    def on(self, target: Any) -> Suite:
        """Return the suite on another target."""
        return replace(self, target=target)

    def tagged(self, *tags: str) -> Suite:
        """Return the suite on the cases that have one of these tags."""
        names = set(names_in(tags, "tagged(...)"))
        chosen: Sequence[Case] = [case for case in self.cases if names & set(case.tags)]
        return replace(self, cases=tuple(chosen))


def check_runs(suite: Suite, *, repeats: int, jobs: int) -> None:
    """Refuse a suite without cases, and numbers of repeats or jobs below 1.

    Raises:
        DesignError: it names the suite, or the number.
    """
    if not suite.cases:
        raise DesignError(f"suite {suite.name!r} has no cases; give evaluate(target, cases)")
    for name, value in (("repeats", repeats), ("jobs", jobs)):
        if not isinstance(value, int) or value < 1:
            raise DesignError(f"{name}={value!r}: give a whole number, 1 or more")
