from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel

from quintet.testing import ScriptedModel, ScriptExhausted

WAYS = ("invoke", "ainvoke", "stream", "astream")
ways = pytest.mark.parametrize("way", WAYS)


class Answer(BaseModel):
    """The route of a request."""

    route: str
    tries: int


PARSED = Answer(route="billing", tries=2)


@tool
def lookup(order: int) -> str:
    """Look an order up."""
    return f"order {order} is paid"


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


def test_a_subgraph_that_one_node_runs_twice_keeps_its_path():
    model = ScriptedModel(["one", "two"])
    inner = one_node("planner", model).compile()

    def twice(state: MessagesState) -> dict[str, Any]:
        return {"messages": [inner.invoke(state)["messages"][-1] for _ in range(2)]}

    outer = StateGraph(MessagesState).add_node("billing", twice).add_edge(START, "billing")
    outer.compile().invoke(HELLO)
    assert [call.node for call in model.calls] == ["billing/planner", "billing/planner"]


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
