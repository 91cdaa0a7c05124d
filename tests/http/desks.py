"""Build a small desk with one chat model as door and specialist; script what it may say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_openai import ChatOpenAI
from langgraph.graph.state import CompiledStateGraph
from pydantic import SecretStr
from typing_extensions import TypedDict

from quintet.graphs import create_handoff
from quintet.nodes import (
    ApprovalGate,
    Recovery,
    Router,
    Worker,
    by_model,
    by_rules,
    effect,
    fallback,
    over,
    retry,
)
from quintet.state import Budget, Contract, OrchestrationState, checkpointer
from tests.aimock import Aimock, Reply, call, text

ORDER = 1042
TOKENS = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
ROUTING = {"responseFormat": "json_schema"}
WORKING = {"toolName": "Resolution"}


class Resolution(TypedDict):
    """The specialist's answer."""

    reply: str
    cites: Literal["refunds", "delays"]


class DeskState(OrchestrationState, total=False):
    """The desk's own key: the customer's order."""

    order: int


def lookup_order(order_id: int) -> dict[str, Any]:
    """Look up what was paid for an order."""
    return {"order_id": order_id, "paid": 480.0}


def chat(base_url: str, *, timeout: float = 20.0) -> ChatOpenAI:
    """Make the model of these tests: LangChain's own client, which does not retry by itself."""
    return ChatOpenAI(
        model="gpt-test",
        base_url=base_url,
        api_key=SecretStr("test"),
        max_retries=0,
        timeout=timeout,
    )


RECOVER = Recovery(
    transient=(retry(3, wait=0.01), fallback("basic")),
    rate_limit=retry(3, wait=0.01),
    timeout=retry(2, wait=0.01),
    invalid=retry(2, wait=0.01),
    permanent=fallback("basic"),
)
"""The remedy for each fault in these tests; a fault not named goes to a person."""


@dataclass(kw_only=True)
class Desk:
    """Build the desk over one chat model, and keep what it has paid."""

    model: ChatOpenAI
    recover: Recovery = RECOVER
    routed: bool = False
    paid: list[tuple[int, float]] = field(default_factory=list)

    def issue_refund(self, order_id: int, amount: float) -> dict[str, Any]:
        """Pay an amount back."""
        self.paid.append((order_id, amount))
        return {"receipt": len(self.paid)}

    def app(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """Compile the graph; `routed` leaves the model out of the front door."""
        contract = Contract(
            goal="Resolve the refund request inside policy",
            needs=("message", "order"),
            gives=Resolution,
            tools=(lookup_order, effect(self.issue_refund, key="refund:{order_id}:{amount}")),
            budget=Budget(steps=8),
        )
        about = {"billing": "charges and refunds", "shipping": "parcels"}
        choose = by_rules({"billing": ".*"}) if self.routed else by_model(self.model, about=about)
        graph = create_handoff(
            Router(choose=choose, to=("billing", "shipping"), otherwise="person"),
            {
                "billing": Worker(agent=self.model, contract=contract),
                "shipping": Worker(agent=basic, contract=ANSWER),
                "basic": Worker(agent=basic, contract=ANSWER),
            },
            gate=ApprovalGate(when=over(100), approvers=("maria",), expires="24h"),
            recover=self.recover,
            state=DeskState,
        )
        return graph.compile(checkpointer=checkpointer("memory://"))


ANSWER = Contract(goal="Answer without a model", needs=("message",))


def basic(request: dict[str, Any]) -> dict[str, Any]:
    """Answer as the specialist who needs no model."""
    return {"reply": "We have your message and will write to you today."}


def asked(message: str = "I was charged twice") -> dict[str, Any]:
    """Return the input of one run."""
    return {"message": message, "order": ORDER, "behalf": "ada@example.com"}


def route(to: str, confidence: float = 0.9, **more: Any) -> Reply:
    """Script the front door's answer."""
    return text({"to": to, "confidence": confidence, "reason": "it is about money"}, **more)


def answer(reply: str = "It is refunded.", cites: str = "refunds", **more: Any) -> Reply:
    """Script the specialist's answer, by the contract's answer tool."""
    return call("Resolution", {"reply": reply, "cites": cites}, **more)


def refund(amount: float, order: int = ORDER, **more: Any) -> Reply:
    """Let the specialist pay back."""
    return call("issue_refund", {"order_id": order, "amount": amount}, **more)


def script(aimock: Aimock, *working: Reply, to: str = "billing") -> None:
    """Route to a specialist, who then says these things in order."""
    aimock.on(ROUTING, route(to))
    aimock.on(WORKING, *working)
