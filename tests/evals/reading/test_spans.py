"""Test traces as runs: OpenTelemetry's GenAI and OpenInference's spans, as they are exported."""

from __future__ import annotations

import json

import pytest

from quintet.errors import DesignError
from quintet.evals import ToolCall
from quintet.evals.reading.messages import recorded_messages

ASKED = "Where is parcel 7?"


def otlp_value(value):
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"arrayValue": {"values": [otlp_value(item) for item in value]}}


def otlp(id, parent, name, start, end, attributes, *, code=1):
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": id,
        "parentSpanId": parent,
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(1_700_000_000_000_000_000 + int(start * 1e9)),
        "endTimeUnixNano": str(1_700_000_000_000_000_000 + int(end * 1e9)),
        "attributes": [{"key": k, "value": otlp_value(v)} for k, v in attributes.items()],
        "status": {"code": code},
    }


def said(role, *parts):
    return {"role": role, "parts": list(parts)}


def called(id):
    return {"type": "tool_call", "id": id, "name": "track", "arguments": {"parcel": 7}}


def chat(given, made):
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps(given),
        "gen_ai.output.messages": json.dumps(made),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
    }


def tool(id):
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "track",
        "gen_ai.tool.call.id": id,
    }


def genai_spans(*, tools=True):
    question = said("user", {"type": "text", "content": ASKED})
    first, second = said("assistant", called("c1")), said("assistant", called("c2"))
    answers = [
        said("tool", {"type": "tool_call_response", "id": call, "response": text})
        for call, text in (("c1", "Error: no line"), ("c2", "harbour"))
    ]
    end = said("assistant", {"type": "text", "content": "In the harbour."})
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "desk"}
    whole = [question, first, answers[0], second, answers[1]]
    spans = [
        otlp("a", "", "invoke_agent desk", 0, 9, agent),
        otlp("b", "a", "chat x", 1, 2, chat([question], [{**first, "finish_reason": "tool_call"}])),
        otlp("d", "a", "chat x", 4, 5, chat(whole[:3], [second])),
        otlp("f", "a", "chat x", 7, 8, chat(whole, [end])),
    ]
    if tools:
        spans += [
            otlp("c", "a", "execute_tool track", 2, 3, tool("c1"), code=2),
            otlp("e", "a", "execute_tool track", 5, 6, tool("c2")),
        ]
    return spans


def exported(spans):
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


CALLS = (
    ToolCall(name="track", arguments={"parcel": 7}, status="failed", node="desk"),
    ToolCall(name="track", arguments={"parcel": 7}, node="desk", retry=True),
)


def only(runs):
    [[trajectory]] = runs.trajectories.values()
    return trajectory


@pytest.mark.parametrize("tools", [True, False])
def test_an_otlp_file_gives_its_trace_as_a_run(tmp_path, tools):
    path = tmp_path / "traces.json"
    path.write_text(json.dumps(exported(genai_spans(tools=tools)), indent=1))
    ran = only(recorded_messages(path))
    assert ran.calls == CALLS
    assert (ran.status, ran.answer, ran.path) == ("done", "In the harbour.", ("desk",))
    assert (ran.seconds, ran.spent) == (
        9,
        {"model_calls": 3, "input_tokens": 30, "output_tokens": 6, "tokens": 36},
    )


def test_the_spans_of_one_trace_may_come_in_several_exports(tmp_path):
    spans = genai_spans()
    path = tmp_path / "traces.jsonl"
    path.write_text("\n".join(json.dumps(exported([span])) for span in reversed(spans)))
    assert only(recorded_messages(path)).calls == CALLS


def test_a_tool_that_no_message_asks_for_is_a_call():
    spans = genai_spans()
    extra = {**tool(""), "gen_ai.tool.name": "wipe", "gen_ai.tool.call.arguments": '{"all": true}'}
    spans.append(otlp("g", "a", "execute_tool wipe", 8.5, 8.6, extra))
    wiped = ToolCall(name="wipe", arguments={"all": True}, node="desk")
    assert only(recorded_messages([exported(spans)])).calls == (*CALLS, wiped)


def test_a_trace_whose_root_failed_is_an_error():
    spans = genai_spans()
    spans[0]["status"] = {"code": 2}
    assert only(recorded_messages([exported(spans)])).status == "error"


def test_an_attribute_may_name_the_case():
    spans = genai_spans()
    spans[0]["attributes"].append({"key": "session.id", "value": otlp_value("s-1")})
    assert list(recorded_messages([exported(spans)], fields={"id": "session.id"}).trajectories) == [
        "s-1"
    ]
    with pytest.raises(DesignError, match=r"has no attribute 'user.id'"):
        recorded_messages([exported(spans)], fields={"id": "user.id"})


def sdk_span(span_id, parent, kind, start, end, attributes, *, status="OK"):
    return {
        "name": kind.lower(),
        "context": {"trace_id": "0x1", "span_id": span_id, "trace_state": "[]"},
        "kind": "SpanKind.INTERNAL",
        "parent_id": parent,
        "start_time": f"2026-01-01T10:00:0{start}.000000Z",
        "end_time": f"2026-01-01T10:00:0{end}.000000Z",
        "status": {"status_code": status},
        "attributes": {"openinference.span.kind": kind, **attributes},
        "events": [],
    }


def inference_spans():
    call = "llm.output_messages.0.message.tool_calls.0.tool_call"
    question = {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": ASKED,
    }
    asks = {
        "llm.output_messages.0.message.role": "assistant",
        f"{call}.id": "c1",
        f"{call}.function.name": "track",
        f"{call}.function.arguments": '{"parcel": 7}',
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 2,
        "llm.token_count.total": 12,
    }
    ends = {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.contents.0.message_content.type": "text",
        "llm.output_messages.0.message.contents.0.message_content.text": "I cannot say.",
    }
    used = {"tool.name": "track", "input.value": '{"parcel": 7}', "output.value": "no line"}
    return [
        sdk_span("1", None, "AGENT", 0, 9, {"agent.name": "desk"}),
        sdk_span("2", "1", "LLM", 1, 2, question | asks),
        sdk_span("3", "1", "TOOL", 2, 3, used, status="ERROR"),
        sdk_span("4", "1", "LLM", 4, 5, question | ends),
        sdk_span("5", "1", "CHAIN", 5, 6, {}),
    ]


def phoenix(span):
    """Write a span as Phoenix exports a table of them: one column a part, lists nested."""
    attributes = {f"attributes.{k}": v for k, v in span["attributes"].items()}
    times = {name: span[name] for name in ("name", "parent_id", "start_time", "end_time")}
    ids = {f"context.{name}": span["context"][name] for name in ("trace_id", "span_id")}
    return {**times, **ids, "status_code": span["status"]["status_code"], **attributes}


@pytest.mark.parametrize("written", [dict, phoenix])
def test_spans_of_openinference_give_their_trace_as_a_run(tmp_path, written):
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(json.dumps(written(span)) for span in inference_spans()))
    ran = only(recorded_messages(path))
    failed = ToolCall(name="track", arguments={"parcel": 7}, status="failed", node="desk")
    assert ran.calls == (failed,)
    assert (ran.status, ran.answer, ran.path) == ("done", "I cannot say.", ("desk",))
    assert (ran.seconds, ran.spent["tokens"], ran.spent["model_calls"]) == (9, 12, 2)


def test_a_trace_without_content_is_refused_by_the_kinds_of_its_spans():
    with pytest.raises(DesignError, match=r"no messages and no tools: its 1 spans are CHAIN"):
        recorded_messages([inference_spans()[-1]])


def test_a_span_that_cannot_be_read_is_named():
    broken = {**inference_spans()[0], "start_time": "noon"}
    with pytest.raises(DesignError, match=r"item 1: span .* cannot be read"):
        recorded_messages([broken])
