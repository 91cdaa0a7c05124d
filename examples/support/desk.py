"""Build the support desk: a front door, three specialists, a gate, and a person behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph

from quintet.graphs import create_handoff
from quintet.nodes import (
    ApprovalGate,
    Choice,
    Effect,
    Planner,
    Recovery,
    Router,
    Worker,
    by_examples,
    by_model,
    by_name,
    by_rules,
    cascade,
    effect,
    escalate,
    fallback,
    retry,
)
from quintet.state import (
    Budget,
    Contract,
    ContractBroken,
    ConversationState,
    Plan,
    Step,
    digest,
)

from .agents import basic, billing, shipping, technical
from .authority import NeedsLead, Theirs
from .contracts import (
    DeskRequest,
    Resolution,
    answers_customer,
    as_done,
    cites_policy,
    grounded,
    measured,
    needs_person,
    on_its_day,
    stated,
    theirs,
)
from .facts import find_facts
from .policy import passage
from .rules import AT_LEAST, RULES
from .shop import Shop, ShopRefused, ShopUnavailable
from .splitting import requests
from .talks import Asking, courtesy, new_request, request_so_far, to_courtesy, two_requests

ABOUT = {
    "billing": "charges, refunds, invoices, payments, damaged or wrong items",
    "shipping": "where a parcel is, late or lost parcels, credit for lateness, addresses, returns",
    "technical": "a product that does not work, setup, pairing, warranty",
}
QUESTIONS = 2
"""The times in a row that a specialist may ask the customer before a person takes over."""

SPECIALISTS: Mapping[str, Callable[..., Any]] = {
    "billing": billing,
    "shipping": shipping,
    "technical": technical,
}


class SupportState(ConversationState, total=False):
    """The desk's own keys: the request, the facts of the order, the policy passage that applies.

    `request` is the message, with those before it where it answers a question. `seal` is the digest
    of what was looked up, with the request and the sender that it is about.
    """

    request: str
    facts: dict[str, Any]
    passage: dict[str, Any]
    seal: str


@cache
def training() -> tuple[tuple[str, str], ...]:
    """Read the learned tier's labelled examples; no message of the demo is among them."""
    text = (resources.files(__package__) / "data" / "training.jsonl").read_text("utf-8")
    rows = (json.loads(line) for line in text.splitlines())
    return tuple((row["text"], row["route"]) for row in rows)


@cache
def learned() -> Any:
    """Fit the learned tier, once in a process."""
    # Examples that belong to nobody are labelled `person`, a route as any other.
    return by_examples(training(), at_least=AT_LEAST, out_of_scope=0.0)


def chooser(model: BaseChatModel | None = None) -> Any:
    """Build the front door's tiers: rules, then examples; with a model, rules, then the model."""
    last = learned() if model is None else by_model(model, about=ABOUT)
    return cascade(by_rules(RULES), last)


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Look up what the specialists need to know: the order's facts, and the passage of policy."""

    shop: Shop

    def __call__(self, state: SupportState) -> dict[str, Any]:
        """Return the request with its facts and passage, for the whole message."""
        text, answer = request_so_far(state), state["message"]
        return knowledge(self.shop, text, state.get("behalf", ""), answer=answer)


def knowledge(
    shop: Shop, text: str, sender: str, *, whole: str | None = None, answer: str = ""
) -> dict[str, Any]:
    """Gather the facts and the passage for one request, sealed."""
    fitting = passage(text) or passage("cannot-do")
    facts = find_facts(text, sender, shop, whole=whole, answer=answer)
    known = {"request": text, "facts": facts, "passage": fitting}
    return {**known, "seal": seal({**known, "behalf": sender})}


def seal(request: Mapping[str, Any]) -> str:
    """Digest a request and what was looked up for it."""
    return digest([request.get(key) for key in ("request", "behalf", "facts", "passage")])


def as_sealed(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the input of a specialist or of a plan's part, only as it was looked up.

    Raises:
        ContractBroken: something of it was lost or changed on the way.
    """
    step = state.get("step") or {}
    # A part whose plan is gone was asked about: its answer was looked up with the message.
    handed = {**state, **(step.get("inputs", {}) if step.get("planner") else {})}
    if handed.get("seal") != seal(handed):
        why = "the request is not what the desk has looked up: some of it was lost or changed"
        raise ContractBroken(why, side="needs")
    return {**handed, "message": handed["request"]}


@dataclass(frozen=True, kw_only=True)
class Split:
    """Plan a step for each request in the message, for whoever would take it alone."""

    shop: Shop
    choose: Callable[[str], Choice | None] = field(repr=False)

    def __call__(self, given: Mapping[str, str]) -> Plan:
        """Plan one step for each request; a request that nobody takes goes to the clerk."""
        whole, sender = given["message"], given["sender"]
        steps = []
        for number, part in enumerate(requests(whole), start=1):
            choice = self.choose(part)
            taken = choice.to if choice is not None and choice.to in ABOUT else "clerk"
            inputs = knowledge(self.shop, part, sender, whole=whole)
            steps.append(Step(id=f"part{number}", goal=part, assignee=taken, inputs=inputs))
        return Plan(goal=whole, steps=tuple(steps))


def to_split(state: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the planner's input: the message as it was looked up, and who wrote it."""
    handed = as_sealed(state)
    return {"message": handed["message"], "sender": handed.get("behalf", "")}


def unclear(request: DeskRequest) -> Resolution:
    """Answer as the clerk a part that no specialist takes: a person must look."""
    return {
        "reply": "A colleague will come back to you about this.",
        "cites": "cannot-do",
        "escalate": f"no specialist takes: {request['message'][:120]}",
    }


def effects_of(shop: Shop) -> tuple[Effect, ...]:
    """Wrap the four writes: once each, undone by receipt, never on another customer's order."""
    writes: tuple[tuple[Any, str, Any], ...] = (
        (shop.issue_refund, "refund:{order_id}:{reason}:{amount:.2f}", shop.void_refund),
        (shop.open_return, "return:{order_id}:{items}", shop.cancel_return),
        (shop.change_address, "address:{order_id}:{address}", shop.restore_address),
        (shop.resend, "resend:{order_id}", shop.cancel_resend),
    )
    harmless, theirs = (ShopRefused, ShopUnavailable), Theirs(shop=shop)
    return tuple(
        effect(write, key=key, undo=undo, harmless=harmless, allow=theirs)
        for write, key, undo in writes
    )


def contract(goal: str, tools: tuple[Any, ...] = (), questions: int = 0) -> Contract:
    """Build every specialist's contract: facts and passage in, a grounded resolution out."""
    return Contract(
        goal=goal,
        needs=DeskRequest,
        gives=Resolution,
        tools=tools,
        success=(
            answers_customer,
            cites_policy,
            grounded,
            stated,
            measured,
            on_its_day,
            theirs,
            as_done,
        ),
        budget=Budget(steps=8, seconds=120),
        escalate=(needs_person,),
        questions=questions,
    )


def support_desk(
    shop: Shop,
    *,
    model: BaseChatModel | None = None,
    agents: Mapping[str, Callable[..., Any]] = SPECIALISTS,
    wait: float = 0.05,
) -> StateGraph[Any]:
    """Build the desk over a shop.

    Args:
        shop: the shop's database.
        model: with a chat model the front door and the specialists are model-driven; without one
            they are written rules and functions.
        agents: the specialists; the demo breaks some of them on purpose.
        wait: seconds before the first retry.

    Returns:
        An uncompiled StateGraph.
    """
    writes = effects_of(shop)
    workers: dict[str, Any] = {
        name: Worker(
            agent=model or Asking(agent=agents[name]),
            contract=contract(f"Resolve the request inside policy: {about}", writes, QUESTIONS),
            read=as_sealed,
        )
        for name, about in ABOUT.items()
    }
    workers["basic"] = Worker(
        agent=basic, contract=contract("Answer what needs no action"), read=as_sealed
    )
    workers["clerk"] = Worker(
        agent=unclear, contract=contract("Take what nobody takes"), read=as_sealed
    )
    workers["courtesy"] = Worker(
        agent=courtesy,
        contract=Contract(goal="Answer thanks", needs=("message",), gives=Resolution),
    )
    tiers = chooser(model)
    workers["plan"] = Planner(
        make=Split(shop=shop, choose=tiers),
        assignees=(*ABOUT, "clerk"),
        read=to_split,
    )
    return create_handoff(
        Router(
            choose=cascade(two_requests, to_courtesy, tiers),
            to=(*ABOUT, "courtesy", "plan"),
            otherwise="person",
            new_request=new_request,
        ),
        workers,
        intake=Intake(shop=shop),
        gate=ApprovalGate(
            name="support-lead",
            when=NeedsLead(shop=shop),
            approvers=("support-lead",),
            identify=by_name({"lena": ("support-lead",)}),
            expires="24h",
        ),
        recover=Recovery(
            transient=(retry(3, wait=wait), fallback("basic")),
            rate_limit=(retry(4, wait=wait if model is None else 20 * wait), fallback("basic")),
            timeout=(retry(2, wait=wait), fallback("basic")),
            invalid=(retry(2, wait=wait), fallback("basic")),
            permanent=fallback("basic"),
            unknown=fallback("basic"),
            otherwise=escalate("person"),
        ),
        state=SupportState,
    )
