"""Measure an orchestration: cases, suites, metrics, statistics, faults, ablations, reports."""

from quintet.evals.case import Case
from quintet.evals.compare import Compared, Difference, compare
from quintet.evals.evaluate import aevaluate, evaluate
from quintet.evals.figure import Figure
from quintet.evals.gate import Gate, Verdict
from quintet.evals.metric import Metric
from quintet.evals.report import Report, load_report
from quintet.evals.row import Row, Share
from quintet.evals.suite import Suite
from quintet.evals.target import ChooserTarget, GraphTarget
from quintet.evals.trajectory import Call, Trajectory

__all__ = [
    "Call",
    "Case",
    "ChooserTarget",
    "Compared",
    "Difference",
    "Figure",
    "Gate",
    "GraphTarget",
    "Metric",
    "Report",
    "Row",
    "Share",
    "Suite",
    "Trajectory",
    "Verdict",
    "aevaluate",
    "compare",
    "evaluate",
    "load_report",
]
