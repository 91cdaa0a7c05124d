"""Test plans and judgements by a model over real HTTP."""

from __future__ import annotations

import json
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.graphs import create_handoff
from quintet.nodes import (
    Merge,
    Planner,
    Recovery,
    Router,
    Worker,
    by_rules,
    judge_criteria,
    judge_sources,
    retry,
)
from quintet.state import Budget, Contract, OrchestrationState, Step, checkpointer
from tests.aimock import Aimock, Reply, call, chaos, status, text
from tests.http.conftest import Begin
from tests.http.desks import TOKENS, chat

PLANNING = {"systemMessage": "Plan the request", "responseFormat": "json_schema"}
JUDGING = {"systemMessage": "Judge whether", "responseFormat": "json_schema"}
CHOOSING = {"systemMessage": "Say which source", "responseFormat": "json_schema"}
ASSIGNEES = {"billing": "refunds", "shipping": "parcels"}
MESSAGE = {"message": "refund the kettle, then send the lamp"}


def step(name: str, assignee: str, *after: str, criterion: str = "") -> dict[str, Any]:
    return {
        "id": name,
        "goal": f"do {name}",
        "assignee": assignee,
        "after": list(after),
        "criterion": criterion,
    }


def plan(*steps: dict[str, Any]) -> Reply:
    return text({"steps": list(steps)})


def verdict(holds: bool, reason: str = "as asked") -> Reply:
    return text({"holds": holds, "reason": reason})


def desk(model: Any, check: Any = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    contract = Contract(goal="Take one step", needs=("goal",))
    workers: dict[str, Any] = {
        name: Worker(agent=lambda request: {"did": request["goal"]}, contract=contract)
        for name in ASSIGNEES
    }
    workers["plan"] = Planner(
        make=model, assignees=ASSIGNEES, check=check, budget=Budget(steps=4, retries=2)
    )
    graph = create_handoff(
        Router(choose=by_rules({"plan": ".*"}), to=("plan",), otherwise="person"),
        workers,
        recover=Recovery(
            transient=retry(3, wait=0.01),
            rate_limit=retry(3, wait=0.01),
            invalid=retry(2, wait=0.01),
        ),
    )
    return graph.compile(checkpointer=checkpointer("memory://"))


SOUND = plan(step("refund", "billing"), step("send", "shipping", "refund"))
CYCLE = plan(step("refund", "billing", "send"), step("send", "shipping", "refund"))


async def test_a_models_plan_is_carried_out_step_by_step(aimock: Aimock, begin: Begin) -> None:
    aimock.on(PLANNING, SOUND)
    run = await begin(desk(chat(aimock.base_url)), MESSAGE)
    assert run.status == "done"
    assert run.path == ("router", "plan", "billing", "plan", "shipping", "plan", "finish")
    assert run.values["results"] == {"refund": {"did": "do refund"}, "send": {"did": "do send"}}
    made = next(d for d in run.decisions if d.kind == "plan")
    assert made.by == "model"
    assert made.choice == "plan 1: refund>billing, send>shipping"


async def test_the_schema_of_a_plan_is_one_that_strict_services_take(
    aimock: Aimock, begin: Begin
) -> None:
    aimock.on(PLANNING, SOUND)
    await begin(desk(chat(aimock.base_url)), MESSAGE)
    [sent] = aimock.sent()
    assert "- billing: refunds\n- shipping: parcels" in sent["messages"][0]["content"]
    schema = sent["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert _loose(schema["schema"]) == []


def _loose(schema: Any, place: str = "plan") -> list[str]:
    """Return what a strict service refuses: a default, an optional key, an open object."""
    if isinstance(schema, list):
        return [found for item in schema for found in _loose(item, place)]
    if not isinstance(schema, dict):
        return []
    wrong = [f"{place} has a default"] if "default" in schema else []
    if schema.get("type") == "object":
        if set(schema["required"]) != set(schema["properties"]):
            wrong.append(f"{place} has optional keys")
        if schema["additionalProperties"] is not False:
            wrong.append(f"{place} is open")
    return wrong + [found for key, item in schema.items() for found in _loose(item, key)]


async def test_a_plan_that_cannot_run_goes_back_once_with_its_fault(
    aimock: Aimock, begin: Begin
) -> None:
    aimock.on(PLANNING, CYCLE, SOUND)
    run = await begin(desk(chat(aimock.base_url)), MESSAGE)
    assert run.status == "done"
    second = aimock.sent()[1]["messages"]
    assert [message["role"] for message in second] == ["system", "user", "user"]
    assert "That plan cannot run" in second[-1]["content"]
    assert "refund -> send -> refund" in second[-1]["content"]


async def test_a_model_that_cannot_plan_hands_over_to_a_person(
    aimock: Aimock, begin: Begin
) -> None:
    aimock.always(PLANNING, CYCLE)
    run = await begin(desk(chat(aimock.base_url)), MESSAGE)
    assert run.status == "escalated"
    [failure] = run.values["failures"]
    assert (failure["node"], failure["kind"]) == ("plan", "invalid")
    assert "cannot run" in failure["message"]
    assert len(aimock.sent()) == 4, "two drafts in each of the two attempts that the policy gives"


async def test_a_plan_for_somebody_unknown_is_not_read(aimock: Aimock, begin: Begin) -> None:
    aimock.on(PLANNING, plan(step("refund", "the manager")), SOUND)
    run = await begin(desk(chat(aimock.base_url)), MESSAGE)
    assert run.status == "done"


async def test_a_fault_while_planning_is_tried_again(aimock: Aimock, begin: Begin) -> None:
    for fault in (status(429), status(500), chaos(malformedRate=1), call("search", {})):
        aimock.reset()
        aimock.on(PLANNING, fault, SOUND)
        run = await begin(desk(chat(aimock.base_url)), MESSAGE)
        assert run.status == "done"


async def test_a_criterion_that_the_judge_refuses_makes_the_model_plan_anew(
    aimock: Aimock, begin: Begin
) -> None:
    model = chat(aimock.base_url)
    first = plan(step("refund", "billing", criterion="a receipt is named"))
    second = plan(step("again", "shipping", criterion="a receipt is named"))
    aimock.on(PLANNING, first, second)
    aimock.on(JUDGING, verdict(False, "no receipt"), verdict(True))
    run = await begin(desk(model, judge_criteria(model)), MESSAGE)
    assert run.status == "done"
    assert [d.kind for d in run.decisions][1:3] == ["plan", "replan"]
    planned, judged, replanned, _ = aimock.sent()
    assert "a receipt is named" in judged["messages"][0]["content"]
    assert json.loads(judged["messages"][1]["content"]) == {"did": "do refund"}
    assert len(planned["messages"]) == 2
    evidence = json.loads(replanned["messages"][-1]["content"].partition("\n")[2])
    assert evidence["problems"] == {"refund": "no receipt"}


async def test_a_judge_that_calls_a_tool_instead_has_not_judged(
    aimock: Aimock, begin: Begin
) -> None:
    model = chat(aimock.base_url)
    aimock.on(PLANNING, plan(step("refund", "billing", criterion="a receipt is named")))
    aimock.on(JUDGING, call("search", {}), verdict(True))
    run = await begin(desk(model, judge_criteria(model)), MESSAGE)
    assert run.status == "done", "what is no verdict is asked for again, and never counts as a yes"
    assert len(aimock.sent()) == 3


async def test_tokens_of_plans_and_judgements_are_counted(aimock: Aimock, begin: Begin) -> None:
    model = chat(aimock.base_url)
    steps = [step("refund", "billing", criterion="a receipt is named")]
    aimock.on(PLANNING, text({"steps": steps}, usage=TOKENS))
    aimock.on(JUDGING, text({"holds": True, "reason": "it is"}, usage=TOKENS))
    run = await begin(desk(model, judge_criteria(model)), MESSAGE)
    assert run.status == "done"
    assert run.values["spent"]["tokens"] == 2 * TOKENS["total_tokens"]


async def test_a_step_without_a_criterion_is_not_put_to_the_judge(aimock: Aimock) -> None:
    judge = judge_criteria(chat(aimock.base_url))
    assert judge(Step(id="a", goal="a", assignee="billing"), {"did": "it"}) is True
    assert aimock.sent() == []


class MergeState(OrchestrationState, total=False):
    """Two workers' results, merged."""


def merged(model: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
    graph: StateGraph[Any] = StateGraph(MergeState)
    for name, total in (("ledger", 480), ("form", 450)):
        agent = _says({"total": total, "currency": "EUR"})
        graph.add_node(name, Worker(agent=agent, contract=Contract(goal=name, needs=("message",))))
        graph.add_edge(START, name)
        graph.add_edge(name, "merge")
    graph.add_node(
        "merge",
        Merge(of=("ledger", "form"), then="after", resolve=(judge_sources(model),)),
        defer=True,
        destinations=("after", "merge"),
    )
    graph.add_node("after", lambda state: {"route": "after"})
    graph.add_edge("after", END)
    return graph.compile(checkpointer=checkpointer("memory://"))


def _says(result: dict[str, Any]) -> Any:
    def agent(request: Any) -> dict[str, Any]:
        return result

    return agent


async def test_a_conflict_is_settled_by_the_source_that_the_model_believes(
    aimock: Aimock, begin: Begin
) -> None:
    aimock.on(CHOOSING, text({"source": "ledger", "reason": "it is the book of record"}))
    run = await begin(merged(chat(aimock.base_url)), MESSAGE)
    assert run.values["merged"] == {"total": 480, "currency": "EUR"}
    [sent] = aimock.sent()
    assert "'total'" in sent["messages"][0]["content"]
    enum = sent["response_format"]["json_schema"]["schema"]["properties"]["source"]["enum"]
    assert enum == ["ledger", "form", "none"]
    settled = next(d for d in run.decisions if d.kind == "merge")
    assert (settled.by, settled.who, settled.reason) == (
        "model",
        "gpt-test",
        "it is the book of record",
    )


async def test_a_conflict_that_the_model_cannot_settle_goes_to_a_person(
    aimock: Aimock, begin: Begin
) -> None:
    aimock.on(CHOOSING, text({"source": "none", "reason": "both may be right"}))
    run = await begin(merged(chat(aimock.base_url)), MESSAGE)
    assert run.status == "waiting"
    assert run.waiting[0].packet["conflicts"] == {"total": {"ledger": 480, "form": 450}}
