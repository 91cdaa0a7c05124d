"""Put what has happened into an envelope, under the names of CloudEvents 1.0.

The envelope is what travels: from a sender into a run, from handler to handler, and later over a
broker. Its extension attributes `cause` and `trail` say which event it follows from, and through
which handlers it came.
"""

# No postponed annotations here; `state.fragments` says why.

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Self
from uuid import uuid4

from quintet.errors import DesignError
from quintet.state.channels import Latest
from quintet.state.clock import now
from quintet.state.fragments import OrchestrationState
from quintet.state.record import plain

JSON = "application/json"
STEP = " -> "
"""What stands between two handlers of a trail."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event in its envelope.

    Args:
        type: the name of its type.
        data: what happened, as plain data.
        id: tells it from all other events of its source; two with one id are the same event.
            Empty where whoever sends it on fills it in.
        source: who says that it happened.
        subject: what it is about; events of one subject are handled in order.
        time: when it happened, as RFC 3339 has it.
        datacontenttype: the form of the data; JSON alone is read.
        specversion: the version of CloudEvents.
        cause: the id of the event that it follows from.
        trail: the handlers through which it came, the first one first.
        extensions: further attributes, handed on as they are.

    Raises:
        DesignError: a type that is no text, another version or form, or data that is not plain.
    """

    type: str
    data: Any = None
    id: str = ""
    source: str = ""
    subject: str = ""
    time: str = ""
    datacontenttype: str = JSON
    specversion: str = "1.0"
    cause: str = ""
    trail: str = ""
    extensions: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("type", "id", "source", "subject", "time", "cause", "trail"):
            if not isinstance(value := getattr(self, name), str):
                raise DesignError(f"Event({name}={value!r:.60}): give a text")
        if not self.type.strip():
            raise DesignError("Event(type=''): name the type of the event")
        if self.specversion != "1.0":
            raise DesignError(f"Event(specversion={self.specversion!r:.60}): only '1.0' is read")
        form = str(self.datacontenttype).partition(";")[0].strip().lower()
        if form != JSON and not form.endswith("+json"):
            raise DesignError(f"Event(datacontenttype={self.datacontenttype!r:.60}): give JSON")
        object.__setattr__(self, "data", plain(self.data))

    @classmethod
    def of(cls, data: Any, *, type: Any = None, **attributes: Any) -> Self:
        """Put an instance of an event type into an envelope.

        Args:
            data: a dataclass's or model's instance; or a dict, with its `type`.
            type: the event type, or its name; by default the type of the data.
            attributes: `id`, `source`, `subject`, `time` and the others.

        Raises:
            DesignError: a dict without a type.
        """
        kind: Any = data.__class__ if type is None else type
        if isinstance(kind, str):
            name = kind
        elif kind in (dict, list, str, int, float, bool, None.__class__):
            raise DesignError(f"Event.of({data!r:.60}): give type= too; a {kind.__name__} has none")
        else:
            name = type_name(kind)
        return cls(type=name, data=data, **attributes)

    @classmethod
    def read(cls, envelope: Any) -> Self:
        """Read an envelope, as a broker delivers it.

        Raises:
            DesignError: it is no envelope; the message says why.
        """
        if not isinstance(envelope, Mapping):
            raise DesignError(f"{envelope!r:.60} is no event; give its envelope as a dict")
        if "data_base64" in envelope:
            raise DesignError("Event(data_base64=...): binary data is not read; send JSON")
        known = {key: value for key, value in envelope.items() if key in _ATTRIBUTES}
        if "type" not in known:
            raise DesignError(f"{dict(envelope)!r:.80} is no event: it has no type")
        rest = {key: plain(value) for key, value in envelope.items() if key not in _ATTRIBUTES}
        return cls(**{**known, "extensions": rest})

    @classmethod
    def kept(cls, envelope: Mapping[str, Any]) -> Self:
        """Read an envelope that was made here, quicker than `read`: it was checked then."""
        event = object.__new__(cls)
        known = {name: value for name, value in envelope.items() if name in _ATTRIBUTES}
        rest = {name: value for name, value in envelope.items() if name not in known}
        vars(event).update({**_DEFAULTS, **known, "extensions": rest})
        return event

    @property
    def envelope(self) -> dict[str, Any]:
        """Give the envelope as plain data, without the attributes that are empty."""
        own = {name: getattr(self, name) for name in _ATTRIBUTES}
        needed = ("specversion", "id", "source", "type", "data")
        kept = {name: value for name, value in own.items() if value or name in needed}
        return {**kept, **self.extensions}

    @property
    def identity(self) -> str:
        """Give a digest of source and id, equal for all deliveries of the same event."""
        return identity_of(self.source, self.id)

    @property
    def handlers(self) -> tuple[str, ...]:
        """Name the handlers through which it came."""
        return tuple(self.trail.split(STEP)) if self.trail else ()


_ATTRIBUTES = {each.name: None for each in fields(Event) if each.name != "extensions"}
_DEFAULTS = {each.name: each.default for each in fields(Event) if each.default is not MISSING}


def identity_of(source: str, id: str) -> str:
    """Give the digest of a source and an id."""
    text = f"{len(source)} {source}{id}"
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def type_name(kind: Any) -> str:
    """Give the name of an event type: its attribute `event_type`, else its class's name."""
    name = getattr(kind, "event_type", None)
    return name if isinstance(name, str) else str(kind.__name__)


def deliver(*events: Any, source: str = "") -> dict[str, Any]:
    """Give the input of a run that handles these events.

    Args:
        events: `Event`s, envelopes, or instances of event types. One without an id gets a new one,
            and is then no duplicate of any other.
        source: who says that they happened, where an event does not name it.

    Raises:
        DesignError: something that is no event.
    """
    return {"events": [_sent(event, source) for event in events]}


def _sent(event: Any, source: str) -> dict[str, Any]:
    if isinstance(event, Event):
        envelope = event.envelope
    elif isinstance(event, Mapping):
        envelope = Event.read(event).envelope
    else:
        envelope = Event.of(event).envelope
    filled = {"id": str(uuid4()), "source": source or "quintet", "time": at_utc(now())}
    return envelope | {name: value for name, value in filled.items() if not envelope.get(name)}


def at_utc(seconds: float) -> str:
    """Give a moment as RFC 3339 text, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


class Delivered(Latest):
    """Hold the events that a run was begun with; a nested graph reads its parent's."""

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Take the events that came in."""
        return self.merge(values)


class EventState(OrchestrationState, total=False):
    """Hold the keys of an orchestrated run, and the events that it was begun with.

    `events` are envelopes, as `deliver` makes them or a broker brings them.
    """

    events: Annotated[list[dict[str, Any]], Delivered]
