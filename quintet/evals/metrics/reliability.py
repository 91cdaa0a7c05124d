"""Measure whether a case passes, and whether it passes every time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import fsum
from typing import Any

from quintet import stats
from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.expected import CHECKS
from quintet.evals.metric import Metric
from quintet.evals.metrics.goal import contradicted, labelled
from quintet.evals.trajectory import Trajectory


def _passed(case: Case, trajectory: Trajectory) -> bool | None:
    return not contradicted(case, trajectory) if labelled(case, trajectory) else None


def _run(
    case: Case, trajectory: Trajectory, labels: tuple[str, ...] = tuple(CHECKS)
) -> tuple[str, bool] | None:
    if not labelled(case, trajectory, labels):
        return None
    return case.id, not contradicted(case, trajectory, labels)


@dataclass(frozen=True, kw_only=True)
class EveryTime:
    """Compute pass^k from runs, each a case's id and whether it passed. Made by `pass_hat_k`.

    Args:
        k: the number of runs that must all pass.
    """

    k: int

    def __call__(self, points: Sequence[tuple[Any, ...]]) -> float | None:
        """Return the mean over cases of C(passed, k) / C(runs, k); None if one has fewer runs."""
        of_cases = [part / whole for _, part, whole in self.parts(("", point) for point in points)]
        return fsum(of_cases) / len(of_cases) if of_cases else None

    def parts(
        self, points: Iterable[tuple[str, tuple[Any, ...]]]
    ) -> list[tuple[str, float, float]]:
        """Return (cluster, pass^k, 1) of each case, for the interval of `stats.proportion`.

        Empty where a case has fewer runs than k. pass^1 is the share of right runs, so each run
        counts as a trial, and its interval is that of `all_labels`.

        Args:
            points: each run's cluster, and its point.
        """
        # Not a bootstrap over runs: a case that is drawn twice would look like one of twice as
        # many runs.
        results: dict[str, list[bool]] = {}
        clusters: dict[str, str] = {}
        for cluster, (case, passed) in points:
            results.setdefault(case, []).append(bool(passed))
            clusters[case] = cluster
        if any(len(passes) < self.k for passes in results.values()):
            return []
        if self.k == 1:
            # With as many runs of each case, the weight of a run is exactly 1.
            runs = sum(map(len, results.values())) / max(len(results), 1)
            return [
                (clusters[case], sum(passes) * (runs / len(passes)), runs)
                for case, passes in results.items()
            ]
        return [
            (clusters[case], stats.pass_hat_k(sum(passes), len(passes), self.k), 1.0)
            for case, passes in results.items()
        ]


all_labels = Metric(
    name="all_labels",
    score=_passed,
    about="Runs that contradict no label of their case / runs of cases with a label.",
)
"""The share of runs that contradict no label of their case: the case passed."""


def pass_hat_k(k: int, *, label: str | None = None) -> Metric:
    """Return a metric: the chance that k runs of a case all pass. Each case needs k runs or more.

    Args:
        k: the number of runs.
        label: the one label of a `Case` that a run must not contradict, such as `route`; the
            metric is then `pass_hat_2_route`, and only cases with this label count. By default
            none of its labels.

    Raises:
        DesignError: k is no whole number, or less than 1, or there is no such label.
    """
    if type(k) is not int or k < 1:
        raise DesignError(f"pass_hat_k({k!r}): give a whole number, 1 or more")
    if label is not None and label not in CHECKS:
        raise DesignError(f"pass_hat_k(label={label!r:.60}): give one of {', '.join(CHECKS)}")
    return Metric(
        name=f"pass_hat_{k}" if label is None else f"pass_hat_{k}_{label}",
        score=_run if label is None else partial(_run, labels=(label,)),
        over=EveryTime(k=k),
        about=(
            f"The mean over cases of C(c, {k}) / C(n, {k}), where c of a case's n runs contradict "
            f"{'none of its labels' if label is None else f'not its {label}'} "
            "(Yao et al. 2024, arXiv 2406.12045)."
        ),
    )
