"""Build the desk by hand on bare LangGraph, for sync and for async runs, in two styles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from pydantic import BaseModel, Field

from benchmarks.desks import Contender
from benchmarks.script import FRONT, PROMPTS, ROUTES, alookup_order, lookup_order


class Route(BaseModel):
    """The route of one request."""

    to: Literal["billing", "shipping", "technical", "none"] = Field(description="the route")
    confidence: float = Field(ge=0, le=1, description="how sure you are, from 0 to 1")
    reason: str = Field(description="why, in one short sentence")


class State(MessagesState, total=False):
    """The conversation, and who has it."""

    route: str


def langgraph(model: BaseChatModel, awaited: bool) -> StateGraph[Any]:
    """Give each model call and each tool call a node, as LangGraph's documentation teaches it."""
    look_up = tool(alookup_order if awaited else lookup_order)
    front, specialist, tools = (_async_nodes if awaited else _nodes)(model, look_up)
    graph = StateGraph(State)
    graph.add_node("front", front, destinations=(*ROUTES, "person"))
    graph.add_node("person", person)
    graph.add_node("tools", tools)
    graph.add_edge(START, "front")
    graph.add_edge("person", END)
    for name in ROUTES:
        graph.add_node(name, specialist(name))
        graph.add_conditional_edges(name, to_tools_or_end, ["tools", END])
    graph.add_conditional_edges("tools", back_to_specialist, list(ROUTES))
    return graph


def person(state: State) -> dict[str, Any]:
    """Answer a message that no specialist takes."""
    return {"messages": [AIMessage("A colleague will write to you.")]}


def to_tools_or_end(state: State) -> str:
    """Go to the tools while the specialist calls some, else to the end."""
    last = state["messages"][-1]
    return "tools" if isinstance(last, AIMessage) and last.tool_calls else END


def back_to_specialist(state: State) -> str:
    """Return from the tools to the specialist who has the conversation."""
    return state["route"]


def sent_on(route: Route) -> Command[str]:
    """Send the request to the specialist, or to a person."""
    to = "person" if route.to == "none" else route.to
    return Command(goto=to, update={"route": to})


def _nodes(model: BaseChatModel, look_up: BaseTool) -> tuple[Any, Any, Any]:
    router = model.with_structured_output(Route)
    bound = model.bind_tools([look_up])
    tools_by_name = {look_up.name: look_up}

    def front(state: State) -> Command[str]:
        messages = [SystemMessage(FRONT), *state["messages"]]
        return sent_on(cast(Route, router.invoke(messages)))

    def specialist(name: str) -> Callable[[State], dict[str, Any]]:
        def answer(state: State) -> dict[str, Any]:
            return {"messages": [bound.invoke([SystemMessage(PROMPTS[name]), *state["messages"]])]}

        return answer

    def tools(state: State) -> dict[str, Any]:
        replies = []
        for call in cast(AIMessage, state["messages"][-1]).tool_calls:
            result = tools_by_name[call["name"]].invoke(call["args"])
            replies.append(observed(result, call))
        return {"messages": replies}

    return front, specialist, tools


def _async_nodes(model: BaseChatModel, look_up: BaseTool) -> tuple[Any, Any, Any]:
    router = model.with_structured_output(Route)
    bound = model.bind_tools([look_up])
    tools_by_name = {look_up.name: look_up}

    async def front(state: State) -> Command[str]:
        messages = [SystemMessage(FRONT), *state["messages"]]
        return sent_on(cast(Route, await router.ainvoke(messages)))

    def specialist(name: str) -> Callable[[State], Any]:
        async def answer(state: State) -> dict[str, Any]:
            messages = [SystemMessage(PROMPTS[name]), *state["messages"]]
            return {"messages": [await bound.ainvoke(messages)]}

        return answer

    async def tools(state: State) -> dict[str, Any]:
        replies = []
        for call in cast(AIMessage, state["messages"][-1]).tool_calls:
            result = await tools_by_name[call["name"]].ainvoke(call["args"])
            replies.append(observed(result, call))
        return {"messages": replies}

    return front, specialist, tools


def observed(result: Any, call: Any) -> ToolMessage:
    """Wrap a tool's result in a message."""
    return ToolMessage(json.dumps(result, ensure_ascii=False), tool_call_id=call["id"])


def langgraph_fused(model: BaseChatModel, awaited: bool) -> StateGraph[Any]:
    """Put a specialist's whole tool loop into one node: nothing is saved within the loop."""
    look_up = tool(alookup_order if awaited else lookup_order)
    front, specialist = (_async_fused if awaited else _fused)(model, look_up)
    graph = StateGraph(State)
    graph.add_node("front", front, destinations=(*ROUTES, "person"))
    graph.add_node("person", person)
    graph.add_edge(START, "front")
    graph.add_edge("person", END)
    for name in ROUTES:
        graph.add_node(name, specialist(name))
        graph.add_edge(name, END)
    return graph


def _fused(model: BaseChatModel, look_up: BaseTool) -> tuple[Any, Any]:
    front, _, tools = _nodes(model, look_up)
    bound = model.bind_tools([look_up])

    def specialist(name: str) -> Callable[[State], dict[str, Any]]:
        def work(state: State) -> dict[str, Any]:
            messages = [SystemMessage(PROMPTS[name]), *state["messages"]]
            reply = bound.invoke(messages)
            new: list[BaseMessage] = [reply]
            while reply.tool_calls:
                new += tools({"messages": [reply]})["messages"]
                reply = bound.invoke([*messages, *new])
                new.append(reply)
            return {"messages": new}

        return work

    return front, specialist


def _async_fused(model: BaseChatModel, look_up: BaseTool) -> tuple[Any, Any]:
    front, _, tools = _async_nodes(model, look_up)
    bound = model.bind_tools([look_up])

    def specialist(name: str) -> Callable[[State], Any]:
        async def work(state: State) -> dict[str, Any]:
            messages = [SystemMessage(PROMPTS[name]), *state["messages"]]
            reply = await bound.ainvoke(messages)
            new: list[BaseMessage] = [reply]
            while reply.tool_calls:
                new += (await tools({"messages": [reply]}))["messages"]
                reply = await bound.ainvoke([*messages, *new])
                new.append(reply)
            return {"messages": new}

        return work

    return front, specialist


def specialists_of(awaited: bool) -> Any:
    """Give what makes the front door and the fused specialists, for runs that await or not."""
    return _async_fused if awaited else _fused


LANGGRAPH = Contender(name="langgraph", build=langgraph)
FUSED = Contender(name="langgraph_fused", build=langgraph_fused)
