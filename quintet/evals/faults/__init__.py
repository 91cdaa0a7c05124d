"""Break a graph on purpose: kinds of faults, the spots where they may strike, and how."""

from quintet.evals.faults.breakable import breakable, breakable_call, pass_by
from quintet.evals.faults.fault import FOR_GOOD, Blow, Fault, Instead, Spot, SpotKind, Visit
from quintet.evals.faults.kinds import (
    ALTERED_FIELD,
    DROPPED_FIELD,
    FALSE_SUCCESS,
    FAULTS,
    GARBAGE_REPLY,
    LATE_WORKER,
    LOOPING_WORKER,
    LOST_REPLY,
    RATE_LIMIT,
    REFUSED_TOOL,
    ROUTER_OUTAGE,
    SLOW_WORKER,
    TIMEOUT,
    TOOL_ERROR,
)
from quintet.evals.faults.strike import Probe, Strike, armed

__all__ = [
    "ALTERED_FIELD",
    "DROPPED_FIELD",
    "FALSE_SUCCESS",
    "FAULTS",
    "FOR_GOOD",
    "GARBAGE_REPLY",
    "LATE_WORKER",
    "LOOPING_WORKER",
    "LOST_REPLY",
    "RATE_LIMIT",
    "REFUSED_TOOL",
    "ROUTER_OUTAGE",
    "SLOW_WORKER",
    "TIMEOUT",
    "TOOL_ERROR",
    "Blow",
    "Fault",
    "Instead",
    "Probe",
    "Spot",
    "SpotKind",
    "Strike",
    "Visit",
    "armed",
    "breakable",
    "breakable_call",
    "pass_by",
]
