"""Test that a re-plan counts what its own steps have come to, and nothing of the plans before."""

from __future__ import annotations

from typing import Any

import pytest

from quintet.nodes import Vocabulary
from quintet.state import Step, unmet
from tests.graphs.test_planner import crew, plan, run
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
