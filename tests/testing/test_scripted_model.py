from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import (
    ModelAuthenticationError,
    ModelRateLimitError,
)
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from pydantic import BaseModel, ConfigDict, Field, computed_field
from typing_extensions import TypedDict

from quintet.errors import QuintetError
from quintet.testing import ScriptedModel, ScriptExhausted

WAYS = ("invoke", "ainvoke", "stream", "astream")
ways = pytest.mark.parametrize("way", WAYS)


class Answer(BaseModel):
    """The route of a request."""

    route: str
    tries: int


class Row(TypedDict):
    """The route of a request."""

    route: str
    tries: int


GOOD = {"route": "billing", "tries": 2}


@tool
def lookup(order: int) -> str:
    """Look an order up."""
    return f"order {order} is paid"


async def ask(model: Any, way: str, given: Any = "hello") -> Any:
    """Return one reply, asked for in one of the four ways; a stream is added up."""
    if way == "invoke":
        return model.invoke(given)
    if way == "ainvoke":
        return await model.ainvoke(given)
    if way == "stream":
        chunks = list(model.stream(given))
    else:
        chunks = [chunk async for chunk in model.astream(given)]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


@ways
async def test_replies_come_in_order(way):
    model = ScriptedModel(["one", AIMessage("two"), "three"])
    assert [(await ask(model, way)).content for _ in range(3)] == ["one", "two", "three"]


@ways
async def test_a_function_is_asked_at_each_call(way):
    model = ScriptedModel(lambda messages: messages[-1].content.upper())
    assert (await ask(model, way, "a")).content == "A"
    assert (await ask(model, way, "b")).content == "B"


@ways
async def test_a_fault_is_raised_and_the_next_reply_follows(way):
    model = ScriptedModel([ModelRateLimitError, ModelAuthenticationError("no key"), "ok"])
    with pytest.raises(ModelRateLimitError):
        await ask(model, way)
    with pytest.raises(ModelAuthenticationError, match="no key"):
        await ask(model, way)
    assert (await ask(model, way)).content == "ok"
    assert len(model.calls) == 3


def test_a_fault_that_is_raised_again_starts_with_a_clean_traceback():
    fault = ModelRateLimitError("slow down")
    model = ScriptedModel(itertools.repeat(fault))
    depths = []
    for _ in range(3):
        with pytest.raises(ModelRateLimitError) as caught:
            model.invoke("hello")
        depths.append(len(caught.traceback))
    assert len(set(depths)) == 1


@pytest.mark.parametrize(
    "reply",
    [
        {"name": "lookup", "args": {"order": 7}},
        [{"name": "lookup", "args": {"order": 7}}],
        AIMessage("", tool_calls=[{"name": "lookup", "args": {"order": 7}, "id": "x"}]),
    ],
    ids=["dict", "list", "message"],
)
@ways
async def test_a_tool_call_is_written_in_three_ways(way, reply):
    said = await ask(ScriptedModel([reply]).bind_tools([lookup]), way)
    (call,) = said.tool_calls
    assert (call["name"], call["args"]) == ("lookup", {"order": 7})
    assert said.content == ""


def test_a_pydantic_reply_is_a_call_under_its_class_name_and_its_aliases():
    class Refund(BaseModel):
        model_config = ConfigDict(title="refund")
        order_id: int = Field(alias="orderId")

    said = ScriptedModel([Refund(orderId=3), [Answer(**GOOD), Refund(orderId=4)]])
    assert said.invoke("x").tool_calls[0]["name"] == "refund"
    assert [(call["name"], call["args"]) for call in said.invoke("x").tool_calls] == [
        ("Answer", GOOD),
        ("refund", {"orderId": 4}),
    ]


def test_a_pydantic_reply_leaves_out_what_its_class_computes():
    class Area(BaseModel):
        model_config = ConfigDict(extra="forbid")
        side: int

        @computed_field
        @property
        def area(self) -> int:
            return self.side**2

    model = ScriptedModel([Area(side=3)])
    assert model.with_structured_output(Area).invoke("x") == Area(side=3)


def test_a_list_is_taken_as_it_was_given():
    replies = ["one", "two"]
    model = ScriptedModel(replies)
    replies.clear()
    assert [model.invoke("x").content, model.invoke("x").content] == ["one", "two"]


def test_tool_calls_without_an_id_get_one_that_no_other_call_has():
    models = [ScriptedModel(itertools.repeat({"name": "lookup", "args": {}})) for _ in range(2)]
    ids = [model.invoke("x").tool_calls[0]["id"] for model in models for _ in range(3)]
    assert len(set(ids)) == 6
    given = ScriptedModel([{"name": "lookup", "args": {}, "id": "mine"}])
    assert given.invoke("x").tool_calls[0]["id"] == "mine"


def test_a_message_that_is_said_twice_is_two_messages():
    reply = AIMessage("same", response_metadata={"model": "m"})
    model = ScriptedModel([reply, reply])
    first, second = model.invoke("x"), model.invoke("x")
    assert first.id != second.id
    assert reply.id is None
    assert first.response_metadata["model"] == "m"


words = st.text(max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | words, lambda inner: st.lists(inner, max_size=3)
)
tool_calls = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text(min_size=1, max_size=8),
            "args": st.dictionaries(words, json_values, max_size=3),
            "id": st.uuids().map(str),
        }
    ),
    max_size=3,
)


@given(text=words, calls=tool_calls)
def test_a_stream_adds_up_to_the_message(text, calls):
    reply = AIMessage(
        text,
        tool_calls=calls,
        id="m-1",
        additional_kwargs={"kept": True},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    )
    model = ScriptedModel([reply, reply])
    whole = model.invoke("x")
    chunks = list(model.stream("x"))
    added = chunks[0]
    for chunk in chunks[1:]:
        added += chunk
    assert {chunk.id for chunk in chunks} == {"m-1"}
    for part in ("content", "tool_calls", "id", "additional_kwargs", "usage_metadata"):
        assert getattr(added, part) == getattr(whole, part), part


def test_a_broken_tool_call_stays_broken_in_a_stream():
    broken = {"name": "lookup", "args": '{"order": ', "id": "x", "error": "cut off"}
    model = ScriptedModel([AIMessage("", invalid_tool_calls=[broken])])
    (chunk,) = [part for part in model.stream("x") if part.tool_call_chunks]
    assert chunk.tool_call_chunks[0]["args"] == '{"order": '


def test_content_blocks_are_streamed_whole():
    blocks = [{"type": "text", "text": "two words"}]
    chunks = list(ScriptedModel([AIMessage(blocks)]).stream("x"))
    assert chunks[0].content == blocks


class Tokens(BaseCallbackHandler):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_llm_new_token(self, token: str, **_: Any) -> None:
        self.heard.append(token)

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.heard.append("<start>")

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.heard.append("<end>")

    def on_llm_error(self, *_: Any, **__: Any) -> None:
        self.heard.append("<error>")


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_token_callbacks_hear_each_word(way):
    tokens = Tokens()
    said = await ask(ScriptedModel(["your parcel is late"], callbacks=[tokens]), way)
    assert tokens.heard == ["<start>", "your ", "parcel ", "is ", "late", "<end>"]
    assert said.content == "your parcel is late"


@ways
async def test_callbacks_hear_of_a_fault(way):
    tokens = Tokens()
    with pytest.raises(ModelRateLimitError):
        await ask(ScriptedModel([ModelRateLimitError], callbacks=[tokens]), way)
    assert tokens.heard == ["<start>", "<error>"]


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_the_async_ways_stay_in_the_thread_of_the_loop(way, monkeypatch):
    def refuse(*_: Any) -> None:
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
    threads: list[int] = []

    def reply(messages: Any) -> str:
        threads.append(threading.get_ident())
        return '{"route": "billing", "tries": 2}'

    model = ScriptedModel(reply)
    await ask(model, way)
    assert await model.with_structured_output(Answer).ainvoke("x") == Answer(**GOOD)
    assert threads == [threading.get_ident()] * 2


async def test_latency_lets_other_calls_begin_while_one_waits():
    tokens = Tokens()
    model = ScriptedModel(["a", "b"], latency=0.01, callbacks=[tokens])
    await asyncio.gather(model.ainvoke("x"), model.ainvoke("y"))
    assert tokens.heard == ["<start>", "<start>", "<end>", "<end>"]


@pytest.mark.parametrize("way", ["invoke", "stream"])
async def test_latency_is_waited_for_before_a_reply_or_a_fault(way, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr("quintet.state.clock.time.sleep", waited.append)
    model = ScriptedModel(["a", ModelRateLimitError], latency=2.5)
    await ask(model, way)
    with pytest.raises(ModelRateLimitError):
        await ask(model, way)
    assert waited == [2.5, 2.5]


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_latency_holds_for_the_async_ways(way, monkeypatch):
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("quintet.state.clock.asyncio.sleep", sleep)
    await ask(ScriptedModel(["a"], latency=2.5), way)
    assert waited == [2.5]


@ways
async def test_usage_counts_four_characters_as_a_token(way):
    model = ScriptedModel(["12345678", {"name": "ab", "args": {}}], usage=True)
    messages = [SystemMessage("1234"), HumanMessage([{"type": "text", "text": "12345"}])]
    said = await ask(model, way, messages)
    assert said.usage_metadata == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    called = await ask(model, way, messages)
    assert called.usage_metadata == {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}


def test_usage_is_left_out_unless_asked_for_and_kept_where_it_is_given():
    assert ScriptedModel(["a"]).invoke("x").usage_metadata is None
    known = {"input_tokens": 90, "output_tokens": 9, "total_tokens": 99}
    model = ScriptedModel([AIMessage("a", usage_metadata=known)], usage=True)
    assert model.invoke("x").usage_metadata == known


PARSED = Answer(**GOOD)


def test_calls_record_the_messages_the_tools_and_the_schema():
    model = ScriptedModel(["a", GOOD, GOOD, GOOD, "b"])
    model.bind_tools([lookup, {"type": "web_search"}]).invoke([HumanMessage("four")])
    model.with_structured_output(Answer).invoke("x")
    model.with_structured_output(Row, method="function_calling").invoke("x")
    model.with_structured_output(None, method="json_mode").invoke("x")
    model.invoke("sixsix")
    tools, checked, forced, loose, free = model.calls
    assert [message.content for message in tools.messages] == ["four"]
    assert tools.tool_names == ("lookup", "web_search")
    assert tools.tools[0]["parameters"]["properties"]["order"]["type"] == "integer"
    assert checked.schema["properties"].keys() == {"route", "tries"}
    assert forced.schema["required"] == ["route", "tries"]
    assert loose.schema == {"type": "object"}
    assert (free.schema, free.tools, free.node) == (None, (), None)
    assert model.characters == 4 + 1 + 1 + 1 + 6


def test_everything_bound_to_a_model_shares_its_place_in_the_script():
    model = ScriptedModel(["one", "two", GOOD, "four"])
    assert model.bind_tools([lookup]).invoke("x").content == "one"
    assert model.bind(stop=["."]).invoke("x").content == "two"
    assert model.with_structured_output(Answer).invoke("x") == PARSED
    assert model.model_copy().invoke("x").content == "four"
    assert len(model.calls) == 4


@ways
async def test_an_exhausted_script_says_at_which_call(way):
    model = ScriptedModel(["one", "two"])
    await ask(model, way)
    await ask(model, way)
    with pytest.raises(ScriptExhausted) as caught:
        await ask(model, way)
    message = "script exhausted at call 3: add a reply or pass a function"
    assert str(caught.value) == message
    assert isinstance(caught.value, QuintetError)
    assert len(model.calls) == 3


@ways
async def test_a_function_that_runs_out_is_exhausted_too(way):
    replies = iter(["one"])
    model = ScriptedModel(lambda messages: next(replies))
    await ask(model, way)
    with pytest.raises(ScriptExhausted, match="at call 2"):
        await ask(model, way)
