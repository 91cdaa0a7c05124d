"""Test effects that a run can reach without passing an approval gate."""

import operator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import NodeError
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from quintet.checks import Finding, check
from quintet.graphs import Task, create_sequential, create_workflow
from quintet.nodes import ApprovalGate as QuintetGate
from quintet.nodes import Worker, effect
from quintet.state import Contract, DesignError


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    kind: str


@dataclass(frozen=True, kw_only=True)
class ApprovalGate:
    approved: str
    rejected: str = "end"

    asks = True
    writes = frozenset({"log"})

    @property
    def destinations(self) -> tuple[str, ...]:
        return (self.approved, self.rejected)

    def __call__(self, state: State) -> Command[str]:
        yes = interrupt("pay?")
        return Command(goto=self.approved if yes else self.rejected, update={"log": ["gate"]})


@dataclass(frozen=True, kw_only=True)
class Pays:
    effects: tuple[str, ...] = ("refund",)
    gate: ApprovalGate | None = None

    destinations = ()
    writes = frozenset({"log"})

    def __call__(self, state: State) -> dict[str, Any]:
        return {"log": ["paid"]}


def end(state: State) -> dict[str, Any]:
    return {"log": ["end"]}


def desk(pays: Any, to: dict[str, str]) -> StateGraph[State]:
    graph = StateGraph(State).add_node("route", lambda state: {"log": ["route"]})
    graph.add_node("approve", ApprovalGate(approved="pay")).add_node("pay", pays)
    graph.add_node("end", end).add_edge(START, "route").add_edge("pay", "end")
    return graph.add_conditional_edges("route", lambda state: state.get("kind", "ask"), to)


THREAD: Any = {"configurable": {"thread_id": "1"}}
ALL_ASK = {"ask": "approve", "no": "end"}
SOME_PASS = {"ask": "approve", "vip": "pay"}


def only(graph: Any) -> Finding:
    [finding] = check(graph)
    return finding


def bypassed(graph: Any) -> list[Finding]:
    return [finding for finding in check(graph) if finding.code == "bypassed-gate"]


def test_a_gate_that_can_be_walked_around_is_named_with_the_way():
    graph = desk(Pays(), SOME_PASS)
    app = graph.compile(InMemorySaver())
    assert app.invoke({"kind": "vip"}, THREAD)["log"] == ["route", "paid", "end"]
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("bypassed-gate", "pay", "error")
    assert "'approve'" in finding.fault
    assert "START -> route -> pay" in finding.fault


def test_an_effect_behind_the_gate_is_right():
    assert check(desk(Pays(), ALL_ASK)) == ()


def test_an_effect_that_checks_the_approval_itself_is_right():
    gate = ApprovalGate(approved="pay")
    assert check(desk(Pays(gate=gate), SOME_PASS)) == ()


def test_a_node_without_effects_or_without_a_gate_field_is_right():
    @dataclass(frozen=True)
    class Undoes:
        effects: tuple[str, ...] = ("refund",)

        def __call__(self, state: State) -> dict[str, Any]:
            return {"log": ["undone"]}

    assert check(desk(Pays(effects=()), SOME_PASS)) == ()
    assert check(desk(Undoes(), SOME_PASS)) == ()


def test_a_graph_without_any_gate_wants_none():
    graph = StateGraph(State).add_node("pay", Pays()).add_edge(START, "pay")
    assert check(graph) == ()


def test_an_error_handler_may_be_the_way_around():
    def rescue(state: State, error: NodeError) -> Command[str]:
        return Command(goto="pay")

    graph = StateGraph(State).add_node("pay", Pays()).add_node("end", end).add_edge("pay", "end")
    graph.add_node("approve", ApprovalGate(approved="pay"), error_handler=rescue)
    graph.add_edge(START, "approve")
    [finding] = bypassed(graph)
    assert finding.node == "pay"
    assert "approve -> __error_handler__approve -> pay" in finding.fault


def inner(*, gated: bool) -> Any:
    graph = StateGraph(State, input_schema=Kind).add_node("pay", Pays())
    if gated:
        graph.add_node("approve", ApprovalGate(approved="pay", rejected="pay"))
        return graph.add_edge(START, "approve").compile()
    return graph.add_edge(START, "pay").compile()


class Kind(TypedDict, total=False):
    kind: str


def test_an_effect_in_a_subgraph_is_behind_the_gate_of_its_parent():
    graph = StateGraph(State).add_node("approve", ApprovalGate(approved="desk", rejected="end"))
    graph.add_node("desk", inner(gated=False)).add_node("end", end).add_edge(START, "approve")
    assert check(graph) == ()
    graph.add_edge(START, "desk")
    assert graph.compile(InMemorySaver()).invoke({}, THREAD)["log"] == ["paid"]
    [finding] = bypassed(graph)
    assert finding.node == "desk/pay"
    assert "START -> desk: START -> pay" in finding.fault


def test_a_subgraph_that_no_way_leads_through_without_a_gate_is_a_gate():
    graph = StateGraph(State).add_node("desk", inner(gated=True)).add_node("pay", Pays())
    graph.add_edge(START, "desk").add_edge("desk", "pay")
    assert check(graph) == ()
    leaky = StateGraph(State, input_schema=Kind)
    leaky.add_node("approve", ApprovalGate(approved="end")).add_node("end", end)
    leaky.add_conditional_edges(START, lambda state: state["kind"], ["approve", "end"])
    graph = StateGraph(State).add_node("desk", leaky.compile()).add_node("pay", Pays())
    graph.add_edge(START, "desk").add_edge("desk", "pay")
    assert only(graph).node == "pay"
    assert "'desk/approve'" in only(graph).fault


def test_whoever_asks_approvers_is_a_gate_by_any_name():
    @dataclass(frozen=True)
    class Desk(ApprovalGate):
        approvers: tuple[str, ...] = ("lead",)

    class Clerk:
        asks = True
        approvers = ("lead",)

        def __call__(self, state: State) -> Command[str]:
            return Command(goto="pay" if interrupt("pay?") else "end")

    for gate in (Desk(approved="pay"), Clerk()):
        graph = StateGraph(State).add_node("gate", gate).add_node("pay", Pays())
        graph.add_node("end", end).add_edge(START, "gate").add_edge("pay", "end")
        assert check(graph) == ()
        assert [f.node for f in bypassed(graph.add_edge(START, "pay"))] == ["pay"]


def test_an_effect_in_a_graph_that_is_a_task_of_a_workflow_is_not_behind_its_gate():
    worker = Worker(
        agent=lambda request, tools: tools.refund(order=1),
        contract=Contract(goal="refund", needs=State, gives=State, tools=(REFUND,)),
    )
    gate = QuintetGate(approvers=("lead",))
    inner = create_sequential({"pay": worker})
    gated = create_sequential({"back": worker}, gate=gate)
    # A workflow's own gate refuses it when the graph is made.
    with pytest.raises(DesignError, match="'pay' does 'refund' past this graph's gate"):
        create_workflow({"desk": Task(run=inner)}, gate=gate)
    [finding] = bypassed(create_workflow({"desk": Task(run=inner), "other": Task(run=gated)}))
    assert (finding.node, "START -> desk: START -> pay" in finding.fault) == ("desk/pay", True)
    assert not bypassed(create_workflow({"desk": Task(run=gated)}, gate=gate))


def refund(order: int) -> int:
    return order


REFUND = effect(refund, key="{order}")
