"""Test message lists as runs: OpenAI's and LangChain's forms, handoffs, failures, retries."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, messages_to_dict

from quintet.errors import DesignError
from quintet.evals import Case, ToolCall, Trajectory
from quintet.evals.expected import forbidden_uses
from quintet.evals.reading.messages import read_messages, recorded_messages
from quintet.evals.reading.recorded import Recorded


def user(text):
    return {"role": "user", "content": text}


def agent(text="", *calls, name=None, **more):
    made = [
        {"id": nr, "type": "function", "function": {"name": tool, "arguments": json.dumps(given)}}
        for nr, tool, given in calls
    ]
    return {"role": "assistant", "content": text, "name": name, "tool_calls": made, **more}


def tool(id, text="fine", **more):
    return {"role": "tool", "tool_call_id": id, "content": text, **more}


TALK = [
    {"role": "system", "content": "Be kind."},
    user("I was charged twice"),
    agent("", ("1", "transfer_to_billing", {}), name="front", usage={"prompt_tokens": 10}),
    tool("1", "Handed over."),
    agent("", ("2", "refund", {"order": 7}), name="billing"),
    tool("2", "Error: the ledger is down"),
    agent("", ("3", "refund", {"order": 7}), name="billing"),
    tool("3"),
    agent("Refunded.", name="billing", usage={"prompt_tokens": 20, "completion_tokens": 5}),
]


def test_a_conversation_is_read_as_a_trajectory():
    assert read_messages(TALK) == Trajectory(
        status="done",
        route="billing",
        best="billing",
        path=("front", "billing"),
        calls=(
            ToolCall(name="refund", arguments={"order": 7}, status="failed", node="billing"),
            ToolCall(name="refund", arguments={"order": 7}, node="billing", retry=True),
        ),
        answer="Refunded.",
        spent={"model_calls": 2, "input_tokens": 30, "output_tokens": 5, "tokens": 35},
    )


def test_langchain_messages_read_the_same_as_objects_and_as_dicts():
    call = {"name": "refund", "args": {"order": 7}, "id": "1"}
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    talk = [
        HumanMessage("charged twice"),
        AIMessage("", name="billing", tool_calls=[call], usage_metadata=usage),
        ToolMessage("down", tool_call_id="1", status="error"),
        AIMessage([{"type": "text", "text": "Sorry."}], name="billing"),
    ]
    read = read_messages(talk)
    assert read.calls == (
        ToolCall(name="refund", arguments={"order": 7}, status="failed", node="billing"),
    )
    assert (read.answer, read.spent["tokens"]) == ("Sorry.", 4)
    assert read_messages(messages_to_dict(talk)) == read
    assert read_messages([item.model_dump(mode="json") for item in talk]) == read


def handed(*targets):
    return [
        user("hi"),
        *(
            item
            for number, target in enumerate(targets)
            for item in (agent("", (str(number), f"transfer_to_{target}", {})), tool(str(number)))
        ),
        agent("Done."),
    ]


def test_a_ping_pong_and_a_needless_handoff_stay_visible():
    assert read_messages(handed("a", "b", "a")).path == ("a", "b", "a")
    assert read_messages(handed("a", "a")).path == ("a", "a")
    assert read_messages(handed("a", "b")).route == "a"


def test_a_handoff_back_to_a_supervisor_is_one():
    talk = [user("hi"), agent("", ("1", "transfer_back_to_supervisor", {}), name="billing")]
    assert read_messages(talk).path == ("billing", "supervisor")


def test_a_handoff_that_failed_is_a_failed_call_and_no_handoff():
    talk = [user("hi"), agent("", ("1", "transfer_to_nobody", {})), tool("1", "Error: unknown")]
    read = read_messages(talk)
    assert (read.route, read.path) == ("", ())
    assert read.calls == (ToolCall(name="transfer_to_nobody", status="failed"),)


@pytest.mark.parametrize(
    ("more", "status", "reason"),
    [
        ({"error": "timed out"}, "error", "timed out"),
        ({"error": {"code": 7}}, "error", "{'code': 7}"),
        ({"error": True, "reason": "it broke"}, "error", "it broke"),
        ({"error": None}, "done", ""),
        ({"error": "none"}, "done", ""),
        ({"error": "mended", "status": "done"}, "done", ""),
    ],
)
def test_a_record_with_an_error_is_no_run_that_is_done(more, status, reason):
    talk = [user("hi"), agent("Done.")]
    [ran] = recorded_messages([{"id": "a", "messages": talk, **more}]).trajectories["a"]
    assert (ran.status, ran.reason) == (status, reason)


def test_a_transfer_to_a_person_escalates():
    read = read_messages(handed("billing", "human_agents"))
    assert (read.escalated, read.status, read.route) == (True, "escalated", "billing")
    assert not read_messages(handed("billing")).escalated
    assert read_messages(handed("lena"), people=["lena"]).escalated


def test_calls_without_an_answer_are_unknown_unless_the_list_leaves_answers_out():
    open_end = [user("hi"), agent("", ("1", "look", {})), tool("1"), agent("", ("2", "pay", {}))]
    assert [call.status for call in read_messages(open_end).calls] == ["ok", "unknown"]
    assert read_messages(open_end).status == "unfinished"
    assert [c.status for c in read_messages([agent("", ("1", "look", {}))]).calls] == ["ok"]


def test_an_id_that_comes_again_is_answered_where_it_was_asked_last():
    talk = [
        agent("", ("1", "a", {})),
        tool("1", "Error"),
        agent("", ("1", "b", {})),
        tool("1"),
    ]
    assert [call.status for call in read_messages(talk).calls] == ["failed", "ok"]


def test_arguments_that_are_no_json_make_a_failed_call_and_are_kept():
    broken = agent()
    broken["tool_calls"] = [{"id": "1", "function": {"name": "pay", "arguments": "{amount:"}}]
    (call,) = read_messages([broken]).calls
    assert (call.status, call.arguments) == ("failed", {"input": "{amount:"})


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("null", {}),
        (" ", {}),
        ('"null"', {}),
        (json.dumps(json.dumps({"amount": 5})), {"amount": 5}),
        ("[5]", {"input": "[5]"}),
        ("{amount:", {"input": "{amount:"}),
    ],
)
def test_a_call_that_was_answered_was_made_whatever_its_arguments_look_like(text, arguments):
    asked = agent()
    asked["tool_calls"] = [{"id": "1", "function": {"name": "pay", "arguments": text}}]
    read = read_messages([user("hi"), asked, tool("1"), agent("Paid.")])
    assert read.calls == (ToolCall(name="pay", arguments=arguments),)
    assert forbidden_uses(Case(input="hi", never="pay"), read) == ("pay",)


def test_two_calls_with_one_id_in_a_turn_have_an_answer_each():
    asked = agent("", ("1", "a", {}), ("1", "b", {}))
    talk = [asked, tool("1"), tool("1", "Error: down")]
    assert [call.status for call in read_messages(talk).calls] == ["ok", "failed"]
    talk = [asked, tool("1", "Error: down", name="b"), tool("1", name="a")]
    assert [call.status for call in read_messages(talk).calls] == ["ok", "failed"]
    talk = [agent("", ("1", "a", {})), tool("1", "Error: wait"), tool("1")]
    assert [call.status for call in read_messages(talk).calls] == ["ok"]


def lengthy(**metadata):
    return AIMessage("It is in the", response_metadata=metadata)


@pytest.mark.parametrize(
    "last",
    [
        agent(""),
        agent(None),
        agent(" \n"),
        agent([{"type": "thinking", "thinking": "Where?"}]),
        agent("It is in the", finish_reason="length"),
        agent("It is in the", stop_reason="max_tokens"),
        lengthy(finish_reason="length"),
        lengthy(finish_reason="MAX_TOKENS"),
        lengthy(stopReason="max_tokens"),
        lengthy(done_reason="length"),
        lengthy(status="incomplete"),
    ],
    ids=str,
)
def test_a_last_message_that_is_empty_or_cut_off_is_not_done(last):
    assert read_messages([user("Where is it?"), last]).status == "unfinished"
    assert read_messages([user("Where is it?"), last, user("Thanks")]).status == "unfinished"
    assert read_messages([user("Where is it?"), last, agent("There.")]).status == "done"


@pytest.mark.parametrize(
    "last",
    [
        agent("There.", finish_reason="stop"),
        agent(None, refusal="I may not say."),
        AIMessage("", additional_kwargs={"refusal": "I may not say."}),
        agent([{"type": "image_url", "image_url": {"url": "x"}}]),
    ],
    ids=str,
)
def test_a_last_message_that_says_something_is_done(last):
    assert read_messages([user("Where is it?"), last]).status == "done"


def test_the_other_call_of_the_same_tool_is_no_retry():
    talk = [
        agent("", ("1", "pay", {"n": 1})),
        tool("1", "", status="error"),
        agent("", ("2", "pay", {"n": 2})),
        tool("2"),
    ]
    assert [call.retry for call in read_messages(talk).calls] == [False, False]


def test_tau2s_dialect_is_read():
    talk = [
        {"role": "assistant", "content": "Hi!", "cost": 0.5},
        user("cancel it"),
        {"role": "assistant", "tool_calls": [{"id": "c", "name": "cancel", "arguments": {"n": 1}}]},
        {"role": "tool", "id": "c", "content": "gone", "error": True},
    ]
    read = read_messages(talk)
    assert read.calls == (ToolCall(name="cancel", arguments={"n": 1}, status="failed"),)
    assert read.spent == {"money": 0.5}


def jsonl(tmp_path, *records):
    path = tmp_path / "talks.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_file_of_conversations_is_a_target(tmp_path):
    path = jsonl(
        tmp_path,
        {"id": "m1", "messages": TALK, "status": "rejected", "reason": "no"},
        {"task_id": 2, "messages": TALK, "usage": {"total_tokens": 9}, "extra": 1},
        {"id": "m1", "messages": handed("shipping")},
        TALK,
    )
    target = recorded_messages(path)
    assert isinstance(target, Recorded)
    first, second = target.trajectories["m1"]
    assert (first.status, first.reason, second.route) == ("rejected", "no", "shipping")
    assert target.trajectories["2"][0].spent["tokens"] == 9
    assert target(Case(input="I was charged twice")).route == "billing"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"id": "a"}, "no messages in a record that has id"),
        ({"id": "a", "messages": []}, "messages=[]"),
        ([{"role": "user", "content": "x"}, 7], "message 2: 7 is no message"),
        ([{"role": "narrator"}], "give a dict with role system, user, assistant or tool"),
        ([{"role": "assistant", "tool_calls": 3}], "tool_calls 3 is no list"),
        ([{"role": "assistant", "tool_calls": [{"id": "x"}]}], "has no name"),
        ({"id": "a", "status": "fine", "messages": TALK}, "status='fine': give one of done"),
        ({"id": [], "messages": TALK}, "id=[]: give a text"),
        ({"id": "a", "reason": 3, "messages": TALK}, "reason=3: give a text"),
        ([{"role": "assistant", "content": "Hello"}], "no id, and no message of a user"),
    ],
)
def test_a_conversation_that_cannot_be_read_names_its_line(tmp_path, record, said):
    with pytest.raises(DesignError) as caught:
        recorded_messages(jsonl(tmp_path, TALK, record))
    assert "talks.jsonl, line 2: " in str(caught.value)
    assert said in str(caught.value)


def test_a_list_names_the_item_and_what_is_no_list_is_refused():
    with pytest.raises(DesignError, match="item 2"):
        recorded_messages([TALK, 7])
    for odd in (7, {"messages": TALK}):
        with pytest.raises(DesignError, match="give a path, or a list"):
            recorded_messages(odd)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("id", "name", "function", "arguments", "args", "data", "text", "role")
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
words = st.sampled_from(("user", "assistant", "tool", "ai", "system", "x"))
odd_messages = st.fixed_dictionaries(
    {"role": words | values},
    optional={
        "content": values,
        "type": words,
        "name": values,
        "id": values,
        "tool_calls": values,
        "function_call": values,
        "invalid_tool_calls": values,
        "tool_call_id": values,
        "status": values,
        "usage": values,
        "usage_metadata": values,
        "response_metadata": values,
        "cost": values,
        "data": values,
    },
)
odd_records = values | st.fixed_dictionaries(
    {"messages": st.lists(odd_messages | values, max_size=4)},
    optional={"id": values, "status": values, "reason": values, "usage": values, "state": values},
)


@given(records=st.lists(odd_records | st.lists(odd_messages, max_size=4), max_size=3))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_stands_in_a_file_gives_runs_or_a_design_error(records, tmp_path):
    try:
        target = recorded_messages(jsonl(tmp_path, *records))
    except DesignError:
        return
    assert all(
        isinstance(each, Trajectory) for kept in target.trajectories.values() for each in kept
    )


def spoken(*lines: str) -> list[dict[str, str]]:
    """Make a conversation of lines such as `user: hello`."""
    pairs = (line.partition(": ") for line in lines)
    return [{"role": role, "content": text} for role, _, text in pairs]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("user: Where is it?", "assistant: Here.", "user: Thanks, bye"), "done"),
        (("user: Where is it?", "assistant: Here.", "user: And the other one?"), "unfinished"),
        (("user: Thanks, bye",), "unfinished"),
        (("system: Be kind", "user: Thanks, bye"), "unfinished"),
        (("user: Hello", "user: Anybody there"), "unfinished"),
    ],
)
def test_a_user_has_the_last_word_where_nothing_is_left_open(lines, status):
    assert read_messages(spoken(*lines)).status == status


def test_a_tools_message_may_answer_several_calls():
    calls = [
        {"id": name, "function": {"name": name, "arguments": "{}"}} for name in ("a", "b", "c")
    ]
    talk = [
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "content": "done", "tool_call_ids": ["a", "b"]},
    ]
    assert [call.status for call in read_messages(talk).calls] == ["ok", "ok", "unknown"]
    for bad in "ab":
        read = read_messages(talk, failed=lambda call, _, bad=bad: call.name == bad)
        assert [c.name for c in read.calls if c.status == "failed"] == [bad]
