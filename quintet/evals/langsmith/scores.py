"""A row's scores as LangSmith's feedback: one piece a metric, with the reason where it is bad."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from quintet.evals.metric import Metric
from quintet.evals.report import Report
from quintet.evals.row import Row


def results_of(row: Row, metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """One result for each metric that has something to say on this run alone.

    A share is its part by its whole. A metric over all cases (macro-F1, AURC) has no score of one
    run, and stands only among the experiment's own. A metric that raised has its worst score.

    Returns:
        `key`, `score` and `comment` of each; `extra` says `{"error": True}` where it raised.
    """
    return list(_results(row, metrics))


def _results(row: Row, metrics: Iterable[Metric]) -> Iterator[dict[str, Any]]:
    why = "; ".join(row.wrong)
    for metric in metrics:
        if metric.name in row.errors:
            worst = None if metric.worst is None else metric.worst[0]
            comment = f"the metric raised {row.errors[metric.name]}"
            extra = {"error": True}
            yield {"key": metric.name, "score": worst, "comment": comment, "extra": extra}
            continue
        point = row.scores.get(metric.name)
        if metric.over is not None or point is None or not point[1]:
            continue
        score = float(point[0]) / float(point[1])
        bad = metric.unit == "share" and score != {"higher": 1.0, "lower": 0.0}.get(metric.better)
        bad = bad and metric.better != "neither"
        comment = row.reasons.get(metric.name) or (why if bad else "")
        yield {"key": metric.name, "score": score, "comment": comment or None}


def summary_of(report: Report) -> list[dict[str, Any]]:
    """The experiment's own feedback: one piece a figure, with its interval, and one a gate."""
    figures = [
        {
            "key": name,
            "score": figure.value,
            "comment": " ".join([figure.interval, f"({figure.cases} cases)"]).strip(),
        }
        for name, figure in report.figures.items()
    ]
    gates = [
        {"key": f"gate {item.gate.metric}", "score": float(item.passed), "comment": str(item)}
        for item in report.verdicts
    ]
    return [*figures, *gates]
