"""A manager who gives two steps to workers at once, sees what came back, and answers.

By hand, nothing bounds the rounds but LangGraph's recursion limit, a worker's failure goes to a
person and not back to the manager, and the model is not told who the workers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langgraph.graph import START
from langgraph.types import Command, Send
from pydantic import BaseModel

from benchmarks.shapes.shape import Graph, Shape, State, add_step, asks, graph_with_end, worker
from quintet.graphs import create_manager_worker
from quintet.nodes import Manager
from quintet.state import Contract

GOAL = "Manage the workers: give them steps, and answer when you know enough."
GOALS = {"search": "Search for the facts.", "compute": "Compute the numbers."}
STEPS = [
    {"id": "facts", "goal": "find the facts", "assignee": "search"},
    {"id": "sums", "goal": "add the numbers up", "assignee": "compute"},
]


class Step(BaseModel):
    """One worker's step."""

    id: str
    goal: str
    assignee: str


class Turn(BaseModel):
    """What the manager does next: more steps, or the answer."""

    steps: list[Step] = []
    answer: str = ""


def ours(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it through Quintet."""
    contract = Contract(goal=GOAL, needs=("message",), gives=str)
    workers = {name: worker(model, goal) for name, goal in GOALS.items()}
    return create_manager_worker(Manager(agent=model, contract=contract), workers)


def by_hand(model: BaseChatModel, awaited: bool) -> Graph:
    """Build it by hand: structured output, a `Send` for each step, an edge back to the manager."""
    deciding = model.with_structured_output(Turn)

    def messages(state: State) -> list[BaseMessage]:
        had = "".join(f"\n{name}: {text}" for name, text in state.get("results", {}).items())
        return [SystemMessage(GOAL), HumanMessage(state["message"] + had)]

    def on(turn: Any) -> Command[str]:
        if turn.steps:
            return Command(
                goto=[Send(step.assignee, {"message": step.goal}) for step in turn.steps]
            )
        return Command(goto="finish", update={"results": {"manager": turn.answer}})

    def manager(state: State) -> Command[str]:
        return on(deciding.invoke(messages(state)))

    async def amanager(state: State) -> Command[str]:
        return on(await deciding.ainvoke(messages(state)))

    graph = graph_with_end()
    node = amanager if awaited else manager
    add_step(graph, "manager", node, destinations=(*GOALS, "finish"))
    for (name, goal), step in zip(GOALS.items(), STEPS, strict=True):
        add_step(graph, name, asks(model, awaited, step["id"], goal))
        graph.add_edge(name, "manager")
    graph.add_edge(START, "manager")
    return graph


def reply(messages: Sequence[BaseMessage]) -> Any:
    """Reply as the manager, first with steps and then with the answer; or as a worker."""
    system, last = messages[0].text, messages[-1].text
    if GOAL not in system:
        return "three facts" if GOALS["search"] in system else "42"
    known = "three facts" in last and "42" in last
    return {"answer": "It is 42, by three facts."} if known else {"steps": STEPS}


MANAGER_WORKER = Shape(
    name="manager_worker",
    ours=ours,
    by_hand=by_hand,
    calls=4,
    depth=3,
    results=("facts", "sums", "manager"),
    reply=reply,
)
