"""A plan of three steps by a rule: two at once, then one that needs both.

By hand, the plan is not checked (unknown workers, cycles, missing steps), and a step's failure goes
to a person and leads to no new plan.
"""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import START
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from benchmarks.shapes.shape import Graph, Shape, State, add_step, asks, graph_with_end, said
from benchmarks.shapes.shape import worker as ours_worker
from quintet.graphs import create_planner
from quintet.nodes import Planner
from quintet.state import Step

STEPS = {
    "dates": ("search", ()),
    "price": ("search", ()),
    "ticket": ("book", ("dates", "price")),
}
GOALS = {"search": "Search the web.", "book": "Book the ticket."}


class Planned(State, total=False):
    """The plan too: each step's worker and what it waits for."""

    plan: dict[str, Any]


class Sent(TypedDict):
    """What a step's worker is sent."""

    step: str
    message: str
    results: dict[str, Any]


def ours(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it through Quintet."""
    steps = tuple(
        Step(id=name, goal=name, assignee=assignee, after=after)
        for name, (assignee, after) in STEPS.items()
    )
    workers = {
        "search": ours_worker(model, GOALS["search"]),
        "book": ours_worker(model, GOALS["book"], "dates", "price"),
    }
    return create_planner(Planner(make=lambda _: steps, assignees=tuple(GOALS)), workers)


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: the plan in the state, ready steps by `Send`, an edge back to the plan."""

    def plan(state: Planned) -> Command[str]:
        plan, results = state.get("plan") or dict(STEPS), state.get("results", {})
        left = [name for name in plan if name not in results]
        if not left:
            return Command(goto="finish", update={"plan": plan})
        ready = [name for name in left if all(before in results for before in plan[name][1])]
        sends = [Send(plan[name][0], _sent(name, plan, state)) for name in ready]
        return Command(goto=sends, update={"plan": plan})

    def _sent(name: str, plan: dict[str, Any], state: Planned) -> Sent:
        results = {before: state["results"][before] for before in plan[name][1]}
        return {"step": name, "message": state["message"], "results": results}

    def worker(goal: str) -> Any:
        ask = asks(model, awaited, "step", goal)

        def work(state: Sent) -> dict[str, Any]:
            return {"results": {state["step"]: ask(state)["results"]["step"]}}

        async def awork(state: Sent) -> dict[str, Any]:
            return {"results": {state["step"]: (await ask(state))["results"]["step"]}}

        return awork if awaited else work

    graph = graph_with_end(Planned)
    # Deferred, so that it looks when all steps that were sent out have ended.
    add_step(graph, "plan", plan, defer=True, destinations=(*GOALS, "finish"))
    for name, goal in GOALS.items():
        add_step(graph, name, worker(goal), input_schema=Sent)
        graph.add_edge(name, "plan")
    graph.add_edge(START, "plan")
    return graph


PLANNER = Shape(
    name="planner",
    ours=ours,
    by_hand=by_hand,
    calls=3,
    depth=2,
    results=tuple(STEPS),
    reply=said((GOALS["search"], "12 May"), (GOALS["book"], "booked")),
)
