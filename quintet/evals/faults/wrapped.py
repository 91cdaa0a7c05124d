"""Wrap a Runnable so that faults may strike at it."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from quintet.evals.faults.fault import Spot
from quintet.evals.faults.strike import around
from quintet.nodes.core.call import apump, pump


class BreakableRunnable(Runnable[Any, Any]):
    """Run a node, an agent or a bound chat model, unless a fault strikes."""

    def __init__(self, inner: Runnable[Any, Any], spot: Spot) -> None:
        self.inner = inner
        self.spot = spot

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run it, unless a fault strikes."""
        moves = around(self.spot, (input,))
        return pump(moves, lambda call: self.inner.invoke(call[0], config, **kwargs))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run it as `invoke` does, awaiting it."""
        moves = around(self.spot, (input,))
        return await apump(moves, lambda call: self.inner.ainvoke(call[0], config, **kwargs))
