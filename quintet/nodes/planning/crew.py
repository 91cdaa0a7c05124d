"""Know the workers who take a plan's steps: what they need, may spend, and may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from quintet.nodes.effect import Effect
from quintet.nodes.work import Worker
from quintet.state.budget import Budget


@dataclass(frozen=True, kw_only=True)
class Crew:
    """The workers of a planner's graph, by which a plan is checked before its first step.

    Args:
        workers: by node name, those that may come to hold a step.
        spares: the nodes that recovery may give a failed step to, once each.
    """

    workers: Mapping[str, Worker] = field(default_factory=dict)
    spares: tuple[str, ...] = ()

    def effects(self, name: str) -> tuple[Effect, ...]:
        """Give the effects that a step may run, by whoever may come to hold it."""
        found: dict[str, Effect] = {}
        for holder in self._holders(name):
            worker = self.workers.get(holder)
            for effect in worker.effects if worker else ():
                found.setdefault(effect.name, effect)
        return tuple(found.values())

    def budgets(self, name: str) -> Iterator[tuple[str, Budget | None]]:
        """Yield the limits of each piece of work that a step may come to; None where none is known.

        That is the assignee's, then a spare's each, and one for every handoff that may follow.
        """
        for holder in (name, *(spare for spare in self.spares if spare != name)):
            worker = self.workers.get(holder)
            yield holder, None if worker is None or worker.handoffs else worker.contract.budget

    def _holders(self, name: str) -> tuple[str, ...]:
        """Name the nodes that may come to hold a step, by handoff or fallback."""
        holders, waiting = {name: True}, [name, *self.spares]
        while waiting:
            holder = waiting.pop()
            holders[holder] = True
            worker = self.workers.get(holder)
            waiting += [to for to in (worker.handoffs if worker else ()) if to not in holders]
        return tuple(holders)

    def lacking(self, name: str) -> Worker | None:
        """Give a worker whose needs a step must meet; None where nobody can tell beforehand."""
        worker = self.workers.get(name)
        return worker if worker is not None and worker.read is None else None

    def facts(self, name: str) -> list[dict[str, Any]]:
        """Give the effects that a step may run as plain data, for a person who signs the plan."""
        return [
            {"effect": effect.name, "undo": effect.undo is not None}
            for effect in self.effects(name)
        ]
