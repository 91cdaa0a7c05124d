from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.types import Send
from pydantic import ValidationError

from quintet.nodes import (
    Evidence,
    Planner,
    Recovery,
    Undo,
    Worker,
    abort,
    effect,
    escalate,
    fallback,
    hand_over,
    judge_criteria,
    replan,
    retry,
)
from quintet.state import (
    Budget,
    ContractBroken,
    DesignError,
    Plan,
    Step,
    checkpointer,
    plain,
    unmet,
)
from quintet.testing import ScriptedModel
from tests.nodes.workshop import app_of, bare, decided, logs


def step(name: str, *after: str, assignee: str = "work", **more: Any) -> Step:
    return Step(id=name, goal=f"do {name}", assignee=assignee, after=after, **more)


def plan(*steps: Step, **more: Any) -> Plan:
    return Plan(goal="g", steps=steps, **more)


def planner(make: Any, **more: Any) -> Planner:
    return Planner(**{"make": make, "assignees": ("work", "other"), **more})


class Crew:
    """Do steps by their id, note when each began and ended, and fail where told to."""

    def __init__(self, **faults: Any) -> None:
        self.did: list[str] = []
        self.faults = faults
        self.seen: list[dict[str, Any]] = []

    def __call__(self, request: Any) -> Any:
        name = request["name"]
        self.did.append(name)
        self.seen.append(dict(request))
        todo = self.faults.get(name)
        fault = next(todo, None) if hasattr(todo, "__next__") else todo
        if isinstance(fault, BaseException):
            raise fault
        return fault if fault is not None else f"{name} done"

    @property
    def worker(self) -> Worker:
        def read(state: Any) -> Any:
            results = state.get("results") or {}
            return {"name": state["step"]["id"], "results": results, "step": state["step"]}

        return Worker(agent=self, contract=bare(needs=("name", "results")), read=read)


def project(node: Planner, crew: Crew, recover: Recovery | None = None, **more: Any) -> Any:
    nodes = {"plan": node, "work": crew.worker, "other": logs("other"), "finish": logs("finish")}
    nodes |= more.pop("nodes", {})
    edges = [(name, "plan") for name in ("work", "other", *more.pop("back", ()))]
    policy = Recovery(unknown=replan()) if recover is None else recover
    return app_of(nodes, *edges, defer=("plan",), recover=policy, **more)


def test_the_unit_test_of_a_planner_is_a_call() -> None:
    node = planner(lambda goal: [step("a"), step("b", "a"), step("c")])
    command = node({"message": "g"})
    assert [(send.node, send.arg["step"]["id"]) for send in command.goto] == [
        ("work", "a"),
        ("work", "c"),
    ]
    assert command.update["kept"]["plan plan"]["begun"] == ["a", "c"]
    assert command.update["plan"]["version"] == 1
    assert decided(command.update, "plan") == ["plan 1: a>work, b>work, c>work"]
    assert set(command.update) <= Planner.writes


@st.composite
def dags(draw: st.DrawFn) -> list[Step]:
    names = [f"s{number}" for number in range(draw(st.integers(1, 6)))]
    return [
        step(
            name,
            *draw(st.lists(st.sampled_from(names[:place]), unique=True) if place else st.just([])),
        )
        for place, name in enumerate(names)
    ]


@settings(max_examples=15, deadline=None)
@given(dags())
def test_any_plan_is_run_to_its_end_in_order_and_each_step_once(steps: list[Step]) -> None:
    crew = Crew()
    app = project(planner(lambda goal: steps), crew)
    end = app.invoke({"message": "g"}, {"configurable": {"thread_id": "a"}})
    assert sorted(crew.did) == sorted(each.id for each in steps)
    assert end["log"] == ["finish"]
    after = {each.id: each.after for each in steps}
    for place, name in enumerate(crew.did):
        assert set(after[name]) <= set(crew.did[:place])
    assert set(end["results"]) == set(after)


def test_ready_steps_run_at_once_and_a_step_sees_what_it_waits_for(invoke: Any) -> None:
    crew = Crew()
    make = plan(step("a"), step("b"), step("c", "a", "b"))
    end = invoke(project(planner(make), crew), {"message": "g"}, "a")
    assert set(crew.did[:2]) == {"a", "b"}
    assert crew.seen[2]["results"] == {"a": "a done", "b": "b done"}
    assert end["log"] == ["finish"]
    assert decided(end, "plan") == ["plan 1: a>work, b>work, c>work"]


def test_unequal_branches_are_judged_once_when_all_have_ended(invoke: Any) -> None:
    # A step that takes longer than its sibling is not taken for one without a result.
    crew = Crew(a=iter([ConnectionError("down"), None]))
    asked: list[str] = []

    def check(told: Step, result: Any) -> bool:
        asked.append(told.id)
        return True

    recover = Recovery(transient=fallback("other2"))
    app = project(
        planner(plan(step("a"), step("b")), check=check),
        crew,
        recover,
        nodes={"other2": crew.worker},
        back=("other2",),
    )
    end = invoke(app, {"message": "g"}, "a")
    assert crew.did.count("a") == 2
    assert sorted(asked) == ["a", "b"]
    assert decided(end, "replan") == []
    assert end["log"] == ["finish"]


def test_a_failed_step_is_planned_anew_on_evidence(invoke: Any) -> None:
    crew = Crew(b=ValueError("no stock"))
    given_: list[Any] = []

    def make(goal: str, evidence: Evidence | None) -> Any:
        given_.append(evidence)
        if evidence is None:
            return [step("a"), step("b", "a")]
        return [step("a"), step("b2", "a")]

    end = invoke(project(planner(make), crew), {"message": "g"}, "a")
    assert crew.did == ["a", "b", "b2"]
    assert end["log"] == ["finish"]
    assert given_[1].problems == {"b": "ValueError: no stock"}
    assert given_[1].results == {"a": "a done"}
    assert given_[1].plan.version == 1
    assert end["plan"]["version"] == 2
    assert end["plan"]["reason"] == "step b: ValueError: no stock"
    assert [each["version"] for each in end["kept"]["plan plan"]["past"]] == [1]
    assert decided(end, "replan")[-1] == "plan 2: a>work, b2>work"


def test_a_surprising_result_is_planned_anew(invoke: Any) -> None:
    crew = Crew(a=iter([13, None]))

    def check(told: Step, result: Any) -> Any:
        return result != 13 or unmet("thirteen is no answer")

    def make(goal: str, evidence: Any) -> Any:
        return [step("a", inputs={"try": 1 if evidence is None else 2})]

    end = invoke(project(planner(make, check=check), crew), {"message": "g"}, "a")
    assert crew.did == ["a", "a"]
    assert end["plan"]["reason"] == "step a: thirteen is no answer"
    assert end["log"] == ["finish"]


def test_a_missing_result_is_planned_anew(invoke: Any) -> None:
    crew = Crew()

    def make(goal: str, evidence: Any) -> Any:
        return [step("a", assignee="other" if evidence is None else "work")]

    end = invoke(project(planner(make), crew), {"message": "g"}, "a")
    assert end["log"] == ["other", "finish"]
    assert end["plan"]["reason"] == "step a: it gave no result"


def test_a_changed_step_that_fails_is_not_done_by_its_old_result(invoke: Any) -> None:
    crew = Crew(a=iter([None, ValueError("gone")]), b=iter([ValueError("no stock")]))

    def make(goal: str, evidence: Evidence | None) -> Any:
        version = 1 if evidence is None else evidence.plan.version + 1
        return [step("a", inputs={"version": version}), step("b", "a")]

    node = planner(make, budget=Budget(retries=1))
    end = invoke(project(node, crew), {"message": "g"}, "a")
    assert crew.did == ["a", "b", "a"]
    assert end["outcome"]["status"] == "escalated"
    assert "step a: ValueError: gone" in end["outcome"]["reason"]


def test_a_result_of_the_same_name_from_before_the_plan_is_no_result_of_a_step(
    invoke: Any,
) -> None:
    crew = Crew(a=ValueError("gone"))
    app = project(planner(lambda goal: [step("a")], budget=Budget(retries=0)), crew)
    end = invoke(app, {"message": "g", "results": {"a": "old"}}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert "step 'a' has the name of a result that stands already" in end["outcome"]["reason"]
    assert crew.did == []


def test_unchanged_steps_are_kept_and_what_waits_for_a_changed_one_is_not(invoke: Any) -> None:
    crew = Crew(d=iter([ValueError("no")]))

    def make(goal: str, evidence: Any) -> Any:
        changed = {"again": evidence is not None}
        return [
            step("keep"),
            step("a", inputs=changed),
            step("b", "a"),
            step("c", "keep"),
            step("d", "b", "c"),
        ]

    end = invoke(project(planner(make), crew), {"message": "g"}, "a")
    assert sorted(crew.did) == ["a", "a", "b", "b", "c", "d", "d", "keep"]
    assert end["log"] == ["finish"]


@pytest.mark.parametrize("most", [0, 1, 3])
def test_re_planning_is_bounded(invoke: Any, most: int) -> None:
    crew = Crew(a=ValueError("no"))

    def make(goal: str, evidence: Any) -> Any:
        return [step("a", inputs={"n": 0 if evidence is None else evidence.plan.version})]

    recover = Recovery(unknown=replan(times=99))
    app = project(planner(make, budget=Budget(retries=most)), crew, recover)
    end = invoke(app, {"message": "g"}, "a")
    assert len(crew.did) == most + 1
    assert end["outcome"]["status"] == "escalated"
    assert f"re-planned {most} times, the limit" in end["outcome"]["reason"]


def test_a_plans_own_budget_bounds_re_planning_too() -> None:
    def make(goal: str, evidence: Any) -> Any:
        return plan(step("a", inputs={"n": bool(evidence)}), budget=Budget(retries=0))

    crew = Crew(a=ValueError("no"))
    end = project(planner(make), crew, Recovery(unknown=replan(times=99))).invoke(
        {"message": "g"}, {"configurable": {"thread_id": "a"}}
    )
    assert "re-planned 0 times, the limit" in end["outcome"]["reason"]
    assert len(crew.did) == 1


def test_the_same_plan_with_the_same_problems_is_no_progress(invoke: Any) -> None:
    crew = Crew(a=ValueError("no"))
    end = invoke(project(planner(plan(step("a"))), crew), {"message": "g"}, "a")
    assert crew.did == ["a"]
    assert end["outcome"]["status"] == "escalated"
    assert "no progress: plan 2 is plan 1 again; step a: ValueError: no" in end["outcome"]["reason"]


def test_going_round_in_plans_is_no_progress(invoke: Any) -> None:
    crew = Crew(a=ValueError("no"), b=ValueError("no"))

    def make(goal: str, evidence: Any) -> Any:
        version = 1 if evidence is None else evidence.plan.version + 1
        return [step("a" if version % 2 else "b")]

    node = planner(make, budget=Budget(retries=None))
    end = invoke(project(node, crew, Recovery(unknown=replan(times=99))), {"message": "g"}, "a")
    assert crew.did in (["a", "b", "a", "b"], ["a", "b", "a"])
    assert "no progress" in end["outcome"]["reason"]


@pytest.mark.parametrize(
    "problem", [ValueError("no"), ConnectionError("down"), KeyError("x")], ids=repr
)
def test_a_step_whose_remedy_ends_the_run_ends_the_plan(invoke: Any, problem: Any) -> None:
    crew = Crew(a=problem)
    recover = Recovery(transient=(), unknown=escalate())
    end = invoke(project(planner(plan(step("a"), step("b"))), crew, recover), {"message": "g"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert "step a:" in end["outcome"]["reason"]
    assert "log" not in end or end["log"] == []


def test_a_step_of_a_users_own_node_that_fails_ends_the_plan_too(invoke: Any) -> None:
    def own(state: Any) -> Any:
        raise ValueError("not mine")

    app = project(
        planner(plan(step("a", assignee="other"))), Crew(), Recovery(), nodes={"other": own}
    )
    end = invoke(app, {"message": "g"}, "a")
    assert end["failures"][0]["step"] == "a"
    assert end["outcome"]["status"] == "escalated"
    assert "step a: ValueError: not mine" in end["outcome"]["reason"]


def test_an_abort_of_a_step_takes_back_what_the_plan_did(invoke: Any) -> None:
    paid: list[str] = []

    def pay(to: str) -> str:
        paid.append(to)
        return to

    tool = effect(pay, key="pay:{to}", undo=lambda to: paid.append(f"void {to}"))

    def agent(request: Any, tools: Any) -> Any:
        if request["step"] == "b":
            raise ValueError("stop")
        return tools.pay(request["step"])

    worker = Worker(
        agent=agent,
        contract=bare(needs=("step",), tools=(tool,)),
        read=lambda state: {"step": state["step"]["id"]},
    )
    nodes = {"work": worker, "undo": Undo(effects=(tool,))}
    app = project(
        planner(plan(step("a"), step("b", "a"))),
        Crew(),
        Recovery(otherwise=abort()),
        nodes=nodes,
    )
    end = invoke(app, {"message": "g"}, "a")
    assert paid == ["a", "void a"]
    assert end["outcome"]["status"] == "aborted"


def test_a_step_may_be_tried_again_and_fall_back_before_it_is_planned_anew(invoke: Any) -> None:
    crew = Crew(a=iter([ConnectionError("1"), ConnectionError("2"), None]))
    recover = Recovery(transient=(retry(2, wait=0), fallback("spare")))
    app = project(
        planner(plan(step("a"))), crew, recover, nodes={"spare": crew.worker}, back=("spare",)
    )
    end = invoke(app, {"message": "g"}, "a")
    assert crew.did == ["a", "a", "a"]
    assert decided(end, "fallback") == ["spare"]
    assert decided(end, "replan") == []
    assert end["results"] == {"a": "a done"}
    assert end["log"] == ["finish"]


def test_a_fallback_that_fails_too_is_planned_anew(invoke: Any) -> None:
    crew = Crew(a=ValueError("no"))

    def make(goal: str, evidence: Any) -> Any:
        return [step("a" if evidence is None else "z")]

    recover = Recovery(unknown=(fallback("spare"), replan()))
    app = project(planner(make), crew, recover, nodes={"spare": crew.worker}, back=("spare",))
    end = invoke(app, {"message": "g"}, "a")
    assert crew.did == ["a", "a", "z"]
    assert end["log"] == ["finish"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda goal: [step("a", assignee="nobody")], "unknown assignee 'nobody'"),
        (lambda goal: [step("a", "b"), step("b", "a")], "a -> b -> a|b -> a -> b"),
        (lambda goal: [step(str(n)) for n in range(9)], "over its budget of 3"),
        (lambda goal: [], "no steps"),
    ],
    ids=["assignee", "cycle", "long", "empty"],
)
def test_a_plan_that_cannot_run_is_refused_before_anything_runs(
    invoke: Any, make: Any, message: str
) -> None:
    crew = Crew()
    node = planner(make, budget=Budget(steps=3))
    with pytest.raises(DesignError, match=message):
        node({"message": "g"})
    end = invoke(project(node, crew), {"message": "g"}, "a")
    assert crew.did == []
    assert end["outcome"]["status"] == "escalated"


def test_a_templates_own_tighter_budget_is_kept() -> None:
    tight = plan(step("a"), budget=Budget(steps=1))
    node = planner(tight, budget=Budget(steps=5, retries=2))
    assert node({"message": "g"}).update["plan"]["budget"]["steps"] == 1


def test_a_maker_may_be_async_and_may_have_options_of_its_own() -> None:
    async def make(goal: str, *, style: str = "short") -> Any:
        await asyncio.sleep(0)
        return [step("a")]

    app = project(planner(make), Crew())
    end = asyncio.run(app.ainvoke({"message": "g"}, {"configurable": {"thread_id": "a"}}))
    assert end["log"] == ["finish"]
    with pytest.raises(DesignError, match="'make' is async"):
        planner(make)({"message": "g"})


def test_an_option_of_the_maker_is_not_taken_for_evidence() -> None:
    def make(goal: str, *, style: str = "short") -> Any:
        return [step("a", inputs={"style": style})]

    sent = planner(make)({"message": "g"}).goto[0]
    assert isinstance(sent, Send)
    assert sent.arg["step"]["inputs"] == {"style": "short"}


def test_a_model_plans_and_is_told_what_was_wrong_with_its_draft(invoke: Any) -> None:
    bad = {"steps": [{"id": "a", "goal": "do", "assignee": "work", "after": ["b"]}]}
    good = {"steps": [{"id": "a", "goal": "do", "assignee": "work"}]}
    model = ScriptedModel([bad, good])
    end = invoke(project(planner(model), Crew()), {"message": "g"}, "a")
    assert end["log"] == ["finish"]
    assert "depends on 'b', which is not in the plan" in str(model.calls[1].messages[-1].content)
    assert end["decisions"][0]["by"] == "model"


def test_a_model_that_cannot_plan_is_refused() -> None:
    bad = {"steps": [{"id": "a", "goal": "do", "assignee": "work", "after": ["b"]}]}
    with pytest.raises(ContractBroken, match="cannot run: step 'a': depends on 'b'"):
        planner(ScriptedModel([bad, bad]))({"message": "g"})
    nobody = {"steps": [{"id": "a", "goal": "do", "assignee": "root"}]}
    with pytest.raises(ValidationError):
        planner(ScriptedModel([nobody]))({"message": "g"})


def test_a_model_plans_anew_on_evidence(invoke: Any) -> None:
    drafts = [{"steps": [{"id": name, "goal": "do", "assignee": "work"}]} for name in ("a", "b")]
    model = ScriptedModel(drafts)
    end = invoke(project(planner(model), Crew(a=ValueError("no stock"))), {"message": "g"}, "a")
    assert end["log"] == ["finish"]
    assert "no stock" in str(model.calls[1].messages[-1].content)


def test_a_model_may_judge_the_criteria(invoke: Any) -> None:
    model = ScriptedModel([{"holds": False, "reason": "too short"}, {"holds": True, "reason": ""}])

    def make(goal: str, evidence: Any) -> Any:
        return [
            step("a", criterion="it is long", inputs={"again": evidence is not None}),
            step("b"),
        ]

    node = planner(make, check=judge_criteria(model))
    end = invoke(project(node, Crew()), {"message": "g"}, "a")
    assert end["plan"]["reason"] == "step a: too short"
    assert len(model.calls) == 2


def test_no_assignees_are_refused() -> None:
    for assignees in ((), "work"):
        with pytest.raises(DesignError, match="give the nodes that take steps by name"):
            planner(lambda goal: [], assignees=assignees)


def test_a_planner_says_where_it_goes() -> None:
    node = planner(plan(step("a")), assignees={"work": "does it"})
    assert node.destinations == ("work", "finish", "person")
    assert node == planner(plan(step("a")), assignees={"work": "does it"})


def test_a_plan_goes_on_in_another_process(tmp_path: Path, crash: Any) -> None:
    class Killed(BaseException):
        pass

    crew = Crew(b=iter([Killed()]))
    make = plan(step("a"), step("b", "a"), step("c", "b"))
    for given_ in ({"message": "g"}, None):
        with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
            app = project(planner(make), crew, saver=saver)
            try:
                end = app.invoke(given_, {"configurable": {"thread_id": "t"}}, durability="sync")
            except Killed:
                assert given_ is not None
        crash()
    assert crew.did == ["a", "b", "b", "c"]
    assert end["log"] == ["finish"]
    assert end["plan"]["version"] == 1


def test_a_plan_in_the_state_is_plain_data() -> None:
    command = planner(plan(step("a")))({"message": "g"})
    assert plain(command.update) == command.update
    assert plain(command.goto[0].arg) == command.goto[0].arg


def test_what_a_planner_writes_for_itself_is_not_sent_to_its_steps() -> None:
    sent = planner(plan(step("a")))({"message": "g", "order": 1, "decisions": []}).goto[0].arg
    assert set(sent) == {"message", "order", "step"}
    assert sent["step"]["planner"] == "plan"
    assert hand_over({})["outcome"]["status"] == "escalated"


@pytest.mark.parametrize("made", [None, 5, "dig", [{"id": "a"}], step("a")])
def test_what_is_no_plan_is_refused_by_its_makers_name(made: Any) -> None:
    def make(goal: str) -> Any:
        return made

    with pytest.raises(DesignError, match=r"make made .* which is no plan"):
        planner(make)({"message": "g"})
