"""Scoring one run by all metrics of a suite."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.metric import Metric, as_metric
from quintet.evals.metrics import STANDARD, pass_hat_k
from quintet.evals.row import Row
from quintet.evals.running.ended import awaited, called
from quintet.evals.suite import Suite
from quintet.evals.trajectory import Trajectory


def metrics_of(suite: Suite, *, repeats: int = 1) -> tuple[Metric, ...]:
    """The standard metrics and the suite's own, which replace those of the same name.

    With repeats, how many cases pass every time is one of them.
    """
    own = {metric.name: metric for metric in map(as_metric, suite.metrics)}
    every = (pass_hat_k(repeats),) if repeats > 1 else ()
    return tuple({**{metric.name: metric for metric in (*STANDARD, *every)}, **own}.values())


def check_gates(suite: Suite, metrics: Iterable[Metric]) -> None:
    """Refuse a gate on a metric that nobody computes.

    Raises:
        DesignError: it names the gate, and the metric that may have been meant.
    """
    names = [metric.name for metric in metrics]
    for gate in suite.gates:
        if gate.metric in names:
            continue
        close = get_close_matches(gate.metric, names, 1)
        meant = f"; is {close[0]!r} meant?" if close else ""
        every = gate.metric.removeprefix("pass_hat_")
        if every != gate.metric and every.isdigit():
            meant = f"; it needs repeats={every}"
        raise DesignError(
            f"suite {suite.name!r} has a gate on {gate.metric!r}, which no metric computes{meant}"
        )


async def scored(case: Case, trajectory: Trajectory, repeat: int, metrics: Iterable[Metric]) -> Row:
    """A row of one run, with all its scores. What a metric raises counts as its worst score."""
    scores: dict[str, tuple[Any, ...] | None] = {}
    errors: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for metric in metrics:
        ended = called(_point, metric, case, trajectory)
        if type(ended.value) is not tuple and ended.problem is None:
            ended = await awaited(ended.value)
            ended = called(_read, metric, ended.value) if ended.problem is None else ended
        if error := ended.error:
            errors[metric.name] = error
            scores[metric.name] = metric.worst
        else:
            scores[metric.name], why = ended.value
            if why:
                reasons[metric.name] = why
    kept = {name: point for name, point in scores.items() if point is not None}
    return Row(
        case=case,
        trajectory=_lean(case, trajectory),
        repeat=repeat,
        scores=kept,
        errors=errors,
        reasons=reasons,
    )


def _point(metric: Metric, case: Case, trajectory: Trajectory) -> Any:
    """Ask a metric, and read its answer; one that is to be awaited is returned as it is."""
    said = metric.score(case, trajectory)
    return said if inspect.isawaitable(said) else _read(metric, said)


def _read(metric: Metric, said: Any) -> tuple[tuple[Any, ...] | None, str]:
    """Read a metric's answer: the score in the form that a row keeps, and the reason for it."""
    return metric.kept(said), str(getattr(said, "reason", "") or "")


def _lean(case: Case, trajectory: Trajectory) -> Trajectory:
    """Of the end state only what the case has a label for: states are large, and rows are kept."""
    state = {key: trajectory.state[key] for key in case.state or () if key in trajectory.state}
    return replace(trajectory, state=state)
