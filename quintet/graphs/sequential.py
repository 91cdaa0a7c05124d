"""Run workers one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.graph import StateGraph

from quintet.errors import DesignError
from quintet.graphs.edges import Path, by_actions
from quintet.graphs.namesakes import refuse_namesakes
from quintet.graphs.refusals import check_names, check_part, together
from quintet.graphs.wiring import Wiring
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.node import Node
from quintet.nodes.finish import StateCriterion
from quintet.nodes.plan import Planner
from quintet.nodes.recover import Recovery
from quintet.nodes.review import Review
from quintet.nodes.work import Worker
from quintet.state.fragments import OrchestrationState

PAUSE = Review(rounds=1, otherwise="finish")
"""A pause for a person: yes and a response go on, a no ends the run."""

Pauses = tuple[str, ...] | Mapping[str, Review]


def create_sequential(  # noqa: PLR0913 - each is one duty, and all but one have a default
    workers: Mapping[str, Any],
    *,
    aside: Mapping[str, Any] | None = None,
    pause_after: Pauses = (),
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph that runs workers in order; a contract may need earlier results by their names.

    A contract that needs `effects` gets what the run's effects have come to: each with its
    arguments, status and result. A step's proposals are decided and done before the next step
    begins. Where a person refuses one, the run ends, or goes on at the gate's `rejected`.

    Args:
        workers: by node name, in order; `Worker`s, a `review(...)` of an earlier one, or your own
            nodes. One of yours that proposes actions says so by `effects`.
        aside: nodes that are not in the line, such as a fallback, or a `Consult` that recovery goes
            to; each says by `then` where it goes on.
        pause_after: the steps after which a person looks at the output: yes and edit go on, a
            response goes on with the note, a no ends the run as `rejected`. Or a `Review` for each
            such step, with its own approvers and rounds: a no then goes back to the step.
        gate: the approval gate in front of their effects, after each step that has some.
        recover: the policy for failures; by default retry, then a person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: no workers, a planner among them, or parts that do not fit together.
    """
    if not workers:
        raise DesignError("create_sequential: it has no workers; give at least one")
    check_part("aside", aside, Mapping)
    beside = dict(aside or {})
    pauses = _pauses(pause_after, workers)
    _check_steps(workers, beside, pauses, state)
    everybody = together(workers, beside)
    wiring = Wiring.around(everybody, gate, recover, success)
    graph: StateGraph[Any] = StateGraph(state)
    wiring.add_outcomes(graph)
    names = list(workers)
    last = names[-1]
    proposing = [name for name, node in everybody.items() if getattr(node, "effects", ())]
    if gate is not None and (not proposing or not isinstance(workers[last], Node)):
        proposing = list(dict.fromkeys([*proposing, last]))
    line = _Line(graph=graph, wiring=wiring, proposing=tuple(proposing))
    for name, following in zip(names, [*names[1:], "finish"], strict=True):
        line.add(name, workers[name], line.pause(name, pauses.get(name), following))
    for name, node in beside.items():
        line.add(name, node, node.then)
    wiring.begin(graph, names[0], deadline=deadline)
    wiring.check(graph)
    return graph


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Add the steps of a line, each with its gate and its pause behind it."""

    graph: StateGraph[Any]
    wiring: Wiring
    proposing: tuple[str, ...]

    def add(self, name: str, node: Any, following: str | Path) -> None:
        """Add a step, and the gate for its effects."""
        wiring, way = self.wiring, following
        if wiring.gate is not None and name in self.proposing:
            # The first has the plain names, as in all ready-made graphs.
            suffix = "" if name == self.proposing[0] else f"_{name}"
            if isinstance(node, Worker) and node.then not in ("", "finish"):
                way, node = node.then, replace(node, then="")
            # What comes next may tell of a proposal that was refused, unless the gate says that
            # it knows how to go on.
            ends = wiring.gate.rejected in ("", "finish")
            then = Path(key="refused", to={"yes": "finish"}, otherwise=way) if ends else way
            wiring = replace(
                wiring, then=then, gate_node=f"approve{suffix}", act_node=f"act{suffix}"
            )
            wiring.add_gate(self.graph)
            way = by_actions(wiring.gate_node, otherwise=way)
        asked = getattr(node, "asked", "")
        node = wiring.wired(node, way, "finish")
        if asked:  # a question ends the run, whatever would come next in the line
            node = replace(node, asked=asked)
        wiring.add_node(self.graph, name, node)
        wiring.lead_on(self.graph, name, node, way)

    def pause(self, name: str, review: Review | None, following: str) -> str:
        """Add the pause behind a step, if there is one; give the node that follows the step."""
        if review is None:
            return following
        responded = following if review is PAUSE else review.responded
        pause = replace(review, of=name, approved=following, responded=responded)
        self.wiring.add_node(self.graph, _pause_node(name), self.wiring.reviewed(pause))
        return _pause_node(name)


def _pause_node(step: str) -> str:
    return f"review_{step}"


def _pauses(given: Pauses, workers: Mapping[str, Any]) -> dict[str, Review]:
    """Read the pauses by their steps.

    Raises:
        DesignError: a step that does not exist, or a pause that is no `Review`.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DesignError(f"create_sequential(pause_after={given!r}): give a tuple, ({given!r},)")
    pauses = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given, PAUSE)
    for step, pause in pauses.items():
        if step not in workers:
            raise DesignError(
                f"create_sequential(pause_after=): there is no step {step!r}; there are "
                f"{', '.join(workers)}"
            )
        if not isinstance(pause, Review):
            raise DesignError(
                f"create_sequential(pause_after=): {step!r} has {pause!r:.60}; give a Review"
            )
        if pause.of or pause.approved:
            raise DesignError(
                f"create_sequential(pause_after=): the Review after {step!r} shows that step and "
                "goes on in the line; leave of= and approved= out"
            )
    return pauses


def _check_steps(
    workers: Mapping[str, Any],
    beside: Mapping[str, Any],
    pauses: Mapping[str, Review],
    state: type[Any],
) -> None:
    everybody = together(workers, beside)
    taken = [_pause_node(step) for step in pauses]
    taken += [f"{part}_{name}" for part in ("approve", "act") for name in everybody]
    check_names(everybody, state, *taken)
    refuse_namesakes(everybody)
    if planners := [name for name, node in everybody.items() if isinstance(node, Planner)]:
        raise DesignError(
            f"create_sequential: {planners[0]!r} is a Planner, which sends steps out in an order "
            "of its own; give it to create_handoff"
        )
    if both := sorted(set(workers) & set(beside)):
        raise DesignError(f"create_sequential(aside=): {both[0]!r} is a step of the line already")
    for name, node in beside.items():
        if not getattr(node, "then", ""):
            raise DesignError(
                f"create_sequential(aside=): {name!r} stands in no line; give it then=..., such as "
                f"then={next(iter(workers))!r}"
            )
