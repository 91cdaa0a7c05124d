from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals import Case, Gate, Suite, ToolCall, Trajectory, evaluate
from quintet.evals.metrics import (
    duplicate_effects,
    forbidden_actions,
    refused_calls,
    tool_retries,
    tool_success,
)
from quintet.evals.trajectory import CALL_STATUSES
from tests.evals.metrics.runs import case, decided, point, run

HIT, MISS = (1.0, 1.0), (0.0, 1.0)
EACH = tuple(ToolCall(name=status, status=status) for status in CALL_STATUSES)


def test_a_tool_succeeds_where_it_returned_and_a_proposal_is_no_call():
    assert point(tool_success, case(), run(calls=EACH)) == (1.0, 4.0)


def test_refused_calls_are_a_share_of_the_calls():
    assert point(refused_calls, case(), run(calls=EACH)) == (1.0, 4.0)


def test_retries_count_against_the_first_calls():
    again = ToolCall(name="look", retry=True)
    made = run(calls=(ToolCall(name="look", status="failed"), again, again, ToolCall(name="write")))
    assert point(tool_retries, case(), made) == (2.0, 2.0)


@pytest.mark.parametrize("metric", [tool_success, refused_calls, tool_retries, duplicate_effects])
def test_a_run_without_calls_has_nothing_to_say_on_them(metric):
    assert point(metric, case(), run()) is None
    assert (
        point(metric, case(), run(calls=(ToolCall(name="refund", status="proposed", key="k"),)))
        is None
    )


def test_an_effect_of_one_key_that_happened_twice_is_a_duplicate():
    once, other = ToolCall(name="refund", key="refund:7"), ToolCall(name="refund", key="refund:8")
    assert point(duplicate_effects, case(), run(calls=(once, other))) == MISS
    assert point(duplicate_effects, case(), run(calls=(once, other, once))) == HIT


def test_a_duplicate_is_seen_in_the_decisions_where_the_state_holds_one_action_a_key():
    effect = decided("effect", "refund:7", node="billing")
    action = ToolCall(name="refund", key="refund:7")
    assert point(duplicate_effects, case(), run(calls=(action,), decisions=(effect,))) == MISS
    assert point(duplicate_effects, case(), run(calls=(action,), decisions=(effect, effect))) == HIT


def test_a_call_that_was_refused_or_only_proposed_is_no_second_time():
    done = ToolCall(name="refund", key="k")
    others = (ToolCall(name="refund", key="k", status=s) for s in ("refused", "proposed", "failed"))
    assert point(duplicate_effects, case(), run(calls=(done, *others))) == MISS
    refusals = (decided("effect", "refused"), decided("effect", "refused"))
    assert point(duplicate_effects, case(), run(decisions=refusals)) is None


def test_a_tool_without_a_side_effect_may_be_called_twice():
    assert (
        point(duplicate_effects, case(), run(calls=(ToolCall(name="look"), ToolCall(name="look"))))
        is None
    )


def test_what_may_never_occur_is_forbidden_whether_tool_or_node():
    label = case(never=["refund", "vendor"])
    assert point(forbidden_actions, label, run(calls=(ToolCall(name="refund"),))) == HIT
    assert point(forbidden_actions, label, run(path=("vendor",))) == HIT
    assert (
        point(forbidden_actions, label, run(calls=(ToolCall(name="refund", status="proposed"),)))
        == MISS
    )
    assert point(forbidden_actions, case(), run(path=("vendor",))) is None


CALLS = st.lists(
    st.builds(
        ToolCall,
        name=st.sampled_from("ab"),
        status=st.sampled_from(CALL_STATUSES),
        key=st.sampled_from(["", "k"]),
        retry=st.booleans(),
    )
)


@given(CALLS)
def test_shares_of_calls_are_shares(made):
    for metric in (tool_success, refused_calls, duplicate_effects):
        found = point(metric, case(), run(calls=tuple(made)))
        assert found is None or 0 <= found[0] <= found[1]


def test_a_run_that_left_no_trace_does_not_count_as_one_that_did_nothing_forbidden():
    def target(given):
        if given.id == "b":
            raise SystemExit(0)
        return Trajectory()

    cases = [Case(id=name, input=name, never="wipe") for name in "ab"]
    gates = [Gate(metric="forbidden_actions", none=True)]
    report = evaluate(Suite(cases=cases, target=target, gates=gates))
    assert not report.passed
    assert report["forbidden_actions"].value == 0.5
