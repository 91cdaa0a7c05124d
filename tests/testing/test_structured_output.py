from __future__ import annotations

import itertools

import pytest
from langchain_core.exceptions import (
    OutputParserException,
)
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from quintet.errors import DesignError
from quintet.testing import ScriptedModel


class Answer(BaseModel):
    """The route of a request."""

    route: str
    tries: int


class Row(TypedDict):
    """The route of a request."""

    route: str
    tries: int


GOOD = {"route": "billing", "tries": 2}
SHORT = {"route": "billing"}


@tool
def lookup(order: int) -> str:
    """Look an order up."""
    return f"order {order} is paid"


PARSED = Answer(**GOOD)
CALL = [{"name": "elsewhere", "args": GOOD}]
TEXT = "I would say billing"


@pytest.mark.parametrize(
    ("schema", "method", "reply", "result"),
    [
        (Answer, "json_schema", GOOD, PARSED),
        (Answer, "json_schema", PARSED, PARSED),
        (Answer, "json_schema", PARSED.model_dump_json(), PARSED),
        (Answer, "json_schema", CALL, None),
        (Answer, "function_calling", GOOD, PARSED),
        (Answer, "function_calling", PARSED, PARSED),
        (Answer, "function_calling", {"name": "Answer", "args": GOOD}, PARSED),
        (Answer, "function_calling", TEXT, None),
        (Answer, "json_mode", GOOD, PARSED),
        (Row, "json_schema", GOOD, GOOD),
        (Row, "json_schema", SHORT, SHORT),
        (Row, "json_schema", PARSED, GOOD),
        (Row, "function_calling", GOOD, GOOD),
        (Row, "function_calling", SHORT, SHORT),
        (Row, "function_calling", CALL, None),
        (Row, "json_mode", GOOD, GOOD),
        (None, "json_mode", GOOD, GOOD),
        (Answer.model_json_schema(), "json_schema", GOOD, GOOD),
        (Answer.model_json_schema(), "function_calling", GOOD, GOOD),
    ],
)
async def test_structured_output_is_what_chat_openai_gives(schema, method, reply, result):
    model = ScriptedModel(itertools.repeat(reply))
    structured = model.with_structured_output(schema, method=method)
    assert structured.invoke("x") == result
    assert await structured.ainvoke("x") == result
    raw = model.with_structured_output(schema, method=method, include_raw=True)
    both = await raw.ainvoke("x")
    assert both["parsed"] == raw.invoke("x")["parsed"] == result
    assert both["parsing_error"] is None
    assert isinstance(both["raw"], AIMessage)


MISFITS = [
    (Answer, "json_schema", SHORT, ValidationError, "call"),
    (Answer, "json_schema", TEXT, ValidationError, "call"),
    (Answer, "json_schema", "", ValueError, "parser"),
    (Answer, "function_calling", SHORT, ValidationError, "parser"),
    (Answer, "function_calling", CALL, OutputParserException, "parser"),
    (Answer, "json_mode", SHORT, OutputParserException, "parser"),
    (Answer, "json_mode", TEXT, OutputParserException, "parser"),
    (Row, "json_schema", TEXT, OutputParserException, "parser"),
    (Row, "json_schema", CALL, OutputParserException, "parser"),
    (Row, "json_mode", TEXT, OutputParserException, "parser"),
]


@pytest.mark.parametrize(("schema", "method", "reply", "error", "raised_by"), MISFITS)
async def test_a_misfit_raises_what_chat_openai_raises(schema, method, reply, error, raised_by):
    model = ScriptedModel(itertools.repeat(reply))
    structured = model.with_structured_output(schema, method=method)
    with pytest.raises(error) as caught:
        structured.invoke("x")
    assert caught.type is error
    with pytest.raises(error):
        await structured.ainvoke("x")
    raw = model.with_structured_output(schema, method=method, include_raw=True)
    if raised_by == "call":
        with pytest.raises(error):
            raw.invoke("x")
    else:
        both = raw.invoke("x")
        assert type(both["parsing_error"]) is error
        assert both["parsed"] is None


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
async def test_structured_output_streams(method):
    structured = ScriptedModel([GOOD, GOOD]).with_structured_output(Row, method=method)
    assert list(structured.stream("x"))[-1] == GOOD
    assert [part async for part in structured.astream("x")][-1] == GOOD


def test_data_that_names_a_bound_tool_is_its_call_under_a_schema_too():
    model = ScriptedModel([{"name": "lookup", "args": {"order": 1}}, GOOD])
    structured = model.with_structured_output(Answer, tools=[lookup], include_raw=True)
    assert structured.invoke("x")["raw"].tool_calls[0]["name"] == "lookup"
    assert structured.invoke("x")["parsed"] == PARSED


def test_data_shaped_like_a_call_of_no_bound_tool_is_data():
    class Entry(BaseModel):
        name: str
        args: dict[str, int]

    entry = {"name": "Maria", "args": {"age": 40}}
    model = ScriptedModel([entry, entry])
    assert model.with_structured_output(Entry).invoke("x") == Entry(**entry)
    forced = model.with_structured_output(Entry, method="function_calling")
    assert forced.invoke("x") == Entry(**entry)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schema": Answer, "method": "magic"}, "magic"),
        ({"schema": None}, "needs a schema"),
        ({"schema": None, "method": "function_calling"}, "needs a schema"),
        ({"schema": Answer, "method": "json_mode", "strict": True}, "strict"),
    ],
)
def test_structured_output_that_cannot_be_is_refused(options, message):
    with pytest.raises(DesignError, match=message):
        ScriptedModel(["a"]).with_structured_output(**options)


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("lookup", {"type": "function", "function": {"name": "lookup"}}),
        ("any", "required"),
        (True, "required"),
        ("auto", "auto"),
        ({"type": "function", "function": {"name": "lookup"}},) * 2,
        (None, None),
    ],
)
def test_a_tool_choice_is_sent_as_a_provider_takes_it(choice, sent):
    model = ScriptedModel(["a"])
    model.bind_tools([lookup], tool_choice=choice, parallel_tool_calls=False).invoke("x")
    assert model.calls[0].options.get("tool_choice") == sent
    assert model.calls[0].options["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    "wanted",
    [
        Row,
        {"title": "Row", **Answer.model_json_schema()},
        {"name": "Row", "schema": Answer.model_json_schema()},
        {"type": "json_schema", "json_schema": {"name": "Row", "schema": {"properties": GOOD}}},
    ],
    ids=["typed dict", "json schema", "named", "openai"],
)
def test_a_response_format_is_taken_in_each_of_its_forms(wanted):
    model = ScriptedModel([GOOD])
    said = model.bind_tools([lookup], response_format=wanted).invoke("x")
    assert said.content == '{"route":"billing","tries":2}'
    assert model.calls[0].schema["properties"].keys() == GOOD.keys()
