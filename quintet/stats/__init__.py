"""Compute statistics of evaluations: intervals, comparisons, sample sizes, repeats, ranking.

Every interval is checked by simulation in `tests/stats`, every test and metric against
scipy, statsmodels or scikit-learn. Whatever draws random numbers takes a seed.
"""

from quintet.stats.agreement import cohen_kappa, confusion, macro_f1
from quintet.stats.bootstrap import bootstrap, bootstrap_ratio
from quintet.stats.calibration import Bin, brier, ece, reliability
from quintet.stats.interval import Interval
from quintet.stats.mcnemar import flipped, mcnemar
from quintet.stats.paired import Comparison, paired, tango
from quintet.stats.power import (
    cases_for_difference,
    cases_for_drop,
    cases_for_gate,
    cases_without_failure,
    smallest_drop,
)
from quintet.stats.proportion import effective, exact, proportion, wilson
from quintet.stats.ranking import auroc, auroc_interval, fpr_at_tpr
from quintet.stats.repeats import mean_pass_at_k, mean_pass_hat_k, pass_at_k, pass_hat_k
from quintet.stats.selective import RiskPoint, augrc, aurc, eaurc, risk_coverage

__all__ = [
    "Bin",
    "Comparison",
    "Interval",
    "RiskPoint",
    "augrc",
    "aurc",
    "auroc",
    "auroc_interval",
    "bootstrap",
    "bootstrap_ratio",
    "brier",
    "cases_for_difference",
    "cases_for_drop",
    "cases_for_gate",
    "cases_without_failure",
    "cohen_kappa",
    "confusion",
    "eaurc",
    "ece",
    "effective",
    "exact",
    "flipped",
    "fpr_at_tpr",
    "macro_f1",
    "mcnemar",
    "mean_pass_at_k",
    "mean_pass_hat_k",
    "paired",
    "pass_at_k",
    "pass_hat_k",
    "proportion",
    "reliability",
    "risk_coverage",
    "smallest_drop",
    "tango",
    "wilson",
]
