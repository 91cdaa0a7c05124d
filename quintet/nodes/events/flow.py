"""Keep the events of a run in order: what waits for which handler, and what is under way.

A lane is what one handler has to do for one key. In a lane one event comes after the other; several
lanes are worked on at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from quintet.nodes.core.kept import keep
from quintet.nodes.events.emitted import shown
from quintet.nodes.subscribe import Collect, Subscriber
from quintet.state.event import STEP, Event, type_name
from quintet.state.event import identity_of as identity

Plain = dict[str, Any]


@dataclass(kw_only=True)
class Flow:
    """The events of a run at one dispatcher, all as plain data.

    Attributes:
        queue: what handlers still have to do: `to`, `key`, and the `events` of one call.
        lanes: what was sent out, by the key of its step.
        waits: the events that wait for others, by handler and key.
        seen: a digest of each event's content, by its identity.
        named: the identities that senders and handlers have given, which later runs know again.
        handled: the identities that each handler has handled.
        dead: the dead letters: the event, the handler if any, and why.
        out: the events that leave the graph.
        counts: how many events were `taken`, handler calls `made`, duplicates `absorbed`, and how
            many came `late`.
        wave: how many times it has sent something out.
        loops: the cascades that were cut off, each as its cycle.
        asked: a digest of the actions that the gate was last asked about.
        looked: a digest of what it last saw of work that others had taken over.
        over: whether it has ended.
        run: the id of the run that they are the events of.
        told: a digest of the result that says what has become of them; empty before the end.
    """

    queue: list[Plain] = field(default_factory=list)
    lanes: dict[str, Plain] = field(default_factory=dict)
    waits: dict[str, Plain] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)
    handled: dict[str, list[str]] = field(default_factory=dict)
    dead: list[Plain] = field(default_factory=list)
    out: list[Plain] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    wave: int = 0
    loops: list[str] = field(default_factory=list)
    asked: str = ""
    looked: str = ""
    over: bool = False
    run: str = ""
    told: str = ""

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Flow:
        """Read it from the state, which stays as it is."""
        copies = {name: _copy(value) for name, value in kept.items()}
        handled = {name: list(value) for name, value in copies.get("handled", {}).items()}
        return cls(**{**copies, "handled": handled})

    def update(self, path: str) -> Plain:
        """Give the state update that keeps it, and takes the notes of what has ended back."""
        return {"kept": keep("events", path, {f.name: getattr(self, f.name) for f in fields(self)})}

    def count(self, what: str, number: int = 1) -> None:
        """Count one more."""
        self.counts[what] = self.counts.get(what, 0) + number

    def bury(self, envelope: Mapping[str, Any], why: str, at: str = "") -> Plain:
        """Make an event a dead letter."""
        letter = {"event": dict(envelope), **({"at": at} if at else {}), "why": why}
        self.dead.append(letter)
        return letter

    def has_handled(self, name: str, events: Iterable[Mapping[str, Any]]) -> None:
        """Note that a handler has handled these events."""
        self.handled.setdefault(name, []).extend(map(identity_of, events))

    def put(self, to: str, key: str, events: list[Plain]) -> None:
        """Put a call at the end of the queue."""
        self.queue.append({"to": to, "key": key, "events": events})

    def collect(
        self, to: str, subscriber: Subscriber, key: str, event: Event
    ) -> list[Plain] | None:
        """Put an event to those that wait; give them all once there are enough, else None.

        An event that comes after that, and belongs to those, counts as late.
        """
        at = slot_of(to, key)
        slot = self.waits.get(at) or {"to": to, "key": key, "events": [], "late": []}
        events, late = list(slot["events"]), list(slot["late"])
        if any(identity_of(each) == event.identity for each in events):
            self.count("absorbed")
            return None
        if event.type in late:
            late.remove(event.type)
            self.waits[at] = {**slot, "late": late}
            self.count("late")
            self.has_handled(to, [event.envelope])
            return None
        events.append(event.envelope)
        if subscriber.missing(types_of(events)):
            self.waits[at] = {**slot, "events": events}
            return None
        chosen = events if len(subscriber.on) == 1 else _first_of_each(events)
        rest = [each for each in events if each not in chosen]
        self.waits[at] = {**slot, "events": rest, "late": _late(subscriber, chosen)}
        return chosen

    def ready(self, subscribers: Mapping[str, Subscriber]) -> list[Plain]:
        """Take what may be done now out of the queue: the next call, or calls, of each lane.

        A handler that may stop for a person comes last, as it would keep all others waiting.
        """
        lanes: dict[tuple[str, str], list[Plain]] = {}
        for item in self.queue:
            lanes.setdefault((item["to"], item["key"]), []).append(item)
        quiet = {at: items for at, items in lanes.items() if not subscribers[at[0]].asks}
        taken: list[Plain] = []
        rest: set[int] = {id(item) for item in self.queue}
        for (to, key), items in (quiet or lanes).items():
            batch = subscribers[to].batch
            most = 1 if subscribers[to].alone and not batch else len(items)
            calls = [item["events"] for item in items[:most]]
            if batch:
                calls = [[event for call in calls for event in call]]
            taken.append({"to": to, "key": key, "calls": calls})
            rest -= {id(item) for item in items[:most]}
        self.queue = [item for item in self.queue if id(item) in rest]
        return taken

    def put_back(self, lane: Mapping[str, Any], calls: list[list[Plain]]) -> None:
        """Put calls that were sent out and not made to the front of the queue, in their order."""
        back = [{"to": lane["to"], "key": lane["key"], "events": call} for call in calls]
        self.queue = [*back, *self.queue]

    def waiting(self) -> list[str]:
        """Say who waits for what, a sentence each."""
        return [
            f"{slot['to']} waits for more than {', '.join(map(shown, slot['events']))}"
            for slot in self.waits.values()
            if slot["events"]
        ]


def slot_of(to: str, key: str) -> str:
    """Name the place of a handler's events of one key."""
    # A numbered name means something else among results. Two keys never get one place.
    safe = key.replace("%2", "%252").replace("#", "%23")
    return f"{to}:{safe}" if key else to


def identity_of(envelope: Mapping[str, Any]) -> str:
    """Give the identity of an event in its envelope."""
    return identity(envelope.get("source", ""), envelope.get("id", ""))


def types_of(events: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Count events by type."""
    counts: dict[str, int] = {}
    for event in events:
        counts[event["type"]] = counts.get(event["type"], 0) + 1
    return counts


def cycle_in(names: tuple[str, ...]) -> str:
    """Give the cycle with which a way ends, as `a -> b -> a`; the whole way, where it has none."""
    *before, last = names
    for start in range(len(before) - 1, -1, -1):
        if before[start] == last:
            return STEP.join(names[start:])
    return STEP.join(names)


def _first_of_each(events: list[Plain]) -> list[Plain]:
    first: dict[str, Plain] = {}
    for event in events:
        first.setdefault(event["type"], event)
    return list(first.values())


def _late(subscriber: Subscriber, chosen: list[Plain]) -> list[str]:
    """Name the type of each event that belongs to those that were chosen, and may still come."""
    names = [type_name(kind) for kind in subscriber.on]
    collect = subscriber.collect or Collect(at_least=1)
    if len(names) == 1:
        return names * ((collect.of or collect.at_least) - len(chosen))
    came = types_of(chosen)
    missing = [name for name in names if name not in came]
    return missing[: (collect.of or len(names)) - len(chosen)] if collect.of else missing


def _copy(value: Any) -> Any:
    return (
        dict(value)
        if isinstance(value, dict)
        else list(value)
        if isinstance(value, list)
        else value
    )
