"""Convert scores to LangSmith's feedback: one piece a metric, with the reason for a bad score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from quintet.evals.metric import Metric
from quintet.evals.report import Report
from quintet.evals.row import Row


def results_of(row: Row, metrics: Iterable[Metric]) -> Iterator[dict[str, Any]]:
    """Convert a row's scores to feedback on its run.

    A share becomes its part divided by its whole. A metric over all cases (macro-F1, AURC) has no
    score for one run, and is left to `summary_of`. A metric that raised has its worst score.

    Yields:
        `key`, `score` and `comment` of each metric that applies to the run; also `extra`, which is
        `{"error": True}`, where the metric raised.
    """
    contradictions = "; ".join(row.wrong)
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
        comment = row.reasons.get(metric.name) or (contradictions if bad else "")
        yield {"key": metric.name, "score": score, "comment": comment or None}


def summary_of(report: Report) -> list[dict[str, Any]]:
    """Convert a report to feedback on the experiment: its figures with intervals, and its gates."""
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
