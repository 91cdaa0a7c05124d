"""Hold a function that hands on the state of a run of its own to how that run ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from quintet.graphs import (
    Task,
    create_event_driven,
    create_manager_worker,
    create_sequential,
    create_single_agent,
    create_workflow,
)
from quintet.nodes import ApprovalGate, Manager, Subscriber, Worker, effect
from quintet.runs import Run, start
from quintet.runs.thread import App
from quintet.state import Contract, Event, checkpointer, deliver


@dataclass
class Paid:
    order: str


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


def by_manager(app: App) -> Any:
    manager = Manager(agent=lambda request, ledger: app.invoke(request), contract=contract())
    return create_manager_worker(manager, {"other": Worker(agent=str, contract=contract())})


def by_task(app: App) -> Any:
    return create_workflow({"a": Task(run=lambda state: {"results": {"a": app.invoke(MESSAGE)}})})


def by_function(app: App) -> Any:
    return create_sequential({"a": lambda state: {"results": {"a": app.invoke(MESSAGE)}}})


def by_handler(app: App) -> Any:
    def handle(event: Any) -> Any:
        return app.invoke(MESSAGE)

    return create_event_driven({"handle": Subscriber(handler=handle, on=(Paid,))})


@pytest.mark.parametrize("graph", [by_manager, by_task, by_function, by_handler])
def test_so_it_is_where_another_part_hands_it_on(graph: Callable[[App], Any]) -> None:
    given: Any = MESSAGE
    if graph is by_handler:
        given = deliver(Event.of(Paid(order="7"), id="p-1", source="web"))
    run = start(graph(failing()).compile(), given)
    assert run.status == "escalated"
    assert "own run ended escalated: KeyError: 'tariff_table'" in str(run)


def test_a_run_within_that_is_done_gives_its_state() -> None:
    inner = create_single_agent(Worker(agent=lambda request: "paid", contract=contract())).compile()
    run = outer(by_invoke(inner))
    assert run.status == "done"
    assert run.results["settle"]["results"] == {"work": "paid"}


def test_keys_of_the_user_s_own_that_share_our_names_mean_nothing() -> None:
    build = {"run": {"id": "b-7"}, "outcome": {"status": "escalated", "reason": "red"}}
    assert outer(lambda request: build).status == "done"
