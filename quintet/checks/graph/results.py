"""Find the nodes that give each result.

Workers give results under their own names, planners under the ids of their steps.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from quintet.checks.graph.entries import Entries
from quintet.checks.graph.shape import Shape
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.body import Body
from quintet.checks.source.literals import ANYTHING, NOTHING, Values, union
from quintet.checks.source.payload import Payload, payload
from quintet.checks.source.plans import steps_of
from quintet.checks.source.updates import gives_foreign
from quintet.nodes import FanOut, Join, Manager, Planner, Worker
from quintet.nodes.flow.named import NamedOutcome
from quintet.nodes.flow.task import FlowTask
from quintet.nodes.wait import Wait

Availability = Literal["given", "late", "never", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Results:
    """Tell which nodes give the results of each name.

    `complete` is False where results of other names may be given too.
    """

    tree: Tree
    givers: dict[str, frozenset[Spot]]
    complete: bool

    def before(self, name: str, spot: Spot) -> Availability:
        """Tell whether a result stands under a name when a node runs, or is given too late.

        Several results of one name in one step are numbered: `read`, `read#2` and so on.
        """
        givers = self.givers.get(re.sub(r"#\d*$", "", name), frozenset())
        if any(self.tree.runs_before(giver, spot) for giver in givers):
            return "given"
        if not self.complete:
            return "unknown"
        return "late" if givers else "never"


def results(tree: Tree) -> Results:
    """Read the results that the nodes of a graph and its subgraphs give."""
    givers: dict[str, frozenset[Spot]] = {}
    complete = True
    for spot in tree.spots:
        names = _given(tree, spot)
        complete &= names.complete
        for name in names.texts:
            givers[name] = givers.get(name, frozenset()) | {spot}
    return Results(tree=tree, givers=givers, complete=complete)


def _given(tree: Tree, spot: Spot) -> Values:
    if "results" not in spot.shape.channels:
        return NOTHING
    if isinstance(spot.action, Planner):
        return steps_of(spot.action).ids
    if isinstance(spot.action, Manager):
        return union([steps_of(spot.action).ids, Values(known=frozenset({spot.name}))])
    if isinstance(spot.action, FanOut | Join):
        return NOTHING  # they take results of an earlier round away
    if isinstance(spot.action, Worker):
        return _of_worker(tree.entries(spot.shape), spot)
    if isinstance(spot.action, FlowTask):
        named = isinstance(spot.node, Worker | NamedOutcome | Wait)
        return Values(known=frozenset({spot.name})) if named else ANYTHING
    return _of_function(spot)


def _of_worker(entries: Entries, spot: Spot) -> Values:
    """List the names of a worker's results: its own, where it may run without a step."""
    ids = [_step_id(send.given) for _, send in entries.sends if spot.name in send.to.texts]
    # The result of a Send without a step stands under the worker's own name.
    alone = spot.name in entries.named or entries.is_open or NOTHING in ids
    alone = alone or gets_items(entries.shape, spot.name)
    own_name = frozenset({spot.name}) if alone else frozenset()
    return Values(
        known=own_name.union(*(step_id.known for step_id in ids)),
        complete=all(step_id.complete for step_id in ids),
    )


def gets_items(shape: Shape, name: str) -> bool:
    """Tell whether a fan-out sends items to a node, whose results are then numbered."""
    actions = (part.action for part in shape.parts.values())
    return any(isinstance(a, FanOut) and a.each is not None and name in a.to for a in actions)


def _step_id(sent: Payload) -> Values:
    """Return the ids of the step in a `Send`: none without a step; the id itself is not read."""
    if "step" in sent.keys or not sent.complete:
        return ANYTHING
    return NOTHING


def _of_function(spot: Spot) -> Values:
    part = spot.part
    if part.writes is not None or part.is_ours:
        return Values(complete="results" not in (part.writes or ()))
    if part.is_opaque:
        return ANYTHING
    payloads = [payload(body, value) for body in part.reach for value in _stored(body)]
    return Values(
        known=frozenset(key for update in payloads for key in update.keys),
        complete=all(update.complete and not update.whole for update in payloads)
        and not any(gives_foreign(body) for body in part.reach),
    )


def _stored(body: Body) -> Iterator[ast.expr]:
    """List the values that a function stores under the key `results`."""
    for node in body.nodes:
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (value for key, value in pairs if key and body.resolve(key) == "results")
        elif isinstance(node, ast.Call):
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "results")
        elif isinstance(node, ast.Assign):
            keys = [target.slice for target in node.targets if isinstance(target, ast.Subscript)]
            yield from (node.value for key in keys if body.resolve(key) == "results")
