"""Run a manager with eight workers, each with a look-up: by Quintet, by hand, and by others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from operator import or_
from typing import Annotated, Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from benchmarks.team import (
    ANSWER,
    AREAS,
    HOW,
    LISTED,
    MANAGE,
    QUESTION,
    analyst,
    lookup_figures,
    scripted,
)
from quintet.graphs import create_manager_worker
from quintet.nodes import Manager, Worker
from quintet.runs import start
from quintet.state import Contract
from quintet.testing import ModelCall

Runs = Callable[[], Sequence[ModelCall]]


class Unequal(Exception):
    """Raised when a contender does not come to the scripted answer."""


def quintet() -> Sequence[ModelCall]:
    """Run our manager with eight workers under contract."""
    model = scripted()
    workers = {
        area: Worker(
            agent=model,
            contract=Contract(
                goal=analyst(area), needs=("message",), gives=str, tools=(lookup_figures,)
            ),
        )
        for area in AREAS
    }
    contract = Contract(goal=MANAGE, needs=("message",), gives=str)
    boss = Manager(agent=model, contract=contract, team=AREAS)
    ended = start(create_manager_worker(boss, workers).compile(), {"message": QUESTION})
    return _checked("quintet", model.calls, ended.results.get("manager"))


class ByHandStep(BaseModel):
    """One step."""

    id: str = Field(description="a short name, new for each step")
    goal: str = Field(description="what it is to achieve, with all that it needs to know")
    assignee: Literal[tuple(AREAS)] = Field(description="who takes it")  # type: ignore[valid-type]


class ByHandDecision(BaseModel):
    """Steps to give out, or the answer."""

    steps: list[ByHandStep] = Field(default_factory=list)
    answer: str | None = None
    reason: str = Field(default="", description="why, in one short sentence")


class Team(TypedDict, total=False):
    """The question, what has come back, the answer."""

    question: str
    results: Annotated[dict[str, str], or_]
    answer: str


def by_hand(model: BaseChatModel) -> StateGraph[Any]:
    """Build the same on bare LangGraph: `Send` to each worker, and the manager decides again."""
    decide = model.with_structured_output(ByHandDecision)
    look_up = tool(lookup_figures)
    bound = model.bind_tools([look_up])

    def manager(state: Team) -> Command[str]:
        messages: list[BaseMessage] = [
            SystemMessage(f"{MANAGE}\n{HOW}\n{LISTED}"),
            HumanMessage(state["question"]),
        ]
        if state.get("results"):
            messages.append(HumanMessage(json.dumps({"results": state["results"]})))
        decision: Any = decide.invoke(messages)
        if decision.answer:
            return Command(goto=END, update={"answer": decision.answer})
        return Command(
            goto=[Send(s.assignee, {"id": s.id, "question": s.goal}) for s in decision.steps]
        )

    def worker(area: str) -> Callable[[Any], dict[str, Any]]:
        def work(state: Any) -> dict[str, Any]:
            messages: list[BaseMessage] = [
                SystemMessage(analyst(area)),
                HumanMessage(state["question"]),
            ]
            said: Any = bound.invoke(messages)
            while said.tool_calls:
                messages.append(said)
                for call in said.tool_calls:
                    found = json.dumps(look_up.invoke(call["args"]))
                    messages.append(ToolMessage(found, tool_call_id=call["id"]))
                said = bound.invoke(messages)
            return {"results": {state["id"]: said.text}}

        return work

    graph: StateGraph[Any] = StateGraph(Team)
    graph.add_node("manager", manager, destinations=(*AREAS, END), defer=True)
    graph.add_edge(START, "manager")
    for area in AREAS:
        graph.add_node(area, worker(area))
        graph.add_edge(area, "manager")
    return graph


def hand_written() -> Sequence[ModelCall]:
    """Run the hand-written graph."""
    model = scripted()
    result = by_hand(model).compile().invoke({"question": QUESTION})
    return _checked("hand_written", model.calls, result.get("answer"))


def peers() -> Mapping[str, Runs]:
    """Give the runs of other libraries, each as its own README shows it."""
    return {"langgraph_supervisor": supervisor, "create_agent_subagents": subagents}


def supervisor() -> Sequence[ModelCall]:
    """Use langgraph-supervisor: one analyst after the other reports back."""
    from langgraph_supervisor import create_supervisor

    model = scripted("transfer_to_{}")
    agents = [_agent(model, area) for area in AREAS]
    graph = create_supervisor(agents, model=model, prompt=f"{MANAGE}\n{LISTED}")
    result = graph.compile().invoke({"messages": [HumanMessage(QUESTION)]})
    return _checked("langgraph_supervisor", model.calls, result["messages"][-1].text)


def subagents() -> Sequence[ModelCall]:
    """Use `create_agent`: the analysts are tools of a front agent, all called at once."""
    from langchain.agents import create_agent

    model = scripted("ask_{}")
    asks = [_ask(_agent(model, area), area) for area in AREAS]
    front = create_agent(model, asks, system_prompt=MANAGE, name="front")
    result = front.invoke({"messages": [HumanMessage(QUESTION)]})
    return _checked("create_agent_subagents", model.calls, result["messages"][-1].text)


def _agent(model: BaseChatModel, area: str) -> Any:
    from langchain.agents import create_agent

    return create_agent(model, [tool(lookup_figures)], system_prompt=analyst(area), name=area)


def _ask(agent: Any, area: str) -> BaseTool:
    def ask(request: str) -> str:
        result = agent.invoke({"messages": [{"role": "user", "content": request}]})
        return str(result["messages"][-1].text)

    return tool(f"ask_{area}", description=AREAS[area])(ask)


def _checked(name: str, calls: Sequence[ModelCall], answer: Any) -> Sequence[ModelCall]:
    if answer != ANSWER:
        raise Unequal(f"{name} answers {answer!r:.200}")
    return calls
