"""One attempt at a piece of work: what it may do, what it has spent, and what it has done.

It has one life: opened, used, closed. Effects, tools and models find the open one through a
context variable. One that is opened while another is open is a part of that: what it spends and
does counts for both. What comes after it has closed, such as from a thread that outlived a
time-out, is refused.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self, TypeVar

from langchain_core.messages import BaseMessage
from langgraph.types import Command

from quintet.errors import AttemptEnded, BudgetExhausted, ToolRefused
from quintet.nodes.core.actions import Slot, as_update
from quintet.nodes.core.call import Call, Logic, TimeUp
from quintet.nodes.core.left import leave_to
from quintet.nodes.core.price import Price, cost_of
from quintet.nodes.core.task import Task
from quintet.state.action import Action
from quintet.state.budget import Budget, Resource, Spending, add_spending
from quintet.state.channels import STANDING
from quintet.state.decision import Decision
from quintet.state.journal import journal
from quintet.state.record import plain

R = TypeVar("R")

log = logging.getLogger("quintet")

USED: tuple[Resource, ...] = ("steps", "tokens", "money", "seconds")
"""The resources that work uses up; handoffs and retries are counted where they happen."""


@dataclass(kw_only=True)
class Attempt:
    """One attempt of one task, and a context manager that opens and closes it.

    Attributes:
        task: the task that it is an attempt of.
        allowed: the tools that it may call; None for any.
        budget: its limits; those of the attempts around it hold as well.
        wants: says why a person is wanted for an action, or None; see `ApprovalGate.wants`.
        gate: the name of the gate that says so.
        known: the thread's actions, as the state holds them.
        behalf: on whose behalf it acts.
        run: the run that it is part of.
        price: the cost of a model's message.
        spent: what it has spent.
        before: what an earlier part of the same work, before it paused, had spent.
        actions: what it has proposed or done.
        refused: what it asked for and may not have, each in a sentence.
        unawaited: the calls of async effects and tools that nobody has awaited yet.
        outer: the attempt around it.
        earlier: the one of the same task that it goes on from, whose spending it includes.
    """

    task: Task
    allowed: tuple[str, ...] | None = None
    budget: Budget = Budget()
    wants: Callable[[Action], str | None] | None = None
    gate: str = ""
    known: Mapping[str, Any] = field(default_factory=dict)
    behalf: str = ""
    run: str = ""
    price: Price | None = None
    spent: Spending = field(default_factory=dict)  # type: ignore[assignment]
    before: Spending = field(default_factory=dict)  # type: ignore[assignment]
    actions: dict[Slot, Action] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unawaited: dict[Slot, Any] = field(default_factory=dict)
    outer: Attempt | None = None
    began: float | None = None
    ended: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    earlier: Attempt | None = field(default=None, repr=False)
    _told: frozenset[Slot] = field(default=frozenset(), init=False)
    _token: Token[Attempt | None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # What it was given is on record already.
        self._told = frozenset(self.actions)

    def __enter__(self) -> Self:
        self.outer = current.get()
        if self._is_own and (left := journal().take(self.task.id)) is not None:
            self._go_on(left)
        if self._is_own:
            journal().keep(self.task.id, _Live(self))
        if self.outer is None:
            leave_to(self.task.around, self)
        self.began = time.monotonic()
        self._token = current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        why = "" if kind is None else f" ({kind.__name__})"
        self.end(f"its attempt had ended{why}")
        if self._token is not None:
            current.reset(self._token)
        for coroutine in self.unawaited.values():
            coroutine.close()
        if problem is None and self._is_own:
            journal().take(self.task.id)
        if self.task.around:
            self.known = {}  # the tasks around may keep this one for long

    def end(self, how: str) -> None:
        """End it: nothing more may be called for it, and its clock stops."""
        with self.lock:
            self.ended = self.ended or how
        self.pause()

    @property
    def _is_own(self) -> bool:
        """Say whether its task is its own, and not that of the attempt around it."""
        task = self.task.id
        return bool(task) and (self.outer is None or self.outer.task.id != task)

    def _go_on(self, left: Mapping[str, Any]) -> None:
        """Go on with what the last attempt of the same task had spent and done."""
        more: Spending = {"retries": 1} if self.task.attempt > 1 else {}
        self.spent = add_spending(left["spent"], more)
        self.actions = dict(left["actions"])
        self.refused = list(left["refused"])
        self.earlier = left.attempt if isinstance(left, _Live) else None

    def layers(self) -> tuple[Attempt, ...]:
        """Give this attempt, and those around it."""
        return (self,) if self.outer is None else (self, *self.outer.layers())

    @property
    def owner(self) -> str:
        """Give the task that claims effects: the outermost, whose retry runs the inner anew."""
        return self.task.id if self.outer is None else self.outer.owner

    def check_open(self, call: str) -> None:
        """Refuse a call when this attempt, or one around it, has ended.

        Raises:
            AttemptEnded: it names the call and the node.
        """
        for each in self.layers():
            if each.ended:
                refusal = AttemptEnded(
                    f"{call} was called for {each.task.node} when {each.ended}; it is not run"
                )
                log.warning("%s", refusal)
                raise refusal

    def allow(self, tool: str) -> None:
        """Refuse a tool that the contract, or one around it, does not list.

        Raises:
            ToolRefused: it names the tool, the node and what is allowed.
            AttemptEnded: the attempt has ended.
        """
        self.check_open(tool)
        for each in self.layers():
            if each.allowed is not None and tool not in each.allowed:
                each.refused.append(f"it called {tool!r}, which its contract does not list")
                listed = ", ".join(each.allowed) or "no tools"
                raise ToolRefused(
                    f"{each.task.node} may not call {tool!r}: its contract allows {listed}; "
                    "add it to Contract(tools=...) if it should"
                )

    def why_asked(self, action: Action) -> tuple[str, str] | None:
        """Give why a gate here, or around, wants a person for an action, and the gate's name."""
        for each in self.layers():
            if each.wants is not None and (reason := each.wants(action)) is not None:
                return reason, each.gate
        return None

    def record(self, action: Action) -> None:
        """Keep an action for the state, here and around."""
        for each in self.layers():
            with each.lock:
                each.actions[action.name, action.key] = action

    def forget(self, action: Action) -> None:
        """Drop an action that is known not to have happened, here and around."""
        for each in self.layers():
            with each.lock:
                each.actions.pop((action.name, action.key), None)

    def begun(self, action: Action) -> Action | None:
        """Give what this attempt, or one around it, has or may have done under the effect's key."""
        for each in self.layers():
            recorded = each.actions.get((action.name, action.key))
            if recorded is not None and recorded.status in STANDING:
                return recorded
        return None

    def spend(self, **amounts: float) -> None:
        """Add to what was spent, here and around."""
        for each in self.layers():
            with each.lock:
                each.spent = add_spending(each.spent, amounts)  # type: ignore[arg-type]

    def used(self, message: BaseMessage) -> None:
        """Add a model's message: its tokens as reported, its money by the price."""
        usage = getattr(message, "usage_metadata", None)
        money = {} if self.price is None else {"money": cost_of(message, self.price)}
        self.spend(tokens=usage["total_tokens"] if usage else 0, **money)

    def check(self) -> None:
        """Stop before the next model or agent call when a budget is used up.

        Raises:
            BudgetExhausted: it names the limit.
            AttemptEnded: the attempt has ended.
        """
        self.check_open("a model or an agent")
        for each in self.layers():
            if not each.budget.limited:
                continue
            node, most = each.task.node, each.budget.retries
            retries = each.spent.get("retries", 0)
            if most is not None and retries > most:
                raise BudgetExhausted(
                    f"{node}: budget reached, retries: {most:g} of {most:g} spent"
                )
            if reached := each.budget.over(each.so_far, of=USED):
                raise BudgetExhausted(f"{node}: budget reached, {reached}")

    @property
    def left(self) -> float | None:
        """The seconds that are left, by the tightest limit here and around; None for no end."""
        limits = [
            each.budget.seconds - each.so_far.get("seconds", 0)
            for each in self.layers()
            if each.budget.seconds is not None
        ]
        return min(limits) if limits else None

    @property
    def so_far(self) -> Spending:
        """What it has spent until now, with what came before a pause."""
        return add_spending(add_spending(self.before, self.spent), {"seconds": self._elapsed()})

    def pause(self) -> None:
        """Stop the clock: what is waited for after this is not its work."""
        with self.lock:
            seconds, self.began = self._elapsed(), None
            self.spent = add_spending(self.spent, {"seconds": seconds})

    def settled(self) -> dict[Slot, Action]:
        """Give the actions that stand even if the attempt failed: all but proposals."""
        with self.lock:
            return {at: each for at, each in self.actions.items() if each.status != "proposed"}

    def update(self, *, failed: bool = False) -> dict[str, Any]:
        """Give what must not be lost as a state update: spending, actions and their records."""
        actions = self.settled() if failed else dict(self.actions)
        done = {at: each for at, each in actions.items() if each.status == "done"}
        records = [
            effect_done(self.task.node, each) for at, each in done.items() if at not in self._told
        ]
        records += [self._refusal(why) for why in self.refused]
        update: dict[str, Any] = {"spent": self.spent}
        if actions:
            update["actions"] = as_update(actions.values())
        if records:
            update["decisions"] = records
        return update

    def _elapsed(self) -> float:
        return 0.0 if self.began is None else round(time.monotonic() - self.began, 6)

    def _refusal(self, why: str) -> dict[str, Any]:
        decision = Decision(
            kind="effect",
            node=self.task.node,
            choice="refused",
            reason=why,
            candidates=self.allowed or (),
        )
        return plain(decision)  # type: ignore[no-any-return]


class _Live(Mapping[str, Any]):
    """The record of an attempt as it stands when it is taken: it may be cut off at any moment."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def add(self, inner: Attempt) -> None:
        """Take an attempt for a part of this one, which it could not know of by itself."""
        inner.outer = self.attempt

    def __getitem__(self, name: str) -> Any:
        if name == "actions":
            return self.attempt.settled()
        return getattr(self.attempt, name)

    def __iter__(self) -> Iterator[str]:
        return iter(("spent", "actions", "refused", "update"))

    def __len__(self) -> int:
        return 4


def effect_done(node: str, action: Action) -> dict[str, Any]:
    """Give the decision record of an effect that was done."""
    how = "approved by " + action.approval.by if action.approval else "allowed without a person"
    decision = Decision(
        kind="effect", node=node, choice=action.key, reason=f"{action} is done, {how}"
    )
    return plain(decision)  # type: ignore[no-any-return]


current: ContextVar[Attempt | None] = ContextVar("quintet_attempt", default=None)


def in_time(attempt: Attempt, call: Call) -> Logic[Any]:
    """Make a call that ends with the attempt's seconds, where they are limited.

    Raises:
        BudgetExhausted: they are used up.
    """
    if (left := attempt.left) is None:
        return (yield call)
    try:
        return (yield replace(call, seconds=left))
    except TimeUp:
        attempt.check()
        raise BudgetExhausted(f"{attempt.task.node}: budget reached, seconds") from None


def reckoned(here: Task, steps: Logic[R]) -> Logic[tuple[R, Spending]]:
    """Run a decision in a node, and give its result with what its models have spent.

    It has no tools.
    """
    with Attempt(task=here, allowed=()) as attempt:
        result = yield from steps
    return result, attempt.update()["spent"] if attempt.spent.get("steps") else {}


def counted(here: Task, steps: Logic[Command[Any]]) -> Logic[Command[Any]]:
    """Run a node that decides, and add what its models have spent to its update."""
    command, spent = yield from reckoned(here, steps)
    if not spent or not isinstance(command.update, dict | None):
        return command
    return replace(command, update={**(command.update or {}), "spent": spent})
