"""Hand one request on ten times with other libraries, each as its own README shows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph_supervisor import create_supervisor
from langgraph_swarm import create_handoff_tool, create_swarm

from benchmarks.handoffs import (
    DESKS,
    FOUND,
    FRONT,
    MESSAGE,
    after,
    check_answer,
    lookup_order,
    prompt,
    scripted,
)
from quintet.testing import ModelCall, ScriptedModel


def _agent(model: Any, name: str, *further: BaseTool) -> Any:
    return create_agent(
        model, [tool(lookup_order), *further], system_prompt=prompt(name), name=name
    )


def _run(app: Any, model: ScriptedModel) -> Sequence[ModelCall]:
    config = {"configurable": {"thread_id": "t"}, "recursion_limit": 200}
    end = app.invoke({"messages": [HumanMessage(MESSAGE)]}, config)
    check_answer(end["messages"][-1].text)
    return model.calls


def supervisor() -> Sequence[ModelCall]:
    """Use langgraph-supervisor: each desk reports back to the one that leads."""
    model = scripted({}, led_by="transfer_to_{}")
    agents = [_agent(model, name) for name in DESKS[1:]]
    return _run(create_supervisor(agents, model=model, prompt=FRONT).compile(), model)


def swarm() -> Sequence[ModelCall]:
    """Use langgraph-swarm: each desk hands over to the next."""
    model = scripted({})
    agents = []
    for name in DESKS:
        to = after(name)
        about = f"Pass this request on to {to}."
        further = (create_handoff_tool(agent_name=to, description=about),) if to else ()
        agents.append(_agent(model, name, *further))
    app = create_swarm(agents, default_active_agent=DESKS[0])
    return _run(app.compile(checkpointer=InMemorySaver()), model)


def subagents() -> Sequence[ModelCall]:
    """Use `create_agent`: the desks are tools of one agent, which leads and answers."""
    model = scripted({"request": f"{MESSAGE}\nFound so far: {json.dumps(FOUND)}"}, led_by="ask_{}")
    asks = [_ask(_agent(model, name), name) for name in DESKS[1:]]
    return _run(create_agent(model, asks, system_prompt=FRONT, name="front"), model)


def _ask(agent: Any, name: str) -> BaseTool:
    def ask(request: str) -> str:
        result = agent.invoke({"messages": [{"role": "user", "content": request}]})
        return str(result["messages"][-1].text)

    return tool(f"ask_{name}", description=f"Ask {name}.")(ask)


PEERS = {
    "langgraph_supervisor": supervisor,
    "langgraph_swarm": swarm,
    "create_agent_subagents": subagents,
}
