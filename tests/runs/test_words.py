"""Hold the words for what is easily written wrong to naming the thing, the value and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.graph import START, StateGraph

from quintet.errors import AnswerRefused, DesignError, QuintetError, RunError
from quintet.graphs import create_parallel, create_planner, create_single_agent
from quintet.nodes import (
    ApprovalGate,
    Finish,
    Merge,
    Planner,
    Router,
    Worker,
    by_rules,
    effect,
    fallback,
    numbered,
    retry,
)
from quintet.runs import Background, Desk, Run, approve, resume, start, stream
from quintet.runs.thread import App
from quintet.state import Contract, ConversationState, OrchestrationState, checkpointer

MESSAGE = {"message": "I was charged twice"}


def refund(order: int) -> str:
    """Pay money back."""
    return f"R-{order}"


def billing(request: Any, tools: Any) -> str:
    tools.refund(order=1042)
    return "handed in"


def desk() -> App:
    contract = Contract(
        goal="Settle", needs=("message",), tools=(effect(refund, key="refund:{order}"),)
    )
    graph = create_single_agent(
        Worker(agent=billing, contract=contract), gate=ApprovalGate(approvers=("maria",))
    )
    return graph.compile(checkpointer=checkpointer("memory://"))


def asked() -> Run:
    return start(desk(), MESSAGE, thread="t-1")


OPTIONS: dict[str, Callable[[], Any]] = {
    "thread_id='t-1' is no option here.* there are thread, config": lambda: start(
        desk(), MESSAGE, thread_id="t-1"
    ),
    "dedline='10m' is no option": lambda: list(stream(desk(), MESSAGE, dedline="10m")),
    "deadline='10m' is no option": lambda: resume(desk(), thread="t-1", deadline="10m"),
    "too='x' is no option here.* there are to,": lambda: asked().answer(
        approve(by="maria"), too="x"
    ),
    "config={} is no option": lambda: asked().answer(approve(by="maria"), config={}),
}


@pytest.mark.parametrize("message", OPTIONS)
def test_an_option_that_langgraph_would_drop_is_refused(message: str) -> None:
    with pytest.raises(RunError, match=message):
        OPTIONS[message]()


@pytest.mark.parametrize("config", ["t-1", {"thread_id": "t-1"}, {"configurable": None}, []])
def test_what_is_no_configuration_is_refused(config: Any) -> None:
    with pytest.raises(RunError, match=r"^config=.*thread='t-1' says the same"):
        start(desk(), MESSAGE, config=config)


@pytest.mark.parametrize("answer", [True, "yes", approve, ["approve"], {"approve": True}])
def test_what_is_no_answer_is_told_how_to_answer(answer: Any) -> None:
    run = asked()
    with pytest.raises(AnswerRefused, match=r"is no answer: give approve\(by='...'\), reject\("):
        run.answer(answer)
    assert run.answer(approve(by="maria")).status == "done"


def test_an_answer_of_another_kind_is_told_which_one_is_wanted() -> None:
    def found(owner: str) -> Worker:
        contract = Contract(goal="Look", needs=("message",))
        return Worker(agent=lambda request: {"owner": owner}, contract=contract)

    graph = create_parallel({"a": found("ann"), "b": found("bob")}, merge=Merge(of=("a", "b")))
    run = start(graph.compile(checkpointer=checkpointer("memory://")), MESSAGE, thread="t-1")
    with pytest.raises(AnswerRefused, match=r"merge: .* is no answer: give settle\({...}, by="):
        run.answer(approve(by="maria"))


def test_an_effect_is_called_and_not_invoked() -> None:
    def agent(request: Any, tools: Any) -> Any:
        return tools.refund.invoke({"order": 1042})

    pay = effect(refund, key="refund:{order}")
    worker = Worker(agent=agent, contract=Contract(goal="g", needs=("message",), tools=(pay,)))
    run = start(create_single_agent(worker).compile(), MESSAGE)
    assert "effect 'refund' has no 'invoke': call it, refund(...)" in str(run)


def test_a_question_is_named_by_its_id_and_its_node() -> None:
    run = asked()
    with pytest.raises(AnswerRefused, match=f"open are {run.waiting[0].id} at approve: give its"):
        run.answer(approve(by="maria"), to="approve")
    with pytest.raises(AnswerRefused, match="1 is no question: give one of waiting"):
        Desk(run.app).answer(1, approve(by="maria"))  # type: ignore[arg-type]


def test_a_result_that_is_not_there_is_told_beside_those_that_are() -> None:
    run = asked()
    with pytest.raises(KeyError, match="no result 'billing'; there are work"):
        run.results["billing"]
    assert dict(run.results) == run.results == {"work": "handed in"}
    with pytest.raises(DesignError, match=r"numbered\(Run\): give the state, as run.values"):
        numbered(run, "work")  # type: ignore[arg-type]


def test_what_a_conversation_takes_is_named() -> None:
    worker = Worker(agent=lambda request: "ok", contract=Contract(goal="g", needs=("messages",)))
    app = create_single_agent(worker, state=ConversationState).compile()
    with pytest.raises(RunError, match=r"names messages, .* give {'message': ...}, which is put"):
        start(app, {"messages": [("user", "refund me")]})


def test_a_class_in_the_place_of_a_node_is_named() -> None:
    graph = StateGraph(OrchestrationState).add_node("finish", Finish).add_edge(START, "finish")
    with pytest.raises(DesignError, match=r"node 'finish' is the class Finish: give an instance"):
        start(graph.compile(), MESSAGE)


PARTS: dict[str, Callable[[], Any]] = {
    r"retry\('3', wait=0.5\): give two attempts": lambda: retry("3"),  # type: ignore[arg-type]
    r"Remedy\(to=<function billing": lambda: fallback(billing),  # type: ignore[arg-type]
    "gives='answer' cannot be checked": lambda: Contract(goal="g", needs=(), gives="answer"),
    "'refund me' is no state: give a dict": lambda: Finish()("refund me"),  # type: ignore[arg-type]
    r"Desk\(\[...\]\): give several graphs by name": lambda: Desk([desk()]),  # type: ignore[arg-type]
    r"wait_tasks\('one'\): give a list of ids": lambda: Background(
        {"desk": desk().builder}, checkpointer=checkpointer("memory://")
    ).wait_tasks("one", of="t-1"),
    "may choose 'shiping', which is not": lambda: Router(
        choose=by_rules([("parcel", "shiping")]), to=("shipping",), otherwise="person"
    ),
}


@pytest.mark.parametrize("message", PARTS)
def test_a_part_of_the_wrong_kind_is_refused_where_it_is_made(message: str) -> None:
    with pytest.raises(QuintetError, match=message):
        PARTS[message]()


def test_steps_as_dicts_are_told_what_to_return() -> None:
    graph = create_planner(
        Planner(make=lambda goal: [{"id": "a"}], assignees=("work",)),
        {"work": Worker(agent=lambda request: "ok", contract=Contract(goal="g", needs=()))},
    )
    outcome = start(graph.compile(), MESSAGE).outcome
    assert outcome is not None
    assert "return a Plan, or a list of Step(id=" in outcome.reason
