from __future__ import annotations

import pytest

from quintet.evals import Case, ToolCall
from quintet.state import DesignError


def test_one_label_and_a_list_of_labels_are_both_tuples():
    case = Case(input="hello", route="billing", outcome=["done", "escalated"], tags=["a", "b"])
    assert case.route == ("billing",)
    assert case.outcome == ("done", "escalated")
    assert case.tags == ("a", "b")


def test_a_case_without_an_id_is_named_by_its_input():
    assert Case(input="hello").id == Case(input="hello", route="billing").id
    assert Case(input="hello").id != Case(input="hello!").id
    assert Case(input="hello", id="m1").id == "m1"


def test_calls_are_names_mappings_or_calls():
    made = Case(
        input="x",
        calls=["look_up", {"name": "refund", "order": 7}, ToolCall(name="close")],
    ).calls
    assert made == (
        ToolCall(name="look_up"),
        ToolCall(name="refund", arguments={"order": 7}),
        ToolCall(name="close"),
    )
    nested = Case(input="x", calls=[{"name": "refund", "arguments": {"order": 7}}]).calls
    assert nested == (ToolCall(name="refund", arguments={"order": 7}),)


def test_a_call_may_be_spelled_as_langchain_does():
    args = {"order": 7}
    spelled = [
        {"name": "refund", "args": args},
        {"name": "refund", "args": args, "id": "1", "type": "tool_call"},
        {"name": "refund", "arguments": args, "status": "failed"},
        {"name": "run", "args": ["-l"]},
    ]
    assert Case(input="x", calls=spelled).calls == (
        ToolCall(name="refund", arguments=args),
        ToolCall(name="refund", arguments=args),
        ToolCall(name="refund", arguments=args, status="failed"),
        ToolCall(name="run", arguments={"args": ["-l"]}),
    )


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ({"name": "pay", "args": {}, "argz": 1}, "unknown field 'argz'"),
        ({"name": "pay", "arguments": {}, "args": {}}, "unknown field 'args'"),
        ({"name": "pay", "arguments": None}, "arguments as an object"),
        ({"name": "pay", "arguments": '{"order": 7}'}, "arguments as an object"),
        ({"name": "pay", "arguments": {}, "retry": "no"}, "retry='no' is no bool"),
        ({"name": "", "arguments": {}}, "neither a name nor a call"),
    ],
    ids=str,
)
def test_a_call_that_says_more_or_less_than_a_call_is_refused(call, named):
    with pytest.raises(DesignError, match=f"calls.*{named}"):
        Case(input="x", calls=[call])


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ({"route": 7}, "route"),
        ({"route": [""]}, "route"),
        ({"outcome": {"done": True}}, "outcome"),
        ({"route": ()}, "at least one"),
        ({"escalate": "yes"}, "escalate"),
        ({"approval": 1}, "approval"),
        ({"calls": "look_up"}, "calls"),
        ({"calls": [7]}, "calls"),
        ({"state": ["x"]}, "state"),
        ({"id": 7}, "id"),
    ],
    ids=str,
)
def test_a_label_of_the_wrong_kind_is_refused_by_name(labels, named):
    with pytest.raises(DesignError, match=named):
        Case(input="x", **labels)


def test_it_knows_which_labels_it_has():
    assert Case(input="x").expects == ()
    assert Case(input="x", route="billing", escalate=False, never=["pay"]).expects == (
        "route",
        "escalate",
        "never",
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("one\n two", "one two"),
        ({"message": "hello", "order": 7}, "hello"),
        (
            {"messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": "ho"}]},
            "ho",
        ),
        ([{"role": "user", "content": "hi"}], "hi"),
        ({"order": 7}, "{'order': 7}"),
    ],
    ids=str,
)
def test_its_text_is_what_the_user_said(given, text):
    assert Case(input=given).text == text
