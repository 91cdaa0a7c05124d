"""The parts that our nodes call, each with a spot in front of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langchain_core.tools import StructuredTool

from quintet.evals.faults.fault import Spot
from quintet.evals.faults.models import BreakableModel
from quintet.evals.faults.strike import around
from quintet.evals.faults.wrapped import BreakableRunnable
from quintet.nodes.act import Act
from quintet.nodes.choosers.choose import Cascade, routes_of
from quintet.nodes.choosers.model import ModelChooser
from quintet.nodes.core.call import Logic, apump, call_any, drive, pump
from quintet.nodes.effect import Effect
from quintet.nodes.plan import Planner
from quintet.nodes.route import Router
from quintet.nodes.work import Worker
from quintet.state.plan import Plan
from quintet.state.verdict import is_async, name_of


@dataclass(kw_only=True)
class Parts:
    """Makes parts breakable; the same part twice stays the same part."""

    made: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def of(self, node: Any, name: str) -> Any:
        """A node of ours with its parts made breakable; any other as it is."""
        if isinstance(node, Worker):
            tools = tuple(self.tool(each) for each in node.contract.tools)
            contract = replace(node.contract, tools=tools)
            return replace(node, agent=self.agent(node.agent, name), contract=contract)
        if isinstance(node, Act):
            return replace(node, effects=tuple(self.tool(each) for each in node.effects))
        if isinstance(node, Router):
            return replace(node, choose=self.chooser(node.choose, name))
        if isinstance(node, Planner) and not isinstance(node.make, Plan):
            return replace(node, make=self.chooser(node.make, name))
        return node

    def agent(self, agent: Any, name: str) -> Any:
        """A worker's agent."""
        if isinstance(agent, BaseChatModel):
            return BreakableModel(inner=agent, spot=Spot(kind="model", name=name))
        spot = Spot(kind="agent", name=name)
        return (
            BreakableAgent(agent, spot) if isinstance(agent, Runnable) else self.call(agent, spot)
        )

    def tool(self, tool: Any) -> Any:
        """An effect, a function or a structured tool; other tools stay whole."""
        found = self.made.get(id(tool))
        if found is None:
            # The original is kept too: while it lives, its id is nobody else's.
            found = self.made[id(tool)] = (tool, self._tool(tool))
        return found[1]

    def _tool(self, tool: Any) -> Any:
        spot = Spot(kind="tool", name=name_of(tool))
        if isinstance(tool, Effect):
            return replace(tool, function=self.call(tool.function, spot))
        if isinstance(tool, StructuredTool):
            parts = {"func": tool.func, "coroutine": tool.coroutine}
            made = {name: self.call(part, spot) for name, part in parts.items() if part is not None}
            return tool.model_copy(update=made)
        return tool if isinstance(tool, Runnable) else self.call(tool, spot)

    def chooser(self, chooser: Any, name: str) -> Any:
        """What chooses or plans, its chat models with spots of their own."""
        if isinstance(chooser, BaseChatModel):
            return BreakableModel(inner=chooser, spot=Spot(kind="model", name=name))
        return BreakableChooser(self.model_in(chooser, name), Spot(kind="chooser", name=name))

    def model_in(self, chooser: Any, name: str) -> Any:
        """A chooser whose chat model, if it has one, is breakable."""
        if isinstance(chooser, Cascade):
            tiers = tuple(self.model_in(tier, name) for tier in chooser.tiers)
            return replace(chooser, tiers=tiers)
        if isinstance(chooser, ModelChooser):
            spot = Spot(kind="model", name=name)
            return replace(chooser, model=BreakableModel(inner=chooser.model, spot=spot))
        return chooser

    def call(self, function: Callable[..., Any], spot: Spot) -> Any:
        """A plain or async function with a spot in front of it; its signature stays."""
        if is_async(function):

            async def soon(*args: Any, **kwargs: Any) -> Any:
                moves = around(spot, (args, kwargs))
                return await apump(moves, lambda given: function(*given[0], **given[1]))

            return functools.wraps(function)(soon)

        def now(*args: Any, **kwargs: Any) -> Any:
            moves = around(spot, (args, kwargs))
            return pump(moves, lambda given: function(*given[0], **given[1]))

        return functools.wraps(function)(now)


class BreakableAgent(BreakableRunnable):
    """An agent that is a Runnable, such as a compiled graph."""

    @property
    def channels(self) -> Any:
        """The inner graph's channels, by which it is known whether it takes messages."""
        return getattr(self.inner, "channels", None)


@dataclass(frozen=True)
class BreakableChooser:
    """A chooser or maker of plans with a spot in front of it; it asks as `asked` does."""

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
        """The routes that the inner chooser says it may take."""
        return routes_of(self.inner)

    def logic(self, *given: Any) -> Logic[Any]:
        """Ask the inner one, unless a fault strikes."""
        moves = around(self.spot, given)
        try:
            made = next(moves)
            while True:
                try:
                    answer = yield from call_any(self.inner, *made)
                except Exception as problem:  # noqa: BLE001 - it goes on into the spot
                    made = moves.throw(problem)
                else:
                    made = moves.send(answer)
        except StopIteration as end:
            return end.value

    def __call__(self, *given: Any) -> Any:
        """Ask it as a plain function."""
        return drive(self.logic(*given))
