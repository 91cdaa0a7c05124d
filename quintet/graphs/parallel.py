"""Run workers side by side, judge how they end, and merge what they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from langgraph.graph import StateGraph

from quintet.errors import DesignError
from quintet.graphs.edges import Path
from quintet.graphs.namesakes import refuse_namesakes
from quintet.graphs.refusals import check_names, check_part, together
from quintet.graphs.wiring import Wiring
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.branch import Branch, BranchNode
from quintet.nodes.core.function import FunctionNode, as_node, input_schema_of, targets_of
from quintet.nodes.fan_out import FanOut
from quintet.nodes.finish import StateCriterion
from quintet.nodes.join import Join, Need
from quintet.nodes.merge import Merge
from quintet.nodes.plan import Planner
from quintet.nodes.recover import Recovery
from quintet.nodes.work import Worker
from quintet.state.fragments import OrchestrationState

JOIN = "join"


def create_parallel(  # noqa: PLR0913 - each is one duty, and all but one have a default
    workers: Mapping[str, Any],
    *,
    intake: Any = None,
    fan_out: FanOut | None = None,
    join: Join | Need = "all",
    merge: Merge | None = None,
    then: Mapping[str, Any] | None = None,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph that runs workers side by side, and goes on when enough of them have a result.

    Args:
        workers: by node name: `Worker`s or your own nodes. Those that `recover` names as fallbacks
            are no branches.
        intake: a node of yours that runs first, as `intake`.
        fan_out: which branches run, how many at once, for how long; by default all at once.
        join: `"all"`, `"first"`, the number of results that decide, or a `Join`.
        merge: merges the branches' results, as `merge`. A source that the join went on without is
            not asked for, unless `requires` names it; one that is no branch is.
        then: nodes that follow in order, with the results so far.
        gate: the approval gate in front of the effects.
        recover: the policy for failures; by default retry, then a person. Its last remedy
            comes once for all branches that failed, if more failed than may.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: fewer than two branches without items for one, a branch that cannot be cut off
            where that is asked for, or parts that do not fit together.
    """
    check_part("then", then, Mapping)
    after = dict(then or {})
    everybody = together(workers, after)
    check_names(everybody, state, "intake", "fan_out", JOIN, "merge")
    refuse_namesakes({**everybody, "intake": intake})
    check_part("fan_out", fan_out, FanOut)
    wiring = Wiring.around(everybody, gate, recover, success)
    parts = _Parts(workers=workers, fan_out=fan_out or FanOut(), join=join, wiring=wiring)
    graph: StateGraph[Any] = StateGraph(state)
    end = wiring.add_ends(graph)
    way = wiring.way_on(None, end)
    given = [*(("merge", node) for node in (merge,) if node is not None), *after.items()]
    steps = [(name, parts.merging(node)) for name, node in given]
    names = [name for name, _ in steps]
    wiring.add_node(graph, JOIN, replace(parts.joined, then=[*names, way][0]), defer=True)
    for (name, node), following in zip(steps, [*names, way][1:], strict=True):
        _add_after(graph, name, node, following, end, wiring)
    parts.add_branches(graph, end)
    first = parts.first
    if intake is not None:
        wiring.add_node(graph, "intake", intake)
        wiring.lead_on(graph, "intake", intake, first)
        first = ("intake",)
    wiring.begin(graph, *first, deadline=deadline)
    wiring.check(graph)
    return graph


def _add_after(
    graph: StateGraph[Any], name: str, node: Any, following: str | Path, end: str, wiring: Wiring
) -> None:
    """Add the merge, or a node that follows it."""
    if isinstance(node, Planner):
        raise DesignError(
            f"create_parallel(then=): {name!r} is a Planner, which sends steps out in an order of "
            "its own; give it to create_handoff"
        )
    if isinstance(node, Merge):
        node = replace(node, then=following)
    else:
        node = wiring.wired(node, following, end)
    wiring.add_node(graph, name, node)
    wiring.lead_on(graph, name, node, following)


def refuse_leaving(name: str, node: Any) -> None:
    """Refuse a branch that goes on elsewhere than to its join: what comes next would come twice.

    Raises:
        DesignError: it names the branch and where it goes.
    """
    ways = targets_of(node)
    if isinstance(node, Worker):  # where it asks the customer, the run ends
        ways = (node.then,) if isinstance(node.then, str) else tuple(node.then.targets)
        ways = (*ways, *node.handoffs)
    elsewhere = [way for way in ways if way not in (JOIN, name, "person", "undo")]
    if isinstance(node, Planner) or elsewhere:
        raise DesignError(
            f"create_parallel: {name!r} passes its work on to {', '.join(elsewhere)}, and a branch "
            "ends at its join; put it into a graph of its own, Worker(agent=graph.compile(), ...)"
        )


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The branches of a graph, with what they take part in."""

    workers: Mapping[str, Any]
    fan_out: FanOut
    join: Join | Need
    wiring: Wiring

    @cached_property
    def branches(self) -> tuple[str, ...]:
        """Name the branches: those that are given, else all workers that are no fallbacks."""
        names = tuple(self.fan_out.to)
        if unknown := [name for name in names if name not in self.workers]:
            raise DesignError(
                f"FanOut(to=): {unknown[0]!r} is no worker ({', '.join(self.workers)})"
            )
        fallbacks = self.wiring.recover.destinations
        names = names or tuple(name for name in self.workers if name not in fallbacks)
        if self.fan_out.each is not None and len(names) != 1:
            raise DesignError(
                f"FanOut(each=): items go to one worker, and there are {len(names)} "
                f"({', '.join(names)}); give one, or fan_out=FanOut(to=('...',))"
            )
        if self.fan_out.each is None and len(names) < 2:
            raise DesignError(
                f"create_parallel: {', '.join(names) or 'nobody'} has nobody beside it; give two "
                "workers, or FanOut(each=) for one that gets several items"
            )
        if isinstance(self.fan_out.deadline, Mapping):
            for name in self.fan_out.deadline:
                if name not in names:
                    raise DesignError(f"FanOut(deadline=): {name!r} is no branch")
        return names

    @cached_property
    def joined(self) -> Join:
        """Give the join of the branches."""
        join = self.join if isinstance(self.join, Join) else Join(need=self.join)
        of = () if self.fan_out.each is not None else self.branches
        return replace(join, of=of)

    def merging(self, node: Any) -> Any:
        """Give a merge that asks for no branch that the join went on without; else the node."""
        if not isinstance(node, Merge) or node.requires is not None:
            return node
        others = (name for name in node.of if name.partition("#")[0] not in self.branches)
        return replace(node, requires=tuple(others))

    @property
    def first(self) -> tuple[str, ...]:
        """Name the nodes that come first: the branches, or the node that decides about them."""
        return ("fan_out",) if self.fan_out.decides else self.branches

    def add_branches(self, graph: StateGraph[Any], end: str) -> None:
        """Add the branches and their fallbacks, and the node that decides which of them run."""
        wiring = replace(self.wiring, recover=replace(self.wiring.recover, join=JOIN))
        for name, worker in self.workers.items():
            node = self._branch(name, wiring.wired(worker, JOIN, end))
            wiring.add_node(graph, name, node)
            if not targets_of(node):
                graph.add_edge(name, JOIN)
        if self.fan_out.decides:
            purposes = self._purposes()
            self.wiring.add_node(graph, "fan_out", replace(self.fan_out, to=purposes, join=JOIN))

    def _purposes(self) -> dict[str, str]:
        given = self.fan_out.to if isinstance(self.fan_out.to, Mapping) else {}
        goals = {
            name: worker.contract.goal if isinstance(worker, Worker) else ""
            for name, worker in self.workers.items()
        }
        return {name: given.get(name) or goals[name] for name in self.branches}

    def _branch(self, name: str, node: Any) -> Any:
        """Give a node its part in the fan-out, where it needs one."""
        refuse_leaving(name, node)
        of = 0 if self.fan_out.each is not None else len(self.branches)
        branch = Branch(
            join=JOIN,
            of=of,
            need=self.joined.results,
            width=self.fan_out.width,
            seconds=self.fan_out.seconds_of(name),
        )
        # A worker's branch costs little, and a fallback must say when it has ended.
        plain = not branch.cuts and branch.width is None and name in self.branches
        if isinstance(node, Worker):
            return node if plain else replace(node, branch=branch)
        function = as_node(node)
        simple = isinstance(function, FunctionNode) and not targets_of(node)
        named = simple and self.fan_out.each is not None  # its result takes the item's name
        if plain and not named and not self._tolerates(node):
            return node
        if not isinstance(function, FunctionNode) or not simple:
            raise DesignError(
                f"create_parallel: {name!r} can neither be cut off, held to a width or passed "
                "over, nor be a fallback; give a function of the state, or "
                "Worker(agent=..., contract=...)"
            )
        return BranchNode(
            function=function.function,
            injected=function.injected,
            takes=input_schema_of(node),
            branch=branch,
        )

    def _tolerates(self, node: Any) -> bool:
        """Say whether the join may pass over a failure of a node that is no worker."""
        return bool(self.joined.failures) and not isinstance(as_node(node), FunctionNode)
