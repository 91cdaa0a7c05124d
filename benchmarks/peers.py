"""Build the desk with other libraries on LangGraph, each as its own README shows it."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool, tool
from langgraph.graph import StateGraph
from langgraph_supervisor import create_supervisor
from langgraph_swarm import create_handoff_tool, create_swarm

from benchmarks.desks import Contender
from benchmarks.script import FRONT, PROMPTS, ROUTES, alookup_order, lookup_order


def supervisor(model: BaseChatModel, awaited: bool) -> StateGraph[Any]:
    """Use langgraph-supervisor: specialists report back, and the supervisor answers."""
    agents = [_agent(model, name, awaited) for name in ROUTES]
    return create_supervisor(agents, model=model, prompt=FRONT)


def swarm(model: BaseChatModel, awaited: bool) -> StateGraph[Any]:
    """Use langgraph-swarm: a front agent hands off to specialists, who answer."""
    handoffs = [
        create_handoff_tool(agent_name=name, description=about) for name, about in ROUTES.items()
    ]
    front = create_agent(model, handoffs, system_prompt=FRONT, name="front")
    specialists = [_agent(model, name, awaited) for name in ROUTES]
    return create_swarm([front, *specialists], default_active_agent="front")


def subagents(model: BaseChatModel, awaited: bool) -> Any:
    """Use `create_agent`: specialists are tools of a front agent, which answers."""
    asks = [_ask(_agent(model, name, awaited), name, awaited) for name in ROUTES]
    return create_agent(model, asks, system_prompt=FRONT, name="front")


def _agent(model: BaseChatModel, name: str, awaited: bool) -> Any:
    look_up = tool(alookup_order if awaited else lookup_order)
    return create_agent(model, [look_up], system_prompt=PROMPTS[name], name=name)


def _ask(agent: Any, name: str, awaited: bool) -> BaseTool:
    def ask(request: str) -> str:
        result = agent.invoke({"messages": [{"role": "user", "content": request}]})
        return str(result["messages"][-1].text)

    async def aask(request: str) -> str:
        result = await agent.ainvoke({"messages": [{"role": "user", "content": request}]})
        return str(result["messages"][-1].text)

    return tool(f"ask_{name}", description=ROUTES[name])(aask if awaited else ask)


PEERS = (
    Contender(name="langgraph_supervisor", build=supervisor, via="transfer_to_{}"),
    Contender(name="langgraph_swarm", build=swarm, via="transfer_to_{}"),
    Contender(name="create_agent_subagents", build=subagents, via="ask_{}"),
)
