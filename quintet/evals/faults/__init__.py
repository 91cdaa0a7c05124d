"""Break a graph on purpose: kinds of faults, the spots where they may strike, and how."""

from quintet.evals.faults.breakable import breakable_call, pass_by
from quintet.evals.faults.fault import FOR_GOOD, Blow, Instead, Spot, Visit

__all__ = [
    "FOR_GOOD",
    "Blow",
    "Instead",
    "Spot",
    "Visit",
    "breakable_call",
    "pass_by",
]
