"""Test governed nodes in a graph of the user's own."""

from __future__ import annotations

import operator
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from quintet.graphs import begin, check, govern
from quintet.nodes import ApprovalGate, Recovery, Router, Worker, effect, fallback, over, retry
from quintet.nodes import abort as aborted
from quintet.runs import Run, approve, astart, reject, start
from quintet.state import (
    Contract,
    DesignError,
    Ended,
    OrchestrationState,
    Worked,
    checkpointer,
    unmet,
)

GATE = ApprovalGate(when=over(100), approvers=("maria",))
PAID: list[float] = []
VOIDED: list[Any] = []


class Desk(OrchestrationState, total=False):
    amount: float
    log: Annotated[list[str], operator.add]


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    PAID.clear()
    VOIDED.clear()


def pay(amount: float) -> float:
    """Pay an amount back."""
    PAID.append(amount)
    return amount


def void(amount: float) -> None:
    VOIDED.append(amount)


def send(amount: float) -> str:
    """Send a letter about an amount."""
    PAID.append(-amount)
    return "sent"


def paying(request: Any, tools: Any) -> Any:
    return tools.pay(amount=request["amount"])


def billing(agent: Any = paying, tool: Any = None) -> Worker:
    tools = (tool or effect(pay, key="pay:{amount}", undo=void),)
    return Worker(agent=agent, contract=Contract(goal="refund", needs=("amount",), tools=tools))


def told(word: str) -> Any:
    return lambda state: {"log": [word]}


def mine(nodes: Any = None, **options: Any) -> StateGraph[Any]:
    """Build a user's graph: it looks something up, has a governed node, and notifies."""
    graph = StateGraph(Desk)
    graph.add_node("look_up", told("looked up"))
    graph.add_node("notify", told("notified"))
    govern(graph, nodes or {"billing": billing()}, **{"then": "notify", "gate": GATE, **options})
    path = begin("look_up")
    graph.add_conditional_edges(START, path, path.targets)
    graph.add_edge("look_up", "billing")
    graph.add_edge("notify", "finish")
    return graph


def saved(graph: StateGraph[Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    return graph.compile(checkpointer=checkpointer("memory://"))


@pytest.fixture(params=["sync", "async"])
def run(request: Any) -> Any:
    async def started(app: Any, amount: float = 50.0, thread: str = "t") -> Run:
        given = {"message": "m", "amount": amount, "log": []}
        if request.param == "sync":
            return start(app, given, thread=thread)
        return await astart(app, given, thread=thread)

    return started


async def test_what_needs_nobody_goes_on_to_the_users_own_node(run: Any) -> None:
    ended = await run(saved(mine()))
    assert (ended.status, PAID) == ("done", [50.0])
    assert ended.path == ("look_up", "billing", "notify", "finish")
    assert ended.values["log"] == ["looked up", "notified"]


async def test_what_needs_a_person_passes_the_gate_before_it_goes_on(run: Any) -> None:
    waits = await run(saved(mine()), 500.0)
    assert (waits.status, PAID, waits.waiting[0].node) == ("waiting", [], "approve")
    ended = waits.answer(approve(by="maria"))
    assert (ended.status, PAID) == ("done", [500.0])
    assert ended.path == ("look_up", "billing", "approve", "act", "notify", "finish")


async def test_a_no_ends_it_or_goes_where_the_gate_says(run: Any) -> None:
    waits = await run(saved(mine()), 500.0)
    ended = waits.answer(reject(by="maria", note="no"))
    assert (ended.status, PAID, ended.values["log"]) == ("rejected", [], ["looked up"])
    gate = ApprovalGate(when=over(100), rejected="notify")
    ended = (await run(saved(mine(gate=gate)), 500.0)).answer(reject(by="maria"))
    assert (ended.status, ended.values["log"]) == ("rejected", ["looked up", "notified"])


async def test_failures_are_tried_again_and_go_to_a_person(run: Any) -> None:
    calls: list[int] = []

    def flaky(request: Any) -> str:
        calls.append(1)
        raise ConnectionError("down")

    recover = Recovery(transient=retry(3, wait=0))
    ended = await run(saved(mine({"billing": billing(flaky)}, recover=recover)))
    assert (ended.status, len(calls)) == ("escalated", 3)
    assert ended.path[-1] == "person"


async def test_a_fallback_may_be_a_node_of_theirs_and_a_governed_one(run: Any) -> None:
    def broken(request: Any) -> str:
        raise TypeError("no")

    basic = Worker(agent=lambda request: "basic", contract=Contract(goal="b", needs=("message",)))
    recover = Recovery(permanent=fallback("basic"))
    nodes = {"billing": billing(broken), "basic": basic}
    ended = await run(saved(mine(nodes, recover=recover)))
    assert (ended.status, ended.results) == ("done", {"basic": "basic"})
    assert ended.values["log"] == ["looked up", "notified"]


async def test_aborting_undoes_what_was_done(run: Any) -> None:
    def half(request: Any, tools: Any) -> Any:
        tools.pay(amount=request["amount"])
        raise TypeError("no")

    ended = await run(
        saved(mine({"billing": billing(half)}, recover=Recovery(permanent=aborted())))
    )
    assert (ended.status, PAID, VOIDED) == ("aborted", [50.0], [50.0])


async def test_done_wants_its_evidence(run: Any) -> None:
    def has_notified(state: Any) -> Any:
        return "notified" in state["log"] or unmet("nobody was notified")

    assert (await run(saved(mine(success=(has_notified,))))).status == "done"
    ended = await run(saved(mine(success=(has_notified,), then="finish")))
    assert (ended.status, ended.outcome.reason) == (
        "escalated",
        "not done: has_notified: nobody was notified",
    )


async def test_two_gates_of_one_graph_stand_side_by_side(run: Any) -> None:
    graph = mine(then="letters")
    letter = effect(send, key="send:{amount}")
    letters = Worker(
        agent=lambda request, tools: tools.send(amount=request["amount"]),
        contract=Contract(goal="write", needs=("amount",), tools=(letter,)),
    )
    late = ApprovalGate(name="letters", approvers=("bob",))
    govern(graph, {"letters": letters}, then="notify", gate=late)
    waits = await run(saved(graph), 500.0)
    assert waits.waiting[0].packet["gate"] == "approval"
    waits = waits.answer(approve(by="maria"))
    assert (PAID, waits.waiting[0].node) == ([500.0], "approve_letters")
    ended = waits.answer(approve(by="bob"))
    assert (ended.status, PAID) == ("done", [500.0, -500.0])
    assert set(ended.values["actions"]) == {"pay:500.0", "send:500.0"}


async def test_a_router_and_its_routes_may_be_governed(run: Any) -> None:
    router = Router(choose=lambda text: "billing", to=("billing",), otherwise="person")
    graph = StateGraph(Desk)
    govern(graph, {"router": router, "billing": billing()}, gate=GATE)
    graph.add_edge(START, "router")
    ended = await run(saved(graph))
    assert ended.path == ("router", "billing", "finish")


def test_a_governed_graph_has_no_finding() -> None:
    assert check(saved(mine())) == ()


async def test_the_parts_of_a_state_that_are_written_are_enough(run: Any) -> None:
    class Some(Worked, Ended, total=False):
        amount: float

    with pytest.raises(DesignError, match=r"the state Some has no failures, remedies"):
        govern(StateGraph(Some), {"billing": billing()})


def test_the_users_own_ends_are_kept() -> None:
    graph = StateGraph(Desk)
    graph.add_node("person", told("called somebody")).add_edge("person", END)
    govern(graph, {"billing": billing()})
    assert graph.nodes["person"].runnable.func({"log": []}) == {"log": ["called somebody"]}  # type: ignore[union-attr]


class Bare(TypedDict):
    amount: float


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: govern(saved(mine()), {"a": billing()}), "compiled already"),
        (lambda: govern(Desk, {"a": billing()}), "give a StateGraph"),
        (lambda: govern(StateGraph(Desk), {}), "give nodes by name"),
        (lambda: govern(StateGraph(Desk), [billing()]), r"nodes by name, as"),
        (lambda: govern(mine(), {"notify": billing()}), "a node 'notify' already"),
        (lambda: govern(StateGraph(Desk), {"finish": billing()}), "'finish': that name is taken"),
        (lambda: govern(StateGraph(Desk), {"amount": billing()}), "the name of a key of Desk"),
        (lambda: govern(mine(), {"more": billing()}, success=(bool,)), "a 'finish' already"),
        (lambda: govern(StateGraph(Bare), {"a": billing()}), "the state Bare has no actions"),
        (lambda: govern(mine(), {"a": billing()}, gate=GATE), "a gate 'approval' already"),
        (lambda: mine(gate=ApprovalGate(approved="notify")), "approved='notify'"),
        (
            lambda: govern(
                mine(recover=Recovery(otherwise=aborted())),
                {"a": billing(tool=effect(send, key="{amount}"))},
                recover=Recovery(otherwise=aborted()),
            ),
            "'undo' does not know send",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_by_name(make: Any, fault: str) -> None:
    with pytest.raises(DesignError, match=fault):
        make()
