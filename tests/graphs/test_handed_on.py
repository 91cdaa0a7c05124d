"""Hold a function that hands on the state of a run of its own to how that run ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from quintet.graphs import create_sequential, create_single_agent
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import Run, start
from quintet.runs.thread import App
from quintet.state import Contract, checkpointer

MESSAGE = {"message": "I was charged twice"}
PAY = effect(lambda order: f"R-{order}", key="pay:{order}")


def contract(**parts: Any) -> Contract:
    return Contract(goal="Settle", needs=("message",), **parts)


def outer(agent: Any) -> Run:
    worker = Worker(agent=agent, contract=contract(tools=(PAY,)))
    return start(create_sequential({"settle": worker}).compile(), MESSAGE, thread="outer")


def failing() -> App:
    def agent(request: Any) -> Any:
        raise KeyError("tariff_table")

    return create_single_agent(Worker(agent=agent, contract=contract())).compile()


def asking() -> App:
    def agent(request: Any, tools: Any) -> str:
        tools["<lambda>"](order=1042)
        return "handed in"

    worker = Worker(agent=agent, contract=contract(tools=(PAY,)))
    graph = create_single_agent(worker, gate=ApprovalGate(approvers=("maria",)))
    return graph.compile(checkpointer=checkpointer("memory://"))


def by_invoke(app: App) -> Any:
    return lambda request: app.invoke(request, {"configurable": {"thread_id": "inner"}})


def by_start(app: App) -> Any:
    return lambda request: start(app, request, thread="inner").values


def by_runnable(app: App) -> Any:
    return RunnableLambda(by_invoke(app))


WAYS = [by_invoke, by_start, by_runnable]


@pytest.mark.parametrize("way", WAYS)
def test_a_run_within_that_was_escalated_is_not_done(way: Callable[[App], Any]) -> None:
    run = outer(way(failing()))
    assert run.status == "escalated"
    assert "the agent's own run ended escalated: KeyError: 'tariff_table'" in str(run)


@pytest.mark.parametrize("way", WAYS)
def test_a_run_within_that_waits_for_a_person_is_not_done(way: Callable[[App], Any]) -> None:
    run = outer(way(asking()))
    assert run.status == "escalated"
    assert "handed on the state of a run that has not ended; give the graph itself" in str(run)


def test_a_run_within_that_is_done_gives_its_state() -> None:
    inner = create_single_agent(Worker(agent=lambda request: "paid", contract=contract())).compile()
    run = outer(by_invoke(inner))
    assert run.status == "done"
    assert run.results["settle"]["results"] == {"work": "paid"}


def test_keys_of_the_user_s_own_that_share_our_names_mean_nothing() -> None:
    build = {"run": {"id": "b-7"}, "outcome": {"status": "escalated", "reason": "red"}}
    assert outer(lambda request: build).status == "done"
