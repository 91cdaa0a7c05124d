from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.state import Budget, DesignError, Plan, Step, plain
from quintet.state.record import read


def step(name: str, *after: str, **more: object) -> Step:
    return Step(id=name, goal=f"do {name}", assignee="worker", after=after, **more)


@st.composite
def dags(draw: st.DrawFn) -> tuple[Step, ...]:
    """Draw steps in any order, each waiting for some that a hidden order puts before it."""
    count = draw(st.integers(1, 8))
    names = [f"s{number}" for number in range(count)]
    steps = []
    for number, name in enumerate(names):
        after = draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        steps.append(step(name, *after))
    return tuple(draw(st.permutations(steps)))


def reaches(steps: tuple[Step, ...], later: str, earlier: str) -> bool:
    waits_for = {each.id: each.after for each in steps}
    todo, seen = [later], set()
    while todo:
        name = todo.pop()
        if name == earlier:
            return True
        if name not in seen:
            seen.add(name)
            todo.extend(waits_for[name])
    return False


def named_cycle(problem: pytest.ExceptionInfo[DesignError]) -> list[str]:
    found = re.search(r"each other: (.*); drop", str(problem.value))
    assert found
    return found[1].split(" -> ")


@given(dags())
def test_a_plan_runs_to_its_end_in_the_order_of_its_dependencies(steps: tuple[Step, ...]) -> None:
    plan = Plan(goal="g", steps=steps)
    done: list[str] = []
    while ready := plan.ready(done):
        for each in ready:
            assert set(each.after) <= set(done)
            assert each.id not in done
        done += [each.id for each in ready]
    assert sorted(done) == sorted(each.id for each in steps)


@given(dags(), st.data())
def test_what_is_ready_is_never_done_nor_begun_nor_waiting(
    steps: tuple[Step, ...], data: st.DataObject
) -> None:
    plan = Plan(goal="g", steps=steps)
    names = [each.id for each in steps]
    done = data.draw(st.sets(st.sampled_from(names)))
    begun = data.draw(st.sets(st.sampled_from(names)))
    ready = {each.id for each in plan.ready(done, begun)}
    assert not ready & (done | begun)
    assert all(set(plan[name].after) <= done for name in ready)
    left_out = set(names) - ready - done - begun
    assert all(set(plan[name].after) - done for name in left_out)


@given(dags(), st.data())
def test_an_edge_back_is_refused_by_the_cycle_that_it_closes(
    steps: tuple[Step, ...], data: st.DataObject
) -> None:
    names = [each.id for each in steps]
    pairs = [(a, b) for a, b in itertools.product(names, names) if reaches(steps, b, a)]
    early, late = data.draw(st.sampled_from(pairs))
    turned = tuple(step(each.id, *each.after, late) if each.id == early else each for each in steps)
    with pytest.raises(DesignError) as problem:
        Plan(goal="g", steps=turned)
    cycle = named_cycle(problem)
    waits_for = {each.id: each.after for each in turned}
    assert cycle[0] == cycle[-1]
    assert all(later in waits_for[name] for name, later in itertools.pairwise(cycle))
    assert (early, late) in itertools.pairwise(cycle)


@given(dags())
def test_a_plan_comes_back_from_plain_data(steps: tuple[Step, ...]) -> None:
    plan = Plan(goal="g", steps=steps, assignees=("worker",), budget=Budget(steps=8), version=3)
    assert plain(read(Plan, plain(plan))) == plain(plan)
    assert read(Plan, plain(plan)).digest == plan.digest


def test_a_cycle_is_refused_by_name() -> None:
    with pytest.raises(DesignError, match=r"a -> b -> a|b -> a -> b"):
        Plan(goal="g", steps=(step("a", "b"), step("b", "a")))


def test_a_step_may_not_wait_for_itself() -> None:
    with pytest.raises(DesignError, match="a -> a"):
        Plan(goal="g", steps=(step("a", "a"),))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((), "no steps"),
        ((step("a"), step("a")), "'a' is used twice"),
        ((step("a", "z"),), "depends on 'z', which is not in the plan"),
        ((step(""),), "a step without an id"),
    ],
    ids=["none", "repeated", "missing", "nameless"],
)
def test_a_plan_that_cannot_run_is_refused(steps: tuple[Step, ...], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        Plan(goal="g", steps=steps)


def test_an_unknown_assignee_is_refused_by_name() -> None:
    with pytest.raises(DesignError, match=r"step 'a': unknown assignee 'worker'; give one of x, y"):
        Plan(goal="g", steps=(step("a"),), assignees=("x", "y"))


def test_a_limit_that_no_plan_keeps_is_refused() -> None:
    with pytest.raises(DesignError, match=r"Budget\(handoffs=2\): a plan passes nothing on"):
        Plan(goal="g", steps=(step("a"),), budget=Budget(handoffs=2))


def test_more_steps_than_the_budget_are_refused() -> None:
    Plan(goal="g", steps=(step("a"), step("b")), budget=Budget(steps=2))
    with pytest.raises(DesignError, match="2 steps are over its budget of 1"):
        Plan(goal="g", steps=(step("a"), step("b")), budget=Budget(steps=1))


@pytest.mark.parametrize("name", ["id", "goal", "assignee", "criterion", "over", "reducer"])
def test_a_step_is_named_and_told_by_texts(name: str) -> None:
    fields: dict[str, Any] = {"id": "a", "goal": "b", "assignee": "c", name: 1}
    with pytest.raises(DesignError, match=rf"Step\({name}=1\): give a text"):
        Step(**fields)


def test_a_plan_without_a_goal_is_refused() -> None:
    goal: Any = None
    with pytest.raises(DesignError, match=r"Plan\(goal=None\): give a text"):
        Plan(goal=goal, steps=(step("a"),))


def test_one_name_as_after_is_refused_and_not_read_letter_by_letter() -> None:
    with pytest.raises(DesignError, match=r"after='look'.*\('look',\)"):
        Step(id="act", goal="act", assignee="worker", after="look")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("after", None, "give a tuple of ids"),
        ("after", (step("b"),), "give a tuple of ids"),
        ("body", step("b"), "give a tuple of steps"),
        ("body", ({"id": "b"},), "give a tuple of steps"),
        ("inputs", None, "give a dict"),
        ("inputs", [1], "give a dict"),
    ],
)
def test_a_part_of_another_kind_is_refused_by_its_step(name: str, value: Any, remedy: str) -> None:
    fields: dict[str, Any] = {"id": "a", "goal": "b", name: value}
    with pytest.raises(DesignError, match=f"^step 'a': {name}=.*{remedy}"):
        Step(**fields)


def test_a_step_is_found_by_its_id() -> None:
    plan = Plan(goal="g", steps=(step("a"), step("b", "a")))
    assert plan["b"].after == ("a",)
    with pytest.raises(KeyError, match="no step 'c'"):
        plan["c"]


def test_the_digest_is_of_what_the_plan_does() -> None:
    plan = Plan(goal="g", steps=(step("a"),))
    assert Plan(goal="g", steps=(step("a"),), version=2, reason="again").digest == plan.digest
    assert Plan(goal="g", steps=(step("a", inputs={"x": 1}),)).digest != plan.digest
    assert Plan(goal="h", steps=(step("a"),)).digest != plan.digest
