"""Build small conversations for the tests: a desk whose specialists ask, hand over and answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NotRequired

from langgraph.graph import StateGraph
from typing_extensions import TypedDict

from quintet.graphs import create_handoff
from quintet.nodes import Handoff, Question, Router, Worker, by_rules, effect
from quintet.runs import Run, astart, start
from quintet.state import Asked, Contract, ConversationState, Message

RULES = {"billing": r"charged|refund", "shipping": "parcel", "technical": "kettle"}


class Talk(TypedDict):
    message: str
    asked: NotRequired[Asked]
    messages: NotRequired[list[Message]]


class Parcel(TypedDict):
    message: str
    order: str
    asked: NotRequired[Asked]


def so_far(request: Mapping[str, Any]) -> str:
    """Give the customer's words on this request: those before the question, and the answer."""
    return f"{request.get('asked', {}).get('about', '')} {request['message']}"


def order_in(request: Mapping[str, Any]) -> str:
    """Give the order's number, or ''."""
    number = re.search(r"\b\d{4}\b", so_far(request))
    return number[0] if number else ""


def bill(request: Talk) -> Any:
    """Refund an order, once its number is known; a parcel is not its business."""
    order = order_in(request)
    if not order:
        return Question(text="Which order is it?")
    if "parcel" in so_far(request):
        return Handoff(to="shipping", reason="a parcel", payload={"order": order})
    return {"reply": f"refunded {order}"}


def ship(request: Parcel) -> Any:
    """Tell where an order's parcel is, once the postcode is known."""
    if "postcode" not in so_far(request):
        return Question(text="What is the postcode?")
    return {"reply": f"parcel {request['order']} is on its way"}


def repair(request: Talk) -> Any:
    """Give the one advice that there is."""
    return {"reply": "try another socket"}


def worker(agent: Any, needs: Any = Talk, **options: Any) -> Worker:
    """Make a worker that may ask twice; what is not an option of `Worker` goes to its contract."""
    own = {name: options.pop(name) for name in ("then", "read", "gate") if name in options}
    contract = Contract(goal="Help", needs=needs, **{"questions": 2, **options})
    return Worker(agent=agent, contract=contract, **own)


def crew(**other: Worker) -> dict[str, Any]:
    """Give the specialists."""
    return {
        "billing": worker(bill),
        "shipping": worker(ship, Parcel),
        "technical": worker(repair, questions=0),
        **other,
    }


def door(**options: Any) -> Router:
    """Make a front door by rules; parcels come by handoff alone."""
    rules = {name: RULES[name] for name in ("billing", "technical")}
    given = {"choose": by_rules(rules), "to": tuple(rules), "otherwise": "person", **options}
    return Router(**given)


def desk(*, router: Router | None = None, **options: Any) -> StateGraph[Any]:
    """Build the desk."""
    given = {"workers": crew(), "handoffs": {"billing": ("shipping",)}, "state": ConversationState}
    return create_handoff(router or door(), **{**given, **options})


def pay(order: str) -> str:
    """Pay an order back."""
    PAID.append(order)
    return "paid"


PAID: list[str] = []
PAYING = effect(pay, key="pay:{order}")


def paying(request: Talk, tools: Any) -> Any:
    """Ask for the order, then pay it back."""
    order = order_in(request)
    if not order:
        return Question(text="Which order is it?")
    return {"reply": str(tools.pay(order=order))}


async def say(app: Any, way: str, message: str, thread: str = "t", **given: Any) -> Run:
    """Run a turn of a conversation."""
    if way == "async":
        return await astart(app, {"message": message, **given}, thread=thread)
    return start(app, {"message": message, **given}, thread=thread)


def spoken(run: Run) -> list[str]:
    """Give the turns that are on record, each in a word and its text."""
    turns = run.values["messages"]
    return [f"{turn.get('name', turn['role'])}: {turn['content']}" for turn in turns]
