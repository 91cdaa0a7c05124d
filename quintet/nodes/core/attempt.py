"""Limit and record one attempt at a task: its tools and budget, its spending and its actions.

Effects, tools and models find the open attempt through a context variable. One that is
opened within another counts for both. A call after it has closed is refused.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from langchain_core.messages import BaseMessage

from quintet.errors import AttemptEnded, BudgetExhausted, ToolRefused
from quintet.nodes.core.actions import Slot, as_update, effect_done
from quintet.nodes.core.books import Books
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.left import keep_attempt, leave_to, take_attempt
from quintet.nodes.core.price import Price, amounts_of
from quintet.nodes.core.settlement import Heard
from quintet.nodes.core.task import Task
from quintet.state.action import Action
from quintet.state.budget import Budget, Resource, Spending, add_spending
from quintet.state.clock import monotonic
from quintet.state.deadline import Deadline, deadline_of
from quintet.state.decision import Decision
from quintet.state.journal.found import Place, find_place
from quintet.state.journal.mode import MODE, ORDINARY, Mode, read_mode
from quintet.state.record import plain

log = logging.getLogger("quintet")
USED: tuple[Resource, ...] = ("steps", "tokens", "money", "seconds")
"""The resources that an attempt uses up; handoffs and retries are counted where they happen."""


@dataclass(kw_only=True)
class Attempt:
    """Open and close one attempt of one task, as a context manager.

    Attributes:
        task: the task that it is an attempt of.
        allowed: the tools that it may call; None for any.
        budget: its limits; those of the attempts around it hold as well.
        wants: a function that gives why an action needs a person, or None; see
            `ApprovalGate.wants`.
        gate: the name of the gate that `wants` belongs to.
        known: the thread's actions, as the state holds them.
        behalf: on whose behalf it acts.
        run: the run that it is part of.
        price: the cost of a model's message.
        held: resources that a node limits for the run, which a model must tell; by that node.
        spent: its own spending.
        before: the spending of the same work before it paused for a person.
        actions: the actions that it has proposed or done.
        refused: the refusals of calls that its contract does not allow, each in a sentence.
        unawaited: the calls of async effects and tools that nobody has awaited yet.
        at_work: the calls of effects that have begun and have not ended yet.
        astray: the refusal of an effect that was called where no attempt was open.
        asking: the question to a person that a tool has raised; it ends the attempt.
        outer: the attempt around it.
        pools: limits that it shares with work beside it; see `core.pool`.
        earlier: the attempt of the same task that it goes on from, whose spending it includes.
        cut: gives a call in a form that ends early, where it is at work for a branch.
        place: the journal in which its effects are claimed, and the thread there.
        mode: how the thread's effects are meant; None until one asks for it.
        books: where its spending is written, if it is limited or priced.
        heard: the answers of people about its effects that were taken, or came too early.
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
    held: Mapping[Resource, str] = field(default_factory=dict)
    spent: Spending = field(default_factory=dict)  # type: ignore[assignment]
    before: Spending = field(default_factory=dict)  # type: ignore[assignment]
    actions: dict[Slot, Action] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unawaited: dict[Slot, Any] = field(default_factory=dict)
    at_work: list[Slot] = field(default_factory=list)
    astray: Exception | None = None
    asking: Exception | None = None
    outer: Attempt | None = None
    pools: tuple[Attempt, ...] = ()
    began: float | None = None
    ended: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    earlier: Attempt | None = field(default=None, repr=False)
    cut: Callable[[Call], Call] | None = field(default=None, repr=False)
    place: Place = field(init=False, repr=False)
    mode: Mode | None = field(default=None, init=False, repr=False)
    books: Books | None = field(default=None, init=False, repr=False)
    resumed: bool = field(default=False, init=False, repr=False)
    heard: Heard = field(default_factory=Heard, init=False, repr=False)
    _told: frozenset[Slot] = field(default=frozenset(), init=False)
    _token: Token[Attempt | None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # These were recorded before a pause: they need no second decision record.
        self._told = frozenset(self.actions)
        # Looked up now: a graph that the work calls may load a run of its own in this context.
        around, superstep = current.get(), self.task.superstep
        known = None if around is None else around.place
        self.place = known or find_place(self.task.thread, superstep, superstep)

    def __enter__(self) -> Self:
        self.outer = current.get()
        if self._is_own and (left := take_attempt(self.task.id)) is not None:
            self._go_on(left)
        # What only this process sees is lost with it, whatever is written there.
        kept = self.place.shared and self.place.journal.durable
        if self._is_own and kept and (self.budget.limited or self.price is not None):
            taken = self.spent.get("seconds", 0.0)
            self.books = Books(self.place, self.task.id, self.budget.limited, taken)
        if self._is_own:  # kept now, since a time-out may cut it off at any moment
            keep_attempt(self.task.id, _Live(self))
        if self.outer is None:
            leave_to(self.task.around, self)
        self.began = monotonic()
        self._token = current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end("its attempt had ended" + ("" if kind is None else f" ({kind.__name__})"))
        if self._token is not None:
            current.reset(self._token)
        for coroutine in self.unawaited.values():
            coroutine.close()  # else Python warns that it was never awaited
        if problem is None and self._is_own:
            take_attempt(self.task.id)
        if self.task.around:
            self.known = {}  # the tasks around may keep this one for long

    def end(self, how: str) -> None:
        """End the attempt: nothing more may be called for it, and its clock stops."""
        with self.lock:
            self.ended = self.ended or how
        self.pause()

    @property
    def _is_own(self) -> bool:
        """Say whether its task is its own, and not that of the attempt around it."""
        task = self.task.id
        return bool(task) and (self.outer is None or self.outer.task.id != task)

    def _go_on(self, left: Mapping[str, Any]) -> None:
        """Take over what the last attempt of the same task has spent and done."""
        self.resumed = True
        self.spent = left["spent"]
        if self.task.attempt > 1:
            self.spent = add_spending(self.spent, {"retries": 1})
        self.actions = dict(left["actions"])
        self.refused = list(left["refused"])
        self.earlier = left.attempt if isinstance(left, _Live) else None

    def recall(self) -> Logic[None]:
        """Go on from what the task had spent before a crash, if it has a limit or a price.

        An attempt around this one that keeps no books takes it over too: it was lost there.
        """
        books = self.books
        if books is None:
            return
        if self.resumed:
            if self.task.attempt > 1:
                books.add({"retries": 1})
            return
        before: Spending = yield Call(books.read, (), blocks=True)
        books.seconds += before.get("seconds", 0.0)
        for layer in self.limits() if before else ():
            if layer is self or (layer.books is None and not layer.resumed):
                with layer.lock:
                    layer.spent = add_spending(layer.spent, before)

    def layers(self) -> tuple[Attempt, ...]:
        """Give this attempt, and those around it."""
        return (self,) if self.outer is None else (self, *self.outer.layers())

    def limits(self) -> tuple[Attempt, ...]:
        """Give this attempt and those around it, with the pools that each shares."""
        return tuple(limit for layer in self.layers() for limit in (layer, *layer.pools))

    @property
    def owner(self) -> str:
        """Give the task that claims effects: the outermost, whose retry runs the inner anew."""
        return self.task.owner if self.outer is None else self.outer.owner

    @property
    def scope(self) -> str:
        """Give the thread that its effects belong to: that of the outermost graph."""
        if self.place.shared or not self.task.thread:
            return self.place.for_receivers
        return self.task.thread if self.outer is None else self.outer.scope

    def find_mode(self) -> Logic[Mode]:
        """Read how the thread's effects are meant, once for all attempts around this one."""
        outermost = self.layers()[-1]
        if outermost.mode is None:
            place, mode = outermost.place, ORDINARY
            if place.shared:
                entries = yield Call(place.journal.read, (place.thread, MODE), blocks=True)
                mode = read_mode(entries)
            outermost.place, outermost.mode = replace(place, origin=mode.scope), mode
        self.place = outermost.place
        return outermost.mode

    def check_open(self, call: str) -> None:
        """Refuse a call when this attempt, or one around it, has ended.

        Raises:
            AttemptEnded: it names the call and the node.
        """
        for layer in self.layers():
            if layer.ended:
                refusal = AttemptEnded(
                    f"{call} was called for {layer.task.node} when {layer.ended}; it is not run"
                )
                log.warning("%s", refusal)  # perhaps nobody is left to catch it
                raise refusal

    def allow(self, tool: str) -> None:
        """Refuse a tool that the contract, or one around it, does not list.

        Raises:
            ToolRefused: it names the tool, the node and what is allowed.
            AttemptEnded: the attempt has ended.
        """
        self.check_open(tool)
        for layer in self.layers():
            if layer.allowed is not None and tool not in layer.allowed:
                layer.refused.append(f"it called {tool!r}, which its contract does not list")
                listed = ", ".join(layer.allowed) or "no tools"
                raise ToolRefused(
                    f"{layer.task.node} may not call {tool!r}: its contract allows {listed}; "
                    "add it to Contract(tools=...) if it should"
                )

    def why_asked(self, action: Action) -> tuple[str, str] | None:
        """Give why a gate here or around wants a person for an action, and the gate's name."""
        for layer in self.layers():
            if layer.wants is not None and (reason := layer.wants(action)) is not None:
                return reason, layer.gate
        return None

    def spend(self, **amounts: float) -> None:
        """Add amounts to the spending, here and around."""
        for layer in self.limits():
            with layer.lock:
                layer.spent = add_spending(layer.spent, amounts)  # type: ignore[arg-type]
                if layer.books is not None:
                    layer.books.add(amounts)

    def write(self, *, all: bool = False) -> None:
        """Write down what was spent, here and around, where there are books and it is due."""
        for layer in self.layers():
            if (books := layer.books) is None:
                continue
            with layer.lock:
                if not (all or books.due()):
                    continue
                amounts = books.take(layer.spent.get("seconds", 0.0) + layer.elapsed())
            books.write(amounts)

    def written(self, *, all: bool = False) -> Logic[None]:
        """Write down what was spent, as `write` does, without keeping the event loop waiting."""
        books = [layer.books for layer in self.layers() if layer.books is not None]
        if books and (all or any(each.due() for each in books)):
            yield Call(self.write, (), options={"all": all}, blocks=True)

    def used(self, message: BaseMessage | None) -> None:
        """Add a model's message to the spending: its tokens, and its cost by the nearest price."""
        price = next((at.price for at in self.layers() if at.price is not None), None)
        who = {name: at.task.node for at in self.limits() for name in at.budget.limited}
        held = {name: node for at in self.limits() for name, node in at.held.items()}
        self.spend(**amounts_of(message, price, held | who))

    def check(self) -> None:
        """Stop before the next model or agent call when a budget is used up.

        Raises:
            BudgetExhausted: it names the limit.
            AttemptEnded: the attempt has ended.
        """
        self.check_open("a model or an agent")
        self.refuse_late("a model or an agent")
        for layer in self.limits():
            if not layer.budget.limited:
                continue
            node, top = layer.task.node, layer.budget.retries
            if top is not None and layer.spent.get("retries", 0) > top:
                raise BudgetExhausted(f"{node}: budget reached, retries: {top:g} of {top:g} spent")
            if reached := layer.budget.over(layer.so_far, of=USED):
                raise BudgetExhausted(f"{node}: budget reached, {reached}")

    @property
    def deadline(self) -> Deadline | None:
        """Give the first deadline of the runs that this attempt and those around it are part of."""
        deadlines = (deadline_of(layer.run) for layer in self.layers())
        return min(filter(None, deadlines), key=lambda each: each.until, default=None)

    def refuse_late(self, call: str) -> None:
        """Refuse a call once the run's deadline has passed.

        Raises:
            BudgetExhausted: it names the node, the deadline and the call.
        """
        if (deadline := self.deadline) is not None and (passed := deadline.passed) is not None:
            raise BudgetExhausted(f"{self.task.node}: {passed}; {call} is not begun")

    @property
    def left(self) -> float | None:
        """Give the seconds that the tightest limit here and around leaves; None without a limit."""
        limits = [] if self.deadline is None else [self.deadline.left]
        limits += [
            layer.budget.seconds - layer.so_far.get("seconds", 0)
            for layer in self.limits()
            if layer.budget.seconds is not None
        ]
        return min(limits) if limits else None

    @property
    def so_far(self) -> Spending:
        """Sum up the spending until now, the time before a pause included."""
        return add_spending(add_spending(self.before, self.spent), {"seconds": self.elapsed()})

    def pause(self) -> None:
        """Stop the clock: waiting after this is not the attempt's work."""
        with self.lock:
            seconds, self.began = self.elapsed(), None
            self.spent = add_spending(self.spent, {"seconds": seconds})

    def settled(self) -> dict[Slot, Action]:
        """Give the actions that stay even if the attempt has failed: all but proposals."""
        with self.lock:
            return {slot: one for slot, one in self.actions.items() if one.status != "proposed"}

    def update(self, *, failed: bool = False) -> dict[str, Any]:
        """Give spending, actions and their decision records as a state update."""
        actions = self.settled() if failed else dict(self.actions)
        records = [
            effect_done(self.task.node, action)
            for slot, action in actions.items()
            if action.status in ("done", "dry") and slot not in self._told
        ]
        records += [self._refusal(why) for why in self.refused]
        done = {"actions": as_update(actions.values())} if actions else {}
        update: dict[str, Any] = {"spent": self.spent, **done}
        if records:
            update["decisions"] = records
        return update

    def elapsed(self) -> float:
        """Give the seconds since it began, or went on."""
        return 0.0 if self.began is None else round(monotonic() - self.began, 6)

    def _refusal(self, why: str) -> dict[str, Any]:
        node, known = self.task.node, self.allowed or ()
        record = Decision(kind="effect", node=node, choice="refused", reason=why, candidates=known)
        return plain(record)  # type: ignore[no-any-return]


class _Live(Mapping[str, Any]):
    """Give the record of an attempt as it stands when it is read: it may be cut off any moment."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def add(self, inner: Attempt) -> None:
        """Take an attempt for a part of this one: it ran where no context variable showed this."""
        inner.outer = self.attempt

    def __getitem__(self, name: str) -> Any:
        if name == "actions":
            return self.attempt.settled()
        return getattr(self.attempt, name)

    def __iter__(self) -> Iterator[str]:
        yield from ("spent", "actions", "refused", "update")

    def __len__(self) -> int:
        return 4


current: ContextVar[Attempt | None] = ContextVar("quintet_attempt", default=None)
