"""Hand one request on ten times: eleven desks of a shop, each looks something up and hands over.

The desks are the same for all contenders: their instructions, what they look up, what they find,
and whom they hand over to. Contenders differ in what a desk's model receives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from quintet.graphs import create_handoff
from quintet.nodes import Router, Worker
from quintet.runs import start
from quintet.state import Budget, Contract
from quintet.testing import ModelCall, ScriptedModel

HANDOFFS = 10
DESKS = tuple(f"desk{number}" for number in range(HANDOFFS + 1))
MESSAGE = "Order 1042 was paid for twice, arrived late and broken. Please put all of that right."
FOUND = {"order_id": 1042, "charges": 2, "days_late": 4, "damage": "lamp shade cracked"}
ANSWER = "Thank you for writing. We have checked order 1042 and put all of it right today."
RECORD = {"order": 1042, "item": "desk lamp", "paid": 39.9, "charges": 2, "status": "delivered"}


def prompt(name: str) -> str:
    """Give a desk's instructions."""
    return (
        f"You are {name} of an online shop. Look up the order before you say anything about it, "
        "and rely on what the look-up returns, not on what the customer claims. When your part is "
        "checked, pass the request on with all that was found so far; the last desk answers in "
        "two or three sentences, politely, without promising a refund."
    )


FRONT = (
    "You lead the desks of an online shop. Pass the request to one desk after the other, then "
    "answer in two or three sentences, politely, without promising a refund."
)


def lookup_order(order_id: int) -> dict[str, Any]:
    """Look up one order: its item, what was paid, the number of charges, and its status."""
    return RECORD


def after(name: str) -> str:
    """Name the desk that a desk hands over to; empty for the last."""
    number = DESKS.index(name) + 1
    return DESKS[number] if number < len(DESKS) else ""


def scripted(payload: Mapping[str, Any], led_by: str = "") -> ScriptedModel:
    """Make the model of all desks.

    Args:
        payload: the arguments of a handoff.
        led_by: where one agent leads the desks, the tool by which it calls one, with `{}` for the
            desk; else they hand over to each other.
    """

    def reply(messages: Sequence[BaseMessage]) -> Any:
        system = messages[0].text
        if not system.startswith("You are "):
            return _lead(messages, led_by, payload)
        name = system[8:].partition(" ")[0]
        if "desk lamp" not in messages[-1].text:
            return {"name": "lookup_order", "args": {"order_id": 1042}}
        if led_by:
            return json.dumps(FOUND)
        to = after(name)
        return {"name": f"transfer_to_{to}", "args": dict(payload)} if to else ANSWER

    return ScriptedModel(reply)


def _lead(messages: Sequence[BaseMessage], led_by: str, payload: Mapping[str, Any]) -> Any:
    """Call the next desk, or answer after the last."""
    said = [message for message in messages if isinstance(message, AIMessage)]
    called = {call["name"] for message in said for call in message.tool_calls}
    names = (led_by.format(name) for name in DESKS[1:])
    to = next((name for name in names if name not in called), "")
    return {"name": to, "args": dict(payload)} if to else ANSWER


def quintet() -> Sequence[ModelCall]:
    """Run the desks as workers that hand over with the payload that their contracts name."""
    model = scripted({"reason": "my part is checked", "found": FOUND})
    workers = {
        name: Worker(
            agent=model,
            contract=Contract(
                goal=prompt(name),
                needs=First if name == DESKS[0] else Request,
                gives=str,
                tools=(lookup_order,),
                budget=Budget(handoffs=HANDOFFS + 1),
            ),
        )
        for name in DESKS
    }
    graph = create_handoff(
        Router(choose=first, to=(DESKS[0],), otherwise="person"),
        workers,
        handoffs={name: (after(name),) for name in DESKS[:-1]},
    )
    ended = start(graph.compile(), {"message": MESSAGE})
    check_answer(ended.results.get(DESKS[-1]))
    return model.calls


def first(message: str) -> str:
    """Choose the first desk for every message."""
    return DESKS[0]


class First(TypedDict):
    """The request as the first desk gets it."""

    message: str


class Found(TypedDict):
    """What the desks have found so far."""

    order_id: int
    charges: int
    days_late: int
    damage: str


class Request(TypedDict):
    """The request, and what was found so far."""

    message: str
    found: Found


def check_answer(answer: Any) -> None:
    """Check that the customer gets the last desk's answer.

    Raises:
        ValueError: it is another one.
    """
    if answer != ANSWER:
        raise ValueError(f"the customer is answered {answer!r:.80}")


class State(TypedDict):
    """What the hand-written desks know: the request, what was found, the answer."""

    message: str
    found: NotRequired[Found]
    answer: NotRequired[str]


def hand_written() -> Sequence[ModelCall]:
    """Run the desks as nodes over a compact state: no desk sees another's messages."""
    model = scripted({"reason": "my part is checked", "found": FOUND})
    graph = StateGraph(State)
    for name in DESKS:
        to = after(name)
        graph.add_node(name, _desk(model, name, to), destinations=(to or END,))
    graph.add_edge(START, DESKS[0])
    check_answer(graph.compile().invoke({"message": MESSAGE})["answer"])
    return model.calls


def _desk(model: ScriptedModel, name: str, to: str) -> Any:
    look_up = tool(lookup_order)
    pass_on = tool(f"transfer_to_{to}", description=f"Pass this request on to {to}.")(_pass_on)
    bound = model.bind_tools([look_up, pass_on] if to else [look_up])

    def desk(state: State) -> Command[str]:
        request = state["message"]
        if "found" in state:
            request += f"\nFound so far: {json.dumps(state['found'])}"
        messages: list[BaseMessage] = [SystemMessage(prompt(name)), HumanMessage(request)]
        while True:
            reply = bound.invoke(messages)
            messages.append(reply)
            if not reply.tool_calls:
                return Command(goto=END, update={"answer": reply.text})
            for call in reply.tool_calls:
                if call["name"] != "lookup_order":
                    return Command(goto=to, update={"found": call["args"]["found"]})
                result = json.dumps(look_up.invoke(call["args"]))
                messages.append(ToolMessage(result, tool_call_id=call["id"]))

    return desk


def _pass_on(reason: str, found: Found) -> None:
    """Take what a handoff hands over."""
