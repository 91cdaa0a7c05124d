"""One handoff under way: what it may do, what it has spent and what it has done so far.

Effects and tools find it through a context variable. It outlives a failed attempt, so that a
retry adds to what the first attempt spent, and gets the first result in place of a second effect.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage

from quintet.nodes.node import Place
from quintet.state.action import Action
from quintet.state.budget import Budget, Spending, add_spending
from quintet.state.errors import ToolRefused
from quintet.state.record import plain

ATTEMPTS_KEPT = 4096

Price = Callable[[BaseMessage], float]
"""What a model's message has cost, in the caller's currency."""


@dataclass(kw_only=True)
class Dispatch:
    """What effects, tools and models report to while an agent works."""

    place: Place
    allowed: tuple[str, ...] | None = None
    budget: Budget = Budget()
    wants: Callable[[Action], str | None] | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    behalf: str = ""
    price: Price | None = None
    spent: Spending = field(default_factory=dict)  # type: ignore[assignment]
    actions: dict[str, Action] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    outer: Dispatch | None = None
    began: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def allow(self, tool: str) -> None:
        """Refuse a tool that the contract does not list.

        Raises:
            ToolRefused: it names the tool, the node and what is allowed.
        """
        if self.allowed is not None and tool not in self.allowed:
            self.refused.append(tool)
            listed = ", ".join(self.allowed) or "no tools"
            raise ToolRefused(
                f"{self.place.node} may not call {tool!r}: its contract allows {listed}; "
                "add it to Contract(tools=...) if it should"
            )

    def spend(self, **amounts: float) -> None:
        """Add to what was spent, here and in the handoffs around this one."""
        with self.lock:
            self.spent = add_spending(self.spent, amounts)  # type: ignore[arg-type]
        if self.outer is not None:
            self.outer.spend(**amounts)

    def used(self, message: BaseMessage) -> None:
        """Add what a model's message has cost: tokens as reported, money by the price."""
        usage = getattr(message, "usage_metadata", None)
        money = {} if self.price is None else {"money": self.price(message)}
        self.spend(tokens=usage["total_tokens"] if usage else 0, **money)

    def check(self) -> None:
        """Stop before the next model or agent call when a budget is used up.

        Raises:
            BudgetExhausted: it names the limit.
        """
        elapsed = add_spending(self.spent, {"seconds": time.monotonic() - self.began})
        self.budget.check(elapsed, who=self.place.node)
        if self.outer is not None:
            self.outer.check()

    def update(self) -> dict[str, Any]:
        """What must not be lost, as a state update: spending and actions."""
        seconds = round(time.monotonic() - self.began, 6)
        update: dict[str, Any] = {"spent": add_spending(self.spent, {"seconds": seconds})}
        if self.actions:
            update["actions"] = {key: plain(action) for key, action in self.actions.items()}
        return update


current: ContextVar[Dispatch | None] = ContextVar("quintet_dispatch", default=None)

_attempts: OrderedDict[str, Dispatch] = OrderedDict()
_attempts_lock = threading.Lock()


def begin(dispatch: Dispatch) -> Dispatch:
    """Start an attempt: a retry of the same task goes on with the first attempt's record."""
    task = dispatch.place.task
    if not task:
        return dispatch
    with _attempts_lock:
        earlier = _attempts.get(task) if dispatch.place.attempt > 1 else None
        if earlier is not None:
            dispatch.spent = add_spending(earlier.spent, {"retries": 1})
            dispatch.actions = earlier.actions
            dispatch.began = earlier.began
        _attempts[task] = dispatch
        while len(_attempts) > ATTEMPTS_KEPT:
            _attempts.popitem(last=False)
    return dispatch


def end(dispatch: Dispatch) -> None:
    """Forget an attempt that succeeded."""
    with _attempts_lock:
        _attempts.pop(dispatch.place.task, None)


def left_behind(thread: str, node: str) -> dict[str, Any]:
    """What a task that was cut off (a timeout) had spent and done, as a state update."""
    if not thread:
        return {}
    with _attempts_lock:
        found = [d for d in _attempts.values() if (d.place.thread, d.place.node) == (thread, node)]
        for dispatch in found:
            _attempts.pop(dispatch.place.task)
    update: dict[str, Any] = {}
    for dispatch in found:
        new = dispatch.update()
        update["spent"] = add_spending(update.get("spent"), new["spent"])
        update["actions"] = update.get("actions", {}) | new.get("actions", {})
    return update


@contextmanager
def under(dispatch: Dispatch) -> Iterator[Dispatch]:
    """Make a dispatch the current one, nested in the one around it."""
    dispatch.outer = current.get()
    token = current.set(dispatch)
    try:
        yield dispatch
    finally:
        current.reset(token)
