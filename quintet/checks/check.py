"""Run every rule over a graph and its subgraphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.checks.finding import Finding
from quintet.checks.graph.shape import Shape
from quintet.checks.graph.tree import Tree
from quintet.checks.rules import (
    acts,
    agents,
    caches,
    catches,
    contracts,
    endings,
    gates,
    interrupts,
    keys,
    limits,
    merges,
    namesakes,
    parallel,
    planners,
    proposals,
    questions,
    sends,
    signatures,
    targets,
    writes,
)
from quintet.checks.source.body import forget
from quintet.errors import DesignError

_RULES: Final[tuple[Callable[[Shape], Iterator[Finding]], ...]] = (
    targets.unknown_targets,
    targets.no_entry,
    targets.orphans,
    targets.edge_and_command,
    targets.blind_paths,
    endings.partial_paths,
    endings.partial_commands,
    endings.unread_outcomes,
    targets.alternatives,
    parallel.parallel_writers,
    parallel.unequal_joins,
    keys.unknown_keys,
    keys.whole_state,
    keys.isolated_subgraphs,
    keys.no_outcome,
    catches.swallowed,
    interrupts.repeated,
    questions.handled_questions,
    signatures.handlers,
    signatures.timeouts,
    signatures.unresolved,
    writes.lost_changes,
)
"""The rules that look at one graph at a time."""

_TREE_RULES: Final[tuple[Callable[[Tree], Iterator[Finding]], ...]] = (
    acts.unfit_acts,
    agents.raw_effects,
    caches.cached_effects,
    contracts.unmet_needs,
    limits.blind_limits,
    merges.unknown_sources,
    merges.unknown_branches,
    merges.uncut_branches,
    namesakes.nested_results,
    namesakes.shadowed_results,
    namesakes.shared_effects,
    namesakes.shared_gates,
    namesakes.shared_merges,
    planners.plans,
    planners.shared_plans,
    proposals.idle_gates,
    proposals.unheard_proposals,
    sends.shared_results,
)
"""The rules that look at a graph and its subgraphs together."""


def check(
    graph: StateGraph[Any, Any, Any, Any] | CompiledStateGraph[Any, Any, Any, Any],
) -> tuple[Finding, ...]:
    """Find the mistakes in a graph that LangGraph reports only when it runs, or never.

    No node is run. Where something cannot be read (a function without source, targets
    computed at run time), there are fewer findings. Subgraphs that are nodes are read too.

    Args:
        graph: a `StateGraph`, or what its `compile` returned; only a compiled graph tells
            whether it has a checkpointer.

    Returns:
        The findings, errors first; empty when nothing was found.

    Raises:
        DesignError: the argument is not a graph that has nodes and edges.
    """
    builder = graph.builder if isinstance(graph, CompiledStateGraph) else graph
    if not isinstance(builder, StateGraph):
        raise DesignError(
            f"check reads a StateGraph or a compiled one, not {type(graph).__name__}; give the "
            "graph itself"
        )
    forget()  # a helper may have been defined anew since the last check
    shape = Shape(builder=builder)
    tree = Tree(root=shape)
    findings = {
        finding for subshape in shape.walk() for rule in _RULES for finding in rule(subshape)
    }
    findings |= {finding for rule in _TREE_RULES for finding in rule(tree)}
    findings |= {*interrupts.no_checkpointer(shape, graph), *gates.bypassed_gates(shape)}
    return tuple(sorted(findings, key=lambda finding: finding.rank))
