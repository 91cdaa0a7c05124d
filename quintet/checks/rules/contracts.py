"""Find contracts that need a value which no node gives."""

from __future__ import annotations

from collections.abc import Iterator

from langgraph.channels import LastValue
from typing_extensions import is_typeddict

from quintet.checks.finding import Finding, correction, names
from quintet.checks.graph.results import Results, gets_items, results
from quintet.checks.graph.shape import Shape
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.payload import Payload
from quintet.checks.source.plans import WrittenStep, steps_of
from quintet.nodes import Manager, Planner, Worker
from quintet.nodes.agents.passing import receivers_of
from quintet.nodes.core.did import EFFECTS


def unmet_needs(tree: Tree) -> Iterator[Finding]:
    """Find workers whose contract needs a value that is never there: no handoff is accepted."""
    available = results(tree)
    for spot, worker in tree.of(Worker):
        if worker.read is None and not spot.shape.is_plain:
            # Every run can tell what has come of its effects.
            needs = tuple(key for key in worker.contract.required if key != EFFECTS)
            yield from _by_name(available, spot, needs)
            yield from _by_send(available, spot, needs)
            yield from _by_step(spot, needs)


def _by_name(available: Results, spot: Spot, needs: tuple[str, ...]) -> Iterator[Finding]:
    """Look at a worker that an edge or a Command leads to: it is given the state and results."""
    if spot.name not in available.tree.entries(spot.shape).named or _is_sent(available.tree, spot):
        return
    state_keys = spot.shape.sees(spot.name)
    given = _GIVEN if "questions" in spot.shape.keys else frozenset({"handoff"})
    # A handoff may bring what is needed as its payload, and is refused where it does not.
    if any(_hands_to(part.action, spot.name) for part in spot.shape.parts.values()):
        return
    for key in needs:
        if key in given:
            continue
        if key in state_keys:
            if _is_never_set(spot.shape, key) and available.before(key, spot) == "never":
                yield _unmet(spot, key, "is in the state, but neither its input nor a node sets it")
            continue
        verdict = available.before(key, spot)
        if verdict == "never":
            known = state_keys | frozenset(available.givers)
            yield _unmet(spot, key, "neither the state nor a worker before it gives", known)
        elif verdict == "late":
            late = names(*(giver.at for giver in available.givers[key]))
            yield _unmet(spot, key, f"only {late} gives, which cannot run before it")


def _is_sent(tree: Tree, spot: Spot) -> bool:
    """Tell whether a worker is in a graph that is sent items or steps, whose inputs it is given."""
    within = spot.shape.within
    around = ((tree.shapes[within[:depth]], name) for depth, name in enumerate(within))
    return any(
        gets_items(shape, name)
        or any(name in getattr(part.action, "assignees", ()) for part in shape.parts.values())
        for shape, name in around
    )


_GIVEN = frozenset({"asked", "messages", "handoff"})
"""The keys that a conversation gives to the contracts that name them."""


def _hands_to(action: object, name: str) -> bool:
    """Tell whether a worker hands over to a node whose contract it knows."""
    return isinstance(action, Worker) and receivers_of(action.handoffs).get(name) is not None


def _by_send(available: Results, spot: Spot, needs: tuple[str, ...]) -> Iterator[Finding]:
    """Look at a worker that a Send leads to: it is given what is sent, and nothing else."""
    for source, send in available.tree.entries(spot.shape).sends:
        if send.to.texts != {spot.name} or not send.given.complete or "step" in send.given.keys:
            continue
        sent_keys = _sent_keys(spot.shape, send.given)
        for key in needs:
            # A worker looks among the results that it is sent, too.
            known = "results" in sent_keys and available.before(key, spot) != "never"
            if key not in sent_keys and not known:
                yield _unmet(spot, key, f"the Send from {source!r} does not hold", sent_keys)


def _sent_keys(shape: Shape, sent: Payload) -> frozenset[str]:
    return sent.keys | (shape.keys if sent.whole else frozenset())


def _by_step(spot: Spot, needs: tuple[str, ...]) -> Iterator[Finding]:
    """Look at a worker that is an assignee: it is given the state and its step's inputs."""
    state_keys = spot.shape.sees(spot.name)
    for planner in spot.shape.parts.values():
        if (
            not isinstance(planner.action, Planner | Manager)
            or spot.name not in planner.action.assignees
        ):
            continue
        for step in steps_of(planner.action).steps:
            if step.assignee.texts != {spot.name} or not step.assignee.complete:
                continue
            for key in needs:
                # A worker takes the goal of its request from the step.
                if key not in state_keys | {"goal", "message"} and _lacks(step, key):
                    step_text = f"step {names(*step.id.texts)}" if step.id.texts else "a step"
                    yield _unmet(
                        spot, key, f"neither the state nor {step_text} of {planner.name!r} gives"
                    )


def _lacks(step: WrittenStep, key: str) -> bool:
    known = step.inputs.complete and not step.inputs.whole and step.after.complete
    return known and key not in step.inputs.keys | step.after.texts


def _is_never_set(shape: Shape, key: str) -> bool:
    """Tell whether a key of the state stays empty: it is not an input, and no node writes it."""
    plain = isinstance(shape.channels.get(key), LastValue)
    if shape.within or key in shape.input_keys or not plain:
        return False
    if not is_typeddict(shape.builder.state_schema):
        return False  # other kinds of state may have defaults
    updates = [shape.written(name) for name in shape.parts]
    return all(update.complete and key not in update.keys for update in updates)


def _unmet(spot: Spot, key: str, why: str, known: frozenset[str] = frozenset()) -> Finding:
    remedy = correction(key, known, f"Give {key!r} before it comes to {spot.name!r}")
    return Finding(
        code="unmet-need",
        node=spot.at,
        fault=f"The contract of {spot.name!r} needs {key!r}, which {why}: every handoff that lacks "
        "it is refused.",
        remedy=f"{remedy}, or drop it from needs.",
    )
