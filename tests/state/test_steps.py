"""Test the steps of a plan that run others: what each kind needs, and how far it may go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.state import Budget, DesignError, Plan, PlanRefused, Step, plain
from quintet.state.record import read
from quintet.state.step import root_of


def do(name: str = "a", **more: Any) -> Step:
    return Step(**{"id": name, "goal": f"do {name}", "assignee": "w", **more})


def of(kind: Any, **more: Any) -> Step:
    return Step(**{"id": "x", "goal": "g", "kind": kind, **more})


def complaints(*steps: Step, **more: Any) -> tuple[str, ...]:
    with pytest.raises(PlanRefused) as refused:
        Plan(goal="g", steps=steps, **more)
    return refused.value.complaints


def test_every_complaint_is_given_at_once() -> None:
    found = complaints(
        do("a", after=("z",)),
        do("a"),
        do("b", assignee="nobody"),
        do("c", after=("d",)),
        do("d", after=("c",)),
        of("each", assignee="w"),
        assignees=("w",),
        budget=Budget(steps=2),
    )
    text = "; ".join(found)
    for part in (
        "step id 'a' is used twice",
        "depends on 'z'",
        "unknown assignee 'nobody'",
        "c -> d -> c",
        "'each' goes over a list",
        "'each' has no bound",
        "over its budget of 2",
    ):
        assert part in text
    assert len(found) == 7


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (of("do"), "it has no assignee"),
        (do("x", most=3), "'do' has no most"),
        (of("each", over="a", most=3), "runs an assignee or the steps of a body"),
        (of("each", over="a", most=3, assignee="w", body=(do(),)), "give one of them"),
        (of("each", over="q", most=3, assignee="w"), "over='q' is no earlier step nor an input"),
        (of("until", most=3, assignee="w"), "'until' ends by a condition"),
        (of("until", condition="c", assignee="w"), "'until' has no bound"),
        (of("vote", assignee="w", most=1), "'vote' has 1 voters"),
        (of("vote", assignee="w", most=3, quorum=4), "quorum=4 cannot be reached by 3"),
        (of("vote", body=(do("p"), do("q", after=("p",)))), "'q' is after 'p'"),
        (of("vote", body=(do("p"), do("q")), most=2), "leave out most=2"),
        (of("first", body=(do("p"),)), "'first' has 1 alternatives"),
        (of("reduce", over="a"), "by an assignee or by a reducer"),
        (of("reduce", over="a", assignee="w"), "'reduce' has no bound"),
        (of("reduce", over="a", reducer="r", quorum=1), "'reduce' has no quorum"),
        (do("x[0]"), "an id has no brackets"),
        (of("until", most=2, condition="c", body=(do("p", after=("a",)),)), "depends on 'a'"),
        (do("x", inputs={"goal": "other"}), "its own goal hides the input 'goal'"),
        (of("each", over="a", most=2, assignee="w", into="goal"), "into='goal' is the name"),
        (of("until", condition="c", most=2, assignee="w", into="reason"), "into='reason' is the"),
        (of("reduce", over="a", most=2, assignee="w", into="so_far"), "into='so_far' is the name"),
        (
            of("each", over="l", most=2, assignee="w", into="a", after=("a",), inputs={"l": []}),
            "its input 'a' hides the result of the step 'a'",
        ),
        (
            of("each", over="a", most=2, assignee="w", inputs={"item": 5}),
            "its item hides the input 'item'",
        ),
        (of("each", over="l", most=2, assignee="w", inputs={"l": "ab"}), "'ab' is no list"),
        (of("each", over="l.m", most=2, assignee="w", inputs={"l": {}}), "None is no list"),
        (of("reduce", over="l", reducer="r", inputs={"l": {"m": 1}}), "is no list"),
        (
            of("each", over="l", most=1, assignee="w", inputs={"l": (1, 2)}),
            "'l' has 2 items, over its bound of 1",
        ),
    ],
)
def test_a_step_that_lacks_what_its_kind_needs_is_refused(step: Step, message: str) -> None:
    assert message in "; ".join(complaints(do("a"), step))


@pytest.mark.parametrize(
    "step",
    [
        of("each", over="item", most=2, assignee="w", inputs={"item": [1]}),
        of("until", condition="c", most=2, assignee="w", inputs={"last": 0, "reason": "none yet"}),
        of("reduce", over="a", most=2, assignee="w", after=("a",), into="a", inputs={"so_far": 0}),
    ],
)
def test_what_work_begins_with_and_the_list_itself_are_not_hidden(step: Step) -> None:
    assert Plan(goal="g", steps=(do("a"), step)).steps[1] == step


def test_steps_lie_no_deeper_than_can_be_read() -> None:
    inner: Step = do("leaf")
    for name in "dcba":
        inner = Step(id=name, goal="g", kind="until", condition="c", most=2, body=(inner,))
    assert "more than 3 deep" in complaints(inner)[0]


@pytest.mark.parametrize(
    ("name", "value"), [("kind", "loop"), ("most", 0), ("most", True), ("quorum", 1.5)]
)
def test_a_step_of_no_kind_or_without_a_true_bound_is_refused(name: str, value: Any) -> None:
    with pytest.raises(DesignError, match="step 'a'"):
        do("a", **{name: value})


def test_the_source_of_a_list_is_waited_for() -> None:
    steps = (do("a"), of("each", over="a.items", most=2, assignee="w"))
    plan = Plan(goal="g", steps=steps)
    assert [step.id for step in plan.ready([])] == ["a"]
    assert [step.id for step in plan.ready(["a"])] == ["x"]


def programs(depth: int = 2) -> st.SearchStrategy[Step]:
    """Draw steps of any kind, that may run."""
    plain_step = st.just(do("s"))
    inner = plain_step if not depth else st.one_of(plain_step, programs(depth - 1))
    few = st.integers(1, 3)
    pairs = st.tuples(inner, inner).map(lambda two: tuple(_as(n, s) for n, s in zip("pq", two)))  # noqa: B905
    given_list = {"inputs": {"items": [1, 2]}, "over": "items"}
    return st.one_of(
        plain_step,
        st.builds(
            lambda s, n: of("each", most=n + 1, body=(_as("p", s),), **given_list), inner, few
        ),
        st.builds(lambda s, n: of("until", most=n, condition="c", body=(_as("p", s),)), inner, few),
        st.builds(lambda n: of("vote", most=n + 1, assignee="w"), few),
        pairs.map(lambda body: of("first", body=body)),
        pairs.map(lambda body: of("vote", body=body)),
        st.builds(lambda n: of("reduce", most=n + 1, assignee="w", **given_list), few),
    )


def _as(name: str, step: Step) -> Step:
    return Step(**{**{f: getattr(step, f) for f in step.__dataclass_fields__}, "id": name})


@given(programs())
def test_a_program_is_plain_data_and_comes_back_from_it(step: Step) -> None:
    plan = Plan(goal="g", steps=(_as("x", step),))
    assert plain(plan.data) == plan.data
    again = read(Plan, plan.data)
    assert again.data == plan.data
    assert again.digest == plan.digest
    assert again.most_runs == plan.most_runs >= 1


def test_a_plain_step_is_written_without_what_other_kinds_need() -> None:
    assert set(do().data) == {"id", "goal", "assignee", "after", "inputs", "criterion"}
    assert root_of("read[3].parse") == root_of("read") == "read"


@pytest.mark.parametrize(
    ("steps", "hidden"),
    [
        (
            (do("goal"), do("b", after=("goal",))),
            "its own goal hides the result of the step 'goal'",
        ),
        (
            (do("a"), do("b", after=("a",), inputs={"a": 1})),
            "its input 'a' hides the result of the step 'a'",
        ),
        (
            (
                do("list"),
                of(
                    "each",
                    over="list",
                    most=3,
                    body=(do("item"), do("c", after=("item",))),
                ),
            ),
            "its input 'item' hides the result of the step 'item'",
        ),
    ],
)
def test_a_result_that_its_step_would_not_see_is_refused(steps: Any, hidden: str) -> None:
    [found] = complaints(*steps)
    assert hidden in found
