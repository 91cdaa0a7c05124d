"""Take events in: refuse what is none, absorb what came before, and queue the rest for handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from quintet.errors import QuintetError
from quintet.nodes.core.call import Logic
from quintet.nodes.core.node import one_line
from quintet.nodes.events.emitted import shown
from quintet.nodes.events.flow import Flow, cycle_in, identity_of, slot_of
from quintet.nodes.events.memory import Known, Memory
from quintet.nodes.subscribe import typed
from quintet.state.event import Event, deliver, type_name
from quintet.state.record import digest, plain


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """An event that has come: whether somebody named its id, and whom alone it is for."""

    event: Event
    named: bool = True
    to: str = ""
    outside: bool = False


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Take events in for one visit of a dispatcher.

    Args:
        dispatcher: the dispatcher, with its handlers and limits.
        flow: the run's events.
        memory: what earlier runs of the thread have handled.
        record: puts a decision on record.
    """

    dispatcher: Any
    flow: Flow
    memory: Memory
    record: Callable[[Any, str, str], None]

    def take(self, given: Iterable[Any]) -> Logic[None]:
        """Take the events that a run was begun with."""
        arrivals = []
        for item in given:
            try:
                sent = item if isinstance(item, Mapping | Event) else deliver(item)["events"][0]
                event = sent if isinstance(sent, Event) else Event.read(sent)
                if not event.id or not event.source:
                    raise QuintetError("it has no id, or no source; send it by deliver(...)")
            except QuintetError as problem:
                self._bury(_as_plain(item), f"it is no event: {problem}")
                continue
            arrivals.append(Arrival(event=event, outside=True))
        yield from self._put(arrivals)

    def follow(self, emitted: Iterable[Mapping[str, Any]]) -> Logic[None]:
        """Take the events that handlers gave."""
        yield from self._put(
            [
                Arrival(
                    event=Event.kept(item["event"]),
                    named=item.get("named", False),
                    to=item.get("to", ""),
                )
                for item in emitted
            ]
        )

    def _put(self, arrivals: list[Arrival]) -> Logic[None]:
        known = Known()
        if any(arrival.named or arrival.to for arrival in arrivals):
            known = yield from self.memory.read()
        before = self.flow.counts.get("absorbed", 0)
        calls = [call for each in arrivals for call in self._calls(each, known)]
        yield from self._load_waits(calls)
        for name, key, event in calls:
            self._queue(name, key, event)
        if absorbed := self.flow.counts.get("absorbed", 0) - before:
            self.record("contract", "absorbed", f"{absorbed} events had come before")

    def _calls(self, arrival: Arrival, known: Known) -> Iterable[tuple[str, str, Event]]:
        """Give whom an event is for, each with its key."""
        flow, event, dispatcher = self.flow, arrival.event, self.dispatcher
        if not arrival.to and self._is_repeated(arrival):
            return
        takers = [arrival.to] if arrival.to else dispatcher.takers(event.type)
        fault = self._otherwise_known(arrival, known) or self._fault(event, takers)
        if fault:
            self._bury(event.envelope, fault)
            return
        if not arrival.to:
            flow.count("taken")
        if any(type_name(kind) == event.type for kind in dispatcher.out):
            flow.out.append(event.envelope)
        left = [name for name in takers if event.identity not in known.by_handler.get(name, ())]
        if takers and not left:
            flow.count("absorbed")
        if arrival.named:
            flow.named.append(event.identity)
        yield from self._keyed(arrival, left)

    def _keyed(self, arrival: Arrival, names: list[str]) -> Iterable[tuple[str, str, Event]]:
        """Give each handler that an event is for, with the key that it goes by."""
        event, kinds = arrival.event, self.dispatcher.kinds
        try:  # what a handler gave was checked there
            data = typed(kinds, event) if arrival.outside else None
        except QuintetError as problem:
            self._bury(event.envelope, str(problem))
            return
        for name in names:
            subscriber = self.dispatcher.subscribers[name]
            try:
                if data is None and callable(subscriber.by):
                    data = typed(kinds, event)
                yield name, subscriber.key_of(event, data), event
            except Exception as problem:  # noqa: BLE001 - the user's function may fail in any way
                self._bury(event.envelope, f"{type(problem).__name__}: {problem}", name)

    def _is_repeated(self, arrival: Arrival) -> bool:
        """Absorb an event that came before in this run; refuse another one under its id."""
        flow, event = self.flow, arrival.event
        # A handler's own id says that it is the same, whatever it holds.
        content = content_of(event) if arrival.outside else ""
        before = flow.seen.get(event.identity)
        if before is None:
            flow.seen[event.identity] = content
            return False
        if before == content or not arrival.outside:
            flow.count("absorbed")
        else:
            self._bury(event.envelope, OTHER)
        return True

    def _otherwise_known(self, arrival: Arrival, known: Known) -> str:
        """Say that an earlier run has handled another event under its id, or give an empty text."""
        before = known.contents.get(arrival.event.identity, "")
        other = arrival.outside and before and before != content_of(arrival.event)
        return OTHER if other else ""

    def _fault(self, event: Event, takers: list[str]) -> str:
        """Say why an event may not be handled, or give an empty text."""
        flow, dispatcher = self.flow, self.dispatcher
        leaves = any(type_name(kind) == event.type for kind in dispatcher.out)
        if not takers and not leaves:
            return f"nobody takes an event of type {event.type}"
        trail = event.handlers
        if takers and len(trail) >= dispatcher.depth:
            cycle = cycle_in((*trail, takers[0]))
            flow.loops.append(cycle)
            return f"its cascade is {len(trail)} handlers deep, the limit: {cycle}"
        if takers and flow.counts.get("taken", 0) >= dispatcher.most:
            cycle = cycle_in((*trail, *takers[:1])) if trail else f"{dispatcher.most} events"
            flow.loops.append(cycle)
            return f"the run has had {dispatcher.most} events, the limit: {cycle}"
        return ""

    def _load_waits(self, calls: Iterable[tuple[str, str, Event]]) -> Logic[None]:
        """Load what has waited since earlier runs, where these events may join it."""
        slots = set()
        for name, key, _ in calls:
            collect = self.dispatcher.subscribers[name].collect
            if collect is not None and collect.carry and slot_of(name, key) not in self.flow.waits:
                slots.add(slot_of(name, key))
        waits = yield from self.memory.read_waits(slots)
        self.flow.waits.update(waits)
        # Their senders have named them too, in a run before.
        self.flow.named += [identity_of(e) for slot in waits.values() for e in slot["events"]]

    def _queue(self, name: str, key: str, event: Event) -> None:
        subscriber = self.dispatcher.subscribers[name]
        if subscriber.collect is None:
            self.flow.put(name, key, [event.envelope])
            return
        together = self.flow.collect(name, subscriber, key, event)
        if together is not None:
            came = ", ".join(map(shown, together))
            self.record("merge", name, f"all that it waits for has come: {came}")
            self.flow.put(name, key, together)

    def _bury(self, envelope: Mapping[str, Any], why: str, at: str = "") -> None:
        self.flow.bury(envelope, why, at)
        where = f" at {at}" if at else ""
        kind = "escalation" if self.dispatcher.dead == "escalate" else "contract"
        self.record(
            kind, "dead letter", f"dead letter {shown(envelope)}{where}: {one_line(why, 200)}"
        )


OTHER = "another event of its source has its id, and other content"


def content_of(event: Event) -> str:
    """Give a digest of what an event says, by which a delivery is told from another event."""
    return digest([event.type, event.data])


def _as_plain(item: Any) -> dict[str, Any]:
    """Give what was sent as plain data, as well as that can be done."""
    try:
        data = item.envelope if isinstance(item, Event) else plain(item)
    except QuintetError:
        data = repr(item)[:500]
    return data if isinstance(data, dict) else {"data": data}
