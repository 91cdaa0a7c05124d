"""Compute statistics of evaluations: intervals, comparisons, sample sizes, repeats, ranking.

Every interval is checked by simulation in `tests/stats`, every test and metric against
scipy, statsmodels or scikit-learn. Whatever draws random numbers takes a seed.
"""

from quintet.stats.agreement import confusion, macro_f1
from quintet.stats.bootstrap import bootstrap
from quintet.stats.calibration import ece, reliability
from quintet.stats.mcnemar import mcnemar
from quintet.stats.paired import paired
from quintet.stats.power import cases_for_drop, cases_for_gate
from quintet.stats.proportion import proportion, wilson
from quintet.stats.ranking import auroc, fpr_at_tpr
from quintet.stats.repeats import pass_hat_k
from quintet.stats.selective import augrc, aurc, eaurc, risk_coverage

__all__ = [
    "augrc",
    "aurc",
    "auroc",
    "bootstrap",
    "cases_for_drop",
    "cases_for_gate",
    "confusion",
    "eaurc",
    "ece",
    "fpr_at_tpr",
    "macro_f1",
    "mcnemar",
    "paired",
    "pass_hat_k",
    "proportion",
    "reliability",
    "risk_coverage",
    "wilson",
]
