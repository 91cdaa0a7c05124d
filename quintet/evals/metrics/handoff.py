"""How control passes from one agent to the next: with the right context, and without circles.

A handoff is a decision on record by which an agent gets control: a route, a handoff, a fallback;
and each step of a plan that was taken up. Where a run decided none of these, as in a fixed
sequence, it is each visit of a node that decided nothing itself. A router alone hands nothing off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial
from itertools import pairwise

from quintet.evals.case import Case
from quintet.evals.metric import Metric
from quintet.evals.metrics.planning import refused_drafts
from quintet.evals.row import Share
from quintet.evals.trajectory import Trajectory

PASSING = ("route", "handoff", "fallback")
DECIDING = ("route", "plan", "replan", "merge", "approval", "outcome")

_NEEDS = re.compile(r"""contract ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") needs """)

Keys = Callable[[Trajectory], Collection[str]]
"""The keys of the context that a run's handoffs gave, or that were used of it."""


def holders(trajectory: Trajectory) -> tuple[str, ...]:
    """Who got control by a decision on record, in order."""
    return tuple(item.choice for item in trajectory.decisions if item.kind in PASSING)


def handoffs(trajectory: Trajectory) -> int:
    """How often an agent got control; 0 where nothing is on record."""
    steps = sum(node in (trajectory.plan or ()) for node in trajectory.path)
    passed = len(holders(trajectory)) + steps
    if passed or not (trajectory.decisions or trajectory.failures):
        return passed
    decided = {item.node for item in trajectory.decisions if item.kind in DECIDING}
    decided |= {item.node for item in refused_drafts(trajectory)}
    return sum(node not in decided for node in trajectory.path)


def _broken(_: Case, trajectory: Trajectory, needs: bool) -> Share | None:
    if trajectory.status == "routed":
        return None
    drafts = refused_drafts(trajectory)
    broken = [
        item.message
        for item in trajectory.failures
        if item.error == "ContractBroken" and item not in drafts
    ]
    whole = max(handoffs(trajectory), len(broken))
    part = sum(_NEEDS.match(said) is not None for said in broken) if needs else len(broken)
    return Share(part=part, whole=whole) if whole else None


def _worked(trajectory: Trajectory, node: str) -> bool:
    """Whether a node called anything that ran, or may have."""
    if node not in trajectory.path and trajectory.path:
        return True  # a route of another name than its node: it cannot be told
    ran = {call.node for call in trajectory.calls if call.status in ("ok", "unknown")}
    return bool(ran & {node, ""})


def _redundant(_: Case, trajectory: Trajectory) -> Share | None:
    chain = holders(trajectory)
    if trajectory.status == "routed" or not chain:
        return None
    there_and_back = zip(chain, chain[1:], chain[2:], strict=False)
    back = sum(
        first == last and middle not in (first, last) and not _worked(trajectory, middle)
        for first, middle, last in there_and_back
    )
    repeated = sum(one == other and not _worked(trajectory, one) for one, other in pairwise(chain))
    return Share(part=back + repeated, whole=len(chain))


def _circles(chain: tuple[str, ...]) -> set[tuple[str, str]]:
    """The pairs that control went back and forth between, twice each."""
    fours = zip(chain, chain[1:], chain[2:], chain[3:], strict=False)
    return {(a, b) for a, b, c, d in fours if a == c and b == d and a != b}


def _looped(_: Case, trajectory: Trajectory) -> bool | None:
    if trajectory.status == "routed":
        return None
    if any(item.error == "HandoffLoop" for item in trajectory.failures):
        return True
    if trajectory.decisions:
        return bool(_circles(holders(trajectory))) if handoffs(trajectory) else None
    if not trajectory.path:
        return None
    # Without records, a model and its tools look like a circle too: only where neither did a thing.
    return any(
        not _worked(trajectory, one) and not _worked(trajectory, other)
        for one, other in _circles(trajectory.path)
    )


def _superfluous(_: Case, trajectory: Trajectory, given: Keys, used: Keys) -> Share | None:
    had = set(given(trajectory))
    return Share(part=len(had - set(used(trajectory))), whole=len(had)) if had else None


contract_violations = Metric(
    name="contract_violations",
    score=partial(_broken, needs=False),
    better="lower",
    about=(
        "Handoffs that broke their contract, before dispatch or on return / handoffs. Only of runs "
        "that keep Quintet's records."
    ),
)
"""Handoffs that broke their contract, before dispatch or on return, of all handoffs."""

missing_context = Metric(
    name="missing_context",
    score=partial(_broken, needs=True),
    better="lower",
    about=(
        "Handoffs that were refused because the context lacked what the contract needs, or had it "
        "in the wrong shape / handoffs. Only of runs that keep Quintet's records."
    ),
)
"""Handoffs refused since the context lacked what the contract needs, of all handoffs."""

redundant_handoffs = Metric(
    name="redundant_handoffs",
    score=_redundant,
    better="lower",
    about=(
        "Handoffs back to whom control came from (A -> B -> A), or to the same again, with no tool "
        "or effect called by the one between / handoffs on record."
    ),
)
"""Handoffs that led back, or to the same again, without a call between, of all handoffs."""

handoff_loops = Metric(
    name="handoff_loops",
    score=_looped,
    better="lower",
    about=(
        "Runs that were stopped as a loop, or in which control went A -> B -> A -> B / runs with "
        "handoffs. Of a run without records, nodes that called tools count as no loop."
    ),
)
"""The share of runs in which control went in a circle."""


def superfluous_context(*, given: Keys, used: Keys) -> Metric:
    """The share of the context given in handoffs that nobody used.

    No standard metric: a Quintet worker gets what its contract names and nothing else, and of other
    handoffs a record does not tell what was used. Say both, and it is counted.

    Args:
        given: a function of a trajectory: the keys that its handoffs gave.
        used: the keys that were used.
    """
    return Metric(
        name="superfluous_context",
        score=partial(_superfluous, given=given, used=used),
        better="lower",
        about="Keys of the context that handoffs gave and nobody used / keys given.",
    )
