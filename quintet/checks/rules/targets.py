"""Find mistakes in the ways through a graph: to no node, to one that never runs, to two at once."""

from __future__ import annotations

from collections.abc import Iterator

from langgraph.graph import END, START

from quintet.checks.finding import Finding, correction, names, target_names
from quintet.checks.graph.branch import Branch
from quintet.checks.graph.shape import Shape
from quintet.checks.source.moves import answers, unlisted


def unknown_targets(shape: Shape) -> Iterator[Finding]:
    """Find targets that are not nodes: LangGraph logs one line, and the run seems to end well."""
    for source, targets in sorted(_targets(shape).items()):
        for target, lead in sorted(targets.items()):
            if target not in shape.parts and target != END:
                yield _unknown(shape, source, target, lead)
    for source in sorted({*shape.edges, *shape.branches} - {*shape.parts, START}):
        yield Finding(
            code="unknown-target",
            node=shape.at(source),
            fault=f"An edge starts at {source!r}, and no node has that name.",
            remedy=_suggestion(shape, source),
        )
    for source, branches in shape.branches.items():
        for branch in branches:
            yield from _unmapped(shape, source, branch)
            if branch.body is not None and branch.ends is None and unlisted(branch.body):
                yield _unlisted(shape, source)


def _targets(shape: Shape) -> dict[str, dict[str, str]]:
    targets_by_source: dict[str, dict[str, str]] = {}
    for source in (START, *shape.parts):
        targets = targets_by_source.setdefault(source, {})
        for branch in shape.branches.get(source, ()):
            targets |= dict.fromkeys(branch.moves.to.texts, "a conditional edge may lead")
        # The last one wins: an edge is named rather than a Command, and that rather than a branch.
        targets |= dict.fromkeys(shape.moves(source).to.texts, "a Command or Send may lead")
        targets |= dict.fromkeys(shape.edge_targets(source), "an edge leads")
    return targets_by_source


def _unknown(shape: Shape, source: str, target: str, lead: str) -> Finding:
    return Finding(
        code="unknown-target",
        node=shape.at(source),
        fault=f"From {source!r} {lead} to {target!r}, and no node has that name.",
        remedy=_suggestion(shape, target),
    )


def _unmapped(shape: Shape, source: str, branch: Branch) -> Iterator[Finding]:
    if branch.body is None or branch.ends is None:
        return
    captured = {value for value in branch.body.captured.values() if isinstance(value, str)}
    missing = answers(branch.body, certain=True).known - set(branch.ends) - captured - {None}
    for answer in sorted(missing, key=repr):
        yield Finding(
            code="unknown-target",
            node=shape.at(source),
            fault=f"The path function after {source!r} may answer {answer!r}, which its map of "
            f"targets ({names(*map(str, branch.ends))}) does not hold.",
            remedy=f"Add {answer!r} to path_map or to the Literal of its return hint.",
        )


def _unlisted(shape: Shape, source: str) -> Finding:
    return Finding(
        code="unknown-target",
        node=shape.at(source),
        fault=f"The path function after {source!r} may answer a set, a dict or a generator, which "
        "LangGraph takes for the name of one node, and none has it.",
        remedy="Answer a list: list(...).",
    )


def _suggestion(shape: Shape, target: str) -> str:
    return f"{correction(target, shape.parts, 'Name an existing node')}, or add {target!r}."


def no_entry(shape: Shape) -> Iterator[Finding]:
    """Find a graph without a way in, as one finding instead of one for each node."""
    if not shape.edges.get(START) and not shape.branches.get(START):
        yield Finding(
            code="no-entry",
            node=shape.at(START),
            fault="No edge leads from START into the graph, so that it cannot be compiled.",
            remedy="Add add_edge(START, ...) to the first node.",
        )


def orphans(shape: Shape) -> Iterator[Finding]:
    """Find nodes that nothing leads to: they compile, and never run."""
    reached = shape.reached()
    # With START alone `no_entry` says it once; where a way is open, it may lead to any node.
    if len(reached) == 1 or any(shape.is_open(name) for name in reached):
        return
    for name, part in shape.parts.items():
        if name not in reached and not part.spec.is_error_handler:
            yield Finding(
                code="orphan-node",
                node=shape.at(name),
                fault=f"No way leads from START to {name!r}, so that it never runs.",
                remedy=f"Add an edge or a Command target to {name!r}, or remove the node.",
            )


def edge_and_command(shape: Shape) -> Iterator[Finding]:
    """Find edges beside a `Command`: both are followed."""
    for name in shape.parts:
        commanded = shape.moves(name).to.texts
        branches = shape.branches.get(name, ())
        edges = shape.edge_targets(name).union(*(branch.moves.to.texts for branch in branches))
        # A Command along an edge of the node itself starts the target once, not twice.
        if not (edges or branches) or not commanded - shape.edge_targets(name):
            continue
        yield Finding(
            code="edge-and-command",
            node=shape.at(name),
            fault=f"{name!r} may go to {names(*target_names(commanded))} by Command and also has "
            f"an edge to {names(*target_names(edges)) or 'what its path function says'}: both are "
            "followed.",
            remedy="Keep one of the two: remove the edge, or return a plain update.",
        )


def blind_paths(shape: Shape) -> Iterator[Finding]:
    """Find path functions without a map of targets: they are drawn wrongly and hardly checked."""
    for source, branches in shape.branches.items():
        if any(branch.ends is None for branch in branches):
            yield Finding(
                code="blind-path",
                node=shape.at(source),
                fault=f"The path function after {source!r} has neither a path_map nor a Literal "
                "return hint: drawings do not show where it leads, and nothing can be checked.",
                remedy="Give path_map=[...] with its targets, or hint `-> Literal[...]`.",
                level="warning",
            )


def alternatives(shape: Shape) -> Iterator[Finding]:
    """Find joins that wait for two nodes of which only one is ever chosen: they never run."""
    for starts, end in shape.joins:
        for source, branches in shape.branches.items():
            for branch in branches:
                only = sorted(start for start in starts if _is_only_way(shape, branch, start, end))
                if len(only) > 1:
                    yield Finding(
                        code="join-of-alternatives",
                        node=shape.at(end),
                        fault=f"{end!r} waits for {names(*only)}, of which {source!r} chooses one: "
                        "it never runs, and the run ends there in silence.",
                        remedy=f"Give each an edge of its own: add_edge({only[0]!r}, {end!r}).",
                    )


def _is_only_way(shape: Shape, branch: Branch, name: str, end: str) -> bool:
    """Tell whether a node is one choice of a branch, started by that alone, before a join."""
    moves, body = branch.moves, branch.body
    if body is None or not answers(body).complete or name not in moves.to.texts:
        return False
    # A list made at run time may hold both nodes.
    if moves.gathered or moves.repeated:
        return False
    sources = [source for source in (START, *shape.parts) if name in shape.exits(source)]
    joined = any(name == target for _, target in shape.joins)
    alone = sources == [branch.source] and len(shape.branches[branch.source]) == 1
    return alone and not joined and shape.edge_targets(name) == {end} and not shape.exits(name)
