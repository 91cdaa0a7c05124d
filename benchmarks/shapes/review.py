"""A draft, a review that sends it back once, and then its publication.

By hand, the rounds are counted and bounded, and a person takes over where they are used up. Nobody
notices a version that was there before, and no verdict but the last is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langgraph.graph import START
from typing_extensions import TypedDict

from benchmarks.shapes.shape import Graph, Shape, State, add_step, asks, graph_with_end, worker
from quintet.graphs import create_sequential, review
from quintet.nodes import Worker
from quintet.state import Contract, unmet

WRITE, PUBLISH = "Write a report of two sentences.", "Write the headline."
ROUNDS = 3
SIGN = "[source]"


class Draft(TypedDict):
    """What the writer of ours needs: the review too, once there is one."""

    message: str
    write_review: NotRequired[dict[str, Any]]


def ours(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it through Quintet."""
    writing = Contract(goal=WRITE, needs=Draft, gives=str)
    return create_sequential(
        {
            "write": Worker(agent=model, contract=writing),
            "check": review("write", by=cites, rounds=ROUNDS),
            "publish": worker(model, PUBLISH),
        }
    )


def cites(draft: str) -> Any:
    """Hold where a source is cited."""
    return SIGN in draft or unmet("no source is cited")


class Reviewed(State, total=False):
    """How often it was shown, too."""

    rounds: int


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: a rule reviews, counts the rounds, and leads back or on."""

    def check(state: Reviewed) -> dict[str, Any]:
        fine = SIGN in state["results"]["write"]
        note = "" if fine else "no source is cited"
        return {
            "rounds": state.get("rounds", 0) + 1,
            "results": {"write_review": {"ok": fine, "note": note}},
        }

    def on(state: Reviewed) -> str:
        if state["results"]["write_review"]["ok"]:
            return "publish"
        return "write" if state["rounds"] < ROUNDS else "person"

    writing = asks(model, awaited, "write", WRITE)
    again = asks(model, awaited, "write", WRITE, "write_review")

    def write(state: Reviewed) -> dict[str, Any]:
        result: dict[str, Any] = (again if state.get("rounds") else writing)(state)
        return result

    async def awrite(state: Reviewed) -> dict[str, Any]:
        result: dict[str, Any] = await (again if state.get("rounds") else writing)(state)
        return result

    graph = graph_with_end(Reviewed)
    add_step(graph, "write", awrite if awaited else write)
    add_step(graph, "check", check)
    add_step(graph, "publish", asks(model, awaited, "publish", PUBLISH))
    graph.add_edge(START, "write")
    graph.add_edge("write", "check")
    graph.add_conditional_edges("check", on, ["publish", "write", "person"])
    graph.add_edge("publish", "finish")
    return graph


def reply(messages: Sequence[BaseMessage]) -> Any:
    """Reply as the writer, who cites a source when asked again, and as the publisher."""
    if PUBLISH in messages[0].text:
        return "A headline"
    cites = "no source is cited" in messages[-1].text
    return f"It went well {SIGN}." if cites else "It went well."


REVIEW = Shape(
    name="review",
    ours=ours,
    by_hand=by_hand,
    calls=3,
    depth=3,
    results=("write", "publish"),
    reply=reply,
)
