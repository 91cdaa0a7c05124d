"""Keep the ledger of a plan's progress: the results that are new, and the rounds that bring none.

A round that repeats the work of the round before, in `until` or after a re-plan, makes progress
only by another result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from quintet.nodes.core.progress import Progress
from quintet.nodes.planning.paths import fact_of
from quintet.state.record import digest

KEPT = 500
"""The most facts that are kept; the oldest go first."""


def with_round(progress: Progress, ended: Iterable[str], results: Mapping[str, Any]) -> Progress:
    """Enter the work that a round has ended, with results or without."""
    steps = progress.plan.steps
    facts = dict.fromkeys(
        digest([fact_of(steps, name), results[name]]) for name in ended if name in results
    )
    new = [fact for fact in facts if fact not in progress.facts]
    quiet = 0 if new else progress.quiet + 1
    return replace(progress, facts=(*progress.facts, *new)[-KEPT:], quiet=quiet)


def stalled(progress: Progress, stalls: int | None) -> str:
    """Name the stall where more rounds than are borne have brought nothing new; else ''."""
    if stalls is None or progress.quiet <= stalls:
        return ""
    return f"stalled: {progress.quiet} rounds without a new result"
