"""Test that what a graph within a graph has done counts as done by the run around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from quintet.graphs import create_sequential, create_single_agent
from quintet.nodes import Recovery, Worker, abort, effect
from quintet.runs import astart, start
from quintet.state import Contract, checkpointer


class Bank:
    """Keep what was booked and what was taken back."""

    def __init__(self) -> None:
        self.booked: list[str] = []
        self.reversed: list[str] = []

        def book(what: str) -> str:
            """Book."""
            self.booked.append(what)
            return what

        self.book = effect(book, key="book:{what}", undo=self.reversed.append)

    def clerk(self) -> Any:
        """Give a graph whose worker books."""

        def agent(request: Any, tools: Any) -> dict[str, str]:
            return {"booked": tools["book"](what="flight")}

        return create_single_agent(Worker(agent=agent, contract=self.contract)).compile()

    @property
    def contract(self) -> Contract:
        """Give the contract of whoever books."""
        return Contract(goal="Book", needs=("message",), tools=(self.book,))


def as_agent(bank: Bank) -> Any:
    return Worker(agent=bank.clerk(), contract=bank.contract)


def in_agent(bank: Bank) -> Any:
    clerk = bank.clerk()

    def agent(request: Mapping[str, Any]) -> Any:
        return clerk.invoke({"message": request["message"]})["results"]

    return Worker(agent=agent, contract=bank.contract)


def twice_nested(bank: Bank) -> Any:
    return Worker(
        agent=create_single_agent(as_agent(bank)).compile(checkpointer=True), contract=bank.contract
    )


def in_function(bank: Bank) -> Any:
    """Give a node that calls the graph, and hands back its state; its effects are named by it."""
    clerk = bank.clerk()

    def call(state: Mapping[str, Any]) -> dict[str, Any]:
        ended = clerk.invoke({"message": state["message"]})
        return {"results": ended["results"], "actions": ended["actions"]}

    call.effects = (bank.book,)  # type: ignore[attr-defined]
    return call


FORMS = (as_agent, in_agent, twice_nested, in_function)


def fails(state: Mapping[str, Any]) -> dict[str, Any]:
    raise ValueError("no hotel is left")


def line(form: Callable[[Bank], Any], bank: Bank, last: Any, saver: Any) -> Any:
    """Build a line of the graph in a node, and a last step; a failure takes back what was done."""
    recover = Recovery(otherwise=abort())
    graph = create_sequential({"fly": form(bank), "last": last}, recover=recover)
    return graph.compile(checkpointer=saver)


@pytest.mark.parametrize("saver", [lambda: checkpointer("memory://"), InMemorySaver])
@pytest.mark.parametrize("form", FORMS)
def test_an_abort_takes_it_back(form, saver):
    bank = Bank()
    ended = start(line(form, bank, fails, saver()), {"message": "a trip"})
    assert ended.status == "aborted"
    assert (bank.booked, bank.reversed) == (["flight"], ["flight"])
    assert [item["status"] for item in ended.values["actions"].values()] == ["undone"]


@pytest.mark.parametrize("form", [as_agent, twice_nested, in_function])
def test_awaited_an_abort_takes_it_back(form):
    bank = Bank()
    app = line(form, bank, fails, checkpointer("memory://"))
    ended = asyncio.run(astart(app, {"message": "a trip"}))
    assert (ended.status, bank.reversed) == ("aborted", ["flight"])


@pytest.mark.parametrize("form", FORMS)
def test_the_outcome_names_it(form):
    def stays(state: Mapping[str, Any]) -> dict[str, Any]:
        return {"results": {"last": "stays"}}

    bank = Bank()
    ended = start(line(form, bank, stays, checkpointer("memory://")), {"message": "a trip"})
    assert ended.status == "done"
    assert ended.outcome is not None
    assert ended.outcome.evidence["effects"] == ["book:flight"]
