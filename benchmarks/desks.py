"""Compile a contender's desk, and build the desk through Quintet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langgraph.graph import StateGraph

from benchmarks.script import PROMPTS, ROUTES, alookup_order, lookup_order, scripted
from quintet.graphs import create_handoff
from quintet.nodes import Router, Worker, by_model
from quintet.runs import astart, start
from quintet.state import Contract
from quintet.testing import ScriptedModel

Build = Callable[[BaseChatModel, bool], Any]
"""Makes a graph around a model, for runs that await or for runs that do not."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One contender, compiled, with a scripted model of its own."""

    name: str
    app: Any
    model: ScriptedModel
    spoken: bool
    started: bool

    def given(self, message: str) -> dict[str, Any]:
        """Return the input for one customer message."""
        return {"messages": [HumanMessage(message)]} if self.spoken else {"message": message}

    def run(self, request: dict[str, Any], thread: str) -> Any:
        """Answer one message."""
        if self.started:
            return start(self.app, request, thread=thread).values
        return self.app.invoke(request, {"configurable": {"thread_id": thread}})

    async def arun(self, request: dict[str, Any], thread: str) -> Any:
        """Answer one message, awaiting."""
        if self.started:
            return (await astart(self.app, request, thread=thread)).values
        return await self.app.ainvoke(request, {"configurable": {"thread_id": thread}})


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Make one contender's desk.

    Args:
        name: its name in the figures.
        build: makes its graph.
        via: the tool with which its front door passes a request on; empty where the front
            door asks for structured output.
        spoken: whether its state is a list of messages.
        started: whether it is run by `quintet.runs.start`, in place of LangGraph's `invoke`.
    """

    name: str
    build: Build
    via: str = ""
    spoken: bool = True
    started: bool = False

    def desk(self, *, awaited: bool, latency: float = 0.0, saver: Any = None) -> Desk:
        """Compile its desk, once."""
        model = scripted(self.via, latency)
        app = self.build(model, awaited)
        if isinstance(app, StateGraph):
            app = app.compile(checkpointer=saver)
        return Desk(name=self.name, app=app, model=model, spoken=self.spoken, started=self.started)


def quintet(model: BaseChatModel, awaited: bool) -> StateGraph[Any]:
    """Build a router by model and three workers under contract, with the default recovery."""
    lookup = alookup_order if awaited else lookup_order
    return create_handoff(
        Router(choose=by_model(model, about=ROUTES), to=tuple(ROUTES), otherwise="person"),
        {
            name: Worker(
                agent=model,
                contract=Contract(goal=goal, needs=("message",), gives=str, tools=(lookup,)),
            )
            for name, goal in PROMPTS.items()
        },
    )


QUINTET = Contender(name="quintet", build=quintet, spoken=False)
STARTED = Contender(name="quintet_start", build=quintet, spoken=False, started=True)
