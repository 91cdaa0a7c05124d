"""Test that a plan is a program: what its steps unfold into, and that it always ends in bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quintet.graphs import create_planner
from quintet.nodes import Planner, Recovery, Vocabulary, Worker, replan
from quintet.nodes.planning.cost import cost_of
from quintet.nodes.planning.crew import Crew
from quintet.nodes.planning.paths import fact_of, step_at
from quintet.runs import Run, start
from quintet.state import Budget, Contract, Plan, Step, unmet
from quintet.state.outcome import STATUSES
from tests.state.test_steps import _as, do, of, programs

AT_ONCE = Recovery(
    transient=replan(), invalid=replan(), contract=replan(), permanent=replan(), unknown=replan()
)


def worker(agent: Callable[..., Any], *needs: str, **more: Any) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="Work", needs=needs or ("goal",), **more))


def carried_out(*steps: Step, workers: dict[str, Worker], **more: Any) -> Run:
    more = {"budget": Budget(steps=99, retries=0), **more}
    planner = Planner(make=Plan(goal="g", steps=steps), assignees=tuple(workers), **more)
    graph = create_planner(planner, workers, recover=AT_ONCE)
    return start(graph.compile(), {"message": "g"})


class Does:
    """Answer by a function of the request, and note each request."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.answer, self.seen = answer, list[Any]()

    def __call__(self, request: Any) -> Any:
        self.seen.append(request)
        return self.answer(request)


def found(run: Run) -> dict[str, Any]:
    return dict(run.results)


def notes(run: Run) -> list[str]:
    return [f"{d.choice} ({d.reason})" for d in run.decisions if d.kind == "step"]


FIND = worker(lambda request: {"files": ["a", "b", "c"]})


def test_each_runs_for_every_item_and_gives_the_list():
    reads = Does(lambda request: request["path"] * 2)
    run = carried_out(
        do("find", assignee="find"),
        of("each", over="find.files", most=3, assignee="read", into="path"),
        workers={"find": FIND, "read": worker(reads, "goal", "path")},
    )
    assert run.status == "done"
    assert found(run)["x"] == ["aa", "bb", "cc"]
    assert [found(run)[f"x[{n}]"] for n in range(3)] == ["aa", "bb", "cc"]
    assert sorted(request["path"] for request in reads.seen) == ["a", "b", "c"]
    assert notes(run) == ["x: 3 items (find.files gave so many)"]
    assert run.outcome is not None
    assert run.outcome.reason == "find, x met the contract"


@pytest.mark.parametrize(
    ("over", "most", "why"),
    [
        ("find.files", 2, "has 3 items, over its bound of 2"),
        ("find.nothing", 9, "is no list"),
        ("find", 9, "is no list"),
    ],
)
def test_more_items_than_the_bound_and_what_is_no_list_are_problems(over, most, why):
    step = of("each", over=over, most=most, assignee="read")
    run = carried_out(do("find", assignee="find"), step, workers={"find": FIND, "read": FIND})
    assert run.status == "escalated"
    assert why in run.outcome.reason


def test_a_list_may_stand_in_the_plan_itself_and_be_empty():
    step = of("each", over="items", inputs={"items": []}, most=3, assignee="read")
    run = carried_out(step, workers={"read": worker(lambda request: 1)})
    assert found(run) == {"x": []}


def test_the_steps_of_a_body_see_the_item_and_each_other_and_what_is_around():
    joins = Does(lambda request: f"{request['config']}:{request['item']}:{request['parse']}")
    body = (
        do("parse", assignee="parse"),
        do("join", assignee="join", after=("parse",)),
    )
    run = carried_out(
        do("config", assignee="config"),
        of("each", over="items", inputs={"items": [1, 2]}, most=2, body=body, after=("config",)),
        workers={
            "config": worker(lambda request: "c"),
            "parse": worker(lambda request: request["item"] * 10, "item"),
            "join": worker(joins, "config", "item", "parse"),
        },
    )
    assert found(run)["x"] == ["c:1:10", "c:2:20"]
    assert found(run)["x[1].parse"] == 20


def counting(**more: Any) -> Worker:
    def count(request: Any) -> Any:
        return {"n": (request["last"] or {"n": 0})["n"] + 1}

    return worker(count, "goal", "last", **more)


def enough(most: int) -> Any:
    def condition(result: Any) -> Any:
        return result["n"] >= most or unmet(f"only {result['n']}")

    return Vocabulary(conditions={"enough": condition})


def test_until_goes_round_with_the_last_result_until_its_condition_holds():
    step = of("until", condition="enough", most=5, assignee="w", inputs={"last": {"n": 0}})
    run = carried_out(step, workers={"w": counting()}, vocabulary=enough(3))
    assert found(run)["x"] == {"n": 3}
    assert set(found(run)) == {"x", "x[0]", "x[1]", "x[2]"}
    assert notes(run) == [
        "x[0]: round 1 of 5 (enough: only 1)",
        "x[1]: round 2 of 5 (enough: only 2)",
        "x[2]: round 3 of 5 (enough holds)",
    ]


def test_until_ends_at_its_bound_with_the_reason():
    step = of("until", condition="enough", most=2, assignee="w", inputs={"last": {"n": 0}})
    run = carried_out(step, workers={"w": counting()}, vocabulary=enough(9))
    assert run.status == "escalated"
    assert "step x: enough does not hold after 2 rounds: only 2" in run.outcome.reason


def test_a_condition_is_asked_once_a_round_and_one_that_raises_does_not_hold():
    asked: list[Any] = []

    def broken(result: Any) -> bool:
        asked.append(result)
        raise KeyError("n")

    step = of("until", condition="broken", most=2, assignee="w")
    words = Vocabulary(conditions={"broken": broken})
    run = carried_out(step, do("y"), workers={"w": worker(lambda request: 1)}, vocabulary=words)
    assert len(asked) == 2
    assert "it could not judge: KeyError" in run.outcome.reason


def test_a_vote_takes_what_enough_of_them_say():
    said = iter(["yes", "no", "yes"])
    step = of("vote", most=3, assignee="w", ballot="verdict")
    run = carried_out(step, workers={"w": worker(lambda request: {"verdict": next(said)})})
    assert found(run)["x"] == {"verdict": "yes"}
    assert notes(run) == ['x: "yes" (2 had to agree: "yes" 2, "no" 1)']


def test_a_vote_without_a_majority_is_a_problem_and_a_failed_voter_has_no_vote():
    def fails(request: Any) -> Any:
        raise ValueError("no idea")

    body = (do("p"), do("q", assignee="v"), do("r", assignee="fails"))
    crew = {
        "w": worker(lambda request: "a"),
        "v": worker(lambda request: "b"),
        "fails": worker(fails),
    }
    run = carried_out(of("vote", body=body), workers=crew)
    assert run.status == "escalated"
    assert '2 of 3 votes must agree, and none does: "a" 1, "b" 1, 1 failed' in run.outcome.reason
    run = carried_out(of("vote", body=body, quorum=1), workers=crew)
    assert "two reach it" in run.outcome.reason


def test_first_takes_the_first_way_that_succeeds_and_begins_no_other():
    begun: list[str] = []

    def way(name: str, *, works: bool) -> Worker:
        def go(request: Any) -> str:
            begun.append(name)
            if not works:
                raise ValueError("full")
            return name

        return worker(go)

    ways = {"train": way("train", works=False), "bus": way("bus", works=True)}
    ways["car"] = way("car", works=True)
    body = tuple(do(name, assignee=name) for name in ways)
    run = carried_out(of("first", body=body), workers=ways)
    assert (run.status, found(run)["x"], begun) == ("done", "bus", ["train", "bus"])
    assert notes(run) == ["x: bus (train: ValueError: full)"]
    escalating = create_planner(
        Planner(make=Plan(goal="g", steps=(of("first", body=body),)), assignees=tuple(ways)),
        ways,
        recover=Recovery(),
    )
    assert start(escalating.compile(), {"message": "g"}).status == "done"


def test_first_without_a_way_that_succeeds_names_all_of_them():
    def fails(request: Any) -> Any:
        raise ValueError("full")

    body = (do("p"), do("q"))
    run = carried_out(of("first", body=body), workers={"w": worker(fails)})
    assert "no alternative succeeded: p: ValueError: full; q: ValueError: full" in (
        run.outcome.reason
    )


def test_reduce_folds_by_a_declared_function():
    words = Vocabulary(reducers={"total": sum})
    step = of("reduce", over="items", inputs={"items": [1, 2, 3]}, reducer="total")
    run = carried_out(step, do("y"), workers={"w": worker(lambda r: 1)}, vocabulary=words)
    assert found(run)["x"] == 6
    step = of("reduce", over="items", inputs={"items": [1, "a"]}, reducer="total")
    run = carried_out(step, do("y"), workers={"w": worker(lambda r: 1)}, vocabulary=words)
    assert "step x: total: TypeError" in run.outcome.reason


@pytest.mark.parametrize(
    ("items", "start_with", "value"), [([1, 2, 3], {}, 6), ([5], {}, 5), ([1, 2], {"so_far": 4}, 7)]
)
def test_reduce_folds_by_an_assignee_item_by_item(items, start_with, value):
    adds = worker(lambda request: request["so_far"] + request["item"], "so_far", "item")
    step = of("reduce", over="items", inputs={"items": items, **start_with}, most=3, assignee="add")
    run = carried_out(step, workers={"add": adds})
    assert found(run)["x"] == value


def test_nothing_to_fold_is_a_problem():
    step = of("reduce", over="items", inputs={"items": []}, most=3, assignee="add")
    run = carried_out(step, workers={"add": worker(lambda request: 1)})
    assert "is empty, and inputs give no 'so_far'" in run.outcome.reason


def test_a_criterion_holds_for_the_value_of_a_body_too():
    step = of(
        "each",
        over="items",
        inputs={"items": [1]},
        most=1,
        body=(do("p"),),
        criterion="it is long",
    )

    def check(step: Step, result: Any) -> Any:
        return not step.criterion or unmet("too short")

    run = carried_out(step, workers={"w": worker(lambda request: 1)}, check=check)
    assert "step x: too short" in run.outcome.reason


def test_a_piece_of_work_is_found_by_its_id():
    inner = (do("test"), of("first", body=(do("p"), do("q"))))
    steps = (of("until", condition="c", most=2, body=inner), do("y"))
    assert step_at(steps, "y") == steps[1]
    assert step_at(steps, "x[1].test").goal == "do test"
    assert step_at(steps, "x[1].x[q]").goal == "do q"
    assert fact_of(steps, "x[1].x[q]") == fact_of(steps, "x[0].x[q]") == "x[].x[q]"
    with pytest.raises(KeyError):
        step_at(steps, "x[1].nothing")


@settings(max_examples=25, deadline=None)
@given(
    programs(),
    st.lists(st.sampled_from(["ok", "fails", "other"]), min_size=1, max_size=9),
    st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_any_program_ends_within_its_bound_and_its_worst_case(step, ends, verdicts):
    answers: Iterator[str] = cycle(ends)
    holds = cycle(verdicts)

    def agent(request: Any) -> Any:
        answer = next(answers)
        if answer == "fails":
            raise ValueError("it fails")
        return answer

    does = Does(agent)
    crew = {"w": worker(does, budget=Budget(steps=1))}
    plan = Plan(goal="g", steps=(_as("x", step),))
    run = carried_out(
        *plan.steps,
        workers=crew,
        vocabulary=Vocabulary(conditions={"c": lambda result: next(holds)}),
        budget=Budget(steps=10_000, retries=0),
        stalls=None,
    )
    assert run.status in STATUSES
    assert len(does.seen) <= plan.most_runs
    cost = cost_of(plan.steps, Crew(workers=crew))
    assert cost.runs == plan.most_runs
    assert run.values["spent"].get("steps", 0) <= cost.amounts["steps"] == plan.most_runs
    if run.status == "done":
        assert "x" in found(run)


@pytest.mark.parametrize("given", [{"other": 1}, "yes", ["verdict"]])
def test_a_result_without_the_field_that_is_counted_is_no_vote(given):
    step = Step(id="v", goal="g", kind="vote", most=3, ballot="verdict", assignee="w")
    run = carried_out(step, workers={"w": worker(lambda request: given)})
    assert run.status == "escalated"
    assert "none does: 3 without 'verdict'" in run.outcome.reason


def test_votes_that_have_the_field_count_beside_one_that_lacks_it():
    answers = cycle([{"verdict": None}, {"verdict": None}, {"other": 1}])
    step = Step(id="v", goal="g", kind="vote", most=3, ballot="verdict", assignee="w")
    run = carried_out(step, workers={"w": worker(lambda request: next(answers))})
    assert run.results["v"] == {"verdict": None}
