"""Find workers that are sent to several times at once, so that their results share one name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from quintet.checks.finding import Finding, source_name
from quintet.checks.graph.shape import Shape
from quintet.checks.graph.tree import Tree
from quintet.checks.source.payload import Payload
from quintet.nodes import Worker
from quintet.state.channels import Results


def shared_results(tree: Tree) -> Iterator[Finding]:
    """Find workers that get several `Send`s in one step without a step id of their own."""
    reported = set()
    for shape in tree.shapes.values():
        for source, send in tree.entries(shape).sends:
            targets = send.to.texts
            if not send.often or len(targets) != 1 or not send.to.complete:
                continue
            [name] = targets
            if (shape, name) in reported or not _works(shape, name) or _has_step(send.given):
                continue
            reported.add((shape, name))
            yield _shared(shape, source, name)


def _shared(shape: Shape, source: str, name: str) -> Finding:
    """Report the shared name: our channel numbers the results, any other keeps only one."""
    numbered = isinstance(shape.channels.get("results"), Results)
    consequence = (
        "they are numbered in the order of their tasks" if numbered else "only one is kept"
    )
    return Finding(
        code="shared-result",
        node=shape.at(name),
        fault=f"{source_name(source)} sends to {name!r} several times in one step, and each "
        f"result is written under the same name: {consequence}.",
        remedy="To name each result, give each Send a step of its own, "
        f"Send({name!r}, {{..., 'step': {{'id': ...}}}}), or let a Planner send.",
        level="warning" if numbered else "error",
    )


def _works(shape: Shape, name: str) -> bool:
    """Tell whether a node is a worker, or a subgraph whose workers give results to this graph."""
    if (inner := shape.inner.get(name)) is not None:
        gives_results = "results" in inner.output_keys & shape.keys
        return gives_results and any(_works(inner, node) for node in inner.parts)
    return name in shape.parts and isinstance(shape.parts[name].action, Worker)


def _has_step(sent: Payload) -> bool:
    """Tell whether what is sent may hold a step with an id of its own."""
    steps = [value for key, value in sent.values if key == "step"]
    if not steps:
        return not sent.complete
    return not all(_is_fixed(step) for step in steps)


def _is_fixed(step: ast.expr) -> bool:
    """Tell whether a step is written out, with one id for every `Send`."""
    if not isinstance(step, ast.Dict) or None in step.keys:
        return False
    pairs = zip(step.keys, step.values, strict=True)
    ids = [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "id"]
    return all(isinstance(value, ast.Constant) for value in ids)
