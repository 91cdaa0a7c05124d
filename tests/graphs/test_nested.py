"""Test a graph as a node of a ready-made one: what it did is on record however it ends."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy, interrupt
from pydantic import BaseModel

from quintet.graphs import check, create_handoff, create_sequential
from quintet.nodes import ApprovalGate, Effect, Recovery, Router, Worker, effect, escalate, fallback
from quintet.runs import Run, approve, look, start
from quintet.state import AnswerRefused, Contract, DesignError, OrchestrationState, checkpointer


class Till:
    """Count what is paid and wiped."""

    def __init__(self) -> None:
        self.paid: list[int] = []
        self.wiped: list[int] = []

    @property
    def pay(self) -> Effect:
        def pay(amount: int) -> str:
            """Pay."""
            self.paid.append(amount)
            return "paid"

        return effect(pay, key="pay:{amount}")

    @property
    def wipe(self) -> Effect:
        def wipe(disk: int) -> str:
            """Wipe."""
            self.wiped.append(disk)
            return "wiped"

        return effect(wipe, key="wipe:{disk}")


def pays(till: Till) -> Worker:
    def agent(request: Any, tools: Any) -> dict[str, Any]:
        return {"paid": tools["pay"](amount=1)}

    return Worker(agent=agent, contract=Contract(goal="Pay", needs=("message",), tools=(till.pay,)))


def around(inner: CompiledStateGraph[Any, Any, Any, Any], **more: Any) -> Any:
    """Build a hand-off with the graph as one of its specialists."""
    router = Router(choose=lambda _: "desk", to=("desk",), otherwise="person")
    recovery = Recovery(permanent=fallback("other"), otherwise=escalate()) if more else Recovery()
    desk = create_handoff(router, {"desk": inner, **more}, recover=recovery)
    return desk.compile(checkpointer=checkpointer("memory://"))


def started(app: Any) -> Run:
    return start(app, {"message": "hi"}, thread="t")


def then_fails(till: Till, problem: Exception) -> CompiledStateGraph[Any, Any, Any, Any]:
    def fails(state: OrchestrationState) -> OrchestrationState:
        raise problem

    graph = StateGraph(OrchestrationState)
    graph.add_node("first", pays(till))
    graph.add_node("second", fails)
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    return graph.compile()


@pytest.mark.parametrize("problem", [ValueError("no"), DesignError("no"), KeyError("x")])
def test_a_nested_graph_that_fails_leaves_on_record_what_it_has_done(problem):
    till = Till()
    run = started(around(then_fails(till, problem)))
    assert run.status == "escalated"
    assert till.paid == [1]
    assert run.values["actions"]["pay:1"]["status"] == "done"
    assert run.outcome is not None
    assert run.outcome.evidence["packet"]["done"] == ["pay:1"]
    assert run.values["spent"]["steps"] == 1


def test_a_fallback_does_not_pay_again_what_a_nested_graph_paid_before_it_failed():
    till = Till()
    run = started(around(then_fails(till, DesignError("no")), other=pays(till)))
    assert "other" in run.path
    assert till.paid == [1]
    assert run.status == "escalated"  # the second payment is refused, by name


def asks_after_paying(till: Till) -> CompiledStateGraph[Any, Any, Any, Any]:
    def wipes(request: Any, tools: Any) -> dict[str, Any]:
        return {"wiped": str(tools["wipe"](disk=7))}

    second = Worker(
        agent=wipes, contract=Contract(goal="Wipe", needs=("message",), tools=(till.wipe,))
    )
    gate = ApprovalGate(when=lambda action: action.name == "wipe", approvers=("maria",))
    return create_sequential({"first": pays(till), "second": second}, gate=gate).compile()


def test_a_bad_answer_to_a_nested_question_starts_nothing_anew():
    till = Till()
    app = around(asks_after_paying(till))
    run = started(app)
    for bad in ({"answer": "nonsense"}, approve(by="eve")):
        with pytest.raises(AnswerRefused):
            run.answer(bad)
        run = look(app, thread="t")
        assert run.status == "waiting"
        assert run.waiting[0].packet["refused"]
    run = run.answer(approve(by="maria"))
    assert (run.status, till.paid, till.wiped) == ("done", [1], [7])
    assert run.path == ("router", "desk", "finish")


def test_the_next_question_does_not_tell_of_the_last_ones_refusal():
    till = Till()
    run = started(around(asks_after_paying(till)))
    assert "refused" not in run.waiting[0].packet


class Yes(BaseModel):
    yes: bool


def test_a_nested_graph_that_begins_anew_after_a_bad_answer_does_not_pay_again():
    till = Till()

    def asks(state: OrchestrationState) -> OrchestrationState:
        interrupt("sure?", response_schema=Yes)
        return {}

    graph = StateGraph(OrchestrationState)
    graph.add_node("first", pays(till))
    graph.add_node("asks", asks)
    graph.add_edge(START, "first")
    graph.add_edge("first", "asks")
    run = started(around(graph.compile()))
    with pytest.raises(AnswerRefused):
        run.answer({"yes": "perhaps"})
    assert till.paid == [1]
    assert look(run.app, thread="t").status == "escalated"  # by name, since it would pay again


def test_two_desks_side_by_side_each_do_their_part():
    def wipes(request: Any, tools: Any) -> dict[str, Any]:
        return {"wiped": tools["wipe"](disk=7)}

    till = Till()
    contract = Contract(goal="Wipe", needs=("message",), tools=(till.wipe,))
    workers = {"pays": pays(till), "wipes": Worker(agent=wipes, contract=contract)}
    graph = StateGraph(OrchestrationState)
    for name, worker in workers.items():
        graph.add_node(f"{name}_desk", create_sequential({name: worker}).compile())
        graph.add_edge(START, f"{name}_desk")
    assert check(graph) == ()
    run = started(graph.compile(checkpointer=checkpointer("memory://")))
    assert (run.status, till.paid, till.wiped) == ("done", [1], [7])
    assert sorted(run.results) == ["pays", "wipes"]
    assert run.values["spent"]["steps"] == 2


def in_parallel(till: Till, effects: list[Effect]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph whose workers do one effect each, all at once, and which then fails."""

    def fails(state: OrchestrationState) -> OrchestrationState:
        raise DesignError("no")

    graph = StateGraph(OrchestrationState)
    graph.add_node("last", fails, defer=True)
    for number, tool in enumerate(effects):

        def agent(request: Any, tools: Any, name: str = tool.name) -> dict[str, Any]:
            return {"done": tools[name](1)}

        contract = Contract(goal="Do", needs=("message",), tools=(tool,))
        graph.add_node(f"w{number}", Worker(agent=agent, contract=contract))
        graph.add_edge(START, f"w{number}")
        graph.add_edge(f"w{number}", "last")
    return graph.compile()


def test_what_parallel_branches_of_a_nested_graph_did_is_all_on_record():
    till = Till()

    def numbered(number: int) -> Effect:
        def act(amount: int) -> str:
            till.paid.append(number)
            return "paid"

        act.__name__ = f"act{number}"
        return effect(act, key="one key for all")

    run = started(around(in_parallel(till, [numbered(number) for number in range(8)])))
    assert sorted(till.paid) == list(range(8))
    done = {item["name"] for item in run.values["actions"].values()}
    assert done == {f"act{number}" for number in range(8)}
    assert run.values["spent"]["steps"] == 8


def test_a_nested_worker_that_is_tried_again_counts_what_it_spent_once():
    tries: list[int] = []

    def agent(request: Any) -> dict[str, Any]:
        tries.append(1)
        raise ConnectionError("down")

    inner = StateGraph(OrchestrationState)
    contract = Contract(goal="Do", needs=("message",))
    policy = RetryPolicy(max_attempts=3, initial_interval=0.01, retry_on=Exception)
    inner.add_node("w", Worker(agent=agent, contract=contract), retry_policy=policy)
    inner.add_edge(START, "w")
    router = Router(choose=lambda _: "desk", to=("desk",), otherwise="person")
    once = Recovery(transient=escalate(), otherwise=escalate())
    desk = create_handoff(router, {"desk": inner.compile()}, recover=once)
    run = started(desk.compile(checkpointer=checkpointer("memory://")))
    assert run.status == "escalated"
    assert (len(tries), run.values["spent"]["steps"]) == (3, 3)
    assert run.values["spent"]["retries"] == 2
