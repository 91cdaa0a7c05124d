"""Test that a re-plan counts what its own steps have come to, and nothing of the plans before."""

from __future__ import annotations

from typing import Any

import pytest

from quintet.nodes import ApprovalGate, Vocabulary, effect
from quintet.runs import approve, start
from quintet.state import Step, checkpointer, unmet
from tests.graphs.test_planner import crew, graph, plan, run
from tests.nodes.test_program import Does, worker
from tests.state.test_steps import do, of


def fails(request: Any) -> Any:
    raise ValueError("no")


def found_anew(step: Step) -> Any:
    """Give a planner whose second plan keeps a step, and changes the one that it waits for."""

    def make(goal: str, evidence: Any) -> Any:
        find = Step(id="find", goal="new" if evidence else "old", assignee="f")
        return [find, step, do("y", assignee="w" if evidence else "bad", after=("x",))]

    return make


def finders(**more: Any) -> Any:
    return crew(f=worker(lambda request: request["goal"]), bad=worker(fails), **more)


def test_a_round_on_other_data_is_judged_anew():
    judged: list[Any] = []

    def is_old(result: Any) -> bool:
        judged.append(result)
        return bool(result == "old")

    step = of("until", condition="old", most=2, assignee="u", after=("find",))
    workers = finders(u=worker(lambda request: request["find"], "find"))
    words = Vocabulary(conditions={"old": is_old})
    ended = run(found_anew(step), workers, vocabulary=words)
    assert judged[:2] == ["old", "new"]
    assert (ended.status, "old does not hold" in ended.outcome.reason) == ("escalated", True)


@pytest.mark.parametrize(
    "step",
    [
        of("first", body=(do("train", assignee="t"), do("bus")), after=("find",)),
        of("vote", body=(do("train", assignee="t"), do("bus")), quorum=1, after=("find",)),
    ],
)
def test_a_way_that_failed_on_other_data_is_tried_again(step):
    def travel(request: Any) -> str:
        if request["find"] == "old":
            raise ValueError("full")
        return "do bus: ok"

    ended = run(found_anew(step), finders(t=worker(travel, "find")))
    assert ended.status == "done"
    assert ended.results["x[train]"] == "do bus: ok"


def test_what_a_later_plan_has_dropped_is_no_result_at_the_end():
    seen: list[Any] = []

    def judge(step: Step, result: Any) -> Any:
        return step.id != "b" or unmet("it is wrong")

    def make(goal: str, evidence: Any) -> Any:
        return [do("a")] if evidence else [do("a"), do("b")]

    def criterion(state: Any) -> bool:
        seen.append(set(state["results"]))
        return True

    agent = Does(lambda request: "ok")
    ended = run(make, {"w": worker(agent)}, check=judge, success=(criterion,))
    assert (ended.status, set(ended.results), seen) == ("done", {"a"}, [{"a"}])
    assert (len(agent.seen), ended.outcome.reason) == (2, "a met the contract")


def test_a_plan_that_needs_no_work_takes_the_place_of_the_one_before():
    def make(goal: str, evidence: Any) -> Any:
        total = of("reduce", over="items", inputs={"items": [1, 2]}, reducer="sum")
        return [total] if evidence else [do("a"), do("b", assignee="bad")]

    ended = run(make, finders(), vocabulary=Vocabulary(reducers={"sum": sum}))
    assert (ended.status, dict(ended.results)) == ("done", {"x": 3})


def test_a_maker_that_changes_the_earlier_plan_in_place_has_changed_the_step():
    seen = Does(lambda request: request["n"])

    def make(goal: str, evidence: Any) -> Any:
        if evidence is None:
            return [do("a", assignee="n", inputs={"n": 1}), do("b", assignee="bad", after=("a",))]
        first = evidence.plan.steps[0]
        first.inputs["n"] = 2
        return [first, do("b", after=("a",))]

    ended = run(make, finders(n=worker(seen, "n")))
    assert (ended.status, ended.results["a"]) == ("done", 2)


def test_a_result_that_a_node_takes_back_is_missed_by_name():
    def node(state: Any) -> Any:
        name = state["step"]["id"]
        return {"results": {name: 1, **({"a": None} if name == "b" else {})}}

    steps = (do("a"), do("b", after=("a",)), do("c", after=("b",)))
    ended = run(plan(*steps), {"w": node})
    assert ended.status == "escalated"
    assert "step 'a' is done, and its result stands no more" in ended.outcome.reason


PAYS = (
    # the steps that pay in the first plan and in the second, who is asked about, and who is left
    ({"a": 1, "k": 7}, {"k": 7, "c": 3}, [7, 3], [1]),
    ({"a": 1, "k": 7}, {"a": 2, "k": 7}, [7, 2], [1]),
    ({"a": 1}, {}, [], [1]),
    ({"a": 1, "k": 1}, {"k": 1}, [1], []),  # both mean the same payment, and one stays
    ({"a": 1}, {"c": 1}, [1], []),  # withdrawn, and then wanted by another step
)


@pytest.mark.parametrize(("first", "second", "asked", "left"), PAYS)
def test_what_a_step_proposed_is_withdrawn_with_the_step(first, second, asked, left):
    paid: list[int] = []

    def pay(order: int) -> int:
        paid.append(order)
        return order

    def payer(request: Any, tools: Any) -> str:
        tools.pay(order=int(request["goal"]))
        return "proposed"

    def make(goal: str, evidence: Any) -> Any:
        orders = second if evidence else first
        steps = [Step(id=i, goal=str(n), assignee="p") for i, n in orders.items()]
        return [*steps, do("z", assignee="w" if evidence else "bad")]

    workers = finders(p=worker(payer, tools=(effect(pay, key="{order}"),)))
    app = graph(make, workers, gate=ApprovalGate()).compile(checkpointer=checkpointer("memory://"))
    ended, questions = start(app, {"message": "g"}, thread="t"), []
    while ended.waiting:
        questions.append(ended.waiting[0].packet["arguments"]["order"])
        ended = ended.answer(approve(by="ann"))
    assert (ended.status, questions, paid) == ("done", asked, asked)
    gone = [item for item in ended.values["actions"].values() if item["status"] == "withdrawn"]
    assert [item["arguments"]["order"] for item in gone] == left
    assert all("step a" in item["result"] for item in gone)
    told = [decision for decision in ended.decisions if decision.choice == "withdrawn"]
    assert bool(told) == (first["a"] not in second.values() or "c" in second)
