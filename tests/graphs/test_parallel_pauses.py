"""Test branches that wait for a person in the middle of their work, and later rounds."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Literal

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from quintet.errors import AnswerRefused
from quintet.graphs import create_handoff, create_parallel
from quintet.nodes import (
    ApprovalGate,
    FanOut,
    Join,
    Merge,
    Recovery,
    Router,
    Worker,
    effect,
    escalate,
    fallback,
    numbered,
    precedence,
)
from quintet.runs import Run, start, stored_run
from quintet.state import Contract, OrchestrationState, checkpointer

ONCE = Recovery(transient=escalate(), timeout=escalate(), invalid=escalate(), otherwise=escalate())
GATE = ApprovalGate(approvers=("maria",))


def worker(agent: Any, *tools: Any, needs: tuple[str, ...] = ("message",)) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="Look", needs=needs, tools=tools))


def begun(graph: Any, saver: Any = None) -> Run:
    app = graph.compile(checkpointer=saver or checkpointer("memory://"))
    return start(app, {"message": "hi"}, thread="t")


class Till:
    """Pay, and note what was paid."""

    def __init__(self) -> None:
        self.paid: list[int] = []

        def pay(amount: int) -> str:
            self.paid.append(amount)
            return f"receipt {amount}"

        self.pay = effect(pay, key="{amount}")


@pytest.mark.parametrize("questions", [1, 2])
def test_what_follows_an_item_that_asks_waits_for_its_answers(questions: int):
    till, told = Till(), list[Any]()

    def pays(request: Any, tools: Any) -> dict[str, Any]:
        tools.pay(amount=request["item"])
        asked = range(questions) if request["item"] == 2 else ()
        return {"said": [interrupt({"item": request["item"], "times": n}) for n in asked]}

    def tells(state: OrchestrationState) -> dict[str, Any]:
        told.append(len(numbered(state, "w")))
        return {}

    graph = create_parallel(
        {"w": worker(pays, till.pay, needs=("item",))},
        fan_out=FanOut(each=lambda state: [1, 2, 3]),
        then={"tells": tells},
    )
    run = begun(graph)
    for n in range(questions):
        assert (run.waiting[0].packet, told) == ({"item": 2, "times": n}, [])
        run = run.answer(f"answer {n}")
    assert (run.status, told, sorted(till.paid)) == ("done", [3], [1, 2, 3])
    assert run.results["w#2"] == {"said": [f"answer {n}" for n in range(questions)]}


# What is proposed by a worker that waits counts when it ends


@pytest.mark.parametrize("saver", [None, InMemorySaver()])
def test_a_loser_that_waited_neither_asks_nor_proposes(saver: Any):
    till = Till()

    def asks(request: Any, tools: Any) -> dict[str, Any]:
        tools.pay(amount=2)
        return {"said": interrupt({"gate": "asks"})}

    def wins(request: Any) -> dict[str, Any]:
        time.sleep(0.1)
        return {"value": 1}

    graph = create_parallel(
        {"a": worker(wins), "b": worker(asks, till.pay)}, join="first", gate=GATE
    )
    run = begun(graph, saver)
    assert (run.status, run.waiting, run.values["actions"]) == ("done", (), {})
    assert run.results == {"a": {"value": 1}}


def _breaks(request: Any, tools: Any) -> dict[str, Any]:
    tools.pay(amount=2)
    interrupt({"gate": "breaks"})
    raise ValueError("no")


def _answers(request: Any) -> dict[str, Any]:
    return {"value": 1}


def test_a_branch_that_fails_after_its_answer_proposes_nothing():
    workers = {"a": worker(_answers), "b": worker(_breaks, Till().pay)}
    run = begun(create_parallel(workers, join=Join(failures=1), gate=GATE, recover=ONCE))
    run = run.answer("go on")
    assert (run.status, run.waiting, run.values["actions"]) == ("done", (), {})


def test_a_worker_that_fails_after_its_answer_proposes_nothing():
    spare = fallback("spare")
    graph = create_handoff(
        Router(choose=lambda text: "b", to=("b", "spare"), otherwise="person"),
        {"b": worker(_breaks, Till().pay), "spare": worker(_answers)},
        gate=GATE,
        recover=Recovery(invalid=spare, unknown=spare, otherwise=escalate()),
    )
    run = begun(graph).answer("go on")
    assert (run.status, run.waiting, run.values["actions"]) == ("done", (), {})


# Rounds


def test_a_branch_that_fails_in_a_later_round_leaves_no_result_of_an_earlier_one():
    calls: list[int] = []
    seen: list[dict[str, Any]] = []

    def once(request: Any) -> dict[str, Any]:
        calls.append(1)
        if len(calls) > 1:
            raise ValueError("no")
        return {"value": "old"}

    def judge(state: OrchestrationState) -> Command[Literal["a", "b", "finish"]]:
        seen.append(dict(state["merged"]))
        return Command(goto=["a", "b"] if len(seen) == 1 else "finish")

    graph = create_parallel(
        {"a": worker(_answers), "b": worker(once)},
        join=Join(failures=1),
        merge=Merge(of=("a", "b"), resolve=precedence("b")),
        then={"judge": judge},
        recover=ONCE,
    )
    run = begun(graph)
    assert (run.status, seen, sorted(run.results)) == (
        "done",
        [{"value": "old"}, {"value": 1}],
        ["a"],
    )


# Questions beside one that was answered in vain


@pytest.mark.parametrize("saver", [checkpointer("memory://"), InMemorySaver()])
def test_a_question_whose_branch_failed_after_its_answer_is_over(saver: Any):
    def breaks(request: Any) -> dict[str, Any]:
        raise ValueError(interrupt({"gate": "breaks"}))

    def asks(request: Any) -> dict[str, Any]:
        return {"said": interrupt({"gate": "asks"})}

    workers = {"a": worker(breaks), "b": worker(asks)}
    run = begun(create_parallel(workers, join=Join(failures=1), recover=ONCE), saver)
    first = next(question for question in run.waiting if question.node == "a")
    run = run.answer("yes", to=first.id)
    assert [question.packet for question in run.waiting] == [{"gate": "asks"}]
    assert stored_run(saver, "t").waiting == ({"gate": "asks"},)
    with pytest.raises(AnswerRefused, match="not open any more"):
        replace(run, waiting=(first,)).answer("yes")
    run = run.answer("yes")
    assert (run.status, run.results) == ("done", {"b": {"said": "yes"}})
