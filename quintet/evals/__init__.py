"""Measure an orchestration: cases, suites, metrics, statistics, faults, ablations, reports.

    report = evaluate(app, [Case(input="refund me", route="billing"), ...])

Beside this page stand `quintet.evals.metrics`, `quintet.stats`, `quintet.evals.reports`,
`quintet.evals.faults`, and `quintet.evals.langsmith`, which alone talks to LangSmith.
"""

from quintet.evals.ablation.ablate import ablate
from quintet.evals.ablation.variants import Variant, variants_of
from quintet.evals.analysis.attribute import attribute, attributions
from quintet.evals.analysis.balance import balance
from quintet.evals.analysis.corrections import corrections
from quintet.evals.analysis.tiers import tiers
from quintet.evals.beside import side_by_side
from quintet.evals.case import Case
from quintet.evals.compare import compare
from quintet.evals.evaluate import aevaluate, evaluate
from quintet.evals.faults.breakable import breakable
from quintet.evals.faults.fault import Fault
from quintet.evals.faults.inject import inject
from quintet.evals.faults.kinds import FAULTS
from quintet.evals.faults.latent import LATENT
from quintet.evals.faults.plant import plant
from quintet.evals.gate import Gate
from quintet.evals.lens.modes import failure_modes
from quintet.evals.metric import Metric
from quintet.evals.reading.dataset import from_example, to_example
from quintet.evals.reading.files import read_cases, write_cases
from quintet.evals.reading.harvest import harvest
from quintet.evals.reading.messages import read_messages, recorded_messages
from quintet.evals.reading.recorded import recorded_runs, recorded_threads, save_runs
from quintet.evals.report import Report, load_report
from quintet.evals.running.finder import open_suite
from quintet.evals.suite import Suite
from quintet.evals.target import ChooserTarget, GraphTarget
from quintet.evals.trajectory import ToolCall, Trajectory

__all__ = [
    "FAULTS",
    "LATENT",
    "Case",
    "ChooserTarget",
    "Fault",
    "Gate",
    "GraphTarget",
    "Metric",
    "Report",
    "Suite",
    "ToolCall",
    "Trajectory",
    "Variant",
    "ablate",
    "aevaluate",
    "attribute",
    "attributions",
    "balance",
    "breakable",
    "compare",
    "corrections",
    "evaluate",
    "failure_modes",
    "from_example",
    "harvest",
    "inject",
    "load_report",
    "open_suite",
    "plant",
    "read_cases",
    "read_messages",
    "recorded_messages",
    "recorded_runs",
    "recorded_threads",
    "save_runs",
    "side_by_side",
    "tiers",
    "to_example",
    "variants_of",
    "write_cases",
]
