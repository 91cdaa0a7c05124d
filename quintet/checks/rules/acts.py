"""Find each Act that lacks an effect, or checks approvals by another gate than was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quintet.checks.finding import Finding, names
from quintet.checks.graph.actions import Proposal, acts, proposals
from quintet.checks.graph.sameness import differences
from quintet.checks.graph.tree import Spot, Trail, Tree
from quintet.nodes import Act, ApprovalGate


def unfit_acts(tree: Tree) -> Iterator[Finding]:
    """Compare each Act with the effects proposed before it, and with the gates in between."""
    all_acts = dict(tree.of(Act))
    for proposal in proposals(tree):
        ahead = tree.ahead(proposal.spot, closed=all_acts)
        first = {spot: act for spot, act in all_acts.items() if spot in ahead.spots}
        if first and not ahead.open:
            yield from _missing(proposal, ahead, first)
        for spot, act in first.items():
            if act.gate is not None:
                yield from _other_gates(tree, proposal, ahead, spot)
            elif proposal.gate is not None:
                yield _unchecked(proposal, spot)


def _missing(proposal: Proposal, ahead: Trail, first: Mapping[Spot, Act]) -> Iterator[Finding]:
    """Find proposed effects that the first Acts do not have, and that no other node would run."""
    if any(acts(spot) and spot not in first for spot in ahead.spots):
        return
    spot = min(first, key=lambda spot: spot.at)
    known = {effect.name for act in first.values() for effect in act.effects}
    for name in sorted({effect.name for effect in proposal.named} - known):
        effects_held = names(*known) or "none"
        yield Finding(
            code="missing-effect",
            node=spot.at,
            fault=f"{proposal.spot.name!r} may propose {name!r}, and {spot.name!r} has no such "
            f"effect (it has {effects_held}): the action is refused there.",
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
    """Find gates before an Act that differ from its own, so that it refuses their approvals.

    Where a gate node asks, the gate of the worker only decides which effects are held back.
    """
    all_acts = dict(tree.of(Act))
    own = all_acts[spot].gate
    gates = [(asking, gate) for asking, gate in tree.of(ApprovalGate) if asking in ahead.spots]
    unlike = {
        asking: differences(gate, own)
        for asking, gate in gates
        if spot in tree.ahead(asking, closed=all_acts).spots
    }
    if proposal.gate is not None:
        differing = differences(proposal.gate, own)
        counting = [name for name in differing if name == "when" or not unlike]
        unlike = {proposal.spot: counting, **unlike}
    other = next((asking for asking, settings in unlike.items() if settings), None)
    if other is not None:
        yield _other(spot, other, unlike[other])


def _other(spot: Spot, gated: Spot, unlike: list[str]) -> Finding:
    return Finding(
        code="other-gate",
        node=spot.at,
        fault=f"The gate of {spot.name!r} differs from that of {gated.name!r} in "
        f"{names(*unlike)}: what one lets through the other refuses, or the other way round.",
        remedy="Give one and the same gate to the worker, the graph and Act.",
    )
