"""Share a limit among attempts that run at once, such as the workers that a manager has sent out.

Each of them counts into the pool as it spends, and looks at the pool before each call. Pools live
in this process: after a crash each attempt counts anew what it had spent itself, and the manager
looks at the sum when all are back.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.task import Task
from quintet.state.budget import UNTOLD, Budget, Resource

SHARED: tuple[Resource, ...] = ("steps", "tokens", "money", "seconds")
"""The resources that all work under a manager spends together."""

COUNTED = (*SHARED, *UNTOLD.values())
"""These, and the counts of calls that did not tell what they took."""

KEPT = 1024
"""Pools that are kept at once; of more, those that nobody has used for longest are dropped."""

around: ContextVar[tuple[Attempt, ...]] = ContextVar("quintet_pools", default=())
"""The pools of all work in this context, such as that of one background task."""

_pools: OrderedDict[str, Attempt] = OrderedDict()
_lock = threading.Lock()


def pools_of(step: Mapping[str, Any]) -> tuple[Attempt, ...]:
    """Give the pools that a step shares: its sender's, if that limits anything, and those around.

    Args:
        step: the step as it was sent, with its sender's `limit` and the name of its `pool`.
    """
    limit, name = Budget(**(step.get("limit") or {})), str(step.get("pool") or "")
    if not limit.limited or not name:
        return around.get()
    with _lock:
        pool = _pools.get(name)
        if pool is None:
            pool = _pools[name] = new_pool(str(step.get("planner") or ""), limit)
        _pools.move_to_end(name)
        if len(_pools) > KEPT:
            _pools.popitem(last=False)
    return (pool, *around.get())


_counting = threading.Lock()


def take_step(attempt: Attempt) -> None:
    """Count one call of a model or agent, unless a limit has no room for it.

    Attempts that share a pool do so one by one, so that no two take its last step. The cost
    of a call is known when it is back: tokens and money may go over by the calls under way.

    Raises:
        BudgetExhausted: a limit is reached.
        AttemptEnded: the attempt has ended.
    """
    with _counting:
        attempt.check()
        attempt.spend(steps=1)


def new_pool(node: str, limit: Budget) -> Attempt:
    """Make a pool, which refuses in the name of this node."""
    return Attempt(task=Task(node, superstep=f"pool of {node}"), budget=limit)


def within(budget: Budget, pools: tuple[Attempt, ...]) -> Budget:
    """Give a budget that is no looser than these pools, so that it is kept over a crash too."""
    for pool in pools:
        budget = budget.within(pool.budget)
    return budget
