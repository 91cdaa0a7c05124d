"""An Act that does not know an effect, or does not check the approvals that it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quintet.checks.finding import Finding, names
from quintet.checks.graph.actions import Proposal, acts, proposals
from quintet.checks.graph.sameness import differences
from quintet.checks.graph.tree import Spot, Trail, Tree
from quintet.nodes import Act, ApprovalGate


def unfit_acts(tree: Tree) -> Iterator[Finding]:
    """Compare each Act with what may be proposed before it, and with the gates in between."""
    every = dict(tree.of(Act))
    for each in proposals(tree):
        ahead = tree.ahead(each.spot, closed=every)
        first = {spot: act for spot, act in every.items() if spot in ahead.spots}
        if first and not ahead.open:
            yield from _missing(each, ahead, first)
        for spot, act in first.items():
            if act.gate is not None:
                yield from _other_gates(tree, each, ahead, spot)
            elif each.gate is not None:
                yield _unchecked(each, spot)


def _missing(proposal: Proposal, ahead: Trail, first: Mapping[Spot, Act]) -> Iterator[Finding]:
    """Find effects that an Act does not have, and that nobody else would run either."""
    if any(acts(spot) and spot not in first for spot in ahead.spots):
        return
    spot = min(first, key=lambda spot: spot.at)
    known = {effect.name for act in first.values() for effect in act.effects}
    for name in sorted({each.name for each in proposal.named} - known):
        held = names(*known) or "none"
        yield Finding(
            code="missing-effect",
            node=spot.at,
            fault=f"{proposal.spot.name!r} may propose {name!r}, and {spot.name!r} has no such "
            f"effect (it has {held}): the action is refused there.",
            remedy=f"Add {name!r} to Act(effects=...).",
        )


def _unchecked(proposal: Proposal, spot: Spot) -> Finding:
    return Finding(
        code="unchecked-act",
        node=spot.at,
        fault=f"{proposal.spot.name!r} proposes what its gate wants a person for, and "
        f"{spot.name!r} has no gate: it would run an action that nobody has approved.",
        remedy="Give Act the worker's gate: Act(effects=..., gate=...).",
    )


def _other_gates(tree: Tree, proposal: Proposal, ahead: Trail, spot: Spot) -> Iterator[Finding]:
    """Find gates before an Act that are not its own: their approvals do not count there.

    Where a gate of the graph asks, the worker's own only says which actions are held back.
    """
    every = dict(tree.of(Act))
    gates = [(each, gate) for each, gate in tree.of(ApprovalGate) if each in ahead.spots]
    asked = [(s, gate) for s, gate in gates if spot in tree.ahead(s, closed=every).spots]
    unlike = {each: differences(gate, every[spot].gate) for each, gate in asked}
    if proposal.gate is not None:
        differs = differences(proposal.gate, every[spot].gate)
        held = [name for name in differs if name == "when" or not asked]
        unlike = {proposal.spot: held, **unlike}
    each = next((each for each, settings in unlike.items() if settings), None)
    if each is not None:
        yield _other(spot, each, unlike[each])


def _other(spot: Spot, gated: Spot, unlike: list[str]) -> Finding:
    return Finding(
        code="other-gate",
        node=spot.at,
        fault=f"The gate of {spot.name!r} differs from that of {gated.name!r} in "
        f"{names(*unlike)}: what one lets through the other refuses, or the other way round.",
        remedy="Give one and the same gate to the worker, the graph and Act.",
    )
