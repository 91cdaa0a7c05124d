"""Subscribe a handler to types of events: which it takes, which it gives, and for what it waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.agents.graph import input_runnable
from quintet.nodes.core.kinds import Checked
from quintet.nodes.events.types import (
    first_hint,
    gives_only_events,
    hints_of,
    is_event_type,
    is_told_by_class,
    takes_several,
    types_in,
)
from quintet.nodes.route import HANDOFFS, Router
from quintet.nodes.work import Worker
from quintet.state.budget import Budget
from quintet.state.event import Event, type_name
from quintet.state.record import faults, validated
from quintet.state.verdict import check_answers, name_of


@dataclass(frozen=True, kw_only=True)
class Collect:
    """Wait for several events of one key, and then call the handler with them.

    A handler that takes several types waits for events of different types; one that takes one type,
    for so many of that.

    Args:
        at_least: the number of events at which the handler is called.
        of: the number that may come; those after `at_least` are absorbed, on record. By default as
            many as there are types, or `at_least`.
        carry: whether events that still wait when a run ends wait on for the thread's next run;
            else they are dead letters. It needs a checkpointer of ours.

    Raises:
        DesignError: it is no whole number from 1, or `of` is less than `at_least`.
    """

    at_least: int
    of: int | None = None
    carry: bool = False

    def __post_init__(self) -> None:
        for name, number in (("at_least", self.at_least), ("of", self.of)):
            if number is None and name == "of":
                continue
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise DesignError(f"Collect({name}={number!r:.60}): give a whole number from 1")
        if self.of is not None and self.of < self.at_least:
            raise DesignError(f"Collect(at_least={self.at_least}, of={self.of}): of cannot be less")


Key = str | Callable[[Any], Any]
"""The name of a field of the event, or a function of the event, that gives its key."""


@dataclass(frozen=True, kw_only=True)
class Subscriber(Checked):
    """Have a handler called for events of some types.

    Args:
        handler: a function of the event, plain or async; a `Worker`, whose contract takes its needs
            from the event's data; or a `Router`, which passes the event on to one of several
            subscribers. A function returns nothing, an event, several events, or a result.
        on: the event types that it takes; by default the type of the function's argument, or of the
            contract's `needs`. Empty for one that only routers, handoffs or fallbacks reach.
        emits: the event types that it gives; by default those in the function's return type, and
            for a worker its contract's `gives`, where somebody takes that.
        by: the key: of one key, it handles one event after the other, and of several keys side by
            side. By default the event's subject.
        collect: the events of one key that it waits for; it gets them as a list.
        batch: whether it gets all events of a key that have come, as a list. By default where its
            argument is annotated as a list.

    Raises:
        DesignError: a handler that is none, types that cannot be read or are none, or parts that do
            not fit together.
    """

    handler: Any
    on: Any = None
    emits: Any = None
    by: Key | None = None
    collect: Collect | None = None
    batch: bool | None = None

    def __post_init__(self) -> None:
        kinds = Worker | Router
        if not isinstance(self.handler, kinds) and not callable(self.handler):
            raise DesignError(
                f"Subscriber(handler={self.handler!r:.60}): give a function of the event, a "
                "Worker or a Router"
            )
        hint = None if isinstance(self.handler, kinds) else first_hint(self.handler)
        on = self._read_on(hint) if self.on is None else _types("on", self.on)
        emits = self._read_emits() if self.emits is None else _types("emits", self.emits)
        several = takes_several(hint)
        batch = several and self.collect is None if self.batch is None else self.batch
        for name, value in (("on", on), ("emits", emits), ("batch", batch)):
            object.__setattr__(self, name, value)
        check_answers(f"Subscriber({self.called})", self.by if callable(self.by) else None)
        self._check(several=several, annotated=hint is not None)

    @property
    def called(self) -> str:
        """Give a name of its handler, for messages."""
        if isinstance(self.handler, Worker):
            return f"Worker for {self.handler.contract.goal!r}"
        return "Router" if isinstance(self.handler, Router) else name_of(self.handler)

    @property
    def asks(self) -> bool:
        """Say whether it may stop for a person in the middle of its work."""
        if isinstance(self.handler, Worker):
            agent = input_runnable(self.handler.agent)
            nodes = getattr(getattr(agent, "builder", None), "nodes", None) or {}
            parts = [agent, *(spec.runnable for spec in nodes.values())]
            return any(getattr(part, "asks", False) for part in parts)
        return bool(getattr(self.handler, "asks", False))

    @property
    def alone(self) -> bool:
        """Say whether it makes one call at a time: one that is cut off is then made anew alone."""
        return isinstance(self.handler, Worker) or self.asks

    @property
    def only_events(self) -> bool:
        """Say whether its function's return type names events, and no result beside them."""
        if isinstance(self.handler, Worker | Router) or not self.emits:
            return False
        return gives_only_events(hints_of(self.handler).get("return"))

    def key_of(self, event: Event, typed: Any) -> str:
        """Give the key of an event.

        Raises:
            ContractBroken: it has none.
        """
        if self.by is None:
            return event.subject
        by = self.by
        data = event.data if isinstance(event.data, dict) else {}
        key = by(typed) if callable(by) else data.get(by)
        if key is None or key == "":
            named = by if isinstance(by, str) else name_of(by)
            raise ContractBroken(f"it has no key by {named!r}", side="needs")
        return str(key)

    def missing(self, waiting: Mapping[str, int]) -> int:
        """Give how many more events it waits for, by the number of each type that has come."""
        collect = self.collect or Collect(at_least=1)
        came = len(waiting) if len(self.on) > 1 else sum(waiting.values())
        return max(collect.at_least - came, 0)

    def giving(self, known: Mapping[str, Any]) -> Subscriber:
        """Give it with the types that its worker gives, where these are types of events.

        Raises:
            DesignError: a worker gives events of several types.
        """
        if not isinstance(self.handler, Worker):
            return self
        emits = self.emits
        if emits is None:
            emits = tuple(k for k in types_in(self.handler.contract.gives) if k in known.values())
        if len(emits) > 1:
            raise DesignError(
                f"Subscriber({self.called}): its result could be an event of "
                f"{', '.join(map(type_name, emits))}, and nothing tells which; let it give one of "
                "them, or a result that a function turns into events"
            )
        return replace(self, emits=emits)

    def _read_on(self, hint: Any) -> tuple[Any, ...]:
        if isinstance(self.handler, Worker):
            on = types_in(self.handler.contract.needs)
        else:
            on = types_in(hint)
        if not on:
            raise DesignError(
                f"Subscriber({self.called}): nothing says which events it takes; annotate its "
                "argument, or give on=(...)"
            )
        return on

    def _read_emits(self) -> Any:
        if isinstance(self.handler, Worker):
            return None  # it depends on the others; see `giving`
        if isinstance(self.handler, Router):
            return ()
        return tuple(filter(is_told_by_class, types_in(hints_of(self.handler).get("return"))))

    def _check(self, *, several: bool, annotated: bool) -> None:
        collect = self.collect
        if collect is not None and self.batch:
            raise DesignError(f"Subscriber({self.called}): give collect= or batch=, not both")
        if annotated and (collect is not None or self.batch) and not several:
            raise DesignError(
                f"Subscriber({self.called}): it gets several events, but its argument is annotated "
                "as one; annotate it as a list"
            )
        if annotated and several and collect is None and not self.batch:
            raise DesignError(f"Subscriber({self.called}): it gets one event, not a list")
        if collect is not None and not self.on:
            raise DesignError(f"Subscriber({self.called}): it waits, but takes no events")
        if (
            collect is not None
            and len(self.on) > 1
            and max(collect.at_least, collect.of or 1) > len(self.on)
        ):
            raise DesignError(
                f"Subscriber({self.called}): it waits for {collect.at_least} of "
                f"{collect.of or len(self.on)} different types, and takes {len(self.on)}"
            )
        if isinstance(self.handler, Router):
            self._check_router(self.handler)

    def _check_router(self, router: Router) -> None:
        if collect := self.collect or self.batch:
            raise DesignError(
                f"Subscriber(Router): a router takes one event at a time, not {collect}"
            )
        if self.emits:
            raise DesignError("Subscriber(Router): a router emits nothing; it passes events on")
        if router.budget != Budget(handoffs=HANDOFFS) or router.exhausted:
            raise DesignError(
                "Subscriber(Router): its budget is not looked at here; bound what follows by "
                "Dispatcher(depth=, most=, budget=)"
            )


def _types(part: str, given: Any) -> tuple[Any, ...]:
    kinds = tuple(given) if isinstance(given, list | tuple | set | frozenset) else (given,)
    for kind in kinds:
        if not is_event_type(kind):
            raise DesignError(
                f"Subscriber({part}={kind!r:.60}): give dataclasses, pydantic models or TypedDicts"
            )
    return kinds


def as_subscribers(given: Mapping[str, Any]) -> dict[str, Subscriber]:
    """Give handlers as subscribers by their names, a function or worker by its own types.

    Raises:
        DesignError: there are none, or one is no handler.
    """
    if not isinstance(given, Mapping) or not given:
        raise DesignError(f"subscribers={given!r:.60}: give at least one handler by its name")
    return {
        name: each if isinstance(each, Subscriber) else Subscriber(handler=each)
        for name, each in given.items()
    }


def typed(kinds: Mapping[str, Any], event: Event) -> Any:
    """Read an event's data as its type.

    Raises:
        ContractBroken: the data does not fit it.
    """
    try:
        return validated(kinds[event.type], event.data)
    except ValidationError as problem:
        raise ContractBroken(f"it is no {event.type}: {faults(problem)}", side="needs") from None
