"""End a workflow by an outcome that its declaration names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quintet.nodes.core.call import Logic
from quintet.nodes.core.node import Node
from quintet.nodes.core.task import current_task
from quintet.nodes.finish import closed, ended
from quintet.state.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class NamedOutcome(Node):
    """Write an outcome, and close what is open."""

    outcome: Outcome

    writes = frozenset({"outcome", "actions", "decisions", "run"})

    def logic(self, state: Mapping[str, Any]) -> Logic[dict[str, Any]]:
        """Write the outcome."""
        yield from ()
        return closed(state) | ended(self.outcome, current_task("outcome"), state)
