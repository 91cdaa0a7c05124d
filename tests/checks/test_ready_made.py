"""Test that Quintet's own graphs have no finding, and its nodes are read by what they declare."""

from dataclasses import replace
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from examples.retail.desk import retail_desk
from examples.retail.store import Store
from examples.support.graph import app as support
from quintet.checks import check
from quintet.graphs import (
    begin,
    create_event_driven,
    create_handoff,
    create_parallel,
    create_sequential,
    create_single_agent,
    govern,
    review,
)
from quintet.nodes import (
    Act,
    ApprovalGate,
    Consult,
    Merge,
    Recovery,
    Router,
    Subscriber,
    Worker,
    abort,
    effect,
    hand_over,
)
from quintet.state import Contract, OrchestrationState


def issue(order: str, amount: float) -> str:
    return f"{order}: {amount}"


def answer(state: Any) -> dict[str, Any]:
    return {"text": "done"}


def write(order: str) -> str:
    return f"letter about {order}"


def choose(text: str) -> str:
    return "billing"


REFUND = effect(issue, key="refund:{order}:{amount}")
LETTER = effect(write, key="letter:{order}")
BILLING = Worker(agent=answer, contract=Contract(goal="refund", needs=(), tools=(REFUND,)))
SHIPPING = Worker(agent=answer, contract=Contract(goal="ship", needs=()))
ASK = Consult(question="Which address?")
GATE = ApprovalGate(approvers=("lead",))


class Paid(TypedDict):
    order: str


ROUTER = Router(choose=choose, to=("billing", "shipping"), otherwise="person")


def test_the_ready_made_graphs_have_no_finding():
    workers = {"billing": BILLING, "shipping": SHIPPING}
    for graph in (
        create_single_agent(SHIPPING),
        create_single_agent(BILLING, gate=GATE),
        create_sequential(workers, gate=GATE),
        create_sequential(workers, gate=GATE, pause_after=("billing",)),
        create_sequential({**workers, "look": review("shipping", bool), "ask": ASK}),
        create_parallel(workers, gate=GATE),
        create_parallel(workers, join="first", merge=Merge(of=("billing", "shipping"))),
        create_event_driven({"billing": Subscriber(handler=BILLING, on=Paid)}, gate=GATE),
        create_handoff(ROUTER, workers),
        create_handoff(ROUTER, workers, gate=GATE, recover=Recovery(otherwise=abort())),
    ):
        assert check(graph) == ()
        assert check(graph.compile(InMemorySaver())) == ()


def test_a_gate_wants_a_checkpointer():
    [finding] = check(create_single_agent(BILLING, gate=GATE).compile())
    assert (finding.code, finding.node) == ("no-checkpointer", "approve")


def desk(**changes: Any) -> StateGraph[Any]:
    """Wire a desk by hand: a router, a gate, an action behind it."""
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


def test_the_first_nodes_of_a_ready_made_graph_are_looked_at_like_any_other():
    hungry = Worker(agent=answer, contract=Contract(goal="ship", needs=("addres",)))
    for graph, node in (
        (create_single_agent(hungry), "work"),
        (create_sequential({"a": hungry, "b": SHIPPING}), "a"),
    ):
        assert [(f.code, f.node) for f in check(graph)] == [("unmet-need", node)]


def begun(*first: str, **nodes: Any) -> StateGraph[Any]:
    """Build a graph whose run begins with nodes of the user's own, all at once."""
    graph = StateGraph(OrchestrationState)
    for name, node in nodes.items():
        graph.add_node(name, node)
    path = begin(*first)
    return graph.add_conditional_edges(START, path, path.targets)


def test_nodes_that_a_run_begins_with_run_at_once():
    def one(state: Any) -> dict[str, Any]:
        return {"message": "1", "outcome": {"status": "done", "reason": "one"}}

    def two(state: Any) -> dict[str, Any]:
        return {"behalf": "2", "outcome": {"status": "done", "reason": "two"}}

    assert check(begun("one", "two", one=one, two=two)) == ()
    [clash] = check(begun("one", "two", one=one, two=one))
    assert (clash.code, clash.node) == ("parallel-writers", "one")
    assert [(f.code, f.node) for f in check(begun("one", one=one, two=two))] == [
        ("orphan-node", "two")
    ]
    assert ("unknown-target", START) in [(f.code, f.node) for f in check(begun("on", one=one))]


def governed(*edges: tuple[str, str], worker: Any = BILLING, **options: Any) -> StateGraph[Any]:
    """Build a user's graph with one governed node between two of their own."""
    graph = StateGraph(OrchestrationState)
    for name in ("look_up", "notify"):
        graph.add_node(name, lambda state: {"message": state["message"].strip()})
    govern(graph, {"billing": worker}, **{"then": "notify", "gate": GATE, **options})
    path = begin("look_up")
    graph.add_conditional_edges(START, path, path.targets)
    for source, target in edges:
        graph.add_edge(source, target)
    return graph


WAYS = (("look_up", "billing"), ("notify", "finish"))


def test_a_graph_with_a_governed_node_has_no_finding():
    letters = replace(BILLING, contract=Contract(goal="write", needs=(), tools=(LETTER,)))
    later = ApprovalGate(name="letters")
    two_gates = governed(*WAYS, then="letters")
    for graph in (
        governed(*WAYS),
        governed(*WAYS, gate=None),
        governed(*WAYS, recover=Recovery(permanent=abort())),
        govern(two_gates, {"letters": letters}, then="notify", gate=later),
    ):
        assert [str(finding) for finding in check(graph)] == []


def test_mistakes_around_a_governed_node_are_named():
    for graph, code, node in (
        (governed(*WAYS, ("look_up", "notify")), "unequal-join", "notify"),
        (governed(*WAYS, ("billing", "notify")), "edge-and-command", "billing"),
        (governed(*WAYS, then="notfy"), "unknown-target", "billing"),
        (governed(WAYS[1], ("look_up", "notify")), "orphan-node", "billing"),
        (governed(WAYS[0]), "no-outcome", "notify"),
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
