"""Test that any record is read or refused: none ends in an error of Python's own."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quintet.errors import DesignError
from quintet.evals import Trajectory, harvest
from quintet.evals.reading.messages import recorded_messages

KEYS = st.sampled_from(
    (
        *("role", "type", "content", "parts", "tool_calls", "function", "name", "arguments", "id"),
        *("input", "output", "call_id", "toolUse", "toolResult", "functionCall", "response"),
        *("messages", "contents", "candidates", "choices", "samples", "eval", "epoch", "usage"),
        *("resourceSpans", "scopeSpans", "spans", "attributes", "traceId", "context", "key"),
        *("source", "data", "kwargs", "lc", "tool_responses", "tool_call_ids", "metrics", "error"),
        *("gen_ai.operation.name", "gen_ai.input.messages", "llm.input_messages", "value"),
    )
)
VALUES = st.sampled_from(
    (
        *("user", "assistant", "tool", "model", "text", "tool_use", "tool_result", "mcp_call"),
        *("function_call", "non_standard", "TextMessage", "ToolCallExecutionEvent", "chat", "TOOL"),
        *('{"a": 1}', "[1]", "", "Error: x", None, 1, 0.5, True),
    )
)
DATA = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=14,
)
TALKS = st.lists(DATA | st.dictionaries(KEYS, DATA, max_size=4), max_size=3)
ODD = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@ODD
@given(record=DATA | st.fixed_dictionaries({"id": st.just("a"), "messages": TALKS}))
def test_any_record_is_read_or_refused(record):
    with suppress(DesignError):
        for runs in recorded_messages([record]).trajectories.values():
            assert all(isinstance(run, Trajectory) for run in runs)


@ODD
@given(messages=TALKS)
def test_any_messages_in_a_state_are_passed_over_or_read(messages):
    assert isinstance(harvest({"messages": messages}), Trajectory)
