"""Ablate agents: find out whether fewer would do, by variants of a graph beside the whole."""

from quintet.evals.ablation.ablate import ablate
from quintet.evals.ablation.ablated import Ablated, Ablation, Load
from quintet.evals.ablation.variants import NotTried, Variant, merged_worker, variants_of

__all__ = [
    "Ablated",
    "Ablation",
    "Load",
    "NotTried",
    "Variant",
    "ablate",
    "merged_worker",
    "variants_of",
]
