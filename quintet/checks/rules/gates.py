"""Find effects that a run can reach without passing an approval gate."""

from __future__ import annotations

from collections.abc import Iterator

from langgraph.graph import END, START

from quintet.checks.finding import Finding, names
from quintet.checks.graph.shape import Shape, way


def bypassed_gates(shape: Shape) -> Iterator[Finding]:
    """Find effects that run without passing any gate, in a graph that has gates."""
    gates = [subshape.at(name) for subshape in _walk(shape) for name in _gates(subshape)]
    if gates:
        yield from _bypassed(shape, gates, "")


def _bypassed(shape: Shape, gates: list[str], ahead: str) -> Iterator[Finding]:
    previous = shape.reached(closed=frozenset(_passing(shape)))
    for name in sorted(previous):
        part = shape.parts.get(name)
        if part is None:
            continue
        path = f"{ahead}{way(previous, name)}"
        if name in shape.run_within:
            yield from _bypassed(shape.run_within[name], gates, f"{path}: ")
        elif part.is_ungated:
            yield Finding(
                code="bypassed-gate",
                node=shape.at(name),
                fault=f"{name!r} runs effects and can be reached without passing the gate "
                f"{names(*gates)}: {path}.",
                remedy=f"Lead every way to {name!r} through the gate, or give the node gate=... "
                "so that it checks the approval itself.",
            )


def _walk(shape: Shape) -> Iterator[Shape]:
    """List a graph and all that run within it, those of a workflow's tasks too."""
    yield shape
    for inner in shape.run_within.values():
        yield from _walk(inner)


def _gates(shape: Shape) -> list[str]:
    return [name for name, part in shape.parts.items() if part.is_gate]


def _passing(shape: Shape) -> Iterator[str]:
    """List the nodes past which a gate was passed: gates, and subgraphs with one on every way."""
    for name, part in shape.parts.items():
        inner = shape.run_within.get(name)
        if part.is_gate or (inner is not None and _is_sealed(inner)):
            yield name


def _is_sealed(shape: Shape) -> bool:
    """Tell whether every way through a subgraph passes a gate."""
    passing = frozenset(_passing(shape))
    open_ways = set(shape.reached(closed=passing)) - passing
    leaves = any(
        shape.is_end(name) or shape.is_open(name) or shape.moves(name).parent.texts
        for name in open_ways
    )
    # A path function after START may end the subgraph before any node has run.
    return bool(passing) and not leaves and END not in shape.exits(START)
