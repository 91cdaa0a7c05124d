from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import (
    ModelAuthenticationError,
    ModelRateLimitError,
    OutputParserException,
)
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from quintet.state.errors import DesignError, QuintetError
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
SHORT = {"route": "billing"}


@tool
def lookup(order: int) -> str:
    """Look an order up."""
    return f"order {order} is paid"


async def ask(model: Any, way: str, given: Any = "hello") -> Any:
    """One reply, in one of the four ways to ask; a stream is added up."""
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
async def test_the_async_ways_stay_in_the_thread_of_the_loop(way):
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
    monkeypatch.setattr("quintet.testing.model.time.sleep", waited.append)
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

    monkeypatch.setattr("quintet.testing.model.asyncio.sleep", sleep)
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


def one_node(name: str, model: Any) -> StateGraph[MessagesState]:
    def call(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    async def acall(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    node = RunnableLambda(call, acall)
    return StateGraph(MessagesState).add_node(name, node).add_edge(START, name)


HELLO: Any = {"messages": [HumanMessage("hello")]}


async def run(graph: Any, way: str) -> None:
    if way == "invoke":
        graph.invoke(HELLO)
    elif way == "ainvoke":
        await graph.ainvoke(HELLO)
    elif way == "stream":
        list(graph.stream(HELLO, stream_mode="messages"))
    else:
        _ = [part async for part in graph.astream(HELLO, stream_mode="messages")]


@ways
async def test_an_exhausted_script_names_the_node(way):
    model = ScriptedModel(["one"])
    graph = one_node("planner", model).compile()
    await run(graph, way)
    with pytest.raises(ScriptExhausted, match=r"exhausted at call 2 \(node 'planner'\): add a"):
        await run(graph, way)
    assert [call.node for call in model.calls] == ["planner", "planner"]


@ways
async def test_a_node_of_a_subgraph_is_named_by_its_path(way):
    model = ScriptedModel([])
    inner = one_node("planner", model).compile()
    outer = StateGraph(MessagesState).add_node("billing", inner).add_edge(START, "billing")
    with pytest.raises(ScriptExhausted, match="node 'billing/planner'"):
        await run(outer.compile(), way)


def test_a_chain_outside_a_graph_has_no_node():
    model = ScriptedModel(["one"])
    (RunnableLambda(lambda text: [HumanMessage(text)]) | model).invoke("x")
    assert model.calls[0].node is None


async def test_a_graph_streams_its_tokens():
    graph = one_node("planner", ScriptedModel(["your parcel", "your parcel"])).compile()
    sync = [part for part, _ in graph.stream(HELLO, stream_mode="messages")]
    later = [part async for part, _ in graph.astream(HELLO, stream_mode="messages")]
    for parts in (sync, later):
        assert [part.content for part in parts] == ["your ", "parcel"]
        assert all(isinstance(part, AIMessageChunk) for part in parts)


AGENT_SCRIPT = [
    {"name": "lookup", "args": {"order": 7}},
    "It is paid.",
]


@ways
async def test_create_agent_runs_on_a_script(way):
    model = ScriptedModel(AGENT_SCRIPT)
    agent = create_agent(model, tools=[lookup], system_prompt="Be brief.")
    await run(agent, way)
    first, second = model.calls
    assert first.tool_names == ("lookup",)
    assert [type(message).__name__ for message in second.messages] == [
        "SystemMessage",
        "HumanMessage",
        "AIMessage",
        "ToolMessage",
    ]
    assert second.messages[-1].content == "order 7 is paid"
    assert second.node == "model"


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
async def test_create_agent_gives_a_structured_response(strategy):
    model = ScriptedModel([AGENT_SCRIPT[0], PARSED, AGENT_SCRIPT[0], PARSED])
    agent = create_agent(model, tools=[lookup], response_format=strategy(Answer))
    assert agent.invoke(HELLO)["structured_response"] == PARSED
    assert (await agent.ainvoke(HELLO))["structured_response"] == PARSED


@ways
async def test_a_tool_node_takes_the_calls(way):
    model = ScriptedModel([[AGENT_SCRIPT[0], {"name": "lookup", "args": {"order": 8}}], "done"])
    graph = one_node("desk", model.bind_tools([lookup]))
    graph.add_node("tools", ToolNode([lookup])).add_edge("tools", "desk")
    graph.add_conditional_edges("desk", tools_condition, {"tools": "tools", END: END})
    await run(graph.compile(), way)
    results = [message.content for message in model.calls[1].messages[-2:]]
    assert results == ["order 7 is paid", "order 8 is paid"]


class Numbers:
    """Numbers that another thread can come between."""

    def __init__(self) -> None:
        self.number = 0

    def __iter__(self) -> Numbers:
        return self

    def __next__(self) -> str:
        number = self.number
        time.sleep(0)
        self.number = number + 1
        return str(number)


def test_threads_never_share_a_reply():
    count = 200
    model = ScriptedModel(Numbers())
    start = threading.Barrier(8)

    def worker(_: int) -> list[str]:
        start.wait()
        return [model.invoke("x").text for _ in range(count // 8)]

    with ThreadPoolExecutor(8) as pool:
        said = Counter(text for part in pool.map(worker, range(8)) for text in part)
    assert said == Counter(str(number) for number in range(count))
    assert len(model.calls) == count


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("hello", "single reply"),
        ({"name": "lookup", "args": {}}, "single reply"),
        (AIMessage("hello"), "single reply"),
        (ModelRateLimitError("slow"), "single reply"),
        (ModelRateLimitError, "single reply"),
        (7, "not a script"),
        (["fine", 7], "reply 2, 7, is of type int"),
        ([None], "reply 1, None, is of type NoneType"),
        ([HumanMessage("hello")], "reply 1, .* is of type HumanMessage"),
        ([Answer], "reply 1 is the class Answer"),
        ([[{"tool": "lookup"}]], "reply 1: .* is not a tool call"),
        ([[HumanMessage("hello")]], "reply 1: .* is not a tool call"),
        ([StopIteration()], "reply 1: Python does not let"),
        ([StopAsyncIteration], "reply 1: Python does not let"),
        ([UnicodeDecodeError], "reply 1: UnicodeDecodeError needs arguments"),
    ],
)
def test_a_script_that_no_model_can_say_is_refused_at_once(script, message):
    with pytest.raises(DesignError, match=message):
        ScriptedModel(script)


@pytest.mark.parametrize("by_function", [False, True])
def test_a_reply_that_comes_late_is_checked_when_it_is_said(by_function):
    replies = iter(["fine", 7])
    model = ScriptedModel((lambda messages: next(replies)) if by_function else replies)
    assert model.invoke("x").content == "fine"
    with pytest.raises(DesignError, match="reply 2, 7, is of type int"):
        model.invoke("x")


def test_data_that_nothing_asks_for_is_refused_with_the_remedy():
    with pytest.raises(DesignError, match="with_structured_output"):
        ScriptedModel([GOOD]).invoke("x")


@pytest.mark.parametrize("options", [{"latency": -1}, {"latency": float("nan")}, {"delay": 1}])
def test_options_that_are_wrong_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        ScriptedModel(["a"], **options)


def test_the_repr_says_where_the_script_stands():
    listed, endless = ScriptedModel(["a", "b"]), ScriptedModel(itertools.repeat("a"))
    chosen = ScriptedModel(lambda messages: "a")
    for model in (listed, endless, chosen):
        model.invoke("x")
    assert repr(listed) == str(listed) == "ScriptedModel(1 of 2 taken)"
    assert repr(endless) == "ScriptedModel(calls: 1)"
    assert repr(chosen) == "ScriptedModel(function, calls: 1)"
