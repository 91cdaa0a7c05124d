"""Run logic within an attempt: in its time, or in one of its own whose spending is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from langgraph.types import Command

from quintet.errors import BudgetExhausted
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic, TimeUp
from quintet.nodes.core.task import Task
from quintet.state.budget import Budget, Spending, add_spending

R = TypeVar("R")


def in_time(attempt: Attempt, call: Call) -> Logic[Any]:
    """Make a call that ends with the attempt's seconds, or with its branch, where they are limited.

    Raises:
        BudgetExhausted: they are used up.
    """
    if attempt.cut is not None:
        call = attempt.cut(call)
    if (left := attempt.left) is None:
        return (yield call)
    late = attempt.deadline
    try:
        return (yield replace(call, seconds=max(left, 0.0)))
    except TimeUp:
        attempt.check()
        # The clock that cut it off may be a little ahead of the one that `check` looks at.
        why = "budget reached, seconds"
        if late is not None and late.left < 1:
            why = f"deadline reached: the run may take {late.limit:g} s"
        raise BudgetExhausted(f"{attempt.task.node}: {why}") from None


def reckoned(
    task: Task, logic: Logic[R], run: str, held: Budget = Budget()
) -> Logic[tuple[R, Spending]]:
    """Run a chooser, planner or judge, and give its result with what its models have spent.

    Args:
        task: the node that asks it; it may call no tools.
        logic: the logic.
        run: the id of the run that it is part of.
        held: the node's limits on the whole run, of which the models must tell what they take.
    """
    with Attempt(
        task=task, allowed=(), run=run, held=dict.fromkeys(held.limited, task.node)
    ) as attempt:
        result = yield from logic
    return result, attempt.update()["spent"] if attempt.spent.get("steps") else {}


def counted(
    task: Task, logic: Logic[Command[Any]], run: str, held: Budget = Budget()
) -> Logic[Command[Any]]:
    """Run the logic of a node that decides, and add its models' spending to its update."""
    command, spent = yield from reckoned(task, logic, run, held)
    if not spent or not isinstance(command.update, dict | None):
        return command
    return replace(command, update={**(command.update or {}), "spent": spent})


def refuse_costly(attempt: Attempt, budget: Budget) -> None:
    """Refuse an answer that took more than the contract allows: nothing could cut the agent off."""
    attempt.pause()
    spent = add_spending(attempt.before, attempt.spent)
    for resource in ("tokens", "money", "seconds"):
        limit = getattr(budget, resource)
        if limit is not None and spent.get(resource, 0) > limit:
            attempt.check()
