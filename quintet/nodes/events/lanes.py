"""Read how the work that was sent out has ended, from the notes of handlers and of recovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quintet.errors import QuintetError
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.events.emitted import Emitter
from quintet.nodes.events.flow import Flow
from quintet.nodes.subscribe import Subscriber
from quintet.nodes.work import Worker
from quintet.state.event import Event
from quintet.state.record import digest

Plain = dict[str, Any]


@dataclass(kw_only=True)
class Ended:
    """How the lanes have ended.

    Attributes:
        ends: each lane's end, by the key of its step.
        subscribers: the handlers by name.
        results: the results so far.
        moved: whether another node has taken a lane over, and may still be at it.
        seen: a digest of all this.
        abort: the node of a policy that takes everything back; empty where none was applied.
        emitted: the events that handlers gave, in order.
    """

    ends: Mapping[str, Plain]
    subscribers: Mapping[str, Subscriber]
    results: Mapping[str, Any]
    moved: bool
    seen: str
    abort: str = ""
    emitted: list[Plain] = field(default_factory=list)

    @property
    def notes(self) -> Plain:
        """Give the state update that takes the notes of these lanes back."""
        return {"kept": {at: None for key in self.ends for at in keep("step", key, None)}}

    def settle(self, flow: Flow, bury: Callable[..., None]) -> None:
        """Put each lane's end into the flow: what it did, what is left, what it gave."""
        back = []
        for key, lane in flow.lanes.items():
            end = self.ends.get(key) or {"status": "silent"}
            # Each visit takes at least one call off a lane: a note that was changed on its way, and
            # says that none was made, would have the same call sent for ever.
            done = end["status"] == "done" and end.get("handled", 1) >= 1
            if not done:
                why = end.get("why") or "it gave no result"
                if end["status"] == "ended" and end["to"] != "person":
                    self.abort = end["to"]
                for event in lane["calls"][0]:
                    bury(event, why.removeprefix(f"step {lane['step']}: "), lane["to"])
                back.append((lane, lane["calls"][1:]))
                continue
            handled = lane["calls"][: end.get("handled", 1)]
            self._give(lane, end, bury)
            for call in handled:
                flow.has_handled(lane["to"], call)
            flow.count("made", len(handled))
            back.append((lane, lane["calls"][len(handled) :]))
        flow.lanes = {}
        for lane, calls in reversed(back):
            flow.put_back(lane, calls)

    def _give(self, lane: Plain, end: Plain, bury: Callable[..., None]) -> None:
        """Add the events that a handler gave; a worker's, where its result is one."""
        subscriber = self.subscribers[lane["to"]]
        self.emitted += end.get("out", ())
        if "out" in end or not (isinstance(subscriber.handler, Worker) and subscriber.emits):
            return
        result = self.results.get(lane["step"])
        if result is None:
            return
        parents = [Event.kept(event) for event in lane["calls"][0]]
        emitter = Emitter(name=lane["to"], emits=subscriber.emits, key=lane["key"])
        try:
            self.emitted += emitter.of_result(result, parents)
        except QuintetError as problem:
            for event in lane["calls"][0]:
                bury(event, str(problem), lane["to"])


def collect(flow: Flow, state: Mapping[str, Any], subscribers: Mapping[str, Subscriber]) -> Ended:
    """Read the ends of all lanes that are under way."""
    notes, results = kept(state, "step"), state.get("results") or {}
    ends = {key: notes[key] for key in flow.lanes if key in notes}
    moved = any(end["status"] == "moved" for end in ends.values())
    passed = [state.get("remedies") or {}, (state.get("spent") or {}).get("handoffs", 0)]
    seen = digest([ends, sorted(results), passed]) if moved else ""
    return Ended(ends=ends, subscribers=subscribers, results=results, moved=moved, seen=seen)
