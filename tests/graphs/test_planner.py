"""Test `create_planner`: plans are checked, signed, carried out, planned anew, and always end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.checks import check
from quintet.graphs import create_planner, create_sequential
from quintet.nodes import (
    ApprovalGate,
    Finish,
    Planner,
    Recovery,
    SignOff,
    Vocabulary,
    Worker,
    abort,
    effect,
    escalate,
    fallback,
    reversible,
)
from quintet.runs import Run, approve, edit, reject, respond, start
from quintet.state import (
    AnswerRefused,
    Budget,
    Contract,
    DesignError,
    OrchestrationState,
    Plan,
    PlanRefused,
    Step,
    checkpointer,
    plain,
    unmet,
)
from quintet.state.record import read
from quintet.testing import ScriptedModel, crashpoints
from tests.nodes.test_program import AT_ONCE, Does, worker
from tests.state.test_steps import do, of


def ok(request: Any) -> str:
    return f"{request['goal']}: ok"


def crew(**more: Worker) -> dict[str, Worker]:
    return {"w": worker(ok), **more}


def plan(*steps: Step) -> Plan:
    return Plan(goal="g", steps=steps)


def graph(make: Any, workers: Any = None, **more: Any) -> StateGraph[Any]:
    workers = workers or crew()
    own = Planner.__dataclass_fields__.keys() - {"gate"}
    node = {key: more.pop(key) for key in list(more) if key in own}
    planner = Planner(make=make, assignees=tuple(workers), **node)
    return create_planner(planner, workers, **{"recover": AT_ONCE, **more})


def run(make: Any, workers: Any = None, **more: Any) -> Run:
    return start(graph(make, workers, **more).compile(), {"message": "g"})


@pytest.fixture
def saver():
    with checkpointer("memory://") as opened:
        yield opened


def test_a_function_that_makes_steps_is_planner_enough(saver):
    app = create_planner(lambda goal: [do("a"), do("b", after=("a",))], crew())
    assert check(app) == ()
    ended = start(app.compile(checkpointer=saver), {"message": "g"}, thread="t")
    assert (ended.status, dict(ended.results)) == ("done", {"a": "do a: ok", "b": "do b: ok"})
    again = start(app.compile(checkpointer=saver), {"message": "other"}, thread="t")
    assert (again.status, len(again.results)) == ("done", 2)
    assert len(again.values["kept"]) == len(ended.values["kept"])


def test_every_kind_of_step_runs_async_too():
    steps = (
        of("each", over="items", inputs={"items": [1, 2]}, most=2, assignee="w"),
        Step(id="y", goal="g", kind="vote", most=2, assignee="w", after=("x",)),
    )

    async def soon(request: Any) -> str:
        await asyncio.sleep(0)
        return ok(request)

    app = graph(plan(*steps), {"w": worker(soon)}).compile()
    end = asyncio.run(app.ainvoke({"message": "g"}))
    assert end["outcome"]["status"] == "done"
    assert end["results"]["x"] == ["g: ok", "g: ok"]


# Complaints, all at once


class Order(TypedDict):
    goal: str
    amount: int


class Address(BaseModel):
    street: str


def test_a_rule_driven_plan_that_may_not_run_ends_with_all_complaints():
    calls = Does(ok)
    workers = {"w": worker(calls, "goal", "colour"), "pay": worker(ok)}
    workers["pay"] = Worker(agent=calls, contract=Contract(goal="Pay", needs=Order))
    workers["send"] = Worker(agent=calls, contract=Contract(goal="Send", needs=Address))
    steps = [
        do("a"),
        do("b", assignee="pay", inputs={"amount": "12"}),
        do("c", assignee="send", inputs={"street": 5}),
        do("d", assignee="nobody", after=("e",)),
        of("until", assignee="w", condition="never", most=3),
    ]
    ended = run(lambda goal: steps, workers, budget=Budget(steps=3), vocabulary=Vocabulary())
    assert ended.status == "escalated"
    reason = ended.values["failures"][-1]["message"]
    for part in (
        "step 'a': 'w' needs colour",
        "input 'amount' of 'pay'",
        "input 'street' of 'send'",
        "unknown assignee 'nobody'",
        "depends on 'e'",
        "up to 7 steps to run are over its budget of 3",
        "no condition 'never' is declared (none)",
    ):
        assert part in reason
    assert calls.seen == []


def test_needs_are_met_by_state_results_items_and_inputs():
    needy = worker(ok, "goal", "message", "a", "item", "colour")
    step = of("each", over="a", most=2, assignee="n", after=("a",), inputs={"colour": "red"})
    lists = worker(lambda request: [1])
    ended = run(plan(do("a", assignee="l"), step), {"l": lists, "n": needy})
    assert ended.status == "done"


def test_a_denied_kind_and_a_denied_effect_are_refused():
    def pay(to: str) -> str:
        return to

    final = worker(ok, tools=(effect(pay, key="{to}"),))
    words = Vocabulary(kinds=("do",))
    steps = (do("a", assignee="pay"), of("vote", assignee="w", most=2))
    ended = run(plan(*steps), crew(pay=final), allow=reversible, vocabulary=words)
    assert ended.status == "escalated"
    assert "the kind 'vote' is denied; allowed are do" in ended.outcome.reason
    assert "'pay' may not take it: a: pay cannot be undone" in ended.outcome.reason
    void = worker(ok, tools=(effect(pay, key="{to}", undo=lambda to: None),))
    assert run(plan(steps[0]), crew(pay=void), allow=reversible).status == "done"
    spare = Recovery(unknown=fallback("pay"))
    steps = (do("a"),)
    ended = run(plan(*steps), crew(pay=final), allow=reversible, recover=spare)
    assert "pay cannot be undone" in ended.outcome.reason  # a fallback may run it as well


def test_the_worst_case_is_held_against_what_is_left():
    costly = crew(w=worker(ok, budget=Budget(tokens=100)))
    step = of("each", over="items", inputs={"items": [1]}, most=4, assignee="w")
    fits = run(plan(step), costly, budget=Budget(steps=9, tokens=400))
    assert fits.status == "done"
    ended = run(plan(step), costly, budget=Budget(steps=9, tokens=399))
    assert ended.status == "escalated"
    assert "at worst it takes 400 tokens, and 399 of 399 are left" in ended.outcome.reason


def test_a_re_plan_is_held_against_what_the_first_plan_has_left():
    model = ScriptedModel(["one", "two"], usage=True)

    def check_(step: Step, result: Any) -> Any:
        return step.id != "a" or unmet("no")

    def make(goal: str, evidence: Any) -> Any:
        return [do("b" if evidence else "a", assignee="m")]

    workers = {"m": Worker(agent=model, contract=Contract(
        goal="Say", needs=("goal",), gives=str, budget=Budget(tokens=1000)))}  # fmt: skip
    ended = run(make, workers, check=check_, budget=Budget(steps=9, retries=1, tokens=1000))
    assert ended.status == "escalated"
    assert "at worst it takes 1000 tokens, and 9" in ended.outcome.reason


def test_a_model_gets_all_complaints_and_drafts_again():
    bad = {
        "steps": [
            {"id": "a", "goal": "x", "assignee": "n", "after": ["z"]},
            {"id": "a", "goal": "y", "assignee": "w"},
        ]
    }
    good = {"steps": [{"id": "a", "goal": "x", "assignee": "w"}]}
    model = ScriptedModel([bad, good])
    ended = run(model, crew(n=worker(ok, "goal", "colour")))
    assert ended.status == "done"
    told = str(model.calls[1].messages[-1].content)
    assert "depends on 'z'" in told
    assert "step id 'a' is used twice" in told
    assert "'n' needs colour" in told
    ended = run(ScriptedModel([bad, bad]), crew(n=worker(ok, "goal", "colour")))
    assert (ended.status, "cannot run" in ended.outcome.reason) == ("escalated", True)


def test_a_model_may_write_a_program_of_the_kinds_that_it_is_given():
    draft = {
        "steps": [
            {"id": "find", "goal": "find", "assignee": "find"},
            {"id": "x", "goal": "look", "kind": "each", "over": "find", "most": 3,
             "body": [{"id": "see", "goal": "see", "assignee": "w"}]},
            {"id": "sum", "goal": "sum", "kind": "reduce", "over": "x", "reducer": "count"},
        ]
    }  # fmt: skip
    model = ScriptedModel([draft])
    words = Vocabulary(kinds=("do", "each", "reduce"), reducers={"count": len})
    ended = run(model, crew(find=worker(lambda request: [1, 2])), vocabulary=words)
    assert (ended.status, ended.results["sum"]) == ("done", 2)
    told = str(model.calls[0].messages[0].content)
    assert "each: its assignee" in told
    assert "Reducers: count." in told
    assert "until:" not in told
    plainly = ScriptedModel([{"steps": [{"id": "a", "goal": "x", "assignee": "w"}]}])
    run(plainly)
    assert "Kinds of step" not in str(plainly.calls[0].messages[0].content)


def test_a_plan_is_read_from_plain_json():
    data = {"goal": "g", "steps": [{"id": "a", "goal": "x", "assignee": "w"}]}
    assert run(read(Plan, data)).status == "done"
    with pytest.raises(DesignError, match="used twice"):
        read(Plan, {"goal": "g", "steps": data["steps"] * 2})


# Sign-off


def signed(saver: Any, make: Any, **more: Any) -> Run:
    options = {"approvers": ("maria",), **more.pop("sign_off", {})}
    app = graph(make, sign_off=SignOff(**options), **more)
    assert check(app) == ()
    return start(app.compile(checkpointer=saver), {"message": "g"}, thread="t")


def test_a_plan_is_signed_before_its_first_step(saver):
    asked = signed(saver, plan(do("a")))
    packet = asked.waiting[0].packet
    assert dict(asked.results) == {}
    assert packet["arguments"]["steps"][0]["id"] == "a"
    assert packet["worst_case"]["runs"] == 1
    ended = asked.answer(approve(by="maria"))
    assert (ended.status, dict(ended.results)) == ("done", {"a": "do a: ok"})
    assert "approval at sign_off: approve, by maria: the plan" in [str(d) for d in ended.decisions]


def test_only_an_approver_signs_and_an_edit_is_checked_like_any_plan(saver):
    asked = signed(saver, plan(do("a")))
    with pytest.raises(AnswerRefused, match="may not answer"):
        asked.answer(approve(by="eve"))
    bad = [do("b", assignee="x").data, do("b").data]
    with pytest.raises(AnswerRefused, match=r"'b' is used twice.*unknown assignee 'x'"):
        asked.answer(edit({"steps": bad}, by="maria"))
    with pytest.raises(AnswerRefused, match="no argument 'stepz'"):
        asked.answer(edit({"stepz": []}, by="maria"))
    ended = asked.answer(edit({"steps": [{"id": "b", "goal": "x", "assignee": "w"}]}, by="maria"))
    assert (ended.status, dict(ended.results)) == ("done", {"b": "x: ok"})
    assert ended.values["plan"]["reason"] == "edited by maria"


def test_a_no_ends_as_rejected_and_runs_nothing(saver):
    ended = signed(saver, plan(do("a"))).answer(reject(by="maria", note="too dear"))
    assert ended.status == "rejected"
    assert "maria said reject to plan 1" in ended.outcome.reason
    assert "too dear" in ended.outcome.reason
    assert set(ended.results) == {"plan"}


def test_a_response_is_evidence_for_another_plan_which_needs_another_yes(saver):
    def make(goal: str, evidence: Any) -> Any:
        told = evidence.problems["plan"] if evidence else ""
        return [do("b" if told == "maria: by train" else "a")]

    asked = signed(saver, make).answer(respond("by train", by="maria"))
    assert asked.waiting[0].packet["why_asked"].startswith("the plan has changed")
    ended = asked.answer(approve(by="maria"))
    assert (ended.status, set(ended.results)) == ("done", {"b"})


def test_a_plan_that_changed_on_evidence_is_signed_anew(saver):
    def fails(request: Any) -> Any:
        raise ValueError("full")

    def make(goal: str, evidence: Any) -> Any:
        return [do("a"), do("c" if evidence else "b", assignee="w" if evidence else "f")]

    asked = signed(saver, make, workers=crew(f=worker(fails))).answer(approve(by="maria"))
    assert asked.status == "waiting"
    assert dict(asked.results) == {"a": "do a: ok"}
    assert asked.waiting[0].packet["version"] == 2
    assert set(asked.answer(approve(by="maria")).results) == {"a", "c"}


def test_two_people_sign_the_same_plan(saver):
    asked = signed(saver, plan(do("a")), sign_off={"approvers": ("maria", "jo"), "quorum": 2})
    asked = asked.answer(approve(by="maria"))
    assert asked.status == "waiting"
    assert asked.answer(approve(by="jo")).status == "done"


def test_a_plan_in_the_state_that_was_changed_after_the_yes_is_not_run(saver):
    did: list[str] = []
    forged: dict[str, Any] = {}

    def forging(state: Any) -> Any:
        did.append(state["step"]["goal"])
        return {"results": {state["step"]["id"]: 1}, "kept": {"plan plan": forged}}

    steps = (do("a"), do("b", after=("a",)))
    asked = signed(saver, plan(*steps), workers={"w": forging})
    kept = asked.values["kept"]["plan plan"]
    other = [steps[0].data, {**steps[1].data, "goal": "something else"}]
    forged |= {**kept, "begun": ["a"], "own": ["a"], "signed": kept["asked"]}
    forged |= {"plan": {**kept["plan"], "steps": other}}
    ended = asked.answer(approve(by="maria"))
    assert (ended.status, did) == ("escalated", ["do a"])
    assert "maria signed another plan" in ended.outcome.reason


# Failures and progress


def test_a_failed_item_is_done_again_and_the_others_are_not():
    seen: list[Any] = []

    def reads(request: Any) -> Any:
        seen.append(request["item"])
        if request["item"] == 2 and seen.count(2) == 1:
            raise ValueError("torn")
        return request["item"]

    def make(goal: str, evidence: Any) -> Any:
        each = of("each", over="items", inputs={"items": [1, 2, 3]}, most=3, assignee="r")
        return [each, do("y" if evidence else "z", after=("x",))]

    ended = run(make, crew(r=worker(reads, "item")))
    assert ended.status == "done"
    assert sorted(seen) == [1, 2, 2, 3]
    assert ended.values["plan"]["reason"] == "step x: x[1]: ValueError: torn"


def test_rounds_that_bring_nothing_new_are_a_stall_that_is_planned_anew_once():
    same = Does(lambda request: "the same")
    words = Vocabulary(conditions={"other": lambda result: result != "the same"})

    def make(goal: str, evidence: Any) -> Any:
        if evidence is None:
            return [of("until", condition="other", most=9, assignee="s")]
        assert "stalled: 3 rounds without a new result" in evidence.problems["x"]
        return [do("y")]

    ended = run(make, crew(s=worker(same)), vocabulary=words, stalls=2)
    assert (ended.status, len(same.seen)) == ("done", 4)

    def stubborn(goal: str, evidence: Any) -> Any:
        most = 9 + (evidence.plan.version if evidence else 0)
        return [of("until", condition="other", most=most, assignee="s")]

    budget = Budget(steps=99, retries=None)
    ended = run(stubborn, crew(s=worker(same)), vocabulary=words, stalls=2, budget=budget)
    assert ended.status == "escalated"
    assert "stalled: 3 rounds without a new result" in ended.outcome.reason


def tools_of(crossed: list[str]) -> Any:
    def pay(to: str) -> str:
        crossed.append(to)
        return to

    return effect(pay, key="{to}", undo=crossed.remove)


def failing(kind: str) -> Any:
    def agent(request: Any, tools: Any) -> Any:
        if kind == "raises":
            raise ValueError("broken")
        if kind == "shape":
            return 5
        if kind == "tool":
            return tools.steal()
        return "all done"

    return agent


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("raises", "ValueError: broken"),
        ("shape", "gives str"),
        ("tool", "steal"),
        ("claims", "nothing was paid"),
    ],
)
def test_the_failure_table(kind, reason):
    def paid(request: Any, result: Any, actions: Any) -> Any:
        return bool(actions) or unmet("nothing was paid")

    contract = Contract(goal="Pay", needs=("goal",), gives=str, tools=(tools_of([]),),
                        success=(paid,))  # fmt: skip
    ended = run(plan(do("a")), {"w": Worker(agent=failing(kind), contract=contract)})
    assert ended.status == "escalated"
    assert reason in ended.outcome.reason


def test_a_step_that_takes_too_long_or_needs_a_person_ends_as_declared():
    import time

    slow = worker(lambda request: time.sleep(5), budget=Budget(seconds=0.05))
    ended = run(plan(do("a")), {"w": slow})
    assert ended.status == "escalated"
    asks = worker(ok, escalate=(lambda result: "a person must look",))
    ended = run(plan(do("a")), {"w": asks})
    assert (ended.status, "a person must look" in ended.outcome.reason) == ("escalated", True)
    body = (do("p"), do("q", assignee="v"))
    ended = run(plan(of("first", body=body)), {"w": asks, "v": worker(ok)})
    assert ended.status == "escalated"  # another way does not stand in for a person


def test_an_abort_takes_back_what_the_plan_has_done():
    crossed: list[str] = []
    pays = Worker(
        agent=lambda request, tools: tools.pay(to="jo"),
        contract=Contract(goal="Pay", needs=("goal",), tools=(tools_of(crossed),)),
    )
    broken = Worker(agent=failing("raises"), contract=Contract(goal="Fail", needs=("goal",)))
    steps = (do("a"), do("b", assignee="v", after=("a",)))
    recover = Recovery(unknown=abort(), otherwise=escalate())
    ended = run(plan(*steps), {"w": pays, "v": broken}, recover=recover)
    assert (ended.status, crossed) == ("aborted", [])


def test_an_effect_behind_a_gate_is_decided_before_the_next_step(saver):
    crossed: list[str] = []
    pays = Worker(
        agent=lambda request, tools: {"paid": str(tools.pay(to="jo"))},
        contract=Contract(goal="Pay", needs=("goal",), tools=(tools_of(crossed),)),
    )
    app = graph(plan(do("a"), do("b")), crew(w=pays), gate=ApprovalGate(approvers=("maria",)))
    assert check(app) == ()
    asked = start(app.compile(checkpointer=saver), {"message": "g"}, thread="t")
    assert (asked.status, crossed) == ("waiting", [])
    assert asked.answer(approve(by="maria")).status == "done"
    assert crossed == ["jo"]


# Crashes, nesting, several at once


def crashable(sign_off: SignOff | None = None) -> StateGraph[Any]:
    def pay(order: int, idempotency_key: str) -> str:
        return f"receipt {order}"

    def agent(request: Any, tools: Any) -> Any:
        return {"n": request["item"], "receipt": tools.pay(order=request["item"])}

    pays = Worker(
        agent=agent,
        contract=Contract(goal="Pay", needs=("item",), tools=(effect(pay, key="{order}"),)),
    )
    steps = (
        of("each", over="items", inputs={"items": [1, 2]}, most=2, assignee="p"),
        Step(id="y", goal="g", kind="until", condition="once", most=2, assignee="w", after=("x",)),
    )
    words = Vocabulary(conditions={"once": lambda result: True})
    return graph(
        plan(*steps), crew(p=pays), vocabulary=words, sign_off=SignOff(approvers=("maria",))
    )


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_crash_at_any_point_loses_and_doubles_nothing(asynchronous):
    report = crashpoints(
        crashable, {"message": "g"}, person=lambda packet: approve(by="maria"),
        asynchronous=asynchronous,
    )  # fmt: skip
    assert report.ok, report
    assert report.points > 20


def nested(inner: StateGraph[Any]) -> StateGraph[Any]:
    """A planner whose step is carried out by another planner."""

    team = Worker(agent=inner.compile(), contract=Contract(goal="Do", needs=("message",)))
    return graph(plan(do("outer", assignee="team"), do("after", after=("outer",))), crew(team=team))


def test_a_planner_is_a_workers_agent():
    inner = graph(plan(do("a"), of("vote", assignee="w", most=2)))
    ended = start(nested(inner).compile(), {"message": "g"})
    assert ended.status == "done"
    assert set(ended.results) == {"outer", "after"}


def test_a_planner_is_a_node_of_another_graph_and_waits_there_for_its_signature(saver):
    inner = graph(plan(do("a")), sign_off=SignOff(approvers=("maria",)))
    outer = StateGraph(OrchestrationState)
    outer.add_node("desk", inner.compile())
    outer.add_node("finish", Finish())
    outer.add_edge(START, "desk")
    outer.add_edge("desk", "finish")
    asked = start(outer.compile(checkpointer=saver), {"message": "g"}, thread="t")
    assert asked.status == "waiting"
    ended = asked.answer(approve(by="maria"))
    assert (ended.status, ended.results["a"]) == ("done", "do a: ok")


def sent_twice(desk: Any, *messages: str) -> Run:
    outer = StateGraph(OrchestrationState)
    outer.add_node("desk", desk)
    outer.add_node("finish", Finish(), defer=True)
    sends = [Send("desk", {"message": name}) for name in messages]
    outer.add_conditional_edges(START, lambda state: sends, ["desk"])
    outer.add_edge("desk", "finish")
    return start(outer.compile(), {})


def test_two_planners_at_once_by_send_each_carry_out_their_own():
    seen = Does(ok)

    def make(goal: str) -> Any:
        return [do(f"{goal}1"), do(f"{goal}2", after=(f"{goal}1",))]

    inner = create_planner(make, crew(w=worker(seen)))
    team = Worker(agent=inner.compile(), contract=Contract(goal="Do", needs=("message",)))
    ended = sent_twice(team, "p", "q")
    assert (ended.status, set(ended.results)) == ("done", {"desk", "desk#2"})
    assert len(seen.seen) == 4
    ended = sent_twice(inner.compile(), "r", "r")  # as nodes that hand their whole state back
    assert (ended.status, len(seen.seen)) == ("done", 8)
    assert {"r1", "r2"} <= set(ended.results)


def test_a_planner_stands_in_a_sequence():
    inner = graph(plan(do("a")))
    steps = {
        "team": Worker(agent=inner.compile(), contract=Contract(goal="Do", needs=("message",))),
        "tell": worker(ok, "team"),
    }
    steps["tell"] = worker(lambda request: str(request["team"]), "team")
    assert start(create_sequential(steps).compile(), {"message": "g"}).status == "done"


# Design


def test_names_that_are_taken_and_settings_that_say_nothing_are_refused():
    for name in ("plan", "sign_off", "finish"):
        with pytest.raises(DesignError, match="that name is taken"):
            create_planner(lambda goal: [], {name: worker(ok)})
    with pytest.raises(DesignError, match="Planner"):
        create_planner(lambda goal: [], crew(p=Planner(make=plan(do("a")), assignees=("w",))))  # type: ignore[arg-type]
    for stalls in (0, True, "2"):
        with pytest.raises(DesignError, match="stalls="):
            Planner(make=plan(do("a")), assignees=("w",), stalls=stalls)  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="kinds="):
        Vocabulary(kinds=("loop",))  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="give a function"):
        Vocabulary(conditions={"x": "len(result) > 2"})  # type: ignore[dict-item]
    assert PlanRefused("x").complaints == ("x",)


def test_the_state_holds_plain_data_alone():
    ended = run(plan(of("vote", assignee="w", most=2), do("y")))
    values = {key: ended.values[key] for key in ("kept", "plan", "results")}
    assert plain(values) == values
