"""Build the support desk by hand on bare LangGraph, over the same shop, specialists and rules.

It has what a careful LangGraph user writes: a retry policy on every node that calls something, an
error handler that sends lasting failures to a person, the specialists' answers checked against
their type and asked for again where they do not fit, conditional edges, an interrupt before every
write that needs a support lead, the same authority checks (whose order, what needs a lead), and a
second check after the approval. It has no claim of effects, no criteria on what an answer says, no
approval bound to the action's digest, no budget, no check of what was handed over, and no evidence
behind its `done`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from langchain_core.exceptions import ModelRateLimitError, ModelTimeoutError
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from examples.support.authority import NeedsLead, Theirs
from examples.support.contracts import Resolution
from examples.support.desk import knowledge
from examples.support.shop import Shop
from quintet.state import Action

Agent = Callable[..., Any]
Chooser = Callable[[str], Any]

ROUTES = ("billing", "shipping", "technical")
WRITES = ("issue_refund", "open_return", "change_address", "resend")
RETRY = RetryPolicy(
    max_attempts=3,
    initial_interval=0.0,
    jitter=False,
    retry_on=(
        ConnectionError,
        TimeoutError,
        ModelRateLimitError,
        ModelTimeoutError,
        ValidationError,
    ),
)
RESOLUTION = TypeAdapter(Resolution)


class State(TypedDict, total=False):
    """Hold the desk's knowledge of one message."""

    message: str
    behalf: str
    facts: dict[str, Any]
    passage: dict[str, Any]
    route: str
    resolution: dict[str, Any]
    proposed: dict[str, Any] | None
    status: str
    reason: str


class Refused(PermissionError):
    """Raised when a write is on another customer's order."""


def by_hand(shop: Shop, choose: Chooser, agents: Mapping[str, Agent]) -> StateGraph[Any]:
    """Build the desk for messages with one request; uncompiled.

    Args:
        shop: the shop's database.
        choose: the front door's chooser of a route, or None.
        agents: the specialists by route.
    """
    lead, theirs = NeedsLead(shop=shop), Theirs(shop=shop)

    def intake(state: State) -> dict[str, Any]:
        known = knowledge(shop, state["message"], state["behalf"])
        return {"facts": known["facts"], "passage": known["passage"]}

    def front(state: State) -> Command[Literal["billing", "shipping", "technical", "person"]]:
        choice = choose(state["message"])
        route = choice.to if choice is not None and choice.to in ROUTES else "person"
        return Command(goto=route, update={"route": route})  # type: ignore[arg-type]

    def specialist(agent: Agent) -> Callable[[State], dict[str, Any]]:
        def work(state: State) -> dict[str, Any]:
            tools = Writes(shop, state["behalf"], lead, theirs)
            request = {name: state[name] for name in ("message", "facts", "passage")}  # type: ignore[literal-required]
            resolution = RESOLUTION.validate_python(agent(request, tools))
            return {"resolution": dict(resolution), "proposed": tools.proposed}

        return work

    def approve(state: State) -> Command[Literal["act", "close"]]:
        answer = interrupt({"behalf": state["behalf"], **(state["proposed"] or {})})
        if answer == "approve":
            return Command(goto="act")
        resolution = {**state["resolution"], "refused": "a support lead said no"}
        return Command(goto="close", update={"resolution": resolution, "proposed": None})

    def act(state: State) -> dict[str, Any]:
        action = state["proposed"]
        if action is not None:
            allowed(theirs, action, state["behalf"])
            getattr(shop, action["action"])(**action["arguments"])
        return {"proposed": None}

    graph: StateGraph[Any] = StateGraph(State)
    safe: dict[str, Any] = {"retry_policy": RETRY, "error_handler": to_person}
    graph.add_node("intake", intake, **safe)
    graph.add_node("front", front, **safe)
    graph.add_node("approve", approve)
    graph.add_node("act", act, **safe)
    graph.add_node("close", close)
    graph.add_node("person", person)
    graph.add_edge(START, "intake")
    graph.add_edge("intake", "front")
    for name in ROUTES:
        graph.add_node(name, specialist(agents[name]), **safe)
        graph.add_conditional_edges(name, onward, ["approve", "person", "close"])
    graph.add_edge("act", "close")
    graph.add_edge("close", END)
    graph.add_edge("person", END)
    return graph


class Writes(Mapping[str, Any]):
    """Offer a specialist the four writes: one that needs a lead is proposed, not done."""

    def __init__(self, shop: Shop, behalf: str, lead: NeedsLead, theirs: Theirs) -> None:
        self.shop = shop
        self.behalf = behalf
        self.lead = lead
        self.theirs = theirs
        self.proposed: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in WRITES:
            raise KeyError(name)

        def call(**arguments: Any) -> Any:
            action = {"action": name, "arguments": arguments}
            allowed(self.theirs, action, self.behalf)
            proposal = Action(name=name, arguments=arguments, behalf=self.behalf)
            if self.lead(proposal) is not None:
                self.proposed = action
                return {"status": "proposed"}
            return getattr(self.shop, name)(**arguments)

        return call

    def __iter__(self) -> Any:
        return iter(WRITES)

    def __len__(self) -> int:
        return len(WRITES)


def allowed(theirs: Theirs, action: Mapping[str, Any], behalf: str) -> None:
    """Refuse a write on another customer's order."""
    proposal = Action(name=action["action"], arguments=action["arguments"], behalf=behalf)
    verdict = theirs(proposal)
    if verdict is not True:
        raise Refused(str(verdict))


def onward(state: State) -> str:
    """Go from a specialist to the lead, to a person, or to the end."""
    if state.get("proposed"):
        return "approve"
    return "person" if state["resolution"].get("escalate") else "close"


def close(state: State) -> dict[str, Any]:
    """End a request that the desk has settled."""
    refused = state["resolution"].get("refused", "")
    return {"status": "rejected" if refused else "done", "reason": refused}


def person(state: State) -> dict[str, Any]:
    """Hand over to a person."""
    why = (
        (state.get("resolution") or {}).get("escalate") or state.get("reason") or "nobody takes it"
    )
    asks = bool((state.get("resolution") or {}).get("ask"))
    return {"status": "asked" if asks else "escalated", "reason": why}


def to_person(state: State, error: NodeError) -> Command[Literal["person"]]:
    """Send a failure that outlasts the retries to a person."""
    return Command(
        goto="person", update={"reason": f"{error.node}: {error.error}", "resolution": {}}
    )
