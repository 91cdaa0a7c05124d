"""Find proposed actions that nobody decides on or runs, and gates that are never asked."""

from __future__ import annotations

from collections.abc import Iterator

from langchain_core.runnables import Runnable
from langgraph.graph import END

from quintet.checks.finding import Finding
from quintet.checks.graph.actions import Proposal, acts, asks, may_propose, proposals
from quintet.checks.graph.tree import Spot, Tree
from quintet.nodes import Act, ApprovalGate, Worker


def unheard_proposals(tree: Tree) -> Iterator[Finding]:
    """Find proposals that no gate and no Act follows: they wait in the state for ever."""
    acting = [spot for spot, _ in tree.of(Act)]
    for proposal in proposals(tree):
        after = tree.ahead(proposal.spot)
        if after.open:
            continue
        doers = [spot for spot in after.spots if acts(spot)]
        if not doers:
            yield _unheard(proposal, "no node after it carries an action out")
        elif proposal.gate is not None and all(isinstance(spot.action, Act) for spot in doers):
            ahead = tree.ahead(proposal.spot, closed=acting)
            if not any(asks(spot) for spot in ahead.spots):
                yield _unheard(proposal, "no gate stands between it and the Act after it")


def _unheard(proposal: Proposal, why: str) -> Finding:
    name = proposal.spot.name
    gated = proposal.gate is not None
    how = "Its gate holds effects back" if gated else "It proposes actions"
    return Finding(
        code="unheard-proposal",
        node=proposal.spot.at,
        fault=f"{how} in {name!r}, and {why}: an action that is proposed there never happens.",
        remedy=f"Lead {name!r} to an ApprovalGate, and that to Act(effects=..., gate=...).",
    )


def idle_gates(tree: Tree) -> Iterator[Finding]:
    """Find gates before which nothing is proposed, or after which nothing is run."""
    proposing = [spot for spot in tree.spots if may_propose(spot)]
    for spot, gate in tree.of(ApprovalGate):
        if not any(tree.runs_before(proposer, spot) for proposer in proposing):
            if not _is_section(tree, spot, gate):
                yield _never_asked(tree, spot, gate)
        elif gate.approved == END or gate.approved in spot.shape.parts:
            behind = tree.into(spot.shape, gate.approved)
            if not behind.open and not any(map(acts, behind.spots)):
                yield Finding(
                    code="idle-gate",
                    node=spot.at,
                    fault=f"On yes {spot.name!r} leads to {gate.approved!r}, and nothing from "
                    "there on carries an action out: an approval has no effect.",
                    remedy="Lead approved= to Act(effects=..., gate=...).",
                )
    for spot, worker in tree.of(Worker):
        plain = not isinstance(worker.agent, Runnable)
        if worker.gate is not None and not worker.effects and plain:
            yield Finding(
                code="idle-gate",
                node=spot.at,
                fault=f"{spot.name!r} has a gate, and its contract has no effect: plain functions "
                "among its tools run unasked.",
                remedy="Give the contract's tools as effect(...), or leave the gate out.",
                level="warning",
            )


def _is_section(tree: Tree, spot: Spot, gate: ApprovalGate) -> bool:
    """Tell whether a graph only decides on actions that it is given: no work before the gate."""
    before = [node for node in tree.spots if node != spot and tree.runs_before(node, spot)]
    if any(isinstance(node.action, Worker) or not node.part.is_ours for node in before):
        return False
    return any(map(acts, tree.into(spot.shape, gate.approved).spots))


def _never_asked(tree: Tree, spot: Spot, gate: ApprovalGate) -> Finding:
    unasked = [
        node.name
        for node in tree.into(spot.shape, gate.approved).spots
        if not node.part.is_ours or isinstance(node.action, Worker)
    ]
    runs = f", and {min(unasked)!r} runs unasked" if unasked else ""
    return Finding(
        code="idle-gate",
        node=spot.at,
        fault=f"Nothing before {spot.name!r} proposes an action: nobody is ever asked{runs}.",
        remedy="Give the worker before it effects and gate=..., or return proposed(...) from a "
        "node before it.",
        level="error" if unasked else "warning",
    )
