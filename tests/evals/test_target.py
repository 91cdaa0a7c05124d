"""Test graphs and choosers as targets: ours, and graphs that know nothing of us."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.evals import Case, ChooserTarget, GraphTarget, ToolCall, Trajectory
from quintet.evals.target import as_target, is_awaited
from quintet.graphs import create_handoff
from quintet.nodes import ApprovalGate, Choice, Router, Worker, by_rules, cascade, effect, over
from quintet.runs import approve, reject
from quintet.state import Contract, OrchestrationState, checkpointer
from quintet.testing import ScriptedModel, ScriptedPerson

RULES = by_rules([("charged|refund", "billing"), ("parcel", "shipping")])


class Chat(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]


def foreign(**nodes: Any) -> StateGraph[Any]:
    """Build a user's graph without Quintet: a conditional edge to one of its agents."""
    graph = StateGraph(Chat)
    for name, node in nodes.items():
        graph.add_node(name, node)
        graph.add_edge(name, END)
    graph.add_conditional_edges(
        START,
        lambda state: "billing" if "refund" in state["messages"][-1].text else "shipping",
        list(nodes),
    )
    return graph


def say(text: str):
    return lambda state: {"messages": [AIMessage(text)]}


def desk() -> StateGraph[Any]:
    def pay(order: int, amount: float) -> str:
        return f"paid {amount}"

    class Desk(OrchestrationState, total=False):
        order: int
        amount: float

    def billing(request, tools):
        done = tools["pay"](order=request["order"], amount=request["amount"])
        return {"reply": str(done)}

    goal = Contract(goal="pay", needs=("order", "amount"), tools=(effect(pay, key="p:{order}"),))
    say = Contract(goal="say where it is", needs=("message",))
    return create_handoff(
        Router(choose=RULES, to=("billing", "shipping"), otherwise="person"),
        {
            "billing": Worker(agent=billing, contract=goal),
            "shipping": Worker(agent=lambda request: {"reply": "Tuesday"}, contract=say),
        },
        gate=ApprovalGate(when=over(100), approvers=("maria",)),
        state=Desk,
    )


def ours(**options: Any) -> GraphTarget:
    return GraphTarget(app=desk().compile(checkpointer=checkpointer("memory://")), **options)


@pytest.fixture(params=["sync", "async"])
def run(request):
    """Run a case on a target, once by calling and once by awaiting."""
    if request.param == "sync":
        return lambda target, case: target(case)
    return lambda target, case: asyncio.run(target.acall(case))


def test_a_graph_of_ours_is_read_by_its_records(run):
    case = Case(input={"message": "I was charged twice", "order": 7, "amount": 9.0})
    found = run(ours(), case)
    assert (found.status, found.route, found.tier) == ("done", "billing", "by_rules")
    assert found.confidence == 1.0
    assert found.path == ("router", "billing", "finish")
    assert [(call.name, call.status) for call in found.calls] == [("pay", "ok")]
    assert found.calls[0].arguments == {"order": 7, "amount": 9.0}
    assert (found.escalated, found.asked, found.error) == (False, (), "")
    assert found.seconds > 0


def test_what_nobody_takes_is_escalated(run):
    found = run(ours(), Case(input={"message": "what is the time?"}))
    assert (found.status, found.route, found.escalated) == ("escalated", "person", True)


@pytest.mark.parametrize(
    ("answer", "status", "call"), [(approve, "done", "ok"), (reject, "rejected", "refused")]
)
def test_a_person_answers_what_the_run_asks(run, answer, status, call):
    person = ScriptedPerson([answer(by="maria")])
    found = run(
        ours(person=person), Case(input={"message": "refund me", "order": 7, "amount": 144.0})
    )
    assert (found.status, found.asked, found.escalated) == (status, ("pay",), False)
    assert [each.status for each in found.calls] == [call]
    assert [packet["action"] for packet in person.asked] == ["pay"]


def test_without_a_person_the_run_waits_and_that_is_no_escalation(run):
    found = run(ours(), Case(input={"message": "refund me", "order": 7, "amount": 144.0}))
    assert (found.status, found.asked) == ("waiting", ("pay",))
    assert not found.escalated
    assert [call.status for call in found.calls] == ["proposed"]


def test_a_foreign_graphs_route_is_the_first_node_that_is_one(run):
    app = foreign(billing=say("paid"), shipping=say("Tuesday")).compile()
    target = GraphTarget(app=app, routes=("billing", "shipping"))
    found = run(target, Case(input="a refund please"))
    assert (found.route, found.path, found.status) == ("billing", ("billing",), "done")
    assert found.answer == "paid"


def test_the_tools_models_and_tokens_of_a_foreign_graph_are_seen(run):
    @tool
    def look_up(order: int) -> str:
        """Look an order up."""
        if order == 13:
            raise ValueError("no such order")
        return "sent"

    model = ScriptedModel([[{"name": "look_up", "args": {"order": 7}}], "It was sent."])

    class Agent(TypedDict, total=False):
        messages: Annotated[list[AnyMessage], add_messages]

    graph = StateGraph(Agent)
    bound = model.bind_tools([look_up])
    graph.add_node("agent", lambda state: {"messages": [bound.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([look_up]))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges(
        "agent", lambda s: "tools" if s["messages"][-1].tool_calls else END, ["tools", END]
    )
    graph.add_edge("tools", "agent")
    found = run(GraphTarget(app=graph.compile()), Case(input="where is order 7?"))
    assert [(call.name, dict(call.arguments), call.status) for call in found.calls] == [
        ("look_up", {"order": 7}, "ok")
    ]
    assert found.path == ("agent", "tools", "agent")
    assert found.spent["model_calls"] == 2
    assert found.answer == "It was sent."


def test_what_a_graph_raises_stands_in_the_trajectory_with_what_was_done(run):
    def broken(state: Chat) -> dict[str, Any]:
        raise ConnectionError("the shop is closed")

    app = foreign(billing=broken, shipping=say("x")).compile(checkpointer=InMemorySaver())
    found = run(GraphTarget(app=app, routes=("billing", "shipping")), Case(input="refund"))
    assert (found.status, found.error) == ("error", "ConnectionError: the shop is closed")
    assert found.route == "billing"


def test_a_graph_that_asks_for_itself_waits_for_the_scripted_person(run):
    def ask(state: Chat) -> dict[str, Any]:
        return {"messages": [AIMessage(f"you said {interrupt('which?')}")]}

    app = foreign(billing=ask, shipping=ask).compile(checkpointer=InMemorySaver())
    assert run(GraphTarget(app=app), Case(input="x")).status == "waiting"
    found = run(GraphTarget(app=app, person=lambda packet: f"{packet} this"), Case(input="x"))
    assert (found.status, found.answer) == ("done", "you said which? this")


def test_a_run_that_asks_for_ever_is_stopped(run):
    def ask(state: Chat) -> dict[str, Any]:
        while True:
            interrupt("again?")

    app = foreign(billing=ask, shipping=ask).compile(checkpointer=InMemorySaver())
    found = run(GraphTarget(app=app, person=lambda packet: "yes"), Case(input="x"))
    assert "asked more than 64 times" in found.error


def test_runs_in_memory_are_forgotten_so_that_memory_stays_flat(run):
    saver = InMemorySaver()
    app = foreign(billing=say("a"), shipping=say("b")).compile(checkpointer=saver)
    run(GraphTarget(app=app), Case(input="x"))
    assert not saver.storage


def test_what_is_observed_takes_the_place_of_what_was_read(run):
    target = ours(observe=lambda run: {"state": {"paid": run.values["amount"]}, "answer": "mine"})
    found = run(target, Case(input={"message": "refund", "order": 1, "amount": 5.0}))
    assert (found.state, found.answer) == ({"paid": 5.0}, "mine")


def test_an_input_that_the_graph_cannot_take_is_refused(run):
    from quintet.state import DesignError

    with pytest.raises(DesignError, match="give a mapping of these"):
        run(GraphTarget(app=desk().compile(checkpointer=InMemorySaver())), Case(input=7))


def test_async_nodes_are_awaited_and_said_to_be():
    async def later(state: Chat) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"messages": [AIMessage("later")]}

    target = as_target(foreign(billing=later, shipping=say("x")).compile())
    assert is_awaited(target)
    assert not is_awaited(as_target(foreign(billing=say("x"), shipping=say("x")).compile()))
    assert asyncio.run(target.acall(Case(input="refund"))).answer == "later"


def test_an_async_worker_or_tier_is_awaited():
    async def agent(request):
        return {"reply": "later"}

    async def tier(text):
        return "work"

    contract = Contract(goal="wait", needs=("message",))
    graph = create_handoff(
        Router(choose=cascade(RULES, tier), to=("billing", "shipping", "work"), otherwise="person"),
        {
            "billing": Worker(agent=lambda request: {}, contract=contract),
            "shipping": Worker(agent=lambda request: {}, contract=contract),
            "work": Worker(agent=agent, contract=contract),
        },
    )
    target = as_target(graph.compile())
    assert is_awaited(target)
    found = asyncio.run(target.acall(Case(input={"message": "hello"})))
    assert (found.route, found.status) == ("work", "done")


def test_a_chooser_alone_is_a_target(run):
    target = ChooserTarget(chooser=RULES)
    found = run(target, Case(input="where is my parcel?"))
    assert (found.route, found.best, found.status) == ("shipping", "shipping", "routed")
    nobody = run(target, Case(input="hello"))
    assert (nobody.route, nobody.escalated) == ("person", True)


def test_a_router_reads_the_state_and_names_its_own_person(run):
    router = Router(choose=RULES, to=("billing", "shipping"), otherwise="clerk")
    target = as_target(router)
    assert run(target, Case(input={"message": "refund"})).route == "billing"
    assert run(target, Case(input={"message": "hello"})).route == "clerk"
    assert run(target, Case(input="my parcel")).route == "shipping"


def test_the_likeliest_route_and_its_confidence_are_known_where_a_chooser_abstains():
    pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")
    from quintet.nodes import by_examples

    pairs = [("refund my money", "billing"), ("pay me back", "billing")]
    pairs += [("where is my parcel", "shipping"), ("the package is late", "shipping")]
    found = ChooserTarget(chooser=by_examples(pairs, at_least=1.0))(Case(input="refund my parcel"))
    assert (found.route, found.escalated) == ("person", True)
    assert found.best in ("billing", "shipping")
    assert found.confidence is not None


def test_a_cascade_says_which_tier_decided():
    both = cascade(RULES, lambda text: Choice(to="billing", who="the second", confidence=0.7))
    assert ChooserTarget(chooser=both)(Case(input="hello")).tier == "the second, tier 2 of 2"
    assert ChooserTarget(chooser=both)(Case(input="parcel")).tier == "by_rules, tier 1 of 2"


@pytest.mark.parametrize("thing", [desk(), "app", 7], ids=["builder", "text", "number"])
def test_what_is_no_target_is_refused(thing):
    from quintet.state import DesignError

    with pytest.raises(DesignError):
        as_target(thing)


def test_a_function_of_a_case_is_a_target_as_it_is():
    def own(case: Case) -> Trajectory:
        return Trajectory(route="billing", calls=(ToolCall(name="pay"),))

    assert as_target(own) is own


def test_a_foreign_graph_gets_the_routes_that_the_cases_name():
    app = foreign(billing=say("a"), shipping=say("b")).compile()
    cases = [Case(input="x", route=["billing", "other"]), Case(input="y", route="shipping")]
    assert as_target(app, cases).routes == ("billing", "other", "shipping")
