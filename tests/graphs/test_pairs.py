"""Test every pattern in every other: question, answer, budget, records and end pass through."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any

import pytest
from langgraph.graph import StateGraph

from quintet.runs import Run, approve, look, reject, start
from quintet.state import DesignError, checkpointer
from tests.graphs.patterns import NO_WAIT, PATTERNS, Till, gated, given

FORMS = ("node", "agent")
REFUSED = {
    # A plan's results have the names of its steps, and a review asks for one of a node's.
    ("review", "planner", "node"),
    ("review", "manager", "node"),
    # A manager gives a bare graph a contract, which finds no effects within tasks and no events.
    ("manager", "workflow", "node"),
    ("manager", "event_driven", "node"),
    # A handler that is a graph stands in a Worker.
    *(("event_driven", inner, "node") for inner in PATTERNS),
}
"""Nestings that are refused or escalated with a reason, where the graph as an agent is right."""

PAIRS = [
    pytest.param(outer, inner, form, id=f"{inner} in {outer}, as {form}")
    for outer, inner, form in product(PATTERNS, PATTERNS, FORMS)
    if (outer, inner, form) not in REFUSED
]
each_pair = pytest.mark.parametrize(("outer", "inner", "form"), PAIRS)


def nested(outer: str, inner: StateGraph[Any], form: str, till: Till) -> Any:
    worker = till.as_agent(inner) if form == "agent" else inner.compile()
    graph = PATTERNS[outer](worker, recover=NO_WAIT)
    return graph.compile(checkpointer=checkpointer("memory://"))


def run(app: Any, thread: str = "t") -> Run:
    return start(app, given(), thread=thread)


@each_pair
def test_an_effect_happens_once_and_is_on_record_outside(outer, inner, form):
    till = Till()
    ended = run(nested(outer, PATTERNS[inner](till.worker()), form, till))
    assert (ended.status, till.paid) == ("done", [1])
    assert [item["status"] for item in ended.values["actions"].values()] == ["done"]
    assert ended.values["spent"]["steps"] >= 1


@each_pair
def test_a_question_is_asked_outside_and_answered_once(outer, inner, form):
    till = Till()
    app = nested(outer, gated(PATTERNS[inner], till), form, till)
    asked = run(app)
    assert (asked.status, till.paid) == ("waiting", [])
    assert asked.waiting[0].packet["action"] == "pay"
    ended = asked.answer(approve(by="maria"))
    assert (ended.status, till.paid) == ("done", [1])


@each_pair
def test_after_a_no_nothing_is_done(outer, inner, form):
    till = Till()
    ended = run(nested(outer, gated(PATTERNS[inner], till), form, till)).answer(reject(by="maria"))
    assert ended.status in ("rejected", "escalated")
    assert till.paid == []


@each_pair
def test_a_failure_inside_is_no_done_outside(outer, inner, form):
    till = Till()
    graph = PATTERNS[inner](till.worker(then=ValueError("no such account")), recover=NO_WAIT)
    ended = run(nested(outer, graph, form, till))
    assert (ended.status, till.paid) == ("escalated", [1])
    assert [item["status"] for item in ended.values["actions"].values()] == ["done"]


@each_pair
def test_a_second_run_on_the_thread_begins_anew(outer, inner, form):
    till = Till()
    app = nested(outer, gated(PATTERNS[inner], till), form, till)
    run(app).answer(reject(by="maria"))
    again = run(app)
    assert again.status == "waiting"
    assert again.answer(approve(by="maria")).status == "done"
    assert till.paid == [1]


@each_pair
def test_awaited_it_ends_alike(outer, inner, form):
    till = Till()
    app = nested(outer, gated(PATTERNS[inner], till), form, till)
    config = {"configurable": {"thread_id": "t"}}
    asyncio.run(app.ainvoke(given(), config))
    ended = look(app, thread="t").answer(approve(by="maria"))
    assert (ended.status, till.paid) == ("done", [1])


@pytest.mark.parametrize(("outer", "inner", "form"), sorted(REFUSED))
def test_a_nesting_that_does_not_fit_is_refused_and_nothing_is_said_to_be_done(outer, inner, form):
    till = Till()
    if outer == "event_driven":  # when it is made
        with pytest.raises(DesignError, match="Worker"):
            nested(outer, PATTERNS[inner](till.worker()), form, till)
        return
    ended = run(nested(outer, PATTERNS[inner](till.worker()), form, till))
    assert ended.status == "escalated"
    assert ended.outcome.reason
