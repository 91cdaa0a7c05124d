"""One handoff under way: what it may do, what it has spent and what it has done so far.

Effects and tools find it through a context variable. It outlives a failed or interrupted attempt,
so that the next one adds to what was spent, and gets the first result in place of a second effect.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage
from langgraph.types import Command

from quintet.nodes.node import Place, Steps
from quintet.state.action import Action
from quintet.state.budget import Budget, Resource, Spending, add_spending
from quintet.state.decision import Decision
from quintet.state.errors import BudgetExhausted, ToolRefused
from quintet.state.record import plain

R = TypeVar("R")

ATTEMPTS_KEPT = 4096

Price = Callable[[BaseMessage], float]
"""What a model's message has cost, in the caller's currency."""

USED: tuple[Resource, ...] = ("steps", "tokens", "money", "seconds")
"""What is used up by working; handoffs and retries are counted where they happen."""


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
    began: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def layers(self) -> Iterator[Dispatch]:
        """This handoff, and those around it."""
        yield self
        if self.outer is not None:
            yield from self.outer.layers()

    @property
    def owner(self) -> str:
        """The task that claims effects: the outermost, since a retry of it runs the inner anew."""
        return self.place.task if self.outer is None else self.outer.owner

    def allow(self, tool: str) -> None:
        """Refuse a tool that the contract, or one around it, does not list.

        Raises:
            ToolRefused: it names the tool, the node and what is allowed.
        """
        for each in self.layers():
            if each.allowed is not None and tool not in each.allowed:
                each.refused.append(tool)
                listed = ", ".join(each.allowed) or "no tools"
                raise ToolRefused(
                    f"{each.place.node} may not call {tool!r}: its contract allows {listed}; "
                    "add it to Contract(tools=...) if it should"
                )

    def why_asked(self, action: Action) -> str | None:
        """Why a gate here, or around this handoff, wants a person for an action."""
        for each in self.layers():
            if each.wants is not None and (reason := each.wants(action)) is not None:
                return reason
        return None

    def record(self, action: Action) -> None:
        """Keep an action for the state, here and around this handoff."""
        for each in self.layers():
            each.actions[action.key] = action

    def forget(self, key: str) -> None:
        """Drop an action that is known not to have happened, here and around this handoff."""
        for each in self.layers():
            each.actions.pop(key, None)

    def spend(self, **amounts: float) -> None:
        """Add to what was spent, here and in the handoffs around this one."""
        for each in self.layers():
            with each.lock:
                each.spent = add_spending(each.spent, amounts)  # type: ignore[arg-type]

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
        node, most = self.place.node, self.budget.retries
        retries = self.spent.get("retries", 0)
        if most is not None and retries > most:
            raise BudgetExhausted(f"{node}: budget reached, retries: {most:g} of {most:g} spent")
        elapsed = add_spending(self.spent, {"seconds": self._elapsed()})
        if reached := self.budget.over(elapsed, of=USED):
            raise BudgetExhausted(f"{node}: budget reached, {reached}")
        if self.outer is not None:
            self.outer.check()

    def pause(self) -> None:
        """Stop the clock: what the agent waits for after this is not its work."""
        with self.lock:
            seconds, self.began = self._elapsed(), None
            self.spent = add_spending(self.spent, {"seconds": seconds})

    def settled(self) -> dict[str, Action]:
        """The actions that stand even if the attempt failed: all but proposals."""
        return {key: each for key, each in self.actions.items() if each.status != "proposed"}

    def update(self, *, failed: bool = False) -> dict[str, Any]:
        """What must not be lost, as a state update: spending, actions and their records."""
        actions = self.settled() if failed else self.actions
        records = [effect_done(self.place.node, a) for a in actions.values() if a.status == "done"]
        records += [self._refusal(tool) for tool in self.refused]
        update: dict[str, Any] = {"spent": self.spent}
        if actions:
            update["actions"] = {key: plain(action) for key, action in actions.items()}
        if records:
            update["decisions"] = records
        return update

    def _elapsed(self) -> float:
        return 0.0 if self.began is None else round(time.monotonic() - self.began, 6)

    def _refusal(self, tool: str) -> dict[str, Any]:
        decision = Decision(
            kind="effect",
            node=self.place.node,
            choice="refused",
            reason=f"it called {tool!r}, which its contract does not list",
            candidates=self.allowed or (),
        )
        return plain(decision)  # type: ignore[no-any-return]


def effect_done(node: str, action: Action) -> dict[str, Any]:
    """The decision record of an effect that was done."""
    how = "approved by " + action.approval.by if action.approval else "allowed without a person"
    decision = Decision(
        kind="effect", node=node, choice=action.key, reason=f"{action} is done, {how}"
    )
    return plain(decision)  # type: ignore[no-any-return]


current: ContextVar[Dispatch | None] = ContextVar("quintet_dispatch", default=None)

_attempts: OrderedDict[str, Dispatch] = OrderedDict()
_attempts_lock = threading.Lock()


def begin(dispatch: Dispatch) -> Dispatch:
    """Start an attempt: another one of the same task goes on with the record of the last.

    That is a retry, or a resume after an interrupt in the agent or after an unhandled failure.
    """
    task = dispatch.place.task
    if not task:
        return dispatch
    with _attempts_lock:
        earlier = _attempts.pop(task, None)
        if earlier is not None:
            more: Spending = {"retries": 1} if dispatch.place.attempt > 1 else {}
            dispatch.spent = add_spending(earlier.spent, more)
            dispatch.actions = earlier.settled()
            dispatch.refused = earlier.refused
        _attempts[task] = dispatch
        while len(_attempts) > ATTEMPTS_KEPT:
            _attempts.popitem(last=False)
    return dispatch


def end(dispatch: Dispatch) -> None:
    """Forget an attempt that succeeded."""
    with _attempts_lock:
        _attempts.pop(dispatch.place.task, None)


def left_behind(task: str) -> dict[str, Any]:
    """What a task that was cut off (a timeout) had spent and done, as a state update; once."""
    with _attempts_lock:
        found = _attempts.pop(task, None)
    return {} if found is None else found.update(failed=True)


@contextmanager
def under(dispatch: Dispatch) -> Iterator[Dispatch]:
    """Make a dispatch the current one, nested in the one around it, and let its clock run."""
    dispatch.outer = current.get()
    dispatch.began = time.monotonic()
    token = current.set(dispatch)
    try:
        yield dispatch
    finally:
        current.reset(token)
        dispatch.pause()


def reckoned(here: Place, steps: Steps[R]) -> Steps[tuple[R, Spending]]:
    """Run what decides in a node, and give its result with what its models have spent.

    What decides has no tools.
    """
    dispatch = begin(Dispatch(place=here, allowed=()))
    with under(dispatch):
        result = yield from steps
    end(dispatch)
    return result, dispatch.update()["spent"] if dispatch.spent.get("steps") else {}


def counted(here: Place, steps: Steps[Command[Any]]) -> Steps[Command[Any]]:
    """Run a node that decides, and add what its models have spent to its update."""
    command, spent = yield from reckoned(here, steps)
    if not spent or not isinstance(command.update, dict | None):
        return command
    return replace(command, update={**(command.update or {}), "spent": spent})
