"""Wire workers, as all ready-made graphs do, with recovery, approval and an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from langgraph.graph import END, START, StateGraph

from quintet.errors import DesignError
from quintet.graphs.edges import Path, begin, by_actions, by_plan, unless_ended
from quintet.graphs.prices import refuse_uncounted
from quintet.graphs.refusals import check_part, refuse_no_node
from quintet.graphs.ungated import refuse_ungated
from quintet.nodes.act import Act, Undo
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.consult import Consult
from quintet.nodes.core.function import FunctionNode, as_node, input_schema_of, targets_of
from quintet.nodes.core.node import Node
from quintet.nodes.critic import Critic
from quintet.nodes.effect import Effect
from quintet.nodes.finish import Finish, StateCriterion, hand_over
from quintet.nodes.plan import Planner
from quintet.nodes.planning.crew import Crew
from quintet.nodes.recover import Recovery
from quintet.nodes.review import Review
from quintet.nodes.work import Worker
from quintet.state.contract import Contract
from quintet.state.failure import FAILURE_CLASSES


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """Add to a graph the parts that every ready-made graph has around its workers.

    Args:
        gate: the approval gate in front of the workers' effects, if any.
        recover: the policy for failures.
        success: criteria on the final state.
        effects: all effects of all workers.
        then: the node to go to when the work is done and no action is proposed any more.
        gate_node: the name of the gate's node.
        act_node: the name of the node that runs approved actions.
        planner: the planner that it goes back to while its plan is under way, if any.
        contracts: by node, what the workers give.
    """

    gate: ApprovalGate | None
    recover: Recovery
    success: tuple[StateCriterion, ...]
    effects: tuple[Effect, ...] = ()
    then: str | Path = "finish"
    gate_node: str = "approve"
    act_node: str = "act"
    planner: str | None = None
    contracts: Mapping[str, Contract] = field(default_factory=dict)

    @classmethod
    def around(
        cls,
        workers: Mapping[str, Any],
        gate: ApprovalGate | None,
        recover: Recovery | None,
        success: tuple[StateCriterion, ...],
    ) -> Wiring:
        """Make the wiring of these workers, with the usual recovery where none is given.

        Raises:
            DesignError: a gate or a recovery that is none, two effects of one name, or effects
                within a graph that the gate would not ask about.
        """
        check_part("gate", gate, ApprovalGate)
        check_part("recover", recover, Recovery)
        refuse_ungated(workers, gate)
        planner = next((name for name, node in workers.items() if isinstance(node, Planner)), None)
        return cls(
            gate=gate,
            recover=recover or Recovery(),
            success=success,
            effects=effects_of(workers),
            planner=planner,
            contracts={n: node.contract for n, node in workers.items() if isinstance(node, Worker)},
        )

    def add_node(self, graph: StateGraph[Any], name: str, node: Any, **options: Any) -> None:
        """Add a node whose failures go to the recovery policy."""
        # Not those of a node that asks a person: LangGraph's refusal of a bad answer is an error of
        # the node, and a handler would end the run where the question must stay open.
        if not getattr(node, "asks", False):
            options |= {"retry_policy": self.recover.retry_policy, "error_handler": self.recover}
        refuse_no_node(name, node)
        made = as_node(node)
        if isinstance(made, FunctionNode):
            # The graph's own mapping: keys that are added later count too.
            made = replace(made, channels=graph.channels)
        graph.add_node(
            name,
            made,
            destinations=targets_of(node) or None,
            input_schema=input_schema_of(node),
            **options,
        )

    def add_ends(self, graph: StateGraph[Any]) -> Any:
        """Add the ends that the graph lacks, and the gate.

        Returns:
            The node that comes after the workers: the gate, or `then`.
        """
        self.add_outcomes(graph)
        if self.gate is None:
            return self.then
        return self.add_gate(graph)

    def add_outcomes(self, graph: StateGraph[Any]) -> None:
        """Add the ends that the graph lacks."""
        ends: dict[str, Any] = {"finish": Finish(success=self.success), "person": hand_over}
        if "undo" in self.recover.destinations:
            ends["undo"] = Undo(effects=self.effects)
        for name, node in ends.items():
            if name not in graph.nodes:
                graph.add_node(name, node)
                graph.add_edge(name, END)

    def add_gate(self, graph: StateGraph[Any]) -> str:
        """Add the gate, and the node that runs what was approved; give the gate's name."""
        gate = self.wired_gate()
        graph.add_node(self.gate_node, gate, destinations=gate.destinations)
        # No other node can run an approved action in place of `Act`, so it has no fallback.
        acting = replace(self, recover=self.recover.without("fallback"))
        act = Act(effects=self.effects, gate=gate, then=self._after_acts(gate))
        acting.add_node(graph, self.act_node, act)
        return self.gate_node

    def _after_acts(self, gate: ApprovalGate) -> str | Path:
        """Give the way on when all is decided: back to a plan under way, unless a person refused.

        A later step of the plan may tell of the proposal that was refused.
        """
        if self.planner is None:
            return self.then
        back = by_plan(self.planner, otherwise=self.then)
        if gate.rejected != "finish":
            return back
        return Path(key="refused", to={"yes": "finish"}, otherwise=back)

    def wired_gate(self) -> ApprovalGate:
        """Give the gate with its targets and the effects behind it.

        Raises:
            DesignError: the gate names a node of its own for approved actions, which only `Act`
                may run.
        """
        if self.gate is None:
            raise DesignError("this wiring has no gate")
        if self.gate.approved not in ("act", self.act_node):
            raise DesignError(
                f"ApprovalGate(approved={self.gate.approved!r}): what was approved is done by "
                f"the graph's own {self.act_node!r}; leave it out"
            )
        return replace(
            self.gate,
            approved=self.act_node,
            rejected=self.gate.rejected or "finish",
            effects=self.effects,
        )

    def begin(
        self, graph: StateGraph[Any], *first: str, deadline: str | float | None = None
    ) -> None:
        """Lead from START to the first nodes, so that new input begins a new run."""
        path = begin(*first, deadline=deadline)
        graph.add_conditional_edges(START, path, path.targets)

    def way_on(self, planner: str | None, then: str) -> str | Path:
        """Give a worker's way on: to a plan under way, to the gate for actions, else to the end."""
        path: str | Path = then if self.gate is None else by_actions(then, otherwise=self.then)
        return path if planner is None else by_plan(planner, otherwise=path)

    def wired(self, node: Any, way: str | Path, end: str) -> Any:
        """Give a worker its way on and the gate for its effects, and a planner its end."""
        if isinstance(node, Planner):
            gate = "" if self.gate is None else self.gate_node
            node = replace(node, gate=node.gate or gate)
            return replace(node, then=end) if node.then == "finish" else node
        if isinstance(node, Critic | Review):
            node = node if node.approved else replace(node, approved=way)
            return self.reviewed(node) if isinstance(node, Review) else node
        if isinstance(node, Consult):
            return node if node.then or node.to else replace(node, then=way)
        if not isinstance(node, Worker):
            return node
        # `finish` means this graph's own end. The way is in the worker and no edge, since a worker
        # that chooses its target can also wait for a person in the middle of its work.
        if node.then in ("", "finish"):
            node = replace(node, then=way)
        if node.contract.questions and node.asked == "finish":
            node = replace(node, asked=self.way_on(None, end))
        if self.gate is None or node.gate is not None or not node.effects:
            return node
        return replace(node, gate=self.wired_gate())

    def reviewed(self, review: Review) -> Review:
        """Give a review the contract of what it shows, to which an edit is held."""
        return replace(review, contract=review.contract or self.contracts.get(review.of))

    def crew(self, workers: Mapping[str, Any]) -> Crew:
        """Give the workers by which a planner checks its plans."""
        chains = (self.recover.chain(kind) for kind in FAILURE_CLASSES)
        spares = [r.to for chain in chains for r in chain if r.kind == "fallback"]
        known = {name: worker for name, worker in workers.items() if isinstance(worker, Worker)}
        return Crew(workers=known, spares=tuple(dict.fromkeys(spares)))

    def lead_on(
        self, graph: StateGraph[Any], name: str, node: Any, way: str | tuple[str, ...] | Path
    ) -> None:
        """Add the edges of a step: of a graph, or your own node, only while the run has not ended.

        A node that chooses its target itself gets none.
        """
        if targets_of(node):
            return
        if not isinstance(node, Node) and way != "finish":
            way = unless_ended(way)
        self.add_edges(graph, name, way)

    def add_edges(
        self, graph: StateGraph[Any], name: str, way: str | tuple[str, ...] | Path
    ) -> None:
        """Add the edges of a node that does not choose its target itself."""
        if isinstance(way, Path):
            graph.add_conditional_edges(name, way, way.targets)
        else:
            for target in [way] if isinstance(way, str) else way:
                graph.add_edge(name, target)

    def check(self, graph: StateGraph[Any]) -> None:
        """Refuse what leads to no node, or to an end without an outcome, and money uncounted.

        Raises:
            DesignError: a target is missing, or a key of the state that the nodes write; the
                message names it.
        """
        refuse_missing_keys(graph, [graph.nodes[name].runnable for name in graph.nodes])
        refuse_uncounted(graph)
        if "finish" in self.recover.destinations:
            raise DesignError(
                "Recovery: a remedy goes to 'finish', where the run would end as done although "
                "something failed; give a node that does the work instead, or 'person'"
            )
        # LangGraph only logs a line for a target that does not exist, and ends the run.
        names = [name for name in graph.nodes if not name.startswith("__")]
        ways = {f"Node {name!r}": graph.nodes[name].ends or () for name in names}
        for source, targets in (ways | {"Recovery": self.recover.destinations}).items():
            for target in targets:
                if target in names:
                    continue
                if target == END:
                    raise DesignError(
                        f"{source} goes to END ({END!r}), by which the run would end without an "
                        "outcome; go to 'finish' or 'person', which write it"
                    )
                raise DesignError(
                    f"{source} goes to {target!r}, which this graph does not have "
                    f"({', '.join(names)}); add it to the workers, or change the target"
                )


def refuse_missing_keys(graph: StateGraph[Any], writers: Iterable[Any]) -> None:
    """Refuse a state without the keys that these nodes write: LangGraph would drop them.

    Raises:
        DesignError: it names the keys.
    """
    written = {key for node in writers for key in getattr(node, "writes", None) or ()}
    if missing := sorted(written - set(graph.channels)):
        raise DesignError(
            f"the state {graph.state_schema.__name__} has no {', '.join(missing)}, and what the "
            "nodes write there would be lost; inherit OrchestrationState"
        )


def effects_of(workers: Mapping[str, Any]) -> tuple[Effect, ...]:
    """Give all effects of all workers, each once, in order.

    Raises:
        DesignError: two different effects have one name.
    """
    effects: dict[str, Effect] = {}
    for worker in workers.values():
        for effect in getattr(worker, "effects", ()):
            if effects.setdefault(effect.name, effect) != effect:
                raise DesignError(f"two different effects are named {effect.name!r}")
    return tuple(effects.values())


def add_workers(
    graph: StateGraph[Any], workers: Mapping[str, Any], wiring: Wiring, then: str
) -> None:
    """Add workers that all lead to one node, or back to the planner among them.

    Raises:
        DesignError: more than one planner.
    """
    planners = [name for name, worker in workers.items() if isinstance(worker, Planner)]
    if len(planners) > 1:
        raise DesignError(
            f"{' and '.join(planners)} are both Planners; steps could not tell to whom they "
            "belong: give one"
        )
    planner = planners[0] if planners else None
    crew = wiring.crew(workers)
    for name, worker in workers.items():
        way = wiring.way_on(None if name == planner else planner, then)
        node = wiring.wired(worker, way, then)
        if isinstance(node, Planner):
            node = replace(node, crew=crew)
        # A deferred planner looks when all steps have ended, fallbacks included.
        wiring.add_node(graph, name, node, defer=name == planner)
        if not targets_of(node):
            wiring.add_edges(graph, name, way)
