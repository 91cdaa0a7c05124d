"""Test reading a state into a trajectory: of graphs that keep our records, and of others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from quintet.evals import ToolCall
from quintet.evals.reading.harvest import actions_to_approve, harvest, plain_or_repr
from quintet.state import Action, Approval, Decision, Failure
from quintet.state.record import plain

TARGETS = ("billing", "shipping", "person")


def decided(choice, kind="route", **more):
    return plain(Decision(kind=kind, node="router", choice=choice, reason="why", at=1.0, **more))


def routed(choice, **more):
    return harvest({"decisions": [decided(choice, **more)]})


def test_the_first_route_decision_is_the_route_with_its_confidence_and_tier():
    choices = [
        decided("plan 1", kind="plan"),
        decided("billing", by="learned", who="by_examples", confidence=0.9, candidates=TARGETS),
        decided("shipping"),
    ]
    read = harvest({"decisions": choices}, routes=("shipping",), path=("shipping",))
    assert (read.route, read.best, read.confidence) == ("billing", "billing", 0.9)
    assert read.tier == "by_examples"
    assert [item.choice for item in read.decisions] == ["plan 1", "billing", "shipping"]


def test_a_tier_without_a_name_is_what_it_decides_by():
    assert routed("billing", by="rule").tier == "rule"


def test_a_router_that_abstained_has_chosen_the_person():
    read = routed("person", who="otherwise", candidates=TARGETS)
    assert (read.route, read.best) == ("person", "")


def test_the_likeliest_route_is_known_where_the_abstention_names_a_ranking():
    assert routed("desk", who="otherwise", candidates=("shipping", "billing")).best == "shipping"
    assert routed("person", candidates=("shipping", "billing")).best == "shipping"


def test_a_choice_among_unranked_targets_is_the_likeliest_itself():
    assert routed("shipping", candidates=TARGETS).best == "shipping"


def test_without_decisions_the_first_route_on_the_path_counts():
    read = harvest({}, path=("intake", "b", "a"), routes=("a", "b"))
    assert (read.route, read.confidence, read.tier) == ("b", None, "")


def test_without_any_node_for_it_a_handoff_tool_names_the_route():
    call = {"name": "transfer_to_billing", "args": {}, "id": "1"}
    assert harvest({"messages": [AIMessage("", tool_calls=[call])]}).route == "billing"


def test_a_person_takes_over_where_status_decision_or_path_says_so():
    assert harvest({}, status="escalated").escalated
    assert harvest({"decisions": [decided("person", kind="escalation")]}).escalated
    assert harvest({}, path=("a", "person")).escalated
    assert harvest({}, path=("a", "lena"), people=("lena",)).escalated
    assert not harvest({}, path=("a", "lena")).escalated


PACKET = {"action": "refund", "arguments": {}}


def test_an_open_question_escalates_unless_it_asks_for_a_yes():
    assert harvest({}, status="waiting", waiting=["what now?"]).escalated
    assert not harvest({}, status="waiting", waiting=[PACKET]).escalated


@pytest.mark.parametrize(
    ("packet", "names"),
    [
        (PACKET, ("refund",)),
        ({"action_requests": [{"name": "a"}, {"action": "b"}, 3]}, ("a", "b")),
        ("sure?", ()),
        ({"action": None, "action_requests": 3}, ()),
    ],
)
def test_questions_of_ours_and_of_langchains_name_their_actions(packet, names):
    assert actions_to_approve(packet) == names


def action(name, status, **more):
    return plain(
        Action(name=name, arguments={"n": 1}, key=name, proposer="billing", status=status, **more)
    )


YES = Approval(gate="g", digest="d", answer="reject", by="maria")


def test_actions_are_calls_and_those_with_an_answer_were_asked_about():
    statuses = ("done", "undone", "failed", "rejected", "proposed", "approved", "unknown")
    actions = {status: action(status, status) for status in statuses}
    actions["rejected"] = action("rejected", "rejected", approval=YES)
    read = harvest({"actions": actions}, status="waiting", waiting=[PACKET])
    assert {call.name: call.status for call in read.calls} == {
        "done": "ok",
        "undone": "ok",
        "failed": "failed",
        "rejected": "refused",
        "proposed": "proposed",
        "approved": "proposed",
        "unknown": "unknown",
    }
    assert read.asked == ("rejected", "refund")
    assert read.calls[0] == ToolCall(name="done", arguments={"n": 1}, node="billing", key="done")


def test_a_repeat_that_stands_beside_a_done_action_is_a_call_too():
    again = action("pay", "done") | {"again": action("pay", "proposed")}
    assert [c.status for c in harvest({"actions": {"pay": again}}).calls] == ["ok", "proposed"]


TALK = [
    HumanMessage("refund me"),
    AIMessage("", name="bot", tool_calls=[{"name": "look", "args": {}, "id": "1"}]),
    ToolMessage("no such order", tool_call_id="1", status="error"),
    AIMessage("", name="bot", tool_calls=[{"name": "refund", "args": {"n": 1}, "id": "2"}]),
]


def test_tool_calls_in_messages_are_calls_and_what_is_asked_about_is_proposed():
    read = harvest({"messages": TALK}, status="waiting", waiting=[PACKET])
    assert [(call.name, call.status) for call in read.calls] == [
        ("look", "failed"),
        ("refund", "proposed"),
    ]
    assert harvest({"messages": TALK}).calls[1].status == "unknown"


def test_an_effect_that_a_model_called_counts_once():
    actions = {"refund": action("refund", "done")}
    read = harvest({"messages": TALK, "actions": actions})
    assert [(call.name, call.key) for call in read.calls] == [("refund", "refund"), ("look", "")]


def test_the_plan_is_its_assignees_in_order():
    steps = [{"id": "1", "assignee": "b"}, {"id": "2", "assignee": "a"}]
    assert harvest({"plan": {"steps": steps}}).plan == ("b", "a")
    assert harvest({"plan": None}).plan is None
    assert harvest({"plan": ["first", "then"]}).plan is None


def test_what_was_spent_keeps_the_names_of_trajectories():
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    spent = {"steps": 2, "tokens": 90, "money": 0.5, "handoffs": 1}
    read = harvest({"spent": spent, "messages": [AIMessage("hi", usage_metadata=usage)]})
    assert read.spent == {
        "model_calls": 2,
        "tokens": 90,
        "money": 0.5,
        "input_tokens": 3,
        "output_tokens": 1,
    }


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"messages": [AIMessage("first"), AIMessage("last"), HumanMessage("ok")]}, "last"),
        ({"results": {"billing": {"reply": "Refunded."}}}, "Refunded."),
        ({"results": {"a": {"reply": "x"}, "b": 2}}, {"a": {"reply": "x"}, "b": 2}),
        ({}, None),
    ],
)
def test_the_answer_is_what_the_user_gets(values, answer):
    assert harvest(values).answer == answer


def test_failures_are_read_and_records_of_another_kind_are_left_out():
    failure = Failure(node="a", kind="timeout", error="TimeoutError", message="late", at=1.0)
    values = {
        "failures": [plain(failure), {"node": "a"}, "down"],
        "decisions": [{"kind": "route", "to": "mars"}, decided("billing")],
        "actions": ["pay"],
        "messages": "hello",
        "spent": 7,
        "results": [1],
    }
    read = harvest(values)
    assert read.failures == (failure,)
    assert (read.route, read.calls, read.spent, read.answer) == ("billing", (), {}, None)


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_state_keeps_what_json_cannot_hold_as_its_repr():
    values = {"a": 1, "b": [Odd(), float("inf")], ("c", 1): {2}, "d": Rude()}
    assert harvest(values).state == {
        "a": 1,
        "b": ["<odd>", "inf"],
        "('c', 1)": [2],
        "d": "<Rude>",
    }


def test_a_value_that_holds_itself_comes_to_an_end():
    ring: dict[str, Any] = {}
    ring["self"] = ring
    assert json.dumps(plain_or_repr(ring))


keys = st.sampled_from(
    ("decisions", "actions", "plan", "steps", "results", "messages", "spent", "failures", "name")
)
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(values=st.dictionaries(keys, odd), packets=st.lists(odd, max_size=2))
def test_no_state_is_too_odd_to_be_read(values, packets):
    read = harvest(values, status="waiting", waiting=packets)
    assert set(read.state) == set(values)
    json.dumps(read.state, allow_nan=False)
