"""Test that each contradiction of a label is told, in one sentence."""

from __future__ import annotations

import pytest

from quintet.evals import Case, ToolCall, Trajectory
from quintet.evals.expected import CHECKS, contradictions, holds_in, wrong_labels
from quintet.evals.row import Row

RIGHT = Trajectory(
    status="done",
    route="billing",
    path=("router", "billing"),
    plan=("billing", "shipping"),
    calls=(ToolCall(name="refund", arguments={"order": 7, "amount": 3.0}),),
    asked=("refund",),
    state={"paid": 3.0, "order": {"id": 7, "open": False}},
)
LABELS = {
    "route": ("billing", "shipping", "route billing, expected shipping"),
    "plan": (("billing", "shipping"), ("billing",), "plan billing -> shipping, expected billing"),
    "calls": (({"name": "refund", "order": 7},), ("close",), "calls refund, expected close"),
    "path": (("router", "billing"), ("router",), "path router -> billing, expected router"),
    "outcome": (("done", "rejected"), ("rejected",), "outcome done, expected rejected"),
    "escalate": (False, True, "should go to a person"),
    "approval": (True, False, "asked needlessly about refund"),
    "never": (("close",), ("refund",), "did what it must not: refund"),
    "state": ({"paid": 3.0}, {"paid": 4.0}, "state paid is 3.0, expected 4.0"),
}


def test_every_check_is_tried_here():
    assert set(LABELS) == set(CHECKS)


@pytest.mark.parametrize("name", LABELS)
def test_a_label_that_holds_contradicts_nothing_and_one_that_does_not_says_what(name):
    right, wrong, sentence = LABELS[name]
    assert wrong_labels(Case(input="x", **{name: right}), RIGHT) == ()
    assert wrong_labels(Case(input="x", **{name: wrong}), RIGHT) == (name,)
    assert contradictions(Case(input="x", **{name: wrong}), RIGHT) == (sentence,)


@pytest.mark.parametrize("name", LABELS)
def test_a_case_without_the_label_says_nothing_on_it(name):
    assert CHECKS[name](Case(input="x"), RIGHT) is None


@pytest.mark.parametrize("name", ["never", "state"])
def test_a_label_of_nothing_says_nothing(name):
    case = Case(input="x", **{name: {"state": {}, "never": ()}[name]})
    assert (CHECKS[name](case, RIGHT), case.expects) == (None, ())


def test_a_target_that_raised_contradicts_all_labels():
    broken = Trajectory(status="error", error="ValueError: no")
    case = Case(input="x", route="billing", escalate=False)
    assert wrong_labels(case, broken) == ("route", "escalate")
    assert Row(case=case, trajectory=broken).wrong == ("it raised ValueError: no",)


def test_a_call_that_was_refused_or_failed_did_not_happen():
    tried = Trajectory(
        calls=(ToolCall(name="refund", status="refused"), ToolCall(name="look_up", status="failed"))
    )
    assert wrong_labels(Case(input="x", never=["refund", "look_up"]), tried) == ()
    assert wrong_labels(Case(input="x", calls=[]), tried) == ()


def test_a_call_of_unknown_end_counts_as_what_must_not_happen():
    begun = Trajectory(calls=(ToolCall(name="refund", status="unknown"),))
    assert wrong_labels(Case(input="x", never=["refund"]), begun) == ("never",)


@pytest.mark.parametrize("calls", [[], ["refund"]])
def test_a_call_of_unknown_end_is_neither_none_nor_the_expected_one(calls):
    begun = Trajectory(calls=(ToolCall(name="refund", status="unknown"),))
    case = Case(input="x", calls=calls)
    assert wrong_labels(case, begun) == ("calls",)
    [said] = contradictions(case, begun)
    assert said == f"calls refund (end unknown), expected {calls[0] if calls else 'none'}"


def test_a_mapping_is_held_in_a_larger_one_and_a_list_is_not():
    assert holds_in({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3})
    assert not holds_in({"a": {"b": 1}}, {"a": 1})
    assert not holds_in([1], [1, 2])
    assert holds_in((1, 2), [1, 2])
