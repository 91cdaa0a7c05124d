"""A front door that routes by structured output, and one of three specialists with a tool.

By hand, the front door is that of the benchmark of the desk, and the specialist's whole tool loop
is in one node, bounded: a call of no known tool, or one that the tool refuses, is answered in
words, and an answer that is empty or cut off is a failure. Its result is its last message. It has
no budget and no limit on handoffs, and keeps its tools' messages, which ours does not.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import START

from benchmarks import by_hand as desk_by_hand
from benchmarks.desks import quintet
from benchmarks.script import PROMPTS, ROUTES, alookup_order, lookup_order
from benchmarks.shapes.shape import Graph, Shape, add_step, checked, graph_with_end

TURNS = 25


class State(desk_by_hand.State, total=False):
    """The conversation, who has it, the failures, and how it ended."""

    failures: Annotated[list[str], operator.add]
    outcome: dict[str, str]


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: a specialist's whole tool loop in one node, and an outcome at the end."""
    look_up = tool(alookup_order if awaited else lookup_order)
    front, _ = desk_by_hand.specialists_of(awaited)(model, look_up)
    specialist = aspecialist if awaited else specialist_of
    graph = graph_with_end(State, finish)
    add_step(graph, "front", front, destinations=(*ROUTES, "person"))
    graph.add_edge(START, "front")
    for name in ROUTES:
        add_step(graph, name, specialist(model, look_up, name))
        graph.add_edge(name, "finish")
    return graph


def specialist_of(model: BaseChatModel, look_up: BaseTool, name: str) -> Any:
    """Make a specialist, who calls tools until they answer."""
    bound = model.bind_tools([look_up])

    def work(state: State) -> dict[str, Any]:
        messages = [SystemMessage(PROMPTS[name]), *state["messages"]]
        new: list[BaseMessage] = []
        for _ in range(TURNS):
            reply = bound.invoke([*messages, *new])
            new.append(reply)
            if not reply.tool_calls:
                checked(reply)
                return {"messages": new}
            for call in reply.tool_calls:
                try:
                    result = known(look_up, call).invoke(call["args"])
                except (ValueError, TypeError, LookupError) as problem:
                    result = f"error: {problem}"
                new.append(observed(result, call))
        raise RuntimeError(f"no answer after {TURNS} calls")

    return work


def aspecialist(model: BaseChatModel, look_up: BaseTool, name: str) -> Any:
    """Make a specialist for runs that await."""
    bound = model.bind_tools([look_up])

    async def work(state: State) -> dict[str, Any]:
        messages = [SystemMessage(PROMPTS[name]), *state["messages"]]
        new: list[BaseMessage] = []
        for _ in range(TURNS):
            reply = await bound.ainvoke([*messages, *new])
            new.append(reply)
            if not reply.tool_calls:
                checked(reply)
                return {"messages": new}
            for call in reply.tool_calls:
                try:
                    result = await known(look_up, call).ainvoke(call["args"])
                except (ValueError, TypeError, LookupError) as problem:
                    result = f"error: {problem}"
                new.append(observed(result, call))
        raise RuntimeError(f"no answer after {TURNS} calls")

    return work


def known(look_up: BaseTool, call: Any) -> BaseTool:
    """Give the tool that is called, if there is one of that name."""
    if call["name"] != look_up.name:
        raise LookupError(f"there is no tool {call['name']!r}")
    return look_up


def observed(result: Any, call: Any) -> ToolMessage:
    """Wrap a tool's result in a message, as the desk does."""
    return desk_by_hand.observed(result, call)


def finish(state: State) -> dict[str, dict[str, str]]:
    """Write the outcome: done, if somebody took the request and has answered."""
    last = state["messages"][-1]
    answered = isinstance(last, AIMessage) and bool(state.get("route"))
    status = "done" if answered else "escalated"
    reason = f"answered by {state.get('route') or 'nobody'}"
    return {"outcome": {"status": status, "reason": reason}}


HANDOFF = Shape(
    name="handoff",
    ours=quintet,
    by_hand=by_hand,
    calls=3,
    depth=3,
    results=(),
    spoken=True,
)
