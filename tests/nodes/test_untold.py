"""A limit on tokens or money never waits for models that do not tell what they take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langgraph.graph import START, StateGraph

from quintet.errors import DesignError
from quintet.graphs import create_handoff, create_manager_worker, create_planner
from quintet.nodes import Manager, Planner, Router, Worker, by_model, hand_over
from quintet.state import Budget, Contract, OrchestrationState, Plan, Step
from quintet.testing import ScriptedModel

SILENT = ScriptedModel(lambda messages: "words that nobody counts")
LIMITS = pytest.mark.parametrize("limit", [Budget(tokens=10), Budget(money=1)], ids=str)


def worker(agent: Any, **options: Any) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="G", needs=(), gives=Any), **options)


def asks_a_model(request: Any) -> str:
    return str(SILENT.invoke("x").text)


@LIMITS
def test_a_router_refuses_its_own_model_that_does_not_tell(limit: Budget) -> None:
    model = ScriptedModel(lambda _: json.dumps({"to": "a", "confidence": 1, "reason": "r"}))
    router = Router(choose=by_model(model), to=("a",), otherwise="person", budget=limit)
    end = (
        create_handoff(router, {"a": worker(lambda request: 1)}).compile().invoke({"message": "x"})
    )
    assert end["outcome"]["status"] == "escalated"
    assert "router limits" in end["outcome"]["reason"]
    assert "results" not in end or not end["results"]


@LIMITS
def test_a_planner_refuses_its_own_model_that_does_not_tell(limit: Budget) -> None:
    steps = {"steps": [{"id": "s1", "goal": "x", "assignee": "a"}]}
    plan = Planner(make=ScriptedModel(lambda _: json.dumps(steps)), assignees=("a",), budget=limit)
    end = create_planner(plan, {"a": worker(lambda request: 1)}).compile().invoke({"message": "x"})
    assert end["outcome"]["status"] == "escalated"
    assert "plan limits" in end["outcome"]["reason"]


def test_a_router_refuses_to_go_on_after_a_worker_whose_model_did_not_tell() -> None:
    limit = Budget(tokens=10)
    graph = (
        StateGraph(OrchestrationState)
        .add_node("front", Router(choose=lambda t: "a", to=("a",), otherwise="b", budget=limit))
        .add_node("a", worker(asks_a_model, then="front"))
        .add_node("b", hand_over)
        .add_edge(START, "front")
    )
    with pytest.raises(DesignError, match=r"Budget\(tokens=10\): 1 of the run's model calls"):
        graph.compile().invoke({"message": "x"})


@LIMITS
def test_a_planner_sends_no_more_after_a_worker_whose_model_did_not_tell(limit: Budget) -> None:
    steps = tuple(
        Step(id=one, goal=one, assignee="a", after=after)
        for one, after in (("first", ()), ("second", ("first",)))
    )
    plan = Planner(make=Plan(goal="G", steps=steps), assignees=("a",), budget=limit)
    end = create_planner(plan, {"a": worker(asks_a_model)}).compile().invoke({"message": "x"})
    assert end["outcome"]["status"] == "escalated"
    told = "1 of the run's model calls did not tell" if limit.tokens else "plan limits money"
    assert told in end["outcome"]["reason"]


def test_a_worker_whose_model_has_no_price_is_refused_under_a_routers_limit_on_money() -> None:
    router = Router(choose=lambda t: "a", to=("a",), otherwise="person", budget=Budget(money=1))
    end = create_handoff(router, {"a": worker(asks_a_model)}).compile().invoke({"message": "x"})
    assert end["outcome"]["status"] == "escalated"
    assert "router limits money" in end["outcome"]["reason"]


@LIMITS
def test_a_router_counts_the_models_that_ran_before_its_first_visit(limit: Budget) -> None:
    graph = (
        StateGraph(OrchestrationState)
        .add_node("first", worker(asks_a_model))
        .add_node("front", Router(choose=lambda t: "b", to=("b",), otherwise="b", budget=limit))
        .add_node("b", hand_over)
        .add_edge(START, "first")
        .add_edge("first", "front")
    )
    with pytest.raises(
        DesignError, match=r"(1|none) of the run's model calls (did not tell|so far told)"
    ):
        graph.compile().invoke({"message": "x"})


COUNTED = ScriptedModel(lambda messages: "four words and more", usage=True)


def deciding(kind: str, limit: Budget) -> Any:
    """Give a graph whose router, planner or manager is a function with a model inside."""
    work = {"a": worker(lambda request: 1)}

    def told(answer: Any) -> Any:
        COUNTED.invoke("x")
        return answer

    if kind == "router":
        choose = Router(choose=lambda text: told("a"), to=("a",), otherwise="person", budget=limit)
        return create_handoff(choose, work)
    if kind == "planner":
        steps = (Step(id="s", goal="x", assignee="a"),)
        return create_planner(
            Planner(make=lambda goal: told(steps), assignees=("a",), budget=limit), work
        )
    terms = Contract(goal="G", needs=(), gives=Any, budget=limit)
    return create_manager_worker(
        Manager(agent=lambda request, ledger: told({"x": 1}), contract=terms), work
    )


@pytest.mark.parametrize("kind", ["router", "planner", "manager"])
def test_the_models_of_a_function_that_decides_are_counted(kind: str) -> None:
    end = deciding(kind, Budget(tokens=1000)).compile().invoke({"message": "x"})
    assert end["outcome"]["status"] == "done"
    assert end["spent"]["tokens"] > 0
    assert end["spent"]["steps"] >= 1


@pytest.mark.parametrize("kind", ["router", "planner"])
def test_the_models_of_a_function_that_decides_must_tell_their_price(kind: str) -> None:
    end = deciding(kind, Budget(money=1)).compile().invoke({"message": "x"})
    assert end["outcome"]["status"] == "escalated"
    assert "limits money" in end["outcome"]["reason"]
