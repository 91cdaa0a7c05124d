"""Define latent faults: wrong values that look right, in what an agent, a tool or a node hands on.

Nothing raises and every type is right; only a check against the source can tell. `plant` puts them
in and measures how far they come.
"""

from __future__ import annotations

from typing import Any

from quintet.evals.faults.facts import changed_fact, earlier_fact, has_facts, wrong_fact
from quintet.evals.faults.fault import FOR_GOOD, Blow, Fault, Visit


def _has_facts(visit: Visit, visits: tuple[Visit, ...]) -> bool:  # noqa: ARG001 - `fits` gives both
    return visit.ended and has_facts(visit.answer)


def _wrong(blow: Blow) -> Any:
    return changed_fact(blow.result, wrong_fact, blow.random)


def _stale(blow: Blow) -> Any:
    return changed_fact(blow.result, earlier_fact, blow.random)


def _of_another(blow: Blow) -> Any:
    return blow.recorded


WRONG_VALUE = Fault(
    kind="wrong value",
    at=("agent", "tool", "node"),
    after=_wrong,
    fits=_has_facts,
    varied=True,
    times=(1, FOR_GOOD),
    about="one number, date or id in what is handed on is another that looks as right",
)
STALE_FACT = Fault(
    kind="stale fact",
    at=("agent", "tool", "node"),
    after=_stale,
    fits=_has_facts,
    varied=True,
    times=(1, FOR_GOOD),
    about="one number or date in what is handed on is that of an earlier time",
)
OTHERS_RECORD = Fault(
    kind="another's record",
    at=("agent", "tool", "node"),
    after=_of_another,
    fits=_has_facts,
    of_another=True,
    times=(1, FOR_GOOD),
    about="what is handed on is what the same part has handed on for somebody else",
)

LATENT: tuple[Fault, ...] = (WRONG_VALUE, STALE_FACT, OTHERS_RECORD)
"""The latent faults of `plant`; `dataclasses.replace` one where your system keeps older records."""
