from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals.metrics import plan_executed, plan_match, plan_valid, replans, stalls
from tests.evals.metrics.runs import case, decided, failed, point, run

ALL = (plan_executed, plan_match, plan_valid, replans, stalls)
FIRST = decided("plan", "plan 1: a>look, b>write", node="plan")
SECOND = decided("replan", "plan 2: a>look", node="plan")
CANNOT = "the model's plan cannot run: steps wait for each other: a -> b -> a"


@pytest.mark.parametrize("metric", ALL, ids=lambda m: m.name)
def test_a_run_without_a_plan_has_nothing_to_say_on_plans(metric):
    assert point(metric, case(), run(path=("a",))) is None


def test_a_plan_that_was_made_is_valid():
    assert point(plan_valid, case(), run(decisions=(FIRST, SECOND))) == (2.0, 2.0)
    assert point(plan_valid, case(), run(plan=("look",))) == (1.0, 1.0)


@pytest.mark.parametrize("error", ["DesignError", "ContractBroken", "ValidationError"])
def test_a_draft_that_its_planner_could_not_use_is_invalid(error):
    made = run(decisions=(FIRST,), failures=(failed("plan", error),))
    assert point(plan_valid, case(), made) == (1.0, 2.0)


def test_a_workers_failure_is_no_invalid_plan_also_where_it_asks_for_another():
    asks = decided("replan", "plan", node="look")
    made = run(decisions=(FIRST, asks), failures=(failed("look", "ContractBroken"),))
    assert point(plan_valid, case(), made) == (1.0, 1.0)


def test_a_model_that_drafts_nothing_but_cycles_has_no_valid_plan():
    made = run(failures=(failed("plan", "ContractBroken", CANNOT),))
    assert point(plan_valid, case(), made) == (0.0, 1.0)


def test_a_run_without_the_plan_that_its_case_expects_has_no_valid_one():
    assert point(plan_valid, case(plan=["look"]), run()) == (0.0, 1.0)


def test_a_plan_matches_by_its_assignees_in_order():
    label = case(plan=["look", "write"])
    assert point(plan_match, label, run(plan=("look", "write"))) == (1.0, 1.0)
    assert point(plan_match, label, run(plan=("write", "look"))) == (0.0, 1.0)
    assert point(plan_match, label, run()) == (0.0, 1.0)


def test_a_run_that_is_done_has_executed_its_plan():
    assert point(plan_executed, case(), run(plan=("look", "write"))) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("path", "failures", "done"),
    [
        (("plan", "look"), (), 1),
        (("plan", "look", "write"), ("write",), 1),
        (("plan", "look", "look"), ("look",), 1),
        (("plan",), (), 0),
        (("plan", "look", "look", "look"), (), 1),
        (("plan", "look", "write", "look"), (), 2),
    ],
)
def test_steps_of_a_run_that_is_not_done_count_as_far_as_they_got(path, failures, done):
    made = run(
        status="escalated",
        plan=("look", "write"),
        path=path,
        failures=tuple(failed(node, "ValueError") for node in failures),
    )
    assert point(plan_executed, case(), made) == (done, 2.0)


def test_re_plans_are_counted_by_run_and_not_what_asks_for_them():
    asks = decided("replan", "plan", node="look")
    assert point(replans, case(), run(decisions=(FIRST, asks, SECOND, SECOND))) == (2.0, 1.0)
    assert point(replans, case(), run(decisions=(FIRST,))) == (0.0, 1.0)


def test_a_plan_stalls_where_its_planner_gives_up_or_nothing_ends_it():
    why = "plan 2: no progress: plan 2 is plan 1 again; step a: x"
    gave_up = decided("escalation", "person", node="plan", reason=why)
    other = decided("escalation", "person", node="look", reason="look: permanent")
    assert point(stalls, case(), run(status="escalated", decisions=(FIRST, gave_up))) == (1, 1)
    assert point(stalls, case(), run(status="escalated", decisions=(FIRST, other))) == (0, 1)
    assert point(stalls, case(), run(status="unfinished", plan=("look",))) == (1, 1)


@given(
    st.lists(st.sampled_from(["look", "write"]), max_size=4),
    st.lists(st.sampled_from(["plan", "look", "write", "person"]), max_size=8),
    st.lists(st.sampled_from(["look", "write"]), max_size=4),
    st.sampled_from(["done", "escalated", "unfinished"]),
)
def test_no_more_steps_are_executed_than_the_plan_has(plan, path, broken, status):
    failures = tuple(failed(node, "ValueError") for node in broken)
    made = run(status=status, plan=tuple(plan), path=tuple(path), failures=failures)
    found = point(plan_executed, case(), made)
    assert found is None or 0 <= found[0] <= found[1] == len(plan)
