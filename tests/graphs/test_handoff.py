"""Test a front door and its specialists: every way in, every way on, every way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from quintet.graphs import create_handoff, create_sequential
from quintet.nodes import (
    Act,
    ApprovalGate,
    Choice,
    Finish,
    Handoff,
    Planner,
    Recovery,
    Router,
    abort,
    by_rules,
    cascade,
    effect,
    escalate,
    fallback,
    over,
    per_million,
    proposed,
    replan,
    retry,
)
from quintet.runs import approve, look, reject, start
from quintet.state import Action, Budget, DesignError, Plan, Step, checkpointer, unmet
from quintet.testing import ScriptedModel
from tests.graphs.desks import (
    HASTY,
    SAVERS,
    WAYS,
    Desk,
    always,
    areply,
    door,
    failing,
    kinds,
    reason,
    reply,
    run,
    saver,
    worker,
)


@pytest.mark.parametrize("kind", SAVERS)
@pytest.mark.parametrize("way", WAYS)
async def test_each_request_goes_to_who_takes_it(way: str, kind: str, tmp_path: Any):
    graph = create_handoff(door("billing", "shipping"), {"billing": worker(), "shipping": worker()})
    with saver(kind, tmp_path) as kept:
        app = graph.compile(checkpointer=kept)
        for name in ("billing", "shipping"):
            ended = await run(app, way, message=f"a {name} question")
            assert ended.status == "done"
            assert ended.values["results"] == {name: {"reply": f"about a {name} question"}}
            assert kinds(ended) == ["route", "outcome"]
            if kept is not None:
                assert ended.path == ("router", name, "finish")


@pytest.mark.parametrize("way", WAYS)
async def test_what_nobody_takes_goes_to_a_person_with_a_packet(way: str):
    ended = await run(create_handoff(door("billing"), {"billing": worker()}), way, message="hm")
    assert (ended.status, reason(ended)) == ("escalated", "the chooser abstained")
    assert ended.outcome is not None
    assert ended.outcome.evidence["packet"]["request"] == "hm"
    assert ended.path == ("router", "person")


async def test_a_choice_of_a_person_without_a_word_still_ends_with_a_reason():
    router = Router(choose=lambda text: Choice(to="person"), to=("billing",), otherwise="person")
    ended = await run(create_handoff(router, {"billing": worker()}), message="hm")
    assert (ended.status, reason(ended)) == ("escalated", "a person was asked for")


def plain_function(state: Desk) -> dict[str, Any]:
    return {"results": {"work": state["message"]}}


async def async_function(state: Desk) -> dict[str, Any]:
    return {"results": {"work": state["message"]}}


def with_config(state: Desk, config: RunnableConfig) -> dict[str, Any]:
    assert config["configurable"]["thread_id"]
    return {"results": {"work": state["message"]}}


@dataclass(frozen=True, kw_only=True)
class Configured:
    word: str

    def __call__(self, state: Desk) -> dict[str, Any]:
        return {"results": {"work": self.word}}


class Narrow(TypedDict):
    message: str


def narrow(state: Narrow) -> dict[str, Any]:
    return {"results": {"work": sorted(state)}}


async def narrow_with_config(state: Narrow, config: RunnableConfig) -> dict[str, Any]:
    return {"results": {"work": sorted(state)}}


@dataclass
class Typed:
    message: str


def typed(state: Typed) -> dict[str, Any]:
    return {"results": {"work": state.message}}


OWN = {
    "plain function": (plain_function, "work"),
    "async function": (async_function, "work"),
    "function with config": (with_config, "work"),
    "configured object": (Configured(word="hello"), "hello"),
    "runnable": (RunnableLambda(plain_function, async_function), "work"),
    "function of fewer keys": (narrow, ["message"]),
    "async function of fewer keys": (narrow_with_config, ["message"]),
    "function of a dataclass": (typed, "work"),
}


@pytest.mark.parametrize(
    ("name", "way"),
    [(name, way) for name in OWN for way in WAYS if way == "async" or not name.startswith("async")],
)
async def test_a_node_of_yours_works_in_place_of_a_worker(name: str, way: str):
    node, result = OWN[name]
    ended = await run(create_handoff(door("work"), {"work": node}, state=Desk), way, message="work")
    assert (ended.status, ended.values["results"]) == ("done", {"work": result})


async def test_an_async_function_in_a_sync_run_ends_with_a_reason():
    ended = await run(create_handoff(door("work"), {"work": async_function}), message="work")
    assert ended.status == "escalated"
    assert "is async: run the graph with ainvoke" in reason(ended)


def broken(state: Desk) -> dict[str, Any]:
    raise KeyError("broken")


def broken_narrow(state: Narrow, config: RunnableConfig) -> dict[str, Any]:
    raise KeyError("broken")


def broken_typed(state: Typed) -> dict[str, Any]:
    raise KeyError("broken")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("node", "path"),
    [
        (broken, ("router", "work", "second", "third", "person")),
        (broken_narrow, ("router", "work", "second", "person")),
        (broken_typed, ("router", "work", "second", "person")),
    ],
)
async def test_fallbacks_end_also_where_a_node_reads_too_little_to_count(
    node: Any, path: Any, way: str
):
    # An error handler sees what its node reads, and no more.
    recover = Recovery(permanent=(fallback("second"), fallback("third")))
    workers = {"work": node, "second": node, "third": node}
    graph = create_handoff(door("work"), workers, recover=recover, state=Desk)
    ended = await run(graph, way, message="work")
    assert (ended.status, reason(ended)) == ("escalated", "KeyError: 'broken'")
    assert ended.path == path


def annotated(state: Desk) -> Command[Literal["second"]]:
    return Command(goto="second", update={"seen": ["work"]})


@dataclass(frozen=True, kw_only=True)
class Declared:
    destinations: tuple[str, ...] = ("second",)

    def __call__(self, state: Desk) -> Command[Any]:
        return Command(goto="second", update={"seen": ["work"]})


@pytest.mark.parametrize("node", [annotated, Declared()], ids=["annotated", "declared"])
async def test_a_node_of_yours_that_says_where_it_goes_goes_there_only(node: Any):
    # LangGraph would follow an edge as well.
    graph = create_handoff(door("work"), {"work": node, "second": worker()}, state=Desk)
    ended = await run(graph, message="work")
    assert ended.path == ("router", "work", "second", "finish")


async def test_a_worker_that_gives_no_result_is_not_done():
    for nothing in (lambda state: None, lambda state: {}, lambda state: {"results": {}}):
        ended = await run(create_handoff(door("work"), {"work": nothing}), message="work")
        assert (ended.status, reason(ended)) == (
            "escalated",
            "not done: no worker gave a result",
        )


@pytest.mark.parametrize("way", WAYS)
async def test_the_intake_runs_first_and_feeds_the_contracts(way: str):
    def intake(state: Desk) -> dict[str, Any]:
        return {"order": 7, "facts": {"paid": True}}

    taken: list[Any] = []

    def agent(request: Any) -> dict[str, Any]:
        taken.append(request)
        return {"reply": "ok"}

    graph = create_handoff(
        door("billing"), {"billing": worker(agent, needs=("order",))}, intake=intake, state=Desk
    )
    ended = await run(graph, way, message="billing", amount=3.0)
    assert ended.path == ("intake", "router", "billing", "finish")
    assert taken == [{"order": 7}]


async def test_a_failing_intake_ends_with_a_reason():
    graph = create_handoff(
        door("billing"), {"billing": worker()}, intake=always(OSError("no file")), recover=HASTY
    )
    ended = await run(graph, message="billing")
    assert (ended.status, reason(ended)) == ("escalated", "OSError: no file")
    assert ended.path == ("intake", "person")


async def test_without_a_checkpointer_what_needs_none_runs():
    graph = create_handoff(door("billing"), {"billing": worker()})
    ended = await run(graph.compile(), message="billing")
    assert (ended.status, ended.finished) == ("done", True)


PAID: list[tuple[str, float]] = []


def pay(order: int, amount: float) -> dict[str, Any]:
    """Pay an amount back."""
    PAID.append((str(order), amount))
    return {"receipt": len(PAID)}


def take_back(receipt: Mapping[str, Any]) -> None:
    PAID.append(("back", receipt["receipt"]))


paying = effect(pay, key="pay:{order}:{amount}", undo=take_back)


def refunding(request: Any, tools: Any) -> dict[str, Any]:
    return {"reply": tools.pay(order=request["order"], amount=request["amount"])["status"]}


def refunding_plainly(request: Any, tools: Any) -> dict[str, Any]:
    tools.pay(order=request["order"], amount=request["amount"])
    return {"reply": "paid"}


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    PAID.clear()


def desk(agent: Any = refunding_plainly, **options: Any) -> StateGraph[Any]:
    billing = worker(agent, needs=("order", "amount"), tools=(paying,), goal="Refund")
    gate = ApprovalGate(when=over(100), approvers=("maria",))
    given = {"gate": gate, "recover": HASTY, "state": Desk, **options}
    return create_handoff(door("billing", "shipping"), _plus(billing), **given)


def _plus(billing: Any) -> dict[str, Any]:
    return {"billing": billing, "shipping": worker(), "basic": worker()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_an_action_over_the_limit_waits_for_its_approval(kind: str, way: str, tmp_path: Any):
    with saver(kind, tmp_path) as kept:
        app = desk().compile(checkpointer=kept)
        waits = await run(app, way, message="billing", order=1, amount=500.0)
        assert (waits.status, PAID) == ("waiting", [])
        assert waits.path == ("router", "billing")
        [question] = waits.waiting
        assert (question.node, question.packet["arguments"]["amount"]) == ("approve", 500.0)
        yes = approve(by="maria", note="seen")
        ended = await waits.aanswer(yes) if way == "async" else waits.answer(yes)
    assert (ended.status, PAID) == ("done", [("1", 500.0)])
    assert ended.path == ("router", "billing", "approve", "act", "finish")
    assert kinds(ended) == ["route", "approval", "effect", "outcome"]


async def test_an_action_within_the_limit_runs_at_once():
    ended = await run(desk(), message="billing", order=1, amount=50.0)
    assert (ended.status, PAID) == ("done", [("1", 50.0)])
    assert ended.path == ("router", "billing", "finish")


async def test_an_action_that_a_person_refuses_does_not_run():
    waits = await run(desk(), message="billing", order=1, amount=500.0)
    ended = waits.answer(reject(by="maria", note="not ours"))
    assert (ended.status, PAID) == ("rejected", [])
    assert "maria said reject" in reason(ended)
    assert "not ours" in reason(ended)


async def test_a_failure_while_acting_is_not_tried_by_another_worker():
    # Nobody else may do an approved action in its place, whatever the workers fall back to.

    def broken_pay(order: int, amount: float) -> None:
        raise KeyError("ledger")

    paying_badly = effect(broken_pay, key="pay:{order}")

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        return {"reply": tools.broken_pay(order=request["order"], amount=request["amount"])}

    billing = worker(agent, needs=("order", "amount"), tools=(paying_badly,), goal="Refund")
    back = fallback("basic")
    recover = Recovery(permanent=back, unknown=back, denied=back, contract=back)
    graph = create_handoff(
        door("billing"), _plus(billing), gate=ApprovalGate(), recover=recover, state=Desk
    )
    waits = await run(graph, message="billing", order=1, amount=5.0)
    ended = waits.answer(approve(by="anna"))
    assert ended.status == "escalated"
    assert "basic" not in ended.path


async def test_an_abort_takes_back_what_was_done():
    def pays_then_breaks(request: Any, tools: Any) -> dict[str, Any]:
        tools.pay(order=request["order"], amount=request["amount"])
        raise KeyError("broken")

    graph = desk(pays_then_breaks, recover=Recovery(permanent=abort()))
    ended = await run(graph, message="billing", order=1, amount=5.0)
    assert (ended.status, PAID) == ("aborted", [("1", 5.0), ("back", 1)])
    assert ended.path == ("router", "billing", "undo", "undo")


def proposes(state: Desk) -> dict[str, Any]:
    action = Action(name="pay", arguments={"order": 1, "amount": state["amount"]})
    return {**proposed(action), "results": {"own": "proposed"}}


@dataclass(frozen=True, kw_only=True)
class Proposer:
    effects: tuple[Any, ...] = (paying,)

    def __call__(self, state: Desk) -> dict[str, Any]:
        return proposes(state)


async def test_a_node_of_yours_may_propose_an_action():
    approving = ApprovalGate(when=over(100))
    graph = create_handoff(door("own"), {"own": Proposer()}, gate=approving, state=Desk)
    small = await run(graph, message="own", amount=5.0)
    assert (small.status, PAID) == ("done", [("1", 5.0)])
    assert small.path == ("router", "own", "approve", "act", "finish")
    large = await run(graph, message="own", amount=500.0)
    assert large.status == "waiting"


@pytest.mark.parametrize("way", WAYS)
async def test_ping_pong_ends_with_a_person_and_is_named(way: str):
    def passes_to(name: str) -> Any:
        return lambda request: Handoff(to=name, reason=f"{name} knows")

    workers = {
        "billing": worker(passes_to("shipping"), handoffs=("shipping",), then="finish"),
        "shipping": worker(passes_to("billing"), handoffs=("billing",), then="finish"),
    }
    ended = await run(create_handoff(door(*workers), workers), way, message="billing")
    assert ended.status == "escalated"
    assert "billing -> shipping -> billing" in reason(ended)
    assert ended.path[-1] == "person"
    assert len(ended.path) < 15


async def test_a_router_that_is_asked_over_and_over_ends_with_a_person_and_is_named():
    back = worker(
        lambda request: Handoff(to="router", reason="?"), handoffs=("router",), then="finish"
    )
    router = door("billing", budget=Budget(handoffs=4))
    ended = await run(create_handoff(router, {"billing": back}), message="billing")
    assert ended.status == "escalated"
    assert "billing -> router -> billing" in reason(ended)


async def test_a_handoff_goes_on_to_the_gate_in_the_end():
    def agent(request: Any, tools: Any) -> Any:
        tools.pay(order=request["order"], amount=request["amount"])
        return {"reply": "proposed"}

    workers = {
        "first": worker(
            lambda request: Handoff(to="billing", reason="money"),
            handoffs=("billing",),
            then="finish",
        ),
        "billing": worker(
            agent,
            needs=("order", "amount"),
            tools=(paying,),
            handoffs=("first",),
            then="finish",
        ),
    }
    graph = create_handoff(door("first"), workers, gate=ApprovalGate(), state=Desk)
    waits = await run(graph, message="first", order=1, amount=5.0)
    assert (waits.status, PAID) == ("waiting", [])
    assert waits.answer(approve(by="anna")).status == "done"


async def test_a_handoff_that_is_not_allowed_is_refused_by_name():
    agent = worker(lambda request: Handoff(to="boss", reason="?"), handoffs=("b",), then="finish")
    graph = create_handoff(door("a"), {"a": agent, "b": worker()}, recover=HASTY)
    ended = await run(graph, message="a")
    assert ended.status == "escalated"
    assert "a may not hand off to 'boss'" in reason(ended)


TWO = (Step(id="one", goal="one", assignee="a"), Step(id="two", goal="two", assignee="b"))
CHAIN = (TWO[0], Step(id="two", goal="two", assignee="b", after=("one",)))


def planning(steps: tuple[Step, ...], workers: dict[str, Any], **options: Any) -> StateGraph[Any]:
    planner = Planner(
        make=lambda goal: Plan(goal=goal, steps=steps), assignees=tuple(workers), **options
    )
    return create_handoff(
        door("plan", *workers), {**workers, "plan": planner}, recover=HASTY, state=Desk
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", SAVERS)
async def test_the_steps_of_a_plan_come_back_to_the_planner(way: str, kind: str, tmp_path: Any):
    for steps in (TWO, CHAIN):
        with saver(kind, tmp_path) as kept:
            app = planning(steps, {"a": worker(areply if way == "async" else reply), "b": worker()})
            ended = await run(app.compile(checkpointer=kept), way, message="plan")
        assert ended.status == "done"
        assert set(ended.values["results"]) == {"one", "two"}


async def test_independent_steps_run_in_one_superstep_and_dependent_ones_in_turn():
    workers = {"a": worker(), "b": worker()}
    at_once = await run(planning(TWO, workers), message="plan")
    assert at_once.path == ("router", "plan", "a", "b", "plan", "finish")
    in_turn = await run(planning(CHAIN, workers), message="plan")
    assert in_turn.path == ("router", "plan", "a", "plan", "b", "plan", "finish")


async def test_a_worker_outside_a_plan_goes_straight_on():
    ended = await run(planning(TWO, {"a": worker(), "b": worker()}), message="a")
    assert ended.path == ("router", "a", "finish")


async def test_the_planner_waits_for_steps_of_unequal_length():
    detour = worker(lambda request: Handoff(to="b", reason="?"), handoffs=("b",), then="finish")
    steps = (TWO[0], Step(id="two", goal="two", assignee="c"))
    graph = planning(steps, {"a": worker(), "b": worker(), "c": detour})
    ended = await run(graph, message="plan")
    assert ended.status == "done"
    assert ended.path == ("router", "plan", "a", "c", "b", "plan", "plan", "finish")
    assert set(ended.values["results"]) == {"one", "two"}


async def test_the_planner_waits_for_a_step_that_takes_a_longer_way_along_edges():
    # The planner is deferred: LangGraph alone would run it for each branch that comes back.

    def second(state: Desk) -> dict[str, Any]:
        return {"results": {"one": "after a detour"}}

    workers = {"a": annotated, "b": worker(), "second": second}
    planner = Planner(make=lambda goal: TWO, assignees=("a", "b"))
    graph = create_handoff(door("plan"), {**workers, "plan": planner}, state=Desk)
    ended = await run(graph, message="plan")
    assert ended.path == ("router", "plan", "a", "b", "second", "plan", "finish")
    assert set(ended.values["results"]) == {"one", "two"}


async def test_a_worker_with_handoffs_reports_to_the_planner_too():
    # The worker says itself where it goes next, which must not end the plan after its step.
    for agent in (reply, lambda request: Handoff(to="b", reason="?")):
        first = worker(agent, handoffs=("b",), then="finish")
        ended = await run(planning(CHAIN, {"a": first, "b": worker()}), message="plan")
        assert ended.status == "done"
        assert set(ended.values["results"]) == {"one", "two"}


async def test_ping_pong_within_a_step_of_a_plan_ends_and_is_named():
    workers = {
        "a": worker(lambda r: Handoff(to="b", reason="?"), handoffs=("b",), then="finish"),
        "b": worker(lambda r: Handoff(to="a", reason="?"), handoffs=("a",), then="finish"),
    }
    ended = await run(planning(CHAIN, workers), message="plan")
    assert ended.status == "escalated"
    assert "a -> b -> a" in reason(ended)


async def test_what_parallel_steps_propose_goes_through_the_gate_one_by_one():
    def agent(request: Any, tools: Any) -> dict[str, Any]:
        return {"reply": tools.pay(order=request["order"], amount=request["amount"])["status"]}

    payer = worker(agent, needs=("order", "amount"), tools=(paying,), goal="Refund")
    steps = tuple(
        Step(id=f"s{n}", goal="pay", assignee="payer", inputs={"order": n, "amount": 9.0})
        for n in (1, 2)
    )
    planner = Planner(make=lambda goal: steps, assignees=("payer",))
    graph = create_handoff(
        door("plan"),
        {"payer": payer, "plan": planner},
        gate=ApprovalGate(approvers=("maria",)),
        state=Desk,
    )
    waits = await run(graph, message="plan")
    assert (waits.status, len(waits.waiting), PAID) == ("waiting", 1, [])
    again = waits.answer(approve(by="maria"))
    assert (again.status, PAID) == ("waiting", [])
    ended = again.answer(reject(by="maria", note="once is enough"))
    assert (ended.status, PAID) == ("rejected", [("1", 9.0)])
    assert "done all the same: pay:1:9.0" in reason(ended)


async def test_a_failed_step_is_planned_anew_on_its_evidence():
    seen: list[Any] = []

    def make(goal: str, evidence: Any) -> tuple[Step, ...]:
        seen.append(evidence and dict(evidence.problems))
        return (TWO[0] if evidence is None else Step(id="other", goal="other", assignee="b"),)

    planner = Planner(make=make, assignees=("a", "b"))
    workers = {"a": worker(always(KeyError("gone"))), "b": worker(), "plan": planner}
    graph = create_handoff(door("plan"), workers, recover=Recovery(permanent=replan()))
    ended = await run(graph, message="plan")
    assert ended.status == "done"
    assert seen == [None, {"one": "KeyError: 'gone'"}]
    assert ended.path == ("router", "plan", "a", "plan", "b", "plan", "finish")


async def test_a_failed_step_falls_back_as_a_step():
    graph = create_handoff(
        door("plan"),
        {
            "a": worker(always(KeyError("gone"))),
            "b": worker(),
            "plan": Planner(make=lambda goal: (TWO[0],), assignees=("a",)),
        },
        recover=Recovery(permanent=fallback("b")),
    )
    ended = await run(graph, message="plan")
    assert ended.status == "done"
    assert set(ended.values["results"]) == {"one"}
    assert ended.path == ("router", "plan", "a", "b", "plan", "finish")


async def test_a_planner_waits_for_a_step_that_falls_back_while_another_is_done():
    # LangGraph runs a deferred node beside what a handler has sent.
    for chain, last in ((fallback("c"), "c"), ((fallback("c"), fallback("d")), "d")):
        broken_for_long = always(KeyError("gone"))
        workers = {
            "a": worker(broken_for_long),
            "b": worker(),
            "c": worker() if last == "c" else worker(broken_for_long),
            "d": worker(),
            "plan": Planner(make=lambda goal: TWO, assignees=("a", "b")),
        }
        graph = create_handoff(door("plan"), workers, recover=Recovery(permanent=chain))
        ended = await run(graph, message="plan")
        assert ended.status == "done"
        assert set(ended.values["results"]) == {"one", "two"}
        assert kinds(ended).count("plan") == 1
        assert kinds(ended).count("replan") == 0
        assert last in ended.path


async def test_fallbacks_of_a_step_end():
    broken_for_long = worker(always(KeyError("gone")))
    planner = Planner(make=lambda goal: (TWO[0],), assignees=("a",))
    workers = {"a": broken_for_long, "b": broken_for_long, "c": broken_for_long, "plan": planner}
    recover = Recovery(permanent=(fallback("b"), fallback("c")))
    ended = await run(create_handoff(door("plan"), workers, recover=recover), message="plan")
    assert ended.status == "escalated"
    assert ended.path == ("router", "plan", "a", "b", "c", "plan", "person")


async def test_a_step_that_escalates_ends_the_plan_once_its_siblings_are_back():
    graph = planning(TWO, {"a": worker(always(KeyError("gone"))), "b": worker()})
    ended = await run(graph, message="plan")
    assert ended.status == "escalated"
    assert "step one: KeyError: 'gone'" in reason(ended)
    assert ended.values["results"] == {"two": {"reply": "about plan"}}
    assert ended.path[-2:] == ("plan", "person")


@pytest.mark.parametrize("name", ["approve", "act", "finish", "person", "undo", "router", "intake"])
def test_a_worker_under_the_name_of_a_node_of_ours_is_refused(name: str):
    with pytest.raises(DesignError, match=f"worker '{name}': that name is taken"):
        create_handoff(door("a"), {"a": worker(), name: worker()})


@pytest.mark.parametrize(
    ("workers", "options", "who"),
    [
        ({}, {}, "Node 'router'"),
        ({"a": worker(then="nowhere")}, {}, "Node 'a'"),
        ({"a": worker(handoffs=("nowhere",), then="finish")}, {}, "Node 'a'"),
        ({"a": Declared(destinations=("nowhere",))}, {}, "Node 'a'"),
        ({"a": Planner(make=reply, assignees=("nowhere",))}, {}, "Node 'a'"),
        ({"a": Planner(make=reply, assignees=("a",), otherwise="nowhere")}, {}, "Node 'a'"),
        ({"a": worker()}, {"recover": Recovery(timeout=fallback("nowhere"))}, "Recovery"),
        ({"a": worker()}, {"recover": Recovery(otherwise=escalate("nowhere"))}, "Recovery"),
        ({"a": worker()}, {"recover": Recovery(denied=replan("nowhere"))}, "Recovery"),
    ],
)
def test_a_way_to_a_node_that_does_not_exist_is_refused_by_name(
    workers: Any, options: Any, who: str
):
    target = "a" if not workers else "nowhere"
    with pytest.raises(DesignError, match=rf"{who} goes to '{target}', which this graph does not"):
        create_handoff(door("a"), workers, **options)


def test_the_refusal_names_the_nodes_that_there_are():
    with pytest.raises(DesignError, match=r"\(finish, person, a, router\); add it to the workers"):
        create_handoff(door("a"), {"a": worker(then="b")})


def test_an_end_that_writes_no_outcome_is_refused():
    with pytest.raises(DesignError, match=r"'__end__'.*go to 'finish' or 'person'"):
        create_handoff(door("a", otherwise="__end__"), {"a": worker()})


def test_two_planners_are_refused():
    planner = Planner(make=reply, assignees=("a",))
    with pytest.raises(DesignError, match="p and q are both Planners"):
        create_handoff(door("a"), {"a": worker(), "p": planner, "q": planner})


def test_two_effects_of_one_name_are_refused():
    other = effect(pay, key="pay:{order}")
    workers = {"a": worker(tools=(paying,)), "b": worker(tools=(other,))}
    with pytest.raises(DesignError, match="two different effects are named 'pay'"):
        create_handoff(door("a"), workers)


def test_a_limit_on_money_that_no_price_would_ever_reach_is_refused():
    model, price = ScriptedModel(["hello"]), per_million(input=1, output=1)

    def built(agent: Any, **options: Any) -> Any:
        work = worker(agent, **options)
        return create_handoff(door("billing", budget=Budget(money=1)), {"billing": work})

    free = create_sequential({"write": worker(model)}).compile()
    for agent in (model, model | RunnableLambda(str), free):
        with pytest.raises(DesignError, match="'router' limits money, and 'billing' has no price"):
            built(agent)
        built(agent, price=price)
    with pytest.raises(DesignError, match="'router' limits money, and 'billing' has no price"):
        create_handoff(door("billing", budget=Budget(money=1)), {"billing": free})
    built(create_sequential({"write": worker(model, price=price)}).compile())
    built(reply)  # a function may have no model


def test_a_rule_to_a_route_outside_the_map_is_refused_before_the_graph_is_built():
    with pytest.raises(DesignError, match="'refunds', which is not in to="):
        door("billing", choose=cascade(by_rules([("money", "refunds")])))


class Outer(TypedDict, total=False):
    message: str
    order: int
    amount: float
    outcome: dict[str, Any]
    letter: str


def letter(state: Outer) -> dict[str, Any]:
    return {"letter": f"your request is {state['outcome']['status']}"}


def nested(inner: Any, **options: Any) -> StateGraph[Any]:
    graph = StateGraph(Outer)
    graph.add_node("desk", inner.compile(**options)).add_node("letter", letter)
    return graph.add_edge(START, "desk").add_edge("desk", "letter")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", SAVERS)
async def test_a_desk_is_a_node_of_your_own_graph(way: str, kind: str, tmp_path: Any):
    inner = create_handoff(door("shipping"), {"shipping": worker()}, state=Desk)
    with saver(kind, tmp_path) as kept:
        app = nested(inner).compile(checkpointer=kept)
        ended = await run(app, way, message="shipping")
    assert ended.values["letter"] == "your request is done"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_gate_in_a_nested_desk_asks_through_your_graph(way: str, kind: str, tmp_path: Any):
    with saver(kind, tmp_path) as kept:
        app = nested(desk()).compile(checkpointer=kept)
        waits = await run(app, way, message="billing", order=1, amount=500.0)
        assert (waits.status, PAID) == ("waiting", [])
        assert waits.waiting[0].packet["action"] == "pay"
        yes = approve(by="maria")
        ended = await waits.aanswer(yes) if way == "async" else waits.answer(yes)
    assert (ended.values["letter"], PAID) == ("your request is done", [("1", 500.0)])


async def test_a_desk_after_another_is_not_done_because_the_first_was():
    def never(state: Any) -> str:
        return unmet("it never holds")

    first = create_handoff(door("a"), {"a": worker()}, state=Desk)
    second = create_handoff(door("a"), {"a": worker()}, success=(never,), state=Desk)
    graph = StateGraph(Desk)
    graph.add_node("first", first.compile()).add_node("second", second.compile())
    ended = await run(graph.add_edge(START, "first").add_edge("first", "second"), message="a")
    assert (ended.status, reason(ended)) == ("escalated", "not done: never: it never holds")


async def test_a_desk_is_an_agent_of_a_worker():
    inner = create_handoff(door("a"), {"a": worker()}).compile()
    outer = create_handoff(door("team"), {"team": worker(inner, gives=None)})
    ended = await run(outer, message="team a")
    assert ended.status == "done"
    assert ended.values["results"]["team"]["outcome"]["status"] == "done"


@pytest.mark.parametrize("way", WAYS)
async def test_you_extend_it_with_nodes_and_edges_of_your_own(way: str):
    class Mine(Desk, total=False):
        survey: str

    def survey(state: Mine) -> dict[str, Any]:
        return {"survey": f"how was {', '.join(state['results'])}?"}

    graph = create_handoff(door("a"), {"a": worker()}, state=Mine)
    graph.add_node("survey", survey).add_edge("finish", "survey")
    ended = await run(graph, way, message="a")
    assert (ended.status, ended.values["survey"]) == ("done", "how was a?")


async def test_its_parts_are_the_public_nodes():
    graph = desk()
    assert isinstance(graph.nodes["approve"].runnable, ApprovalGate)
    assert isinstance(graph.nodes["act"].runnable, Act)
    assert isinstance(graph.nodes["finish"].runnable, Finish)


async def test_langgraphs_own_options_still_apply():
    graph = create_handoff(door("a"), {"a": worker()})
    app = graph.compile(
        checkpointer=checkpointer("memory://"), interrupt_before=["finish"], name="desk"
    )
    stopped = await run(app, message="a")
    assert (app.name, stopped.status, stopped.path) == ("desk", "unfinished", ("router", "a"))


async def test_a_retry_is_on_record():
    agent = failing(ConnectionError("down"), ConnectionError("down"))
    recover = Recovery(transient=retry(3, wait=0))
    ended = await run(create_handoff(door("a"), {"a": worker(agent)}, recover=recover), message="a")
    assert (ended.status, kinds(ended)) == ("done", ["route", "retry", "outcome"])


@pytest.mark.parametrize("way", WAYS)
async def test_a_failure_without_words_still_ends_with_a_reason(way: str):
    for problem in (TimeoutError(), AssertionError(), ValueError("  ")):
        graph = create_handoff(door("a"), {"a": worker(always(problem))}, recover=HASTY)
        ended = await run(graph, way, message="a")
        assert (ended.status, reason(ended)) == ("escalated", type(problem).__name__)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrapped", [True, False], ids=["worker", "function"])
@pytest.mark.parametrize("problem", [StopIteration, GeneratorExit])
async def test_an_agent_that_ends_as_a_generator_does_ends_with_a_reason(
    way: str, wrapped: bool, problem: type[BaseException]
):
    # asyncio waits for ever for a thread that raises StopIteration.

    def agent(request: Any) -> Any:
        raise problem

    graph = create_handoff(door("a"), {"a": worker(agent) if wrapped else agent})
    ended = await run(graph, way, message="a")
    assert ended.status == "escalated"
    assert problem.__name__ in reason(ended)


async def test_an_async_agent_that_raises_generator_exit_ends_with_a_reason():
    async def agent(request: Any) -> Any:
        raise GeneratorExit

    ended = await run(create_handoff(door("a"), {"a": worker(agent)}), "async", message="a")
    assert ended.status == "escalated"
    assert "GeneratorExit" in reason(ended)


def test_a_run_that_is_closed_from_outside_is_no_failure_of_its_agent():
    class Forever:
        def __await__(self) -> Any:
            yield

    async def agent(request: Any) -> Any:
        await Forever()

    logic = worker(agent).ainvoke({"message": "a"})
    logic.send(None)
    logic.close()


async def test_a_criterion_that_fails_or_does_not_hold_is_not_done():
    def short(state: Mapping[str, Any]) -> Any:
        return state["amount"] < 10 or unmet("it is long")

    graph = create_handoff(door("a"), {"a": worker()}, success=(short,), state=Desk)
    assert (await run(graph, message="a", amount=3.0)).status == "done"
    assert reason(await run(graph, message="a", amount=30.0)) == "not done: short: it is long"
    assert reason(await run(graph, message="a")) == "not done: short: KeyError: 'amount'"


async def test_a_classifier_that_fails_itself_loses_no_failure():
    def classifier(problem: BaseException) -> None:
        raise ZeroDivisionError

    recover = Recovery(classify=classifier)
    graph = create_handoff(door("a"), {"a": worker(always(KeyError("gone")))}, recover=recover)
    assert reason(await run(graph, message="a")) == "KeyError: 'gone'"


async def test_a_second_request_on_a_thread_starts_a_run_of_its_own():
    app = desk().compile(checkpointer=checkpointer("memory://"))
    first = start(app, {"message": "billing", "order": 1, "amount": 5.0}, thread="t")
    second = start(app, {"message": "shipping"}, thread="t")
    assert (first.status, second.status) == ("done", "done")
    assert second.path == ("router", "shipping", "finish")
    assert set(second.values["results"]) == {"shipping"}
    assert look(app, thread="t").path == second.path
