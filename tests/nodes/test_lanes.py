"""Test how a dispatcher takes the notes of handlers: each takes work off a lane, or buries it."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import TypedDict

from quintet.graphs import create_event_driven
from quintet.nodes import Subscriber
from quintet.nodes.events.handle import Handle
from quintet.runs import start
from quintet.state import Event, checkpointer, deliver


class Bell(TypedDict):
    bell: str


@pytest.mark.parametrize("handled", [0, -1])
def test_a_note_that_says_that_nothing_was_handled_does_not_go_round(handled, monkeypatch):
    calls: list[str] = []

    def ring(event: dict[str, Any]) -> dict[str, str]:
        calls.append(event["bell"])
        return {"heard": event["bell"]}

    honest = Handle.logic

    def changed(self: Handle, state: Any) -> Any:
        update = yield from honest(self, state)
        for note in update["kept"].values():
            note["handled"] = handled
        return update

    monkeypatch.setattr(Handle, "logic", changed)
    graph = create_event_driven({"ring": Subscriber(handler=ring, on=(Bell,), emits=())})
    events = [Event.of({"bell": name}, type="Bell", id=name, source="s") for name in "ab"]
    app = graph.compile(checkpointer=checkpointer("memory://"))
    ended = start(app, deliver(*events), thread="t")
    assert ended.status == "escalated"
    assert len(ended.results["dispatch"]["dead"]) == 2
    assert len(calls) <= 4
