"""Build the retail desk as a graph: one conversation, each write confirmed by its customer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Required

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from quintet.graphs import by_actions, by_outcome
from quintet.nodes import (
    Act,
    ApprovalGate,
    Effect,
    Finish,
    Recovery,
    Worker,
    effect,
    hand_over,
)
from quintet.state import (
    Action,
    ActionRefused,
    Contract,
    EffectRepeated,
    OrchestrationState,
    Unmet,
    digest,
    unmet,
)

from .actions import HANDOVERS, READS, WRITES
from .records import Refused
from .store import Store

Recorded = Mapping[str, Any]


class RetailState(OrchestrationState, total=False):
    """The conversation's state: its customer's wishes, as recorded actions, and its progress."""

    wishes: list[dict[str, Any]]


class Turn(TypedDict):
    """The agent's input: the recorded actions, the number dealt with, and the refusals."""

    wishes: list[dict[str, Any]]
    position: int
    refusals: list[dict[str, str]]


class Report(TypedDict, total=False):
    """The agent's output: its position, the refusals, and the summary of any transfer."""

    position: Required[int]
    refusals: Required[list[dict[str, str]]]
    transferred: str
    finished: bool


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Enforce what no confirmation overrides: one customer a conversation, the shop's own rules.

    The action is tried and undone, so that a customer is never asked to confirm what would then be
    refused.
    """

    store: Store = field(compare=False)

    def __call__(self, action: Action) -> bool | Unmet:
        """Return True, or why this action may not happen in this conversation."""
        try:
            owner = self.store.owner(action.name, action.arguments)
            if owner != action.behalf:
                return unmet(f"it concerns {owner}, but this conversation is with {action.behalf}")
            self.store.undo(self.store.call(action.name, action.arguments))
        except Refused as refusal:
            return unmet(str(refusal))
        return True


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Check that every write asked for was done, or that the shop's rules still refuse it.

    The actions on record and the rules decide this, not the agent.
    """

    store: Store = field(compare=False)

    def __call__(self, state: Mapping[str, Any]) -> bool | Unmet:
        """Return True, or the writes that are neither done nor refused."""
        actions = (state.get("actions") or {}).values()
        done = [(a["name"], a.get("arguments")) for a in actions if a["status"] == "done"]
        rule, behalf = Rule(store=self.store), state.get("behalf", "")
        open_still = [
            wish["name"]
            for wish in state["wishes"]
            if wish["name"] in WRITES
            and (wish["name"], wish["arguments"]) not in done
            and rule(Action(name=wish["name"], arguments=wish["arguments"], behalf=behalf)) is True
        ]
        return not open_still or unmet(f"asked for and not done: {', '.join(open_still)}")


def the_customer(action: Action) -> tuple[str, ...]:
    """Name who may confirm: the customer on whose behalf the action is, and nobody else."""
    return (action.behalf,)


def writes(store: Store) -> tuple[Effect, ...]:
    """Wrap the shop's writes as effects: once in a conversation, undone by receipt."""
    return tuple(
        effect(
            getattr(store, name),
            key=_Key(name),
            undo=store.undo,
            harmless=(Refused,),
            allow=Rule(store=store),
        )
        for name in sorted(WRITES)
    )


@dataclass(frozen=True)
class _Key:
    """Give the same write with the same arguments one key, so that it is one effect."""

    name: str

    def __call__(self, **arguments: Any) -> str:
        about = arguments.get("order_id") or arguments.get("user_id")
        return f"{self.name}:{about}:{digest(arguments)}"


def replay(turn: Turn, tools: Mapping[str, Any]) -> Report:
    """Act as the agent: take the recorded actions in order, up to the next write proposed."""
    refusals = list(turn["refusals"])
    wishes = turn["wishes"]
    for position, wish in enumerate(wishes[turn["position"] :], start=turn["position"] + 1):
        if wish["name"] in HANDOVERS:
            summary = wish["arguments"].get("summary", "") or "the customer needs a person"
            return {"position": position, "refusals": refusals, "transferred": summary}
        try:
            tools[wish["name"]](**wish["arguments"])
        except Refused as refusal:
            refusals.append({"action_id": wish["action_id"], "error": str(refusal)})
        except ActionRefused as refusal:
            refusals.append({"action_id": wish["action_id"], "error": refusal.reason})
        except EffectRepeated as refusal:
            refusals.append({"action_id": wish["action_id"], "error": str(refusal)})
        else:
            if wish["name"] in WRITES:
                return {"position": position, "refusals": refusals}
    return {"position": len(wishes), "refusals": refusals, "finished": True}


def accounts_for_all(turn: Turn, report: Report) -> bool | Unmet:
    """Check that the agent went on, and left out no write: the last is proposed, others refused."""
    begun, ended, wishes = turn["position"], report["position"], turn["wishes"]
    if not min(begun + 1, len(wishes)) <= ended <= len(wishes):
        return unmet(f"it went from action {begun} to {ended} of {len(wishes)}")
    if report["refusals"][: len(turn["refusals"])] != turn["refusals"]:
        return unmet("it tells otherwise of what was refused before")
    refused = [item["action_id"] for item in report["refusals"]]
    open_writes = [
        wish["action_id"]
        for wish in wishes[begun:ended]
        if wish["name"] in WRITES and wish["action_id"] not in refused
    ]
    if report.get("finished"):
        return (ended == len(wishes) and not open_writes) or unmet("it is not finished")
    stopped_at = [wish["action_id"] for wish in wishes[begun:ended][-1:]]
    return open_writes == stopped_at or unmet(f"it left out {', '.join(open_writes[:-1])}")


def needs_a_person(report: Report) -> str:
    """Return why to escalate: the summary of the agent's transfer; empty without one."""
    return report.get("transferred", "")


def _turn(state: Mapping[str, Any]) -> Mapping[str, Any]:
    last = (state.get("results") or {}).get("agent") or {}
    return {
        "wishes": state["wishes"],
        "position": last.get("position", 0),
        "refusals": last.get("refusals", []),
    }


def _next(state: Mapping[str, Any]) -> str:
    """Route to the gate, back to the agent for the next wish, or to the end."""
    proposed = by_actions("confirm", otherwise="on")(state)
    finished = state["results"]["agent"].get("finished", False)
    return proposed if proposed == "confirm" else "finish" if finished else "agent"


def retail_desk(store: Store, *, confirm: bool = True) -> StateGraph[Any]:
    """Build the desk over one conversation's shop.

    Args:
        store: the shop as this conversation sees it.
        confirm: without it the wiring leaves the gate out, as a careless change might; the
            effects then find no confirmation and nothing is written.

    Returns:
        An uncompiled StateGraph.
    """
    effects = writes(store)
    gate = ApprovalGate(
        name="customer", approvers=the_customer, expires="1h", approved="act", rejected="agent"
    )
    reads = tuple(getattr(store, name) for name in sorted(READS))
    agent = Worker(
        agent=replay,
        contract=Contract(
            goal="Serve one customer inside policy",
            needs=Turn,
            gives=Report,
            tools=(*reads, *effects),
            success=(accounts_for_all,),
            escalate=(needs_a_person,),
        ),
        read=_turn,
        gate=gate,
    )
    recovery = Recovery()
    graph: StateGraph[Any] = StateGraph(RetailState)
    graph.add_node("agent", agent, error_handler=recovery)
    graph.add_node("confirm", gate, destinations=gate.destinations)
    act = Act(effects=effects, gate=gate, then="agent")
    graph.add_node("act", act, error_handler=recovery, destinations=act.destinations)
    graph.add_node("finish", Finish(success=(Settled(store=store),)))
    graph.add_node("person", hand_over)
    graph.add_edge(START, "agent")
    ways = {"confirm": "confirm" if confirm else "act", "agent": "agent", "finish": "finish"}
    graph.add_conditional_edges("agent", _next, list(dict.fromkeys(ways.values())))
    ended = by_outcome(otherwise=END)
    graph.add_conditional_edges("finish", ended, ended.targets)
    graph.add_edge("person", END)
    return graph


def customer_of(store: Store, task: Mapping[str, Any], recorded: Sequence[Recorded]) -> str:
    """Find the conversation's customer by e-mail, or by name and zip, as the policy demands.

    Returns:
        The user's id, or an empty text where the customer never says who they are.
    """
    lookups = [item for item in recorded if item["name"].startswith("find_user_id")]
    for name, arguments in [*((i["name"], i["arguments"]) for i in lookups), *_said(task)]:
        try:
            return str(store.call(name, arguments))
        except Refused:
            continue
    return ""


def _said(task: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """List the look-ups that the customer's own words allow."""
    told = " ".join(str(text) for text in task["user_scenario"]["instructions"].values() if text)
    lookups: list[tuple[str, dict[str, str]]] = [
        ("find_user_id_by_email", {"email": email})
        for email in re.findall(r"[\w.]+@[\w.]+\w", told)
    ]
    names = re.findall(r"\b([A-Z][a-z]+) ([A-Z][a-z]+)\b", told)
    for zip_code in re.findall(r"\b\d{5}\b", told):
        for first, last in names:
            arguments = {"first_name": first, "last_name": last, "zip": zip_code}
            lookups.append(("find_user_id_by_name_zip", arguments))
    return lookups
