"""Tell the events in a handler's answer from its result, and put them into envelopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from quintet.errors import ContractBroken
from quintet.nodes.events.types import is_told_by_class
from quintet.state.clock import now
from quintet.state.event import STEP, Event, at_utc, identity_of, type_name
from quintet.state.record import faults, validated


@dataclass(frozen=True, kw_only=True)
class Emitter:
    """Put what a handler emits into envelopes.

    Args:
        name: the handler's name among the subscribers.
        emits: the types that it declares.
        key: the key of the events that it handles, the subject of those that it emits.
        only_events: whether it declares to give events, and no result.
    """

    name: str
    emits: tuple[Any, ...]
    key: str = ""
    only_events: bool = False

    def sorted(self, answer: Any) -> tuple[list[Any], Any]:
        """Give the events in an answer, and the result; either may be nothing.

        Raises:
            ContractBroken: it holds events that the handler does not declare, or mixes the two.
        """
        if answer is None:
            return [], None
        if _is_event(answer):
            return [answer], None
        if not isinstance(answer, list | tuple):
            return [], answer
        events = [item for item in answer if _is_event(item)]
        if events and len(events) < len(answer):
            other = next(item for item in answer if not _is_event(item))
            raise ContractBroken(f"{self.name} gives events and {other!r:.60} in one list")
        if events or (self.emits and not answer):
            return events, None
        return [], answer

    def check_result(self, result: Any) -> None:
        """Refuse a result from a handler that declares to give events alone.

        Raises:
            ContractBroken: it names what the handler gave, and what it declares.
        """
        if result is None or not self.only_events:
            return
        names = ", ".join(map(type_name, self.emits))
        raise ContractBroken(
            f"{self.name} gave {result!r:.60}, and its return type says that it gives {names}: "
            f"return one, or name the result's type too, as in `-> {type_name(self.emits[0])} "
            f"| {type(result).__name__}`"
        )

    def envelopes(self, answer: Sequence[Any], parents: Sequence[Event]) -> list[dict[str, Any]]:
        """Give each event as an envelope, and whether the handler has named its id.

        An id that nobody has named is made from the events that it follows from, so that it is the
        same when the handler is called anew after a crash.
        """
        source = identity_of(self.name, " ".join(parent.identity for parent in parents))
        longest = max(parents, key=lambda parent: len(parent.handlers))
        trail = STEP.join((*longest.handlers, self.name))
        time = at_utc(now())
        packed = []
        for number, item in enumerate(answer):
            event = self._checked(item)
            filled = {
                "id": event.id or f"{source}.{number}",
                "source": event.source or self.name,
                "subject": event.subject or self.key,
                "time": event.time or time,
                "cause": event.cause or parents[-1].id,
                "trail": trail,
            }
            given = {name: value for name, value in filled.items() if value}
            packed.append({"event": event.envelope | given, "named": bool(event.id)})
        return packed

    def of_result(self, result: Any, parents: Sequence[Event]) -> list[dict[str, Any]]:
        """Give a worker's result as an event of the one type that it emits.

        Raises:
            ContractBroken: the result is none of that.
        """
        [kind] = self.emits
        return self.envelopes([Event.of(result, type=kind)], parents)

    def _checked(self, item: Any) -> Event:
        names = {type_name(kind): kind for kind in self.emits}
        event = item if isinstance(item, Event) else Event.of(item)
        if event.type not in names:
            raise ContractBroken(
                f"{self.name} gave an event of type {event.type}, which it does not declare "
                f"({', '.join(names) or 'none'}); name it in its return type, or in emits=(...)"
            )
        try:
            validated(names[event.type], event.data)
        except ValidationError as problem:
            raise ContractBroken(
                f"{self.name} gave what is no {event.type}: {faults(problem)}"
            ) from None
        return event


def _is_event(item: Any) -> bool:
    return isinstance(item, Event) or is_told_by_class(type(item))


def shown(envelope: Mapping[str, Any]) -> str:
    """Give an event in a few words, for messages."""
    subject = envelope.get("subject")
    about = f" of {subject}" if subject else ""
    return f"{envelope.get('type', 'event')}{about} ({envelope.get('id') or 'no id'})"
