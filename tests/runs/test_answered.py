"""Test that an answer goes to the question that was shown, also after a crash between two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph
from langgraph.types import interrupt

from quintet.errors import AnswerRefused
from quintet.graphs import (
    Task,
    create_parallel,
    create_sequential,
    create_single_agent,
    create_workflow,
)
from quintet.nodes import Worker, effect
from quintet.runs import look, resume, start
from quintet.state import Contract
from quintet.testing import crashpoints


def book(name: str, day: str) -> str:
    """Book."""
    return f"{name} on {day}"


BOOK = effect(book, key="{name}")
CONTRACT = Contract(goal="Book", needs=("message",), tools=(BOOK,))


def asks_twice(request: Any, tools: Any) -> dict[str, str]:
    name = interrupt({"ask": "name"})
    day = interrupt({"ask": "day"})
    return {"booked": tools["book"](name=name, day=day)}


def asks_once(request: Any) -> dict[str, str]:
    return {"note": interrupt({"ask": "note"})}


def clerk() -> StateGraph[Any]:
    return create_single_agent(Worker(agent=asks_twice, contract=CONTRACT))


def node() -> StateGraph[Any]:
    return create_sequential({"in": clerk().compile()})


def agent() -> StateGraph[Any]:
    return create_sequential({"in": Worker(agent=clerk().compile(), contract=CONTRACT)})


def deeper() -> StateGraph[Any]:
    return create_sequential({"out": Worker(agent=node().compile(), contract=CONTRACT)})


def stateful() -> StateGraph[Any]:
    inner = clerk().compile(checkpointer=True)
    return create_sequential({"in": Worker(agent=inner, contract=CONTRACT)})


def beside() -> StateGraph[Any]:
    contract = Contract(goal="Note", needs=("message",))
    return create_parallel(
        {"in": clerk().compile(), "other": Worker(agent=asks_once, contract=contract)}
    )


def person(packet: Any) -> str:
    return f"the {packet['ask']}"


@pytest.mark.parametrize("build", [node, agent, deeper, stateful, beside])
def test_each_question_gets_its_own_answer_at_every_crash(build):
    report = crashpoints(build, {"message": "m"}, person=person)
    assert report.ok, report


def test_awaited_each_question_gets_its_own_answer_at_every_crash():
    report = crashpoints(node, {"message": "m"}, person=person, asynchronous=True)
    assert report.ok, report


def test_a_worker_that_fails_after_its_answer_leaves_no_run_that_nobody_can_move():
    def fails(request: Any, tools: Any) -> dict[str, str]:
        name = interrupt({"ask": "name"})
        raise ValueError(f"{name} is no guest")

    def books(request: Any, tools: Any) -> dict[str, str]:
        return {"booked": tools["book"](name="nobody", day="never")}

    def build() -> StateGraph[Any]:
        work, spare = (Worker(agent=agent, contract=CONTRACT) for agent in (fails, books))
        tasks = {"work": Task(run=work, on_failure="spare"), "spare": Task(run=spare)}
        return create_workflow(tasks)

    report = crashpoints(build, {"message": "m"}, person=person)
    assert report.ok, report


class Dies(InMemorySaver):
    """Lose the outer graph's second question, as a process does that ends before it is stored."""

    asked = 0

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        outer = not config["configurable"].get("checkpoint_ns")
        self.asked += outer and any(channel == "__interrupt__" for channel, _ in writes)
        if outer and self.asked == 2:
            raise SystemExit
        super().put_writes(config, writes, task_id, task_path)


@pytest.mark.parametrize("build", [node, agent])
def test_a_second_answer_to_the_first_question_is_refused(build: Callable[[], StateGraph[Any]]):
    app = build().compile(checkpointer=Dies())
    first = start(app, {"message": "m"}, thread="t")
    with pytest.raises(SystemExit):
        first.answer("the name")
    assert (look(app, thread="t").status, look(app, thread="t").waiting) == ("unfinished", ())
    with pytest.raises(AnswerRefused, match="not open any more"):
        first.answer("another name")
    second = resume(app, thread="t")
    assert [asked.packet for asked in second.waiting] == [{"ask": "day"}]
    ended = second.answer("the day")
    assert ended.status == "done"
    assert [a["arguments"] for a in ended.values["actions"].values()] == [
        {"name": "the name", "day": "the day"}
    ]
