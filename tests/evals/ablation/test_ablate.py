"""Test ablation: who could be done without, with an interval, and what could not be tried."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph

from quintet.evals import Case, GraphTarget, Suite, Trajectory
from quintet.evals.ablation.ablate import ablate
from quintet.evals.ablation.ablated import Ablated
from quintet.evals.ablation.variants import (
    WHOLE,
    NotTried,
    Variant,
    merged_worker,
    variants_of,
    workers_in,
)
from quintet.graphs import create_handoff
from quintet.nodes import Router, Worker, by_model, by_rules, cascade
from quintet.state import Budget, Contract, DesignError
from quintet.stats.paired import paired
from quintet.testing import ScriptedModel

WORDS = {"billing": "refund", "shipping": "parcel", "technical": "broken", "legal": "court"}
RULES = by_rules([(word, route) for route, word in WORDS.items()])


def lookup(order: int) -> str:
    """Look an order up."""
    return f"order {order}"


def says(name: str, *knows: str) -> Any:
    """Make an agent that settles what it knows, and gets all else wrong."""

    def agent(request: Any) -> str:
        return "right" if any(WORDS[known] in request["message"] for known in knows) else "wrong"

    agent.__name__ = name
    return agent


def worker(name: str, *knows: str) -> Worker:
    contract = Contract(goal=f"do {name}", needs=("message",))
    return Worker(agent=says(name, *(knows or (name,))), contract=contract)


def desk(**more: Worker) -> StateGraph[Any]:
    return create_handoff(
        Router(choose=RULES, to=tuple(WORDS), otherwise="person"),
        {name: worker(name) for name in WORDS} | more,
    )


def cases(number: int, *routes: str) -> tuple[Case, ...]:
    return tuple(
        Case(
            id=f"{route}{n}",
            input={"message": f"{WORDS[route]} {n}"},
            route=route,
            outcome="done",
            state={"said": "right"},
        )
        for route in routes
        for n in range(number)
    )


def target(graph: StateGraph[Any]) -> GraphTarget:
    def observe(run: Any) -> dict[str, Any]:
        return {"state": {"said": next(iter((run.values.get("results") or {}).values()), "")}}

    return GraphTarget(app=graph.compile(checkpointer=InMemorySaver()), observe=observe)


def knowing(*also: str) -> Any:
    """Return a merge of workers into one that knows what all of them did."""

    def merge(workers: Any) -> Worker:
        return worker("all", *workers, *also)

    return merge


SUITE = Suite(
    name="desk", cases=cases(12, "billing", "shipping", "technical"), target=target(desk())
)


def test_an_agent_that_is_needed_is_named_with_what_its_loss_costs():
    found = ablate(SUITE, [Variant(kind="without", agents=("billing",))])
    (row,) = found.rows
    assert (row.advice, round(row.loss, 3)) == ("keep", 0.333)
    low, high = row.compared.interval.low, row.compared.interval.high
    assert 0 < low < 1 / 3 < high
    assert str(row).startswith("removing billing loses 33.3 points [")
    removed = [r.trajectory for r in row.report.rows if r.case.route == ("billing",)]
    assert {ran.status for ran in removed} == {"escalated"}


def right(case: Case) -> Trajectory:
    """Answer as a system that is always right."""
    return Trajectory(state={"said": "right"})


def test_agents_that_merge_well_and_those_that_no_case_needs_are_told():
    many = replace(SUITE, cases=cases(63, "billing", "shipping", "technical"))
    both = Variant(kind="merged", agents=("billing", "shipping"))
    rows = ablate(many, [both], merge=knowing())
    (row,) = rows.rows
    assert (row.advice, row.loss) == ("do it", 0)
    assert str(row) == ("merging billing and shipping loses nothing that matters [-2, 2]: do it")
    assert rows.advised == tuple(row.variant for row in rows.rows)
    assert rows.load.unused == ("legal",)
    assert "never used in these cases: legal" in str(rows)


def test_too_few_cases_cannot_tell_and_say_how_many_could():
    few = replace(SUITE, cases=cases(4, "billing", "shipping"))
    row = ablate(few, [Variant(kind="without", agents=("legal",))]).rows[0]
    assert (row.advice, row.cases_needed) == ("cannot tell", 189)
    assert str(row).endswith("cannot tell, needs about 189 cases")
    told = replace(SUITE, cases=cases(63, "billing", "shipping", "technical"))
    enough = ablate(told, [row.variant], build=lambda _: right)  # 189 cases
    assert enough.rows[0].advice == "do it"


def test_one_agent_with_all_the_tools_takes_everything():
    one = Variant(kind="one", agents=tuple(WORDS))
    good = ablate(SUITE, [one], merge=knowing()).rows[0]
    assert good.loss == 0
    routes = {row.trajectory.route for row in good.report.rows}
    assert routes == {"billing"}
    bad = ablate(SUITE, [one], merge=lambda workers: worker("poor", "billing")).rows[0]
    assert (bad.advice, round(bad.loss, 3)) == ("keep", 0.667)


def test_by_default_each_is_removed_each_pair_merged_and_all_made_one():
    names = [str(variant) for variant in variants_of(desk())]
    assert names[:4] == [f"removing {name}" for name in WORDS]
    assert len([name for name in names if name.startswith("merging")]) == 6
    assert names[-1] == "one agent with all the tools"
    assert [v.fewer for v in variants_of(("a", "b", "c"), [("a", "c")])] == [1, 1, 1, 1, 2]
    with pytest.raises(DesignError, match="two agents or more"):
        variants_of(("a",))


def test_function_agents_are_not_merged_by_guesswork():
    found = ablate(SUITE, [Variant(kind="merged", agents=("billing", "shipping"))])
    (row,) = found.rows
    assert row.advice == "not tried"
    assert "billing and shipping are not chat models; give merge=" in str(row)
    assert json.loads(json.dumps(found.as_data()))["variants"][0]["advice"] == "not tried"


def speaking(goal: str, *tools: Any, **more: Any) -> Worker:
    settings = {"needs": ("message",), "tools": tools, **more}
    return Worker(
        agent=ScriptedModel(lambda _: AIMessage("right")), contract=Contract(goal=goal, **settings)
    )


def test_chat_models_are_merged_with_the_tools_and_budget_of_all():
    a = speaking("refund", lookup, budget=Budget(steps=4, tokens=100))
    b = speaking("send", lookup, len, budget=Budget(steps=6))
    merged = merged_worker({"a": a, "b": b})
    assert merged.contract.goal == "refund\nsend"
    assert merged.contract.allowed == ("lookup", "len")
    assert (merged.contract.budget.steps, merged.contract.budget.tokens) == (6, None)
    with pytest.raises(NotTried, match="differ in gives="):
        merged_worker({"a": a, "b": speaking("send", gives=int)})


def test_a_model_that_routes_is_told_of_the_agents_that_are_left():
    model = ScriptedModel(lambda _: {"to": "shipping", "confidence": 1.0, "reason": "left"})
    tiers = cascade(by_rules([("refund", "billing")]), by_model(model))
    router = Router(choose=tiers, to=("billing", "shipping"), otherwise="person")
    graph = create_handoff(router, {name: worker(name) for name in ("billing", "shipping")})
    less = Variant(kind="without", agents=("billing",)).apply(graph)
    ended = target(less)(Case(input={"message": "refund"}))
    assert ended.route == "shipping"
    shown = str(model.calls[0].messages[0].content)
    assert "shipping" in shown
    assert "billing" not in shown


def test_a_variant_keeps_the_graph_that_it_is_made_of():
    graph = desk()
    before = dict(graph.nodes)
    Variant(kind="without", agents=("billing",)).apply(graph)
    assert graph.nodes == before
    assert WHOLE.apply(graph) is graph
    assert list(workers_in(graph)) == list(WORDS)
    with pytest.raises(DesignError, match="no Worker 'sales'"):
        Variant(kind="without", agents=("sales",)).apply(graph)


def test_any_system_is_ablated_by_a_function_that_builds_its_variants():
    def build(variant: Variant) -> Any:
        gone = variant.agents if variant.kind == "without" else ()

        def system(case: Case) -> Trajectory:
            said = "right" if not set(gone) & set(case.route or ()) else "wrong"
            return Trajectory(state={"said": said}, route=str((case.route or ("",))[0]))

        return system

    found = ablate(SUITE, [Variant(kind="without", agents=("billing",))], build=build)
    assert round(found["removing billing"].loss, 3) == 0.333
    with pytest.raises(DesignError, match="give variants="):
        ablate(SUITE, build=build)
    with pytest.raises(DesignError, match="give build="):
        ablate(SUITE.on(build(WHOLE)), [Variant(kind="without", agents=("billing",))])


def test_what_is_taken_for_another_is_a_candidate_to_be_merged():
    wrong = [
        replace(case, id=f"x{n}", route=("shipping",)) for n, case in enumerate(cases(3, "billing"))
    ]
    found = ablate(replace(SUITE, cases=(*SUITE.cases, *wrong)), [])
    assert found.load.confused == ((("billing", "shipping"), 3),)
    assert "billing and shipping were taken for each other in 3 cases" in str(found)


def test_cases_that_do_not_say_how_they_end_cannot_tell_anything():
    with pytest.raises(DesignError, match="says how it should end"):
        ablate(replace(SUITE, cases=(Case(input={"message": "x"}, route="billing"),)))


def test_a_variant_that_is_better_is_told_as_a_gain():
    compared = paired([0.0] * 20 + [1.0] * 20, [1.0] * 40)
    row = Ablated(variant=Variant(kind="without", agents=("vendor",)), compared=compared)
    assert row.advice == "do it"
    assert str(row).startswith("removing vendor gains 50 points [3")
    unsure = paired([1.0] * 19 + [0.0], [1.0] * 20)
    row = Ablated(variant=Variant(kind="without", agents=("vendor",)), compared=unsure)
    assert row.advice == "cannot tell"
    assert str(row).startswith("removing vendor gains 5 points [-")


def test_what_a_case_cost_is_reported_beside():
    def costing(variant: Variant) -> Any:
        calls = 1.0 if variant.kind == "one" else 3.0
        return lambda case: Trajectory(state={"said": "right"}, spent={"model_calls": calls})

    found = ablate(SUITE, [Variant(kind="one", agents=("a", "b"))], build=costing)
    assert found.rows[0].spent == {"model_calls": (3.0, 1.0)}
    assert "a case costs model_calls 3 -> 1" in str(found)
