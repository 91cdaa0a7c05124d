"""Contracts that need what nobody gives."""

from __future__ import annotations

from collections.abc import Iterator

from langgraph.channels import LastValue
from typing_extensions import is_typeddict

from quintet.checks.finding import Finding, correction, names
from quintet.checks.graph.results import Results, results
from quintet.checks.graph.shape import Shape
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.payload import Payload
from quintet.checks.source.plans import WrittenStep, steps_of
from quintet.nodes import Planner, Worker


def unmet_needs(tree: Tree) -> Iterator[Finding]:
    """Find workers whose contract needs what is never there: every handoff is refused."""
    given = results(tree)
    for spot, worker in tree.of(Worker):
        if worker.read is None and not spot.shape.is_plain:
            needs = worker.contract.required
            yield from _by_name(given, spot, needs)
            yield from _by_send(given, spot, needs)
            yield from _by_step(spot, needs)


def _by_name(given: Results, spot: Spot, needs: tuple[str, ...]) -> Iterator[Finding]:
    """Look at a worker that an edge or a Command leads to: it is given the state."""
    if spot.name not in given.tree.entries(spot.shape).named:
        return
    there = spot.shape.sees(spot.name)
    for key in needs:
        if key in there:
            if _is_never_set(spot.shape, key) and given.before(key, spot) == "never":
                yield _unmet(spot, key, "is in the state, but neither its input nor a node sets it")
            continue
        verdict = given.before(key, spot)
        if verdict == "never":
            known = there | frozenset(given.givers)
            yield _unmet(spot, key, "neither the state nor a worker before it gives", known)
        elif verdict == "late":
            late = names(*(each.at for each in given.givers[key]))
            yield _unmet(spot, key, f"only {late} gives, which cannot run before it")


def _by_send(given: Results, spot: Spot, needs: tuple[str, ...]) -> Iterator[Finding]:
    """Look at a worker that is sent to: it is given what is sent, and nothing else."""
    for source, each in given.tree.entries(spot.shape).sends:
        if each.to.texts != {spot.name} or not each.given.complete or "step" in each.given.keys:
            continue
        there = _sent_keys(spot.shape, each.given)
        for key in needs:
            known = "results" in there and given.before(key, spot) != "never"
            if key not in there and not known:
                yield _unmet(spot, key, f"the Send from {source!r} does not hold", there)


def _sent_keys(shape: Shape, given: Payload) -> frozenset[str]:
    return given.keys | (shape.keys if given.whole else frozenset())


def _by_step(spot: Spot, needs: tuple[str, ...]) -> Iterator[Finding]:
    """Look at a worker that is an assignee: it is given the state, and the step's own."""
    there = spot.shape.sees(spot.name)
    for planner in spot.shape.parts.values():
        if not isinstance(planner.action, Planner) or spot.name not in planner.action.assignees:
            continue
        for step in steps_of(planner.action).steps:
            if step.assignee.texts != {spot.name} or not step.assignee.complete:
                continue
            for key in needs:
                if key not in there | {"goal"} and _lacks(step, key):
                    said = f"step {names(*step.id.texts)}" if step.id.texts else "a step"
                    yield _unmet(
                        spot, key, f"neither the state nor {said} of {planner.name!r} gives"
                    )


def _lacks(step: WrittenStep, key: str) -> bool:
    known = step.inputs.complete and not step.inputs.whole and step.after.complete
    return known and key not in step.inputs.keys | step.after.texts


def _is_never_set(shape: Shape, key: str) -> bool:
    """Tell whether a key of the state stays empty: not in the input, and no node writes it."""
    if (
        shape.within
        or key in shape.input_keys
        or not isinstance(shape.channels.get(key), LastValue)
    ):
        return False
    if not is_typeddict(shape.builder.state_schema):
        return False  # other kinds of state may have defaults
    written = [shape.written(name) for name in shape.parts]
    return all(each.complete and key not in each.keys for each in written)


def _unmet(spot: Spot, key: str, why: str, known: frozenset[str] = frozenset()) -> Finding:
    remedy = correction(key, known, f"Give {key!r} before it comes to {spot.name!r}")
    return Finding(
        code="unmet-need",
        node=spot.at,
        fault=f"The contract of {spot.name!r} needs {key!r}, which {why}: every handoff that lacks "
        "it is refused.",
        remedy=f"{remedy}, or drop it from needs.",
    )
