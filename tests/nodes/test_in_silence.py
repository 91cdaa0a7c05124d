"""What an agent returns, catches or hides is not passed over in silence."""

from __future__ import annotations

import asyncio
from subprocess import TimeoutExpired
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from quintet.graphs import create_manager_worker, create_single_agent
from quintet.nodes import (
    ApprovalGate,
    Finish,
    Handoff,
    Manager,
    Question,
    Recovery,
    Worker,
    abort,
    by_rules,
    classify,
    effect,
)
from quintet.runs import Run, astart, start
from quintet.state import Budget, Contract, DesignError, checkpointer, unmet
from quintet.testing import ScriptedModel


def contract(**more: Any) -> Contract:
    return Contract(goal="work", needs=("message",), **more)


def run(agent: Any, recover: Recovery | None = None, **more: Any) -> Run:
    graph = create_single_agent(
        Worker(agent=agent, contract=contract(**more)), recover=recover or Recovery()
    )
    return start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "m"})


WAYS = [
    [Command(goto="boss")],
    {"next": Command(goto="boss")},
    ("x", Handoff(to="boss", reason="r")),
    [Question(text="which?")],
    END,
]


@pytest.mark.parametrize("way", WAYS)
def test_a_way_on_within_a_result_is_refused(way: Any) -> None:
    ended = run(lambda request: way)
    assert ended.status == "escalated"
    assert ended.outcome is not None
    assert "nobody would follow" in ended.outcome.reason


def lost(action: Any) -> None:
    bool(action.arguments["amount"] > 100)


@pytest.mark.parametrize(
    "build",
    [
        lambda: ApprovalGate(when=lost),
        lambda: contract(success=(lost,)),
        lambda: Finish(success=lost),
        lambda: effect(lost, key=lost),
        lambda: effect(lost, key="k", allow=lost),
        lambda: by_rules([(lost, "billing")]),
    ],
    ids=["gate", "contract", "finish", "key", "allow", "rule"],
)
def test_a_question_to_a_function_without_a_return_is_refused_when_it_is_built(build: Any) -> None:
    with pytest.raises(DesignError, match="lost never returns anything"):
        build()


def test_what_stands_in_for_an_effect_may_return_nothing_as_it_does() -> None:
    effect(lost, key="k", dry=lost)


def test_a_managers_command_is_no_answer() -> None:
    manager = Manager(agent=lambda request, ledger: Command(goto="a"), contract=contract())
    worker = Worker(agent=lambda request: {"x": 1}, contract=contract())
    app = create_manager_worker(manager, {"a": worker}).compile()
    assert start(app, {"message": "m"}).status != "done"


def test_a_functions_message_is_read_as_a_runnables() -> None:
    assert run(lambda request: AIMessage("Tuesday")).results["work"] == "Tuesday"
    call = {"name": "look", "args": {}, "id": "1"}
    for message in (AIMessage(""), AIMessage("I will look", tool_calls=[call])):
        assert run(lambda request, message=message: message).status == "escalated"


def ask(text: str) -> Any:
    return interrupt(text)


async def aask(text: str) -> Any:
    return interrupt(text)


def careful(request: Any, tools: Any) -> Any:
    try:
        return {"said": tools["ask"]("really?")}
    except Exception:  # noqa: BLE001 - as many users write it
        return {"said": "failed"}


async def acareful(request: Any, tools: Any) -> Any:
    try:
        return {"said": await tools["aask"]("really?")}
    except Exception:  # noqa: BLE001 - as many users write it
        return {"said": "failed"}


def test_a_tools_question_that_the_agent_catches_is_asked() -> None:
    waits = run(careful, tools=(ask,))
    assert waits.status == "waiting"
    assert waits.answer("yes").results["work"] == {"said": "yes"}


def test_an_async_tools_question_that_the_agent_catches_is_asked() -> None:
    graph = create_single_agent(Worker(agent=acareful, contract=contract(tools=(aask,))))
    app = graph.compile(checkpointer=checkpointer("memory://"))

    async def main() -> Run:
        return await (await astart(app, {"message": "m"})).aanswer("yes")

    assert asyncio.run(main()).results["work"] == {"said": "yes"}


def test_an_agent_that_hides_whether_it_takes_tools_is_refused() -> None:
    def hidden(*args: Any, **kwargs: Any) -> Any:
        return {"said": "I have no tools"}

    with pytest.raises(DesignError, match="wraps"):
        Worker(agent=hidden, contract=contract(tools=(ask,)))
    assert run(hidden).status == "done"


class Mine(BaseCallbackHandler):
    """A handler of the user's own, as for a trace."""


@pytest.mark.parametrize("config", [{"callbacks": []}, {"callbacks": [Mine()]}])
def test_a_model_with_callbacks_of_its_own_is_counted_once(config: Any) -> None:
    model = ScriptedModel(lambda messages: "word " * 50, usage=True)

    def agent(request: Any) -> Any:
        return [model.invoke("x", config=config).text for _ in range(times)]

    times = 1
    assert run(agent).values["spent"]["tokens"] == 64
    times = 3
    assert run(agent, budget=Budget(tokens=10)).status == "exhausted"


@pytest.mark.parametrize("verdict", [False, unmet("it has left")])
def test_an_undo_that_says_no_has_undone_nothing(verdict: Any) -> None:
    def book(room: int) -> int:
        return room

    def agent(request: Any, tools: Any) -> Any:
        tools["book"](room=1)
        raise RuntimeError("no seats")

    booked = effect(book, key="book:{room}", undo=lambda room: verdict)
    ended = run(agent, Recovery(unknown=abort()), tools=(booked,))
    assert ended.status == "escalated"
    assert "could not be undone: its undo returned" in ended.outcome.reason  # type: ignore[union-attr]


class Wrapped(Exception):
    """An exception of the user's own."""


def wrapped(cause: Exception) -> Exception:
    problem = Wrapped("the look-up failed")
    problem.__cause__ = cause
    return problem


def test_what_may_pass_is_known_within_others() -> None:
    assert classify(wrapped(ConnectionError("reset"))) == "transient"
    assert classify(wrapped(KeyError("tariff"))) == "unknown"
    assert classify(ExceptionGroup("g", [ConnectionError(), TimeoutError()])) == "transient"
    assert classify(ExceptionGroup("g", [ConnectionError(), KeyError()])) == "unknown"
    assert classify(TimeoutExpired("git", 1)) == "timeout"


class Bare(TypedDict):
    message: str


def test_a_state_that_cannot_keep_a_result_is_refused() -> None:
    worker = Worker(agent=lambda request: {"x": 1}, contract=contract())
    with pytest.raises(DesignError, match="inherit OrchestrationState"):
        create_single_agent(worker, state=Bare)
    graph = StateGraph(Bare)
    graph.add_node("work", worker)
    graph.add_edge(START, "work")
    with pytest.raises(DesignError, match="'results'"):
        start(graph.compile(), {"message": "m"})
