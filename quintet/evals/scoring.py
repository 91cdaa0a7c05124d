"""Score a run by all metrics of a suite."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any

from quintet.errors import DesignError
from quintet.evals import metrics as ready_made
from quintet.evals.case import Case
from quintet.evals.gate import Gate
from quintet.evals.metric import Metric, as_metric
from quintet.evals.metrics import STANDARD, pass_hat_k
from quintet.evals.row import Row
from quintet.evals.running.ended import awaited, called
from quintet.evals.running.sound import lean
from quintet.evals.suite import Suite
from quintet.evals.trajectory import Trajectory


def metrics_of(suite: Suite, *, repeats: int = 1) -> tuple[Metric, ...]:
    """Collect the standard metrics (with repeats, pass^k too) and the suite's own, by name.

    Raises:
        DesignError: two of the suite's own have one name; a gate is on a metric that is not among
            them (it names the closest), wants a share below 0 or above 1, or wants the worse side.
    """
    every_time = (pass_hat_k(repeats),) if repeats > 1 else ()
    own = tuple(map(as_metric, suite.metrics))
    _check_twins(suite, own)
    by_name = {metric.name: metric for metric in (*STANDARD, *every_time, *own)}
    for gate in suite.gates:
        if gate.metric not in by_name:
            raise DesignError(
                f"suite {suite.name!r} has a gate on {gate.metric!r}, which no metric computes"
                f"{_hint(gate.metric, by_name)}"
            )
        _check_gate(gate, by_name[gate.metric])
    return tuple(by_name.values())


def _check_twins(suite: Suite, own: Iterable[Metric]) -> None:
    """Refuse two metrics of one name, of which only the last would be seen.

    Raises:
        DesignError: they compute different things, and neither is a ready-made one.
    """
    ready = _ready_made()
    seen: dict[str, Any] = {}
    for metric in own:
        score = metric.score
        made = (score.func, score.args, score.keywords) if isinstance(score, partial) else score
        content = (made, metric.over)
        # One of `router_metrics` takes the place of the ready-made one that is listed too.
        if metric not in ready and seen.setdefault(metric.name, content) != content:
            raise DesignError(
                f"suite {suite.name!r}: two metrics have the name {metric.name!r}, and only one "
                "figure can; give each its own, Metric(name=...)"
            )


def _check_gate(gate: Gate, metric: Metric) -> None:
    """Refuse a gate that cannot be broken, or that only what is bad passes.

    Raises:
        DesignError: it names the metric and the limit.
    """
    limit = gate.at_least if gate.at_least is not None else gate.at_most
    if metric.unit == "share" and limit is not None and not 0 <= limit <= 1:
        raise DesignError(
            f"the gate on {gate.metric!r} wants {limit!r}, and its figure is a share; give a "
            "share from 0 to 1, or the metric its unit, Metric(unit='number')"
        )
    # A function's metric may mean either side: nobody was asked which is better.
    if gate.none and metric.better == "higher" and metric in _ready_made():
        raise DesignError(
            f"the gate on {gate.metric!r} wants none, and higher is better; give at_least=..."
        )
    if gate.at_least is not None and metric.better == "lower":
        raise DesignError(
            f"the gate on {gate.metric!r} wants at least {limit!r}, and lower is better; give "
            "at_most=... or none=True"
        )


def _ready_made() -> list[Metric]:
    return [metric for metric in vars(ready_made).values() if isinstance(metric, Metric)]


def _hint(name: str, known: Iterable[str]) -> str:
    repeats = name.removeprefix("pass_hat_")
    if repeats != name and repeats.isdigit():
        return f"; it needs repeats={repeats}"
    close = get_close_matches(name, known, 1)
    return f"; is {close[0]!r} meant?" if close else ""


async def scored(case: Case, trajectory: Trajectory, repeat: int, metrics: Iterable[Metric]) -> Row:
    """Score one run by all metrics; one that raises, or gives no score, counts as its worst."""
    scores: dict[str, tuple[Any, ...] | None] = {}
    errors: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for metric in metrics:
        ended = called(metric.score, case, trajectory)
        if type(ended.value) not in _SCORES and inspect.isawaitable(ended.value):
            ended = await awaited(ended.value)
        reason = getattr(ended.value, "reason", "")
        if ended.problem is None:
            ended = called(metric.kept, ended.value)
        # A judge's score of 1.2, too, spoils this row and no other.
        mistake = isinstance(ended.problem, DesignError)
        if error := str(ended.problem) if mistake else ended.error:
            errors[metric.name] = error
            scores[metric.name] = metric.worst
            continue
        scores[metric.name] = ended.value
        if reason:
            reasons[metric.name] = str(reason)
    return Row(
        case=case,
        trajectory=lean(case, trajectory),
        repeat=repeat,
        scores={name: point for name, point in scores.items() if point is not None},
        errors=errors,
        reasons=reasons,
    )


_SCORES = frozenset({bool, int, float, tuple, type(None)})
"""Scores that are surely not to be awaited."""


async def rescored(row: Row, metrics: Iterable[Metric]) -> Row:
    """Score a row from a file again by the standard metrics and by pass^k, whose k may differ now.

    Another version of Quintet may have made the file, and may have scored it otherwise.
    """
    ours = [metric for metric in metrics if metric in STANDARD or hasattr(metric.over, "parts")]
    again = await scored(row.case, row.trajectory, row.repeat, ours)
    names = {metric.name for metric in ours}

    def merged(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
        return {**{name: value for name, value in before.items() if name not in names}, **now}

    scores, errors = merged(row.scores, again.scores), merged(row.errors, again.errors)
    return replace(row, scores=scores, errors=errors)
