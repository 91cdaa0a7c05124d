"""Call a handler for the events that a dispatcher has sent it, one after the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langgraph.errors import GraphBubbleUp

from quintet.errors import DesignError, PersonNeeded, UnknownRoute
from quintet.nodes.choosers.choose import ask
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.handed_on import check_handed_on
from quintet.nodes.core.node import Node, one_line, values
from quintet.nodes.core.reckon import reckoned
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.events.emitted import Emitter
from quintet.nodes.route import Router
from quintet.nodes.subscribe import Subscriber, typed
from quintet.state.budget import Spending, add_spending
from quintet.state.decision import Decision
from quintet.state.event import STEP, Event
from quintet.state.record import plain
from quintet.state.run import run_of


@dataclass(frozen=True, kw_only=True)
class Handle(Node):
    """Call a function, or ask a router, for each event that was sent; in order.

    Where it fails at one that is not the first, it hands on what it has done before. So after a
    retry it begins with the one that failed, and no event is handled twice.

    Args:
        subscriber: the handler with its types.
        kinds: the event types by name.
    """

    subscriber: Subscriber
    kinds: Mapping[str, Any]

    writes = frozenset({"results", "kept", "decisions", "spent", "run"})

    def __post_init__(self) -> None:
        if not isinstance(self.subscriber.handler, Router):
            _ = self.arguments

    @cached_property
    def arguments(self) -> int:
        """Give how many arguments its function takes."""
        return parameters_of(self.subscriber.handler)

    @cached_property
    def only_events(self) -> bool:
        """Say whether its function declares to give events alone."""
        return self.subscriber.only_events

    def logic(self, state: Mapping[str, Any]) -> Logic[dict[str, Any]]:
        """Handle the events, and leave a note for the dispatcher."""
        task, step = current_task("handle"), SentStep.of(state)
        work = _Work(handle=self, task=task, run=run_of(state), key=step.record.get("key", ""))
        calls = step.record.get("calls", ())
        for number, call in enumerate(calls):
            try:
                yield from work.do([Event.kept(envelope) for envelope in call])
            except GraphBubbleUp:
                raise
            except Exception:
                if number == 0:
                    raise
                break
            work.handled = number + 1
        return work.update(step)


@dataclass(kw_only=True)
class _Work:
    """Do one visit, and collect what came of it."""

    handle: Handle
    task: Task
    run: str
    key: str
    handled: int = 0

    def __post_init__(self) -> None:
        self.emitter = Emitter(
            name=self.task.node,
            emits=self.handle.subscriber.emits,
            key=self.key,
            only_events=self.handle.only_events,
        )
        self.out: list[dict[str, Any]] = []
        self.result: Any = None
        self.records: list[dict[str, Any]] = []
        self.spent: Spending = {}

    def do(self, events: list[Event]) -> Logic[None]:
        """Handle one event, or several at once."""
        subscriber = self.handle.subscriber
        given = [typed(self.handle.kinds, event) for event in events]
        if isinstance(subscriber.handler, Router):
            yield from self._route(subscriber.handler, events[0], given[0])
            return
        several = subscriber.batch or subscriber.collect is not None
        arguments = (given, events) if several else (given[0], events[0])
        function = subscriber.handler
        call = Call(_listing(function), arguments[: self.handle.arguments], blocks=True)
        emitted, result = self.emitter.sorted((yield call))
        envelopes = self.emitter.envelopes(emitted, events)
        result = plain(result)
        check_handed_on(self.task.node, result)
        self.emitter.check_result(result)
        self.out += envelopes
        self.result = self.result if result is None else result

    def _route(self, router: Router, event: Event, given: Any) -> Logic[None]:
        text = router.read(values(given))
        choice, spent = yield from reckoned(self.task, ask(router.choose, text), self.run)
        self.spent = add_spending(self.spent, spent)
        to = router.otherwise if choice is None else choice.to
        target = router.targets.get(to)
        if target is None:
            raise UnknownRoute(
                f"{self.task.node} chose {to!r}, which is not a route; "
                f"give one of {', '.join(router.targets)}"
            )
        if target == "person":
            why = choice.reason if choice else "the chooser abstained"
            raise PersonNeeded(f"{self.task.node}: {why or 'a person was chosen'}")
        decision = Decision(
            kind="route",
            node=self.task.node,
            choice=to,
            reason=choice.reason if choice else "the chooser abstained",
            by=choice.by if choice else "rule",
            who=choice.who if choice else "otherwise",
            confidence=choice.confidence if choice else None,
            candidates=tuple(router.targets),
            seen=one_line(text),
        )
        self.records.append(plain(decision))
        trail = STEP.join((*event.handlers, self.task.node))
        self.out.append({"event": event.envelope | {"trail": trail}, "to": target})

    def update(self, step: SentStep) -> dict[str, Any]:
        """Give the state update: the dispatcher's note, the last result, the records."""
        update: dict[str, Any] = {
            "kept": step.ended({"status": "done", "handled": self.handled, "out": self.out})
        }
        if self.result is not None:
            update["results"] = {step.id or self.task.node: self.result}
        if self.records:
            update["decisions"] = self.records
        if self.spent:
            update["spent"] = self.spent
        return update


def parameters_of(function: Callable[..., Any]) -> int:
    """Give how many arguments a handler takes: the event, or the event and its envelope.

    Raises:
        DesignError: it takes none or more, or is an async generator, which nothing iterates.
    """
    if inspect.isasyncgenfunction(function):
        raise DesignError(
            f"handler {function.__name__!r} is an async generator; return a list of events"
        )
    parameters = inspect.signature(function).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.default is p.empty and p.kind not in _VARIABLE]
    if not 1 <= len(needed) <= 2 or any(p.kind not in positional for p in needed):
        name = getattr(function, "__name__", repr(function))
        raise DesignError(
            f"handler {name!r} takes {', '.join(p.name for p in needed) or 'nothing'}; a handler "
            "takes the event, and its envelope if it likes"
        )
    return len(needed)


_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _listing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a generator function as one that returns the list of what it yields."""
    if not inspect.isgeneratorfunction(function):
        return function

    def listing(*arguments: Any) -> list[Any]:
        return list(function(*arguments))

    return listing
