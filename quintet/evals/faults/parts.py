"""Make the parts breakable that our nodes call: each gets a spot in front of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langchain_core.tools import StructuredTool
from langgraph.graph.state import CompiledStateGraph

from quintet.evals.faults.fault import Spot
from quintet.evals.faults.models import BreakableModel
from quintet.evals.faults.strike import around
from quintet.evals.faults.wrapped import BreakableRunnable
from quintet.nodes.act import Act
from quintet.nodes.agents.graph import answer_of_run
from quintet.nodes.choosers.choose import Cascade, routes_of
from quintet.nodes.choosers.model import ModelChooser
from quintet.nodes.core.call import Logic, apump, call_any, drive, pump
from quintet.nodes.effect import Effect
from quintet.nodes.plan import Planner
from quintet.nodes.route import Router
from quintet.nodes.work import Worker
from quintet.state.checked import checked, checks_of
from quintet.state.plan import Plan
from quintet.state.verdict import is_async, name_of


@dataclass(kw_only=True)
class Parts:
    """Make parts breakable; a tool that several nodes share stays one shared tool."""

    made: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def of(self, node: Any, name: str) -> Any:
        """Copy a node of ours with its parts made breakable; return any other as it is."""
        if isinstance(node, Worker):
            tools = tuple(self.tool(tool) for tool in node.contract.tools)
            contract = replace(node.contract, tools=tools)
            return replace(node, agent=self.agent(node, name), contract=contract)
        if isinstance(node, Act):
            return replace(node, effects=tuple(self.tool(effect) for effect in node.effects))
        if isinstance(node, Router):
            return replace(node, choose=self.chooser(node.choose, name))
        if isinstance(node, Planner) and not isinstance(node.make, Plan):
            return replace(node, make=self.chooser(node.make, name))
        return node

    def agent(self, worker: Worker, name: str) -> Any:
        """Make a worker's agent breakable."""
        agent = worker.agent
        if isinstance(agent, BaseChatModel):
            return BreakableModel(inner=agent, spot=Spot(kind="model", name=name))
        spot = Spot(kind="agent", name=name)
        if isinstance(agent, CompiledStateGraph):
            takes = functools.partial(answer_of_run, agent, worker.contract)
            return BreakableAgent(agent, replace(spot, takes=takes))
        if isinstance(agent, Runnable):
            return BreakableAgent(agent, spot)
        return self.call(agent, spot)

    def tool(self, tool: Any) -> Any:
        """Make an effect, a function or a structured tool breakable; other tools stay whole."""
        pair = self.made.get(id(tool))
        if pair is None:
            # The original is kept too: while it lives, its id is nobody else's.
            pair = self.made[id(tool)] = (tool, self._tool(tool))
        return pair[1]

    def _tool(self, tool: Any) -> Any:
        spot = Spot(kind="tool", name=name_of(tool))
        if isinstance(tool, Effect):
            return replace(tool, function=self.call(tool.function, spot))
        if (checks := checks_of(tool)) is not None:  # a fault strikes the tool, not its check
            return checked(self.call(checks.tool, spot), *checks.criteria)
        if isinstance(tool, StructuredTool):
            functions = {"func": tool.func, "coroutine": tool.coroutine}
            update = {name: self.call(f, spot) for name, f in functions.items() if f is not None}
            return tool.model_copy(update=update)
        return tool if isinstance(tool, Runnable) else self.call(tool, spot)

    def chooser(self, chooser: Any, name: str) -> Any:
        """Make a chooser or a maker of plans breakable; its chat models get spots of their own."""
        if isinstance(chooser, BaseChatModel):
            return BreakableModel(inner=chooser, spot=Spot(kind="model", name=name))
        return BreakableChooser(self.model_in(chooser, name), Spot(kind="chooser", name=name))

    def model_in(self, chooser: Any, name: str) -> Any:
        """Copy a chooser with its chat models made breakable, if it has any."""
        if isinstance(chooser, Cascade):
            tiers = tuple(self.model_in(tier, name) for tier in chooser.tiers)
            return replace(chooser, tiers=tiers)
        if isinstance(chooser, ModelChooser):
            spot = Spot(kind="model", name=name)
            return replace(chooser, model=BreakableModel(inner=chooser.model, spot=spot))
        return chooser

    def call(self, function: Callable[..., Any], spot: Spot) -> Any:
        """Put a spot in front of a plain or async function; its signature stays."""
        # A tool's schema is read from its signature, which `wraps` keeps.
        if is_async(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                moves = around(spot, (args, kwargs))
                return await apump(moves, lambda call: function(*call[0], **call[1]))

            return awaited

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            moves = around(spot, (args, kwargs))
            return pump(moves, lambda call: function(*call[0], **call[1]))

        return called


class BreakableAgent(BreakableRunnable):
    """Run an agent that is a Runnable, such as a compiled graph, unless a fault strikes."""

    @property
    def channels(self) -> Any:
        """Return the inner graph's channels: a Worker sees by them whether it takes messages."""
        return getattr(self.inner, "channels", None)

    @property
    def builder(self) -> Any:
        """Return the inner graph's builder: a Worker finds by its nodes which result answers."""
        return getattr(self.inner, "builder", None)


@dataclass(frozen=True)
class BreakableChooser:
    """Ask a chooser or a maker of plans unless a fault strikes."""

    inner: Any
    spot: Spot

    @property
    def __wrapped__(self) -> Any:
        return self.inner

    @property
    def __name__(self) -> str:
        return name_of(self.inner)

    @property
    def routes(self) -> tuple[str, ...]:
        """Return the routes that the inner chooser may take."""
        return routes_of(self.inner)

    def logic(self, *arguments: Any) -> Logic[Any]:
        """Ask the inner one, unless a fault strikes."""
        # Not by `pump`, which cannot yield the inner logic's own calls to the driver outside.
        moves = around(self.spot, arguments)
        try:
            changed = next(moves)
            while True:
                try:
                    answer = yield from call_any(self.inner, *changed)
                except Exception as problem:  # noqa: BLE001 - it goes on into the spot
                    changed = moves.throw(problem)
                else:
                    changed = moves.send(answer)
        except StopIteration as end:
            return end.value

    def __call__(self, *arguments: Any) -> Any:
        """Ask it as a plain function."""
        return drive(self.logic(*arguments))
