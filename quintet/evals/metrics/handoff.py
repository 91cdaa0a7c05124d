"""Measure the handoffs between agents: with the right context, and without circles.

A handoff is a recorded decision that gives control to an agent (a route, a handoff, a fallback), or
a step of a plan that was begun. In a run with neither, such as a fixed sequence, each visit of a
node that decided nothing itself counts as one. A router that is run alone hands nothing off.
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
from quintet.state.failure import Failure

PASSING = ("route", "handoff", "fallback")
DECIDING = ("route", "plan", "replan", "merge", "approval", "outcome")

_NEEDS = re.compile(r"""contract ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") needs """)

Keys = Callable[[Trajectory], Collection[str]]
"""A function of a run that returns keys of the context that its handoffs gave."""


def holders(trajectory: Trajectory) -> tuple[str, ...]:
    """List the agents that got control by a recorded decision, in order."""
    return tuple(decision.choice for decision in trajectory.decisions if decision.kind in PASSING)


def broken_needs(failure: Failure) -> bool:
    """Say whether a failure is a contract that did not get what it needs."""
    return failure.error == "ContractBroken" and _NEEDS.match(failure.message) is not None


def handoffs(trajectory: Trajectory) -> int:
    """Count the times that an agent got control; 0 where nothing is recorded."""
    steps = sum(node in (trajectory.plan or ()) for node in trajectory.path)
    recorded = len(holders(trajectory)) + steps
    if recorded or not (trajectory.decisions or trajectory.failures):
        return recorded
    deciders = {decision.node for decision in trajectory.decisions if decision.kind in DECIDING}
    # A planner whose draft was refused left a failure and no decision.
    deciders |= {failure.node for failure in refused_drafts(trajectory)}
    return sum(node not in deciders for node in trajectory.path)


def _broken(_: Case, trajectory: Trajectory, needs: bool) -> Share | None:
    if trajectory.status == "routed":
        return None
    # A planner's own contract is broken by a bad draft: that is no handoff.
    drafts = refused_drafts(trajectory)
    messages = [
        failure.message
        for failure in trajectory.failures
        if failure.error == "ContractBroken" and failure not in drafts
    ]
    # A contract can break without a handoff on record; the share stays within 1.
    whole = max(handoffs(trajectory), len(messages))
    part = sum(_NEEDS.match(text) is not None for text in messages) if needs else len(messages)
    return Share(part=part, whole=whole) if whole else None


def _worked(trajectory: Trajectory, node: str) -> bool:
    """Say whether a node made a call that ran, or may have run."""
    if node not in trajectory.path and trajectory.path:
        return True  # a route of another name than its node: assume that it worked
    callers = {call.node for call in trajectory.calls if call.status in ("ok", "unknown")}
    # A call that was recorded without its node may be anyone's.
    return bool(callers & {node, ""})


def _redundant(_: Case, trajectory: Trajectory) -> Share | None:
    chain = holders(trajectory)
    if trajectory.status == "routed" or not chain:
        return None
    back = sum(
        first == last != middle and not _worked(trajectory, middle)
        for first, middle, last in zip(chain, chain[1:], chain[2:], strict=False)
    )
    repeated = sum(a == b and not _worked(trajectory, a) for a, b in pairwise(chain))
    return Share(part=back + repeated, whole=len(chain))


def _circles(chain: tuple[str, ...]) -> set[tuple[str, str]]:
    """Return the pairs between which control went back and forth twice: A, B, A, B."""
    windows = zip(chain, chain[1:], chain[2:], chain[3:], strict=False)
    return {(a, b) for a, b, c, d in windows if a == c and b == d and a != b}


def _looped(_: Case, trajectory: Trajectory) -> bool | None:
    if trajectory.status == "routed":
        return None
    if any(failure.error == "HandoffLoop" for failure in trajectory.failures):
        return True
    if trajectory.decisions:
        return bool(_circles(holders(trajectory))) if handoffs(trajectory) else None
    if not trajectory.path:
        return None
    # Without records, a model node and its tool node alternate too: a loop is only where neither
    # made a call.
    return any(
        not _worked(trajectory, a) and not _worked(trajectory, b)
        for a, b in _circles(trajectory.path)
    )


def _superfluous(_: Case, trajectory: Trajectory, given: Keys, used: Keys) -> Share | None:
    keys = set(given(trajectory))
    return Share(part=len(keys - set(used(trajectory))), whole=len(keys)) if keys else None


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
    """Return a metric: the share of the context given in handoffs that nobody used.

    It is no standard metric, since a Quintet worker gets only what its contract names, and records
    of other handoffs do not tell which keys were used. Give both functions to count them.

    Args:
        given: returns the keys that a run's handoffs gave.
        used: returns the keys that its agents used.
    """
    return Metric(
        name="superfluous_context",
        score=partial(_superfluous, given=given, used=used),
        better="lower",
        about="Keys of the context that handoffs gave and nobody used / keys given.",
    )
