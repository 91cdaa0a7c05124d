"""Test a dispatcher and its handlers as the functions that they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.types import Command, Send

from quintet.nodes import Collect, Dispatcher, Subscriber
from quintet.nodes.events.flow import Flow, cycle_in, slot_of
from quintet.nodes.events.handle import Handle
from quintet.nodes.events.types import takes_several, types_in
from quintet.state import ContractBroken, DesignError, Event, deliver
from quintet.state.plan import step_key


@dataclass
class A:
    key: str
    number: int = 0


@dataclass
class B:
    key: str


def to_b(a: A) -> B:
    return B(a.key)


async def ato_b(a: A) -> B:
    return B(a.key)


def ends(b: B) -> None:
    return None


def event(data: Any, name: str) -> Event:
    return Event.of(data, id=name, source="test", subject=data.key)


PARTS = {"to_b": Subscriber(handler=to_b), "ends": Subscriber(handler=ends)}
KINDS = {"A": A, "B": B}
NODE = Dispatcher(subscribers=PARTS, kinds=KINDS)


def visited(state: dict[str, Any], node: Dispatcher = NODE) -> tuple[Any, dict[str, Any]]:
    """Visit a dispatcher; give where it goes, and the state with its notes."""
    command = node(state)
    assert isinstance(command, Command)
    update: Any = command.update
    kept = {**state.get("kept", {}), **update.get("kept", {})}
    kept = {name: value for name, value in kept.items() if value is not None}
    results = {**state.get("results", {}), **update.get("results", {})}
    return command.goto, {**state, "kept": kept, "results": results}


def handled(send: Send, state: dict[str, Any]) -> dict[str, Any]:
    """Run a handler for what it was sent; give the state with its note."""
    update = Handle(subscriber=PARTS[send.node], kinds=KINDS)(send.arg)
    return {**state, "kept": {**state["kept"], **update["kept"]}}


def test_it_sends_a_lane_for_each_key_and_ends_once_all_is_done():
    given = deliver(event(A("x"), "1"), event(A("y"), "2"), event(A("x", 1), "3"))
    sends, state = visited(given)
    assert [(send.node, send.arg["step"]["key"]) for send in sends] == [
        ("to_b", "x"),
        ("to_b", "y"),
    ]
    assert [len(send.arg["step"]["calls"]) for send in sends] == [2, 1]
    for send in sends:
        state = handled(send, state)
    sends, state = visited(state)
    assert [send.node for send in sends] == ["ends", "ends"]
    for send in sends:
        state = handled(send, state)
    goto, state = visited(state)
    assert goto == "finish"
    assert state["results"]["dispatch"]["handled"] == 6
    assert [name for name in state["kept"] if name.startswith("step ")] == []


def test_the_events_of_another_run_are_refused():
    ours, others = (
        {**deliver(event(A(key), key)), "run": {"id": run}}
        for key, run in (("x", "r1"), ("y", "r2"))
    )
    _, theirs = visited(others)
    with pytest.raises(ContractBroken, match="that of run r2, and this is run r1"):
        visited({**ours, "kept": theirs["kept"]})
    goto, _ = visited({**theirs, "run": {"id": "r2"}})
    assert goto == "person"  # its handler left no note


def test_a_handler_that_left_no_note_makes_a_dead_letter():
    _, state = visited(deliver(event(A("x"), "1")))
    goto, state = visited(state)
    assert goto == "person"
    [letter] = state["results"]["dispatch"]["dead"]
    assert (letter["at"], letter["why"]) == ("to_b", "it gave no result")


def test_it_looks_again_while_another_node_may_still_be_at_it():
    [send], state = visited(deliver(event(A("x"), "1")))
    key = step_key(send.arg["step"])
    state["kept"][f"step {key}"] = {"status": "moved", "to": "other"}
    goto, state = visited(state)
    assert goto == "dispatch"
    goto, state = visited(state)  # nothing has changed: nobody is at it
    assert goto == "person"


async def test_a_handler_is_awaited_and_gives_envelopes_with_ids_that_stay_the_same():
    node = Handle(subscriber=Subscriber(handler=ato_b), kinds=KINDS)
    call = [event(A("x"), "1").envelope]
    step = {"id": "b:x", "planner": "dispatch", "path": "dispatch", "key": "x", "calls": [call]}
    notes = [await node.ainvoke({"step": step}) for _ in range(2)]
    [first], [second] = [next(iter(note["kept"].values()))["out"] for note in notes]
    assert first["event"]["id"] == second["event"]["id"]
    assert (first["named"], first["event"]["cause"], first["event"]["subject"]) == (False, "1", "x")


def test_an_async_handler_in_a_sync_run_is_refused():
    node = Handle(subscriber=Subscriber(handler=ato_b), kinds=KINDS)
    step = {"id": "b:x", "calls": [[event(A("x"), "1").envelope]]}
    with pytest.raises(DesignError, match="is async"):
        node({"step": step})


def test_an_event_without_the_key_that_its_handler_goes_by_is_a_dead_letter():
    parts = {"to_b": Subscriber(handler=to_b, by="nothing"), "ends": PARTS["ends"]}
    node = Dispatcher(subscribers=parts, kinds=KINDS)
    goto, state = visited(deliver(event(A("x"), "1")), node)
    assert goto == "person"
    assert "no key by 'nothing'" in state["results"]["dispatch"]["dead"][0]["why"]


def test_a_key_function_that_raises_makes_a_dead_letter_of_that_event_alone():
    def by(a: A) -> str:
        return {"x": "x"}[a.key]

    parts = {"to_b": Subscriber(handler=to_b, by=by), "ends": PARTS["ends"]}
    node = Dispatcher(subscribers=parts, kinds=KINDS)
    sends, state = visited(deliver(event(A("y"), "1"), event(A("x"), "2")), node)
    assert [send.arg["step"]["key"] for send in sends] == ["x"]
    flow = Flow.read(state["kept"]["events dispatch"])
    assert flow.dead[0]["why"] == "KeyError: 'y'"


def test_nodes_compare_print_and_name_their_ways():
    assert Dispatcher(subscribers=PARTS, kinds=KINDS) == NODE
    assert "to_b" in repr(NODE)
    assert NODE.destinations == ("to_b", "ends", "finish", "person")


def test_a_cycle_is_named_from_the_last_time_that_it_was_there():
    assert cycle_in(("a", "b", "a")) == "a -> b -> a"
    assert cycle_in(("x", "a", "b", "a", "b")) == "b -> a -> b"
    assert cycle_in(("a", "b")) == "a -> b"


def test_a_key_with_a_number_is_no_numbered_result():
    assert slot_of("a", "db#2") == "a:db%232"
    assert slot_of("a", "") == "a"


def test_types_are_read_from_annotations():
    assert types_in(A | None) == (A,)
    assert types_in(list[A | B]) == (A, B)
    assert types_in(dict[str, int]) == ()
    assert takes_several(list[A])
    assert takes_several(tuple[A, ...])
    assert not takes_several(A)
    assert not takes_several(dict[str, A])
    assert not takes_several(None)


def test_the_state_of_a_flow_is_not_changed_by_a_visit():
    flow = Flow(handled={"a": ["1"]}, dead=[{"why": "x"}])
    kept = flow.update("p")["kept"]["events p"]
    other = Flow.read(kept)
    other.has_handled("a", [event(A("x"), "1").envelope])
    other.bury({}, "y")
    other.count("taken")
    assert kept["handled"] == {"a": ["1"]}
    assert kept["dead"] == [{"why": "x"}]
    assert kept["counts"] == {}


def test_a_wait_of_two_of_three_keeps_its_rounds_apart():
    flow, subscriber = (
        Flow(),
        Subscriber(handler=lambda several: None, on=A, by="key", collect=Collect(at_least=2, of=3)),
    )
    got = [flow.collect("w", subscriber, "x", event(A("x", n), str(n))) for n in range(5)]
    assert [None if each is None else [e["id"] for e in each] for each in got] == [
        None,
        ["0", "1"],
        None,
        None,
        ["3", "4"],
    ]
    assert flow.counts == {"late": 1}


def test_an_event_that_waits_already_is_absorbed():
    flow = Flow()
    subscriber = Subscriber(handler=lambda several: None, on=A, collect=Collect(at_least=2))
    for _ in range(2):
        assert flow.collect("w", subscriber, "x", event(A("x"), "1")) is None
    assert flow.counts == {"absorbed": 1}


def test_an_undeclared_event_is_refused_by_name():
    def lies(a: A) -> None:
        return B(a.key)  # type: ignore[return-value]

    node = Handle(subscriber=Subscriber(handler=lies), kinds=KINDS)
    with pytest.raises(ContractBroken, match="type B, which it does not declare"):
        node({"step": {"id": "x", "calls": [[event(A("x"), "1").envelope]]}})
