"""Quintet's own graphs have no finding, and its nodes are read by what they declare."""

from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from examples.retail.desk import retail_desk
from examples.retail.store import Store
from examples.support.graph import app as support
from quintet.checks import check
from quintet.graphs import create_handoff, create_sequential, create_single_agent
from quintet.nodes import Act, ApprovalGate, Recovery, Router, Worker, abort, effect, hand_over
from quintet.state import Contract, OrchestrationState


def issue(order: str, amount: float) -> str:
    return f"{order}: {amount}"


def answer(state: Any) -> dict[str, Any]:
    return {"text": "done"}


def choose(text: str) -> str:
    return "billing"


REFUND = effect(issue, key="refund:{order}:{amount}")
BILLING = Worker(agent=answer, contract=Contract(goal="refund", needs=(), tools=(REFUND,)))
SHIPPING = Worker(agent=answer, contract=Contract(goal="ship", needs=()))
GATE = ApprovalGate(approvers=("lead",))
ROUTER = Router(choose=choose, to=("billing", "shipping"), otherwise="person")


def test_the_ready_made_graphs_have_no_finding():
    workers = {"billing": BILLING, "shipping": SHIPPING}
    for graph in (
        create_single_agent(SHIPPING),
        create_single_agent(BILLING, approve=GATE),
        create_sequential(workers, approve=GATE),
        create_handoff(ROUTER, workers),
        create_handoff(ROUTER, workers, approve=GATE, recover=Recovery(otherwise=abort())),
    ):
        assert check(graph) == ()
        assert check(graph.compile(InMemorySaver())) == ()


def test_a_gate_wants_a_checkpointer():
    [finding] = check(create_single_agent(BILLING, approve=GATE).compile())
    assert (finding.code, finding.node) == ("no-checkpointer", "approve")


def desk(**changes: Any) -> StateGraph[Any]:
    """A desk wired by hand: a router, a gate, an action behind it."""
    router = Router(choose=choose, to=("approve", "person"), otherwise="person")
    act = Act(effects=(REFUND,), then="person")
    parts = {"router": router, "approve": ApprovalGate(rejected="person"), "act": act} | changes
    graph = StateGraph(OrchestrationState).add_node("person", hand_over).add_edge(START, "router")
    for name, part in parts.items():
        graph.add_node(name, part)
    return graph


def test_a_desk_wired_by_hand_has_no_finding():
    assert check(desk()) == ()


def test_mistakes_with_quintets_nodes_are_named():
    lost = desk(router=Router(choose=choose, to=("approve", "peson"), otherwise="person"))
    around = desk(router=Router(choose=choose, to=("approve", "act"), otherwise="person"))
    twice = desk().add_edge("router", "person")
    handled = desk(router=lambda state: Command(goto="approve", update={"rout": "x"}))
    for graph, code, node in (
        (lost, "unknown-target", "router"),
        (around, "bypassed-gate", "act"),
        (twice, "edge-and-command", "router"),
        (handled, "unknown-key", "router"),
    ):
        assert (code, node) in [(f.code, f.node) for f in check(graph)]


class Bare(TypedDict, total=False):
    message: str


def test_a_state_without_the_keys_that_a_node_writes_is_named():
    graph = StateGraph(Bare).add_node("act", Act(effects=(REFUND,), then="person"))
    graph.add_node("person", hand_over).add_edge(START, "act")
    assert {f.code for f in check(graph)} == {"unknown-key"}


def test_the_examples_have_no_finding():
    assert check(support) == ()
    shop = Store({"products": {}, "users": {}, "orders": {}})
    assert check(retail_desk(shop)) == ()
    careless = {finding.code for finding in check(retail_desk(shop, confirm=False))}
    assert careless == {"orphan-node", "unheard-proposal"}
