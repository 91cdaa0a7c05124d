"""Test what others record: each format's own shape, in a small file, gives the expected calls."""

from __future__ import annotations

import json

import pytest
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from quintet.errors import DesignError
from quintet.evals import Case, ToolCall, evaluate
from quintet.evals.reading.messages import read_messages, recorded_messages
from quintet.state.record import digest

ASKED = "Where is parcel 7?"
FAILED = ToolCall(name="track", arguments={"parcel": 7}, status="failed")
AGAIN = ToolCall(name="track", arguments={"parcel": 7}, retry=True)
CALLS = (FAILED, AGAIN)


def saved(path, data, *, lines=False):
    texts = [json.dumps(item) for item in data] if lines else [json.dumps(data, indent=1)]
    path.write_text("\n".join(texts))
    return path


def only(runs):
    [[trajectory]] = runs.trajectories.values()
    return trajectory


def anthropic():
    def uses(id):
        return {"type": "tool_use", "id": id, "name": "track", "input": {"parcel": 7}}

    def result(id, text, **more):
        return {"type": "tool_result", "tool_use_id": id, "content": text, **more}

    return [
        {"role": "user", "content": [{"type": "text", "text": ASKED}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, uses("t1")]},
        {"role": "user", "content": [result("t1", "no line", is_error=True)]},
        {"role": "assistant", "content": [uses("t2")]},
        {"role": "user", "content": [result("t2", [{"type": "text", "text": "harbour"}])]},
    ]


ANTHROPIC_END = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "In the harbour."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 4},
}


def bedrock():
    def uses(id):
        return {"toolUse": {"toolUseId": id, "name": "track", "input": {"parcel": 7}}}

    def result(id, status, part):
        return {"toolResult": {"toolUseId": id, "status": status, "content": [part]}}

    messages = [
        {"role": "user", "content": [{"text": ASKED}, {"cachePoint": {"type": "default"}}]},
        {"role": "assistant", "content": [{"text": "One moment."}, uses("b1")]},
        {"role": "user", "content": [result("b1", "error", {"text": "no line"})]},
        {"role": "assistant", "content": [uses("b2")]},
        {"role": "user", "content": [result("b2", "success", {"json": {"at": "harbour"}})]},
    ]
    return {
        "messages": messages,
        "output": {"message": {"role": "assistant", "content": [{"text": "In the harbour."}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 10, "outputTokens": 4, "totalTokens": 14},
        "metrics": {"latencyMs": 2500},
    }


def responses():
    def uses(id):
        made = {"name": "track", "arguments": '{"parcel": 7}', "status": "completed"}
        return {"type": "function_call", "id": f"fc_{id}", "call_id": id, **made}

    said = {"type": "output_text", "text": "In the harbour.", "annotations": []}
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "input": [
            {"role": "user", "content": ASKED},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            uses("c1"),
            {"type": "function_call_output", "call_id": "c1", "output": "Error: no line"},
            uses("c2"),
            {"type": "function_call_output", "call_id": "c2", "output": "harbour"},
        ],
        "output": [{"type": "message", "role": "assistant", "content": [said]}],
        "usage": {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14},
    }


def gemini():
    def uses():
        call = {"name": "track", "args": {"parcel": 7}}
        return {"role": "model", "parts": [{"functionCall": call, "thoughtSignature": "x"}]}

    def result(response):
        part = {"functionResponse": {"name": "track", "response": response}}
        return {"role": "user", "parts": [part]}

    end = {
        "role": "model",
        "parts": [{"text": "Aha", "thought": True}, {"text": "In the harbour."}],
    }
    return {
        "contents": [
            {"role": "user", "parts": [{"text": ASKED}]},
            *(uses(), result({"error": "no line"}), uses(), result({"at": "harbour"})),
        ],
        "candidates": [{"content": end, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 4,
            "totalTokenCount": 14,
        },
    }


def autogen():
    def asks(id):
        call = {"id": id, "name": "track", "arguments": '{"parcel": 7}'}
        used = {"prompt_tokens": 5, "completion_tokens": 2}
        return {
            "source": "desk",
            "models_usage": used,
            "content": [call],
            "type": "ToolCallRequestEvent",
        }

    def ends(id, text, *, is_error):
        result = {"content": text, "name": "track", "call_id": id, "is_error": is_error}
        return {"source": "desk", "content": [result], "type": "ToolCallExecutionEvent"}

    handoff = {"id": "h", "name": "transfer_to_desk", "arguments": "{}"}
    return {
        "messages": [
            {"source": "user", "models_usage": None, "content": ASKED, "type": "TextMessage"},
            {"source": "front", "content": [handoff], "type": "ToolCallRequestEvent"},
            {
                "source": "front",
                "content": [{"content": "moved", "name": "transfer_to_desk", "call_id": "h"}],
                "type": "ToolCallExecutionEvent",
            },
            {"source": "front", "target": "desk", "content": "over", "type": "HandoffMessage"},
            *(asks("a1"), ends("a1", "no line", is_error=True)),
            *(asks("a2"), ends("a2", "harbour", is_error=False)),
            {"source": "desk", "content": "the harbour, then", "type": "ThoughtEvent"},
            {"source": "desk", "content": "In the harbour.", "type": "TextMessage"},
        ],
        "stop_reason": "Maximum number of turns 3 reached.",
    }


def chat_completions():
    def asks(id):
        function = {"name": "track", "arguments": '{"parcel": 7}'}
        call = {"id": id, "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    return {
        "request": {
            "model": "x",
            "messages": [
                {"role": "user", "content": ASKED},
                asks("c1"),
                {"role": "tool", "tool_call_id": "c1", "content": '{"error": "no line"}'},
                asks("c2"),
                {"role": "tool", "tool_call_id": "c2", "content": '{"error": null, "at": 1}'},
            ],
        },
        "response": {
            "id": "chatcmpl-1",
            "choices": [{"message": {"role": "assistant", "content": "In the harbour."}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 4},
        },
    }


PAIRS = {
    "anthropic": lambda: {"request": {"messages": anthropic()}, "response": ANTHROPIC_END},
    "bedrock": bedrock,
    "responses": responses,
    "gemini": gemini,
    "autogen": autogen,
    "chat completions": chat_completions,
}


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS)
def test_each_format_gives_its_calls_its_answer_and_its_tokens(tmp_path, make):
    ran = only(recorded_messages(saved(tmp_path / "runs.jsonl", [make()], lines=True)))
    calls = [ToolCall(**{**vars(call), "node": ""}) for call in ran.calls]
    assert tuple(calls) == CALLS
    assert (ran.status, ran.answer, ran.spent["tokens"]) == ("done", "In the harbour.", 14)


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS)
def test_a_conversation_without_an_id_is_found_by_what_the_user_asked(make):
    assert list(recorded_messages([make()]).trajectories) == [digest(ASKED)[:12]]


def test_autogens_agents_and_its_handoff_are_the_path():
    ran = only(recorded_messages([autogen()]))
    assert (ran.path, ran.route) == (("front", "desk"), "desk")
    assert [call.node for call in ran.calls] == ["desk", "desk"]


def test_a_handoff_message_of_autogen_alone_is_a_handoff():
    talk = [
        {"source": "user", "content": ASKED, "type": "TextMessage"},
        {"source": "front", "target": "desk", "content": "over", "type": "HandoffMessage"},
        {"source": "desk", "content": "In the harbour.", "type": "TextMessage"},
    ]
    assert read_messages(talk).path == ("front", "desk")


def test_the_older_form_of_autogen_puts_several_answers_in_one_message():
    calls = [
        {"id": str(n), "type": "function", "function": {"name": "track", "arguments": "{}"}}
        for n in (1, 2)
    ]
    answers = [
        {"tool_call_id": "2", "role": "tool", "content": "harbour"},
        {"tool_call_id": "1", "role": "tool", "content": "Error: no line"},
    ]
    talk = [
        {"role": "user", "content": ASKED},
        {"role": "assistant", "name": "desk", "content": None, "tool_calls": calls},
        {"role": "tool", "content": "both", "tool_responses": answers},
    ]
    assert [call.status for call in read_messages(talk).calls] == ["failed", "ok"]


def test_bedrocks_latency_is_the_duration():
    assert only(recorded_messages([bedrock()])).seconds == 2.5


def ended(*texts):
    roles = ("user", "assistant") * len(texts)
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]


INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {"task": "parcels", "model": "x"},
    "stats": {"model_usage": {}},
    "samples": [
        {
            "id": "p-7",
            "epoch": epoch,
            "input": ASKED,
            "target": "harbour",
            "messages": [
                {"id": "m0", "role": "user", "content": ASKED, "source": "input"},
                {
                    "id": "m1",
                    "role": "assistant",
                    "content": [{"type": "reasoning", "reasoning": "hm"}],
                    "tool_calls": [{"id": "k1", "function": "track", "arguments": {"parcel": 7}}],
                },
                {
                    "id": "m2",
                    "role": "tool",
                    "content": "",
                    "tool_call_id": "k1",
                    "function": "track",
                    "error": {"type": "timeout", "message": "no line"},
                },
                {"id": "m3", "role": "assistant", "content": "I cannot say."},
            ],
            "output": {"choices": [{"message": {"role": "assistant", "content": "I cannot"}}]},
            "model_usage": {"x": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}},
            "total_time": 4.5,
            "limit": {"type": "message", "limit": 3} if epoch == 2 else None,
            "error": None,
        }
        for epoch in (1, 2)
    ],
}


def test_a_log_of_inspect_gives_its_samples_and_their_epochs_are_repeats(tmp_path):
    first, second = recorded_messages(saved(tmp_path / "log.json", INSPECT)).trajectories["p-7"]
    assert first.calls == (FAILED,)
    assert (first.status, first.seconds, first.spent["tokens"]) == ("done", 4.5, 10)
    assert (second.status, second.reason) == ("exhausted", "the limit of message was met")


def test_an_archive_is_refused_with_what_turns_it_into_json(tmp_path):
    path = tmp_path / "log.eval"
    path.write_bytes(b"PK\x03\x04\x14\x00\xff\xfe")
    with pytest.raises(DesignError, match="inspect log convert"):
        recorded_messages(path)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use_v9", "name": "wipe"},
        {"werkzeug": {"name": "wipe"}},
        {"type": "tool_request", "tool": "wipe"},
    ],
)
def test_content_of_no_known_kind_is_refused_by_name(block):
    with pytest.raises(DesignError) as caught:
        read_messages([{"role": "user", "content": "x"}, {"role": "assistant", "content": [block]}])
    name = block.get("type") or next(iter(block))
    assert f"message 2: content block {name!r} is not known" in str(caught.value)


@pytest.mark.parametrize("name", ["toolCalls", "tool_uses", "actions", "calls"])
def test_calls_under_a_name_that_is_not_read_are_refused(name):
    with pytest.raises(DesignError, match=f"message 1: {name}=.* may hold calls"):
        read_messages([{"role": "assistant", "content": "x", name: [{"name": "wipe"}]}])


def test_calls_that_older_langchain_kept_aside_are_calls():
    function = {"name": "track", "arguments": '{"parcel": 7}'}
    aside = {"tool_calls": [{"id": "1", "function": function}]}
    talk = [{"type": "ai", "data": {"content": "", "additional_kwargs": aside, "tool_calls": []}}]
    assert [call.name for call in read_messages(talk).calls] == ["track"]


def test_blocks_with_a_hyphen_in_their_kind_are_read():
    call = {"type": "tool-call", "toolCallId": "1", "toolName": "track", "input": {"parcel": 7}}
    output = {"type": "text", "value": "Error: no line"}
    answer = {"type": "tool-result", "toolCallId": "1", "toolName": "track", "output": output}
    talk = [
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": [call]},
        {"role": "tool", "content": [answer]},
    ]
    [read] = read_messages(talk).calls
    assert read == FAILED
    answer["output"] = {"type": "error-text", "value": "no line"}
    assert read_messages(talk).calls == (FAILED,)
    answer["output"] = {"type": "text", "value": "harbour"}
    assert [call.status for call in read_messages(talk).calls] == ["ok"]


def test_a_call_of_a_tool_that_the_provider_runs_is_a_call():
    blocks = [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s1",
            "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
        },
        {"type": "mcp_tool_use", "id": "m1", "name": "wipe", "server_name": "s", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": False, "content": []},
        {"type": "text", "text": "Done."},
    ]
    ran = read_messages(
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": blocks}]
    )
    assert [(call.name, call.status) for call in ran.calls] == [
        ("web_search", "failed"),
        ("wipe", "ok"),
    ]
    assert (ran.status, ran.answer) == ("done", "Done.")


def test_the_built_in_tools_of_openais_responses_are_calls_with_their_own_end():
    action = {"type": "search", "query": "x"}
    items = [
        {"role": "user", "content": "x"},
        {"type": "web_search_call", "id": "w", "status": "completed", "action": action},
        {"type": "code_interpreter_call", "id": "c", "status": "failed", "code": "1/0"},
        {"type": "mcp_call", "id": "m", "name": "wipe", "arguments": "{}", "error": "no right"},
        {"type": "custom_tool_call", "call_id": "k", "name": "shell", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "k", "output": "two files"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
    ]
    ran = read_messages(items)
    assert [(call.name, dict(call.arguments), call.status) for call in ran.calls] == [
        ("web_search", action, "ok"),
        ("code_interpreter", {"code": "1/0"}, "failed"),
        ("wipe", {}, "failed"),
        ("shell", {"input": "ls"}, "ok"),
    ]


def test_a_langchain_message_holds_its_calls_twice_and_they_count_once():
    block = {"type": "tool_use", "id": "t1", "name": "track", "input": {"parcel": 7}}
    call = {"id": "t1", "name": "track", "args": {"parcel": 7}}
    server = {"type": "mcp_tool_use", "id": "m1", "name": "echo", "server_name": "s", "input": {}}
    talk = [
        HumanMessage(ASKED),
        AIMessage(
            [block, server], tool_calls=[call], response_metadata={"model_provider": "anthropic"}
        ),
        ToolMessage("harbour", tool_call_id="t1"),
        AIMessage("In the harbour."),
    ]
    read = read_messages(talk)
    assert [call.name for call in read.calls] == ["track", "echo"]
    assert read_messages([dumpd(message) for message in talk]).calls == read.calls


def test_answers_without_ids_belong_to_the_first_open_call_of_their_tool():
    calls = [{"function": {"name": name, "arguments": {"n": n}}} for n, name in enumerate("aba")]
    talk = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "name": "b", "content": "Error: 1"},
        {"role": "tool", "name": "a", "content": "fine"},
        {"role": "tool", "content": "Error: 3"},
    ]
    assert [call.status for call in read_messages(talk).calls] == ["ok", "failed", "failed"]


def test_an_answer_to_an_unknown_id_is_given_to_no_call_that_has_one():
    function = {"name": "a", "arguments": "{}"}
    talk = [
        {"role": "assistant", "tool_calls": [{"id": "1", "function": function}]},
        {"role": "tool", "tool_call_id": "2", "content": "Error: x"},
    ]
    assert [call.status for call in read_messages(talk).calls] == ["unknown"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Error: no such parcel", "failed"),
        ("Error invoking tool 'track' with kwargs {}", "failed"),
        ("ValueError: 7", "failed"),
        ("httpx.ReadTimeoutError: slow", "failed"),
        ("Error 503", "failed"),
        ("Error", "failed"),
        ('{"error": {"code": 4}}', "failed"),
        ('{"status": "error", "message": "no line"}', "failed"),
        ('{"status": "failed", "order": 7}', "ok"),
        ("Errors in your basket: 0", "ok"),
        ("Error count: 0", "ok"),
        ("Error: none", "ok"),
        ("Error-free since May", "ok"),
        ('{"error": 0.02, "mean": 4}', "ok"),
        ('{"error": ""}', "ok"),
        ('{"success": false, "message": "no line"}', "failed"),
        ('{"success": true, "message": "no line"}', "ok"),
        ("No error: all fine", "ok"),
    ],
)
def test_a_text_reports_an_error_only_where_it_says_so(text, status):
    call = {"id": "1", "function": {"name": "a", "arguments": "{}"}}
    talk = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": text},
    ]
    assert [call.status for call in read_messages(talk).calls] == [status]


@pytest.mark.parametrize(
    "answer",
    [
        {"role": "tool", "tool_call_id": "1", "content": "x", "status": "ERROR"},
        {
            "role": "tool",
            "tool_call_id": "1",
            "content": [{"type": "text", "text": "x", "is_error": True}],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "1",
                    "content": [{"type": "text", "text": "x", "isError": True}],
                }
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "1", "content": [{"json": {"status": "error"}}]}}
            ],
        },
        ToolMessage([{"type": "text", "text": "x", "is_error": True}], tool_call_id="1"),
    ],
    ids=str,
)
def test_each_formats_own_mark_of_an_error_is_one(answer):
    call = {"id": "1", "function": {"name": "a", "arguments": "{}"}}
    talk = [{"role": "assistant", "tool_calls": [call]}, answer]
    assert [call.status for call in read_messages(talk).calls] == ["failed"]


@pytest.mark.parametrize(
    "response",
    [
        {"choices": [{"message": ended(ASKED, "In the")[1], "finish_reason": "length"}]},
        {"candidates": [{"content": ended(ASKED, "In the")[1], "finishReason": "MAX_TOKENS"}]},
        {"output": {"message": ended(ASKED, "In the")[1]}, "stopReason": "max_tokens"},
    ],
    ids=str,
)
def test_a_response_that_was_cut_off_is_not_done(response):
    asked = ended(ASKED)[:1]
    assert only(recorded_messages([{"request": {"messages": asked}, "response": response}])) == (
        only(recorded_messages([{"messages": asked, **response}]))
    )
    ran = only(recorded_messages([{"messages": asked, **response}]))
    assert (ran.status, ran.answer) == ("unfinished", "In the")


def test_a_function_may_say_which_calls_failed():
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in "abc"]
    talk = [
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "FEHLER 4"},
        {"role": "tool", "tool_call_id": "b", "content": "Error: expected here"},
        {"role": "tool", "tool_call_id": "c", "content": "Error: x"},
    ]

    def failed(call, text):
        return True if text.startswith("FEHLER") else False if call.name == "b" else None

    read = read_messages(talk, failed=failed)
    assert [call.status for call in read.calls] == ["failed", "ok", "failed"]
    with pytest.raises(DesignError, match="failed= returned 'no'"):
        read_messages(talk, failed=lambda call, text: "no")
    with pytest.raises(DesignError, match="failed= raised KeyError on the call 'a'"):
        read_messages(talk, failed=lambda call, text: {}[text])


@pytest.mark.parametrize(
    ("talk", "status"),
    [
        (ended(ASKED, "In the harbour.", "Thanks. Bye!"), "done"),
        (ended(ASKED, "In the harbour.", "And parcel 8?"), "unfinished"),
        (ended(ASKED, "In the harbour.", "\u8377\u7269\u306f\uff1f"), "unfinished"),
        (ended("Find parcel 7"), "unfinished"),
        ([], "unfinished"),
    ],
)
def test_a_user_who_leaves_was_answered_and_one_who_asks_was_not(talk, status):
    assert read_messages(talk).status == status


def test_records_may_name_their_parts_otherwise():
    records = [{"task": n, "talk": ended(ASKED, "Here."), "id": "x", "took": n} for n in (1, 2)]
    names = {"id": "task", "messages": "talk", "seconds": "took"}
    runs = recorded_messages(records, fields=names)
    assert {name: run.seconds for name, [run] in runs.trajectories.items()} == {"1": 1, "2": 2}
    made = recorded_messages(
        records,
        make=lambda item: {"id": "m", "messages": item["talk"]} if item["task"] == 2 else None,
    )
    assert list(made.trajectories) == ["m"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fields": {"ids": "task"}}, "unknown field 'ids' (did you mean 'id'?)"),
        ({"fields": {"id": 3}}, "give a name"),
        ({"fields": {"id": "tsk"}}, "item 1: no 'tsk', which fields= gives; the record has task"),
        ({"make": lambda item: item["x"]}, "item 1: make raised KeyError: 'x'"),
        ({"make": lambda item: 3}, "item 1: 3 is no conversation"),
        ({}, "item 1: no messages in a record that has task, talk"),
    ],
)
def test_names_that_fit_no_record_are_refused(options, said):
    with pytest.raises(DesignError) as caught:
        recorded_messages([{"task": "t", "talk": ended(ASKED, "Here.")}], **options)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({"seconds": 2}, 2),
        ({"duration": 1.5}, 1.5),
        ({"latency_ms": 250}, 0.25),
        ({"start_time": "2026-01-01T10:00:00Z", "end_time": "2026-01-01T10:00:03Z"}, 3),
        ({"start_time": "then", "end_time": "now"}, 0),
        ({}, 0),
    ],
)
def test_a_duration_is_the_records_own_or_none(more, seconds):
    runs = recorded_messages([{"id": "a", "messages": ended(ASKED, "Here."), **more}])
    report = evaluate(runs, [Case(id="a", input=ASKED)])
    assert report.rows[0].trajectory.seconds == seconds
    assert ("latency_p50" in report.figures) is (seconds > 0)


def test_a_duration_that_is_none_is_refused():
    with pytest.raises(DesignError, match="seconds='soon': give a number of seconds"):
        recorded_messages([{"id": "a", "messages": ended(ASKED, "Here."), "seconds": "soon"}])
