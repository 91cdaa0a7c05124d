"""Compute the most that a plan may cost, from its bounds and its assignees' contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quintet.nodes.core.progress import COUNTED, SHARED
from quintet.nodes.planning.crew import Crew
from quintet.state.budget import Budget
from quintet.state.step import Step


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The worst case of a plan: every loop to its bound, every step to its contract's limit.

    A limit is looked at between calls, so that a step may pass its tokens, money and seconds by
    what its last call takes; it then fails. `steps` are exact.

    Args:
        runs: the pieces of work.
        amounts: the most agent and model calls, tokens, money and seconds that contracts allow.
        open: for each resource, the assignees without a limit for it.
    """

    runs: int = 0
    amounts: Mapping[str, float] = field(default_factory=dict)
    open: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def data(self) -> dict[str, Any]:
        """Give the worst case as plain data."""
        unbounded = {name: list(who) for name, who in self.open.items()}
        return {"runs": self.runs, "most": dict(self.amounts), "without_limit": unbounded}


def cost_of(steps: Iterable[Step], crew: Crew) -> Cost:
    """Compute the worst case of steps that these workers take."""
    runs, amounts, unbounded = 0, dict[str, float](), dict[str, list[str]]()
    for step in steps:
        for leaf, times in _times(step, 1):
            runs += times
            for holder, budget in crew.budgets(leaf.assignee):
                for resource in ("steps", *SHARED):
                    limit = None if budget is None else getattr(budget, resource)
                    if limit is None:
                        unbounded.setdefault(resource, [])
                        if holder not in unbounded[resource]:
                            unbounded[resource].append(holder)
                    else:
                        amounts[resource] = amounts.get(resource, 0) + limit * times
    return Cost(
        runs=runs,
        amounts=amounts,
        open={resource: tuple(who) for resource, who in unbounded.items()},
    )


def _times(step: Step, times: int) -> Iterable[tuple[Step, int]]:
    """Yield each step that assignees take, with the most times that it may run."""
    if step.kind in ("each", "until"):
        times *= step.most or 0
    if step.assignee:
        own = (step.most or 0) if step.kind in ("vote", "reduce") else 1
        yield step, times * own
    for one in step.body:
        yield from _times(one, times)


def over_budget(cost: Cost, budget: Budget, spent: Mapping[str, float]) -> list[str]:
    """Name each resource of which a plan may take more than is left, with the amounts.

    A resource that a contract does not limit is not counted: it is held at run time.
    """
    found = []
    for resource in SHARED:
        limit = getattr(budget, resource)
        most = cost.amounts.get(resource, 0)
        if limit is None:
            continue
        left = max(limit - spent.get(resource, 0), 0)
        if most > left:
            found.append(
                f"at worst it takes {most:g} {resource}, and {left:g} of {limit:g} are left; "
                f"lower its bounds, or raise Budget({resource}=)"
            )
    return found


def over_now(
    budget: Budget, spent: Mapping[str, float], before: Mapping[str, float], *, more: bool
) -> str | None:
    """Name the limit that a plan's steps have used up since it began, or give None.

    With `more` steps to send, a limit that is just met counts; at the plan's end only one that is
    exceeded.
    """
    since: Any = {name: spent.get(name, 0) - before.get(name, 0) for name in COUNTED}
    reached = budget.over(since, of=SHARED)
    if more or reached is None:
        return reached
    name = reached.partition(":")[0]
    return reached if since[name] > getattr(budget, name) else None
