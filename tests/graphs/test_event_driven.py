"""Test event-driven graphs: order, once only, waiting, dead letters, cascades, people, crashes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.graphs import check, create_event_driven, create_sequential, draw_events
from quintet.nodes import (
    ApprovalGate,
    Collect,
    Dispatcher,
    Finish,
    Handoff,
    Recovery,
    Router,
    Subscriber,
    Worker,
    abort,
    by_rules,
    effect,
    fallback,
)
from quintet.runs import Run, approve, astart, look, reject, start
from quintet.state import (
    Budget,
    Contract,
    DesignError,
    Event,
    EventState,
    OrchestrationState,
    checkpointer,
    deliver,
    plain,
    unmet,
)
from quintet.testing import ScriptedModel, crashpoints
from tests.graphs.eventful import (
    HASTY,
    Log,
    Ordered,
    Packed,
    Paid,
    Shipped,
    Strange,
    event,
    summary,
    whys,
)

WAYS = ("sync", "async")


def shop(log: Log, collect: Collect | None = None, **options: Any) -> StateGraph[Any]:
    """Build a shop: what is ordered is paid and packed, and shipped once both are done."""
    ships = Subscriber(handler=log.ships, by="order", collect=collect or Collect(at_least=2))
    parts = {"pay": log.pays, "pack": log.packs, "ship": ships}
    return create_event_driven(parts, **{"recover": HASTY, **options})


async def run(graph: Any, *events: Any, way: str = "sync", thread: str = "t") -> Run:
    """Run a graph over events."""
    compiled = not isinstance(graph, StateGraph)
    app = graph if compiled else graph.compile(checkpointer=checkpointer("memory://"))
    if way == "async":
        return await astart(app, deliver(*events), thread=thread)
    return start(app, deliver(*events), thread=thread)


def reason(ended: Run) -> str:
    assert ended.outcome is not None
    return ended.outcome.reason


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("url", ["", "memory://", "sqlite:///{}/runs.db"])
async def test_handlers_react_to_types_and_a_run_ends_when_nothing_is_left(way, url, tmp_path):
    log = Log()
    saver = checkpointer(url.format(tmp_path)) if url else None
    app = shop(log).compile(checkpointer=saver)
    ended = await run(app, event(Ordered("a")), event(Ordered("b")), way=way)
    assert ended.status == "done"
    assert ended.values["results"]["ship:a"] == {"shipped": "a"}
    assert sorted(log.calls) == [
        ("pack", "a", 1),
        ("pack", "b", 1),
        ("pay", "a", 1),
        ("pay", "b", 1),
        ("ship", "a", 2),
        ("ship", "b", 2),
    ]
    counts = summary(ended.values)
    assert (counts["events"], counts["handled"], counts["absorbed"]) == (6, 6, 0)
    if saver:
        assert len(ended.path) == 4 + 4 + 2  # two waves: dispatch, handlers, dispatch, ...


def test_check_has_nothing_to_say_and_the_drawing_has_all_ways():
    graph = shop(Log(), dispatch=Dispatcher(inputs=(Ordered,)))
    assert check(graph) == ()
    drawn = graph.compile().get_graph()
    ways = {(edge.source, edge.target) for edge in drawn.edges}
    for name in ("pay", "pack", "ship"):
        assert {("dispatch", name), (name, "dispatch")} <= ways
    assert {("dispatch", "finish"), ("dispatch", "person")} <= ways
    assert draw_events(graph).splitlines() == [
        "flowchart LR",
        "    pay[pay]",
        "    outside((outside)) -- Ordered --> pay",
        "    pack[pack]",
        "    outside((outside)) -- Ordered --> pack",
        "    ship[ship]",
        "    pay -- Paid --> ship",
        "    pack -- Packed --> ship",
    ]


def test_only_an_event_driven_graph_is_drawn_by_types():
    with pytest.raises(DesignError, match="create_event_driven"):
        draw_events(create_sequential({"a": answers()}))


# What is refused when the graph is made


def unannotated(event):  # type: ignore[no-untyped-def]
    return None


def emits_strange(ordered: Ordered) -> Strange:
    return Strange(ordered.order)


def two_arguments_too_many(event: Ordered, b: Any, c: Any) -> None:
    return None


async def async_generator(event: Ordered) -> Any:
    yield event


@dataclass
class OtherPaid:
    event_type = "Paid"
    order: str


def takes_other(paid: OtherPaid) -> None:
    return None


class NoEvents(OrchestrationState, total=False):
    pass


def one(ordered: Ordered) -> None:
    return None


def several(ordered: list[Ordered]) -> None:
    return None


def mistaken(**options: Any) -> Callable[[], Any]:
    return lambda: create_event_driven(**options)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (mistaken(subscribers={}), "at least one handler"),
        (mistaken(subscribers={"a": unannotated}), "nothing says which events it takes"),
        (mistaken(subscribers={"a": emits_strange}), "a emits Strange, and nobody takes it"),
        (mistaken(subscribers={"a": two_arguments_too_many}), "takes event, b, c"),
        (mistaken(subscribers={"a": async_generator}), "async generator"),
        (mistaken(subscribers={"a": Log().pays, "b": takes_other}), "two event types are named"),
        (mistaken(subscribers={"a": one}, state=NoEvents), "does not inherit EventState"),
        (mistaken(subscribers={"finish": one}), "'finish': that name is taken"),
        (mistaken(subscribers={"dispatch": one}), "that name is taken"),
        (mistaken(subscribers={"a": 3}), "give a function of the event"),
        (mistaken(subscribers={"a": one}, dispatch=3), "give a Dispatcher"),
        (
            mistaken(subscribers={"a": one}, dispatch=Dispatcher(inputs=(Paid, Ordered))),
            "nobody takes Paid",
        ),
        (
            mistaken(subscribers={"a": one}, dispatch=Dispatcher(out=(Paid,))),
            "nobody emits Paid",
        ),
        (
            mistaken(subscribers={"a": one}, dispatch=Dispatcher(inputs=(int,))),
            "is no event type",
        ),
        (
            mistaken(
                subscribers={"a": one, "b": takes_other}, dispatch=Dispatcher(inputs=(Ordered,))
            ),
            "b takes Paid, which comes neither",
        ),
        (
            mistaken(
                subscribers={
                    "a": Subscriber(
                        on=Ordered,
                        handler=Router(choose=str, to=("b", "c"), otherwise="person"),
                    ),
                    "b": Subscriber(on=(), handler=one),
                }
            ),
            "passes events on to 'c'",
        ),
        (lambda: Subscriber(on=Ordered, handler=several, batch=False), "one event, not a list"),
        (
            lambda: Subscriber(handler=one, collect=Collect(at_least=2)),
            "several events, but",
        ),
        (lambda: Subscriber(handler=one, batch=True), "annotated as one"),
        (lambda: Subscriber(handler=several, batch=True, collect=Collect(at_least=2)), "not both"),
        (
            lambda: Subscriber(on=(), handler=several, collect=Collect(at_least=2)),
            "takes no events",
        ),
        (
            lambda: Subscriber(handler=Log().ships, collect=Collect(at_least=3)),
            "waits for 3 of 2 different types",
        ),
        (lambda: Subscriber(on=int, handler=one), "give dataclasses"),
        (
            lambda: Subscriber(
                on=Ordered,
                handler=Router(
                    choose=str, to=("b",), otherwise="person", budget=Budget(handoffs=2)
                ),
            ),
            "its budget is not looked at",
        ),
        (lambda: Collect(at_least=0), "whole number from 1"),
        (lambda: Collect(at_least=2, of=1), "of cannot be less"),
        (lambda: Dispatcher(depth=0), "depth=0"),
        (lambda: Dispatcher(most=True), "most=True"),
        (lambda: Dispatcher(dead="drop"), "'escalate' or 'record'"),  # type: ignore[arg-type]
        (lambda: Dispatcher(budget=Budget(handoffs=1)), "depth= and most="),
    ],
)
def test_a_mistake_is_refused_by_name(make, words):
    with pytest.raises(DesignError, match=words):
        make()


def test_a_worker_that_could_give_events_of_two_types_is_refused():
    contract = Contract(goal="Do", needs=Ordered, gives=Paid | Packed)
    parts = {"do": Worker(agent=Log().pays, contract=contract), "ship": ship_each()}
    with pytest.raises(DesignError, match="nothing tells which"):
        create_event_driven(parts)


def ship_each() -> Subscriber:
    def ships(part: Paid | Packed) -> dict[str, str]:
        return {"shipped": part.order}

    return Subscriber(handler=ships, by="order")


# Order, and once only


def test_events_of_one_key_come_in_order_and_keys_side_by_side():
    log, meeting = Log(), threading.Barrier(2, timeout=10)

    def notes(ordered: Ordered) -> None:
        if ordered.amount == 0:
            meeting.wait()  # both keys are at their first event at once
        log.notes(ordered)

    events = [event(Ordered(key, n), n) for n in range(5) for key in ("a", "b")]
    ended = start(create_event_driven({"note": notes}).compile(), deliver(*events))
    assert ended.status == "done"
    assert log.of("note", "a") == log.of("note", "b") == [0, 1, 2, 3, 4]


def test_two_keys_that_look_alike_do_not_share_a_place():
    def passes(ordered: Ordered) -> Paid:
        return Paid(ordered.order)

    def pays(paid: Paid) -> str:
        return paid.order

    keys = ("a#b", "a%23b", "a%2523b", "50%")
    graph = create_event_driven({"pass": Subscriber(handler=passes, by="order"), "pay": pays})
    ended = start(graph.compile(), deliver(*(event(Ordered(key)) for key in keys)))
    assert summary(ended.values)["handled"] == 8
    assert {ended.results[name] for name in ended.results if name != "dispatch"} == set(keys)


@pytest.mark.parametrize("way", WAYS)
async def test_a_duplicate_is_absorbed_in_its_run_and_in_the_next(way, tmp_path):
    log = Log()
    graph = create_event_driven({"note": log.notes, "pay": log.pays, "ship": ship_each()})
    twice = event(Ordered("a"))
    url = f"sqlite:///{tmp_path}/runs.db"
    with checkpointer(url) as saver:
        first = await run(graph.compile(checkpointer=saver), twice, twice, way=way)
    with checkpointer(url) as saver:  # another process
        app = graph.compile(checkpointer=saver)
        second = await run(app, twice, event(Ordered("b")), way=way)
        elsewhere = await run(app, twice, way=way, thread="other")
    assert summary(first.values)["absorbed"] == summary(second.values)["absorbed"] == 1
    assert log.calls.count(("note", "a", 1)) == log.calls.count(("pay", "a", 1)) == 2  # two threads
    assert (second.status, elsewhere.status) == ("done", "done")
    assert summary(elsewhere.values)["absorbed"] == 0


def test_state_does_not_grow_with_the_runs_of_a_thread():
    with checkpointer("memory://") as saver:
        app = create_event_driven({"note": Log().notes}).compile(checkpointer=saver)
        sizes = []
        for number in range(30):
            ended = start(app, deliver(event(Ordered("a"), number)), thread="t")
            sizes.append(len(str({k: v for k, v in ended.values.items() if k != "decisions"})))
    assert max(sizes) - min(sizes) < 50


def test_a_run_is_done_only_where_the_dispatchers_result_and_note_are_those_of_this_run():
    ended = start(
        create_event_driven({"note": Log().notes}).compile(), deliver(event(Ordered("a")))
    )
    given = {**ended.values, "outcome": None}
    note = given["kept"]["events dispatch"]
    changed = {"dispatch": {**summary(given), "handled": 7}}
    others = {"events dispatch": {**note, "run": "r9"}}
    for update, why in (
        ({}, ""),
        ({"results": changed}, "the result of dispatch was changed after it was given"),
        ({"kept": others}, "the events of dispatch are those of run r9"),
        ({"results": changed, "kept": {"events desk/dispatch": note}}, ""),  # a nested graph's
    ):
        outcome = Finish()({**given, **update})["outcome"]
        assert outcome["status"] == ("escalated" if why else "done")
        assert why in outcome["reason"]


def test_another_event_under_the_id_of_one_is_no_duplicate_but_a_dead_letter():
    log = Log()
    events = [event(Ordered("a", 1)), event(Ordered("a", 2))]
    ended = start(create_event_driven({"note": log.notes}).compile(), deliver(*events))
    assert ended.status == "escalated"
    assert whys(ended.values) == ["another event of its source has its id, and other content"]
    assert log.of("note", "a") == [1]


def test_a_handler_that_names_the_id_makes_many_events_one_over_the_runs_of_a_thread():
    log = Log()

    def triage(ordered: Ordered) -> Event:
        return Event.of(Paid(ordered.order), id=f"incident {ordered.order}")

    parts = {"triage": Subscriber(handler=triage, emits=Paid), "ship": ship_each()}
    with checkpointer("memory://") as saver:
        app = create_event_driven({**parts, "note": log.notes}).compile(checkpointer=saver)
        first = start(app, deliver(*[event(Ordered("a"), n) for n in range(9)]), thread="t")
        second = start(app, deliver(*[event(Ordered("a"), n) for n in range(9, 12)]), thread="t")
    assert (summary(first.values)["absorbed"], summary(second.values)["absorbed"]) == (8, 3)
    assert (first.status, second.status) == ("done", "done")
    assert "ship:a" in first.values["results"]
    assert "ship:a" not in second.values["results"]


def test_a_handler_gets_all_events_of_a_key_at_once_where_it_takes_a_list():
    sizes = []

    def counts(ordered: list[Ordered], envelopes: list[Event]) -> list[Paid]:
        sizes.append((ordered[0].order, len(ordered), len(envelopes)))
        return [Paid(ordered[0].order)]

    events = [event(Ordered(key, n), n) for n in range(100) for key in ("a", "b")]
    graph = create_event_driven({"count": counts, "ship": ship_each()})
    ended = start(graph.compile(), deliver(*events))
    assert sorted(sizes) == [("a", 100, 100), ("b", 100, 100)]
    assert ended.status == "done"


# Waiting for k of n


def voting(collect: Collect, log: Log, **options: Any) -> StateGraph[Any]:
    def decides(votes: list[Ordered]) -> dict[str, Any]:
        log.calls.append(("decide", votes[0].order, sum(v.amount for v in votes)))
        return {"sum": sum(v.amount for v in votes)}

    part = Subscriber(handler=decides, by="order", collect=collect)
    return create_event_driven({"decide": part}, **options)


def test_two_of_three_are_enough_and_the_third_is_late():
    log = Log()
    graph = voting(Collect(at_least=2, of=3), log)
    ended = start(graph.compile(), deliver(*[event(Ordered("a", 10**n), n) for n in range(3)]))
    assert (ended.status, log.calls) == ("done", [("decide", "a", 11)])
    assert summary(ended.values)["late"] == 1


def test_after_all_have_come_the_next_round_begins():
    log = Log()
    graph = voting(Collect(at_least=2, of=3), log)
    events = [event(Ordered("a", 10**n), n) for n in range(5)]
    ended = start(graph.compile(), deliver(*events))
    assert (ended.status, log.calls) == ("done", [("decide", "a", 11), ("decide", "a", 11000)])


def test_two_of_three_types():
    log = Log()

    def ships(parts: list[Paid | Packed | Ordered]) -> None:
        log.calls.append(("ship", parts[0].order, len(parts)))

    part = Subscriber(handler=ships, by="order", collect=Collect(at_least=2))
    app = create_event_driven({"ship": part}).compile()
    events = [event(Paid("a")), event(Paid("a"), 1), event(Packed(order="a")), event(Ordered("a"))]
    ended = start(app, deliver(*events))
    assert log.calls == [("ship", "a", 2)]
    assert summary(ended.values)["late"] == 1
    assert ended.status == "escalated"  # the second payment waits for a second round
    assert "dead letter Paid of a (Paid-a-1) at ship: it waits for 1 more" in reason(ended)


def test_what_waits_at_the_end_of_a_run_is_a_dead_letter():
    ended = start(voting(Collect(at_least=2), Log()).compile(), deliver(event(Ordered("a"))))
    assert ended.status == "escalated"
    assert "it waits for 1 more, which did not come" in reason(ended)


@pytest.mark.parametrize("url", ["memory://", "sqlite:///{}/runs.db"])
def test_what_waits_is_carried_over_to_the_next_run_where_that_is_declared(url, tmp_path):
    log = Log()
    with checkpointer(url.format(tmp_path)) as saver:
        app = voting(Collect(at_least=2, of=3, carry=True), log).compile(checkpointer=saver)
        first = start(app, deliver(event(Ordered("a", 1), 1)), thread="t")
        again = start(app, deliver(event(Ordered("a", 1), 1)), thread="t")
        second = start(app, deliver(event(Ordered("a", 2), 2)), thread="t")
        third = start(app, deliver(event(Ordered("a", 4), 3)), thread="t")
        old = start(app, deliver(event(Ordered("a", 1), 1)), thread="t")
    assert summary(first.values)["waits"] == [
        "decide waits for more than Ordered of a (Ordered-a-1)"
    ]
    assert log.calls == [("decide", "a", 3)]
    assert [r.status for r in (first, again, second, third, old)] == ["done"] * 5
    assert summary(again.values)["absorbed"] == summary(old.values)["absorbed"] == 1
    assert summary(third.values)["late"] == 1


# Dead letters


def test_an_event_that_nobody_takes_is_a_dead_letter_and_the_others_are_handled():
    log = Log()
    app = create_event_driven({"note": log.notes}).compile()
    ended = start(app, deliver(event(Strange("x")), event(Ordered("a"))))
    assert ended.status == "escalated"
    assert reason(ended) == (
        "dead letter Strange of x (Strange-x-0): nobody takes an event of type Strange"
    )
    assert log.calls == [("note", "a", 1)]
    assert ended.outcome is not None
    [letter] = ended.outcome.evidence["packet"]["results"]["dispatch"]["dead"]
    assert replace(Event.read(letter["event"]), time="") == event(Strange("x"))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"id": "1", "source": "s"}, "has no type"),
        ({"type": "Ordered", "source": "s", "data": {"order": "a"}}, "no id"),
        ({"type": "Ordered", "id": "1", "data": {"order": "a"}}, "no source"),
        (
            {
                "type": "Ordered",
                "id": "1",
                "source": "s",
                "data": {"order": "a"},
                "specversion": "2",
            },
            "only '1.0'",
        ),
        ({"type": "Ordered", "id": "1", "source": "s", "data": {"amount": 1}}, "it is no Ordered"),
        (
            {"type": "Ordered", "id": "1", "source": "s", "data": {"order": "a", "amount": "1"}},
            "it is no Ordered: amount",
        ),
        ({"type": "Ordered", "id": "1", "source": "s", "data_base64": "AA=="}, "binary"),
        ("Ordered", "is no event"),
    ],
)
def test_what_is_no_event_is_a_dead_letter(sent, why):
    ended = start(create_event_driven({"note": Log().notes}).compile(), {"events": [sent]})
    assert ended.status == "escalated"
    assert why in reason(ended)


def fails_for(log: Log, *orders: str, problem: Exception | None = None) -> Callable[..., None]:
    def notes(ordered: Ordered) -> None:
        if ordered.order in orders:
            raise problem or KeyError(f"no such order {ordered.order}")
        log.notes(ordered)

    return notes


@pytest.mark.parametrize("way", WAYS)
async def test_a_handler_that_fails_for_good_makes_a_dead_letter_and_all_others_go_on(way):
    log = Log()
    graph = create_event_driven(
        {"note": fails_for(log, "bad"), "pay": log.pays, "ship": ship_each()}, recover=HASTY
    )
    events = [event(Ordered(key, n), n) for n in range(3) for key in ("good", "bad")]
    ended = await run(graph, *events, way=way)
    assert ended.status == "escalated"
    assert reason(ended).count("no such order bad") == 3
    assert log.of("note", "good") == [0, 1, 2]
    assert log.of("pay", "bad") == [0, 1, 2]


def test_after_a_failure_in_the_middle_the_events_before_it_are_not_handled_again():
    log, left = Log(), [ConnectionError("down"), ConnectionError("down")]

    def notes(ordered: Ordered) -> None:
        if ordered.amount == 2 and left:
            raise left.pop()
        log.notes(ordered)

    events = [event(Ordered("a", n), n) for n in range(4)]
    ended = start(create_event_driven({"note": notes}, recover=HASTY).compile(), deliver(*events))
    assert ended.status == "done"
    assert log.of("note", "a") == [0, 1, 2, 3]


def test_dead_letters_may_be_only_recorded_where_that_is_declared():
    log = Log()
    graph = create_event_driven({"note": log.notes}, dispatch=Dispatcher(dead="record"))
    ended = start(graph.compile(), deliver(event(Strange("x")), event(Ordered("a"))))
    assert ended.status == "done"
    assert whys(ended.values) == ["nobody takes an event of type Strange"]
    assert [d.choice for d in ended.decisions if d.kind == "contract"] == ["dead letter"]


def test_a_redelivered_event_goes_only_to_those_who_have_not_handled_it():
    log, broken = Log(), [True]

    def notes(ordered: Ordered) -> None:
        if broken:
            raise KeyError("broken")
        log.notes(ordered)

    with checkpointer("memory://") as saver:
        graph = create_event_driven({"note": notes, "pay": log.pays, "ship": ship_each()})
        app = graph.compile(checkpointer=saver)
        first = start(app, deliver(event(Ordered("a"))), thread="t")
        broken.clear()
        second = start(app, deliver(event(Ordered("a"))), thread="t")
        third = start(app, deliver(event(Ordered("a"))), thread="t")
    assert [r.status for r in (first, second, third)] == ["escalated", "done", "done"]
    assert log.calls == [("pay", "a", 1), ("note", "a", 1)]


def test_a_dead_letter_from_inside_can_be_delivered_itself():
    log, broken = Log(), [True]

    def ships(paid: Paid) -> dict[str, str]:
        if broken:
            raise KeyError("no van")
        return {"shipped": paid.order}

    def bills(paid: Paid) -> None:
        log.calls.append(("bill", paid.order, 1))

    with checkpointer("memory://") as saver:
        graph = create_event_driven({"pay": log.pays, "ship": ships, "bill": bills})
        app = graph.compile(checkpointer=saver)
        first = start(app, deliver(event(Ordered("a"))), thread="t")
        [letter] = summary(first.values)["dead"]
        broken.clear()
        second = start(app, deliver(letter["event"]), thread="t")
    assert (first.status, second.status) == ("escalated", "done")
    assert second.values["results"]["ship:a"] == {"shipped": "a"}
    assert log.calls == [("pay", "a", 1), ("bill", "a", 1)]


def test_a_run_without_events_is_refused_and_one_with_an_empty_list_is_done():
    app = create_event_driven({"note": Log().notes}).compile()
    ended = start(app, {"message": "hi"})
    assert ended.status == "escalated"
    assert "there are no events" in reason(ended)
    assert start(app, deliver()).status == "done"


# Wrong shapes


def gives(answer: Any) -> Callable[[Ordered], Any]:
    def handler(ordered: Ordered) -> Paid | None:
        return answer  # type: ignore[no-any-return]

    return handler


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Strange("a"), "gave an event of type Strange, which it does not declare"),
        ([Paid("a"), 3], "gives events and 3 in one list"),
        (Event.of({"order": 3}, type=Paid), "gave what is no Paid"),
        (object(), "is not plain data"),
        ({"x": float("nan")}, "is not plain data"),
    ],
)
def test_a_wrong_answer_is_a_dead_letter(answer, why):
    graph = create_event_driven({"a": gives(answer), "ship": ship_each()}, recover=HASTY)
    ended = start(graph.compile(), deliver(event(Ordered("a"))))
    assert ended.status == "escalated"
    assert why in reason(ended)


def yields(ordered: Ordered) -> Any:
    yield Event.of(Paid(ordered.order), subject="one")
    yield Event.of(Paid(ordered.order), subject="two")


def test_a_handler_may_yield_several_events_and_give_typed_dicts():
    class Reminder(TypedDict):
        order: str

    def reminds(paid: Paid) -> Event:
        return Event.of({"order": paid.order}, type=Reminder)

    def hears(reminder: Any) -> dict[str, Any]:
        return {"heard": reminder["order"]}

    parts = {
        "two": Subscriber(handler=yields, emits=Paid),
        "remind": Subscriber(handler=reminds, emits=Reminder),
        "hear": Subscriber(handler=hears, on=Reminder),
    }
    ended = start(create_event_driven(parts).compile(), deliver(event(Ordered("a"))))
    assert ended.status == "done"
    assert {"hear:one", "hear:two"} <= set(ended.values["results"])


def test_events_that_leave_stand_in_the_result():
    graph = create_event_driven({"pay": Log().pays}, dispatch=Dispatcher(out=(Paid,)))
    ended = start(graph.compile(), deliver(event(Ordered("a"))))
    [left] = summary(ended.values)["out"]
    assert (ended.status, left["type"], left["data"]) == ("done", "Paid", {"order": "a"})
    assert (left["cause"], left["trail"], left["specversion"]) == ("Ordered-a-0", "pay", "1.0")


# Cascades


def ping(ordered: Ordered) -> Paid:
    return Paid(ordered.order)


def pong(paid: Paid) -> Ordered:
    return Ordered(paid.order)


def test_a_cascade_that_goes_round_is_named_and_escalated_and_the_others_are_handled():
    log = Log()
    parts = {"ping": ping, "pong": pong, "other": Subscriber(handler=log_packed(log))}
    graph = create_event_driven(parts, dispatch=Dispatcher(depth=5, dead="record"))
    ended = start(graph.compile(), deliver(event(Ordered("a")), event(Packed(order="b"))))
    assert ended.status == "escalated"
    assert reason(ended) == "a cascade went round: pong -> ping -> pong"
    assert log.calls == [("packed", "b", 1)]
    assert "5 handlers deep, the limit" in whys(ended.values)[0]


def log_packed(log: Log) -> Callable[[Packed], None]:
    def packed(part: Packed) -> None:
        log.calls.append(("packed", part.order, part.boxes))

    return packed


def test_a_cascade_that_grows_is_cut_off_by_number():
    def doubles(ordered: Ordered) -> list[Ordered]:
        return [Ordered(ordered.order, 2 * ordered.amount + n) for n in range(2)]

    graph = create_event_driven({"double": doubles}, dispatch=Dispatcher(depth=50, most=20))
    ended = start(graph.compile(), deliver(event(Ordered("a"))))
    assert ended.status == "escalated"
    assert "a cascade went round: double -> double" in reason(ended)
    assert summary(ended.values)["events"] == 20


# Workers, routers and models


def answers(agent: Any = None, **contract: Any) -> Worker:
    def reply(request: Any) -> dict[str, Any]:
        return {"did": plain(request)}

    terms = {"goal": "Do", "needs": Ordered, **contract}
    return Worker(agent=agent or reply, contract=Contract(**terms))


@pytest.mark.parametrize("way", WAYS)
async def test_a_workers_result_is_the_event_of_its_contract(way):
    worker = answers(lambda request: Paid(request.order), gives=Paid)
    graph = create_event_driven({"pay": worker, "ship": ship_each()})
    ended = await run(graph, event(Ordered("a")), event(Ordered("b")), way=way)
    assert ended.status == "done"
    assert {"ship:a", "ship:b"} <= set(ended.values["results"])
    assert ended.values["spent"]["steps"] == 2
    assert check(graph) == ()


def test_a_worker_gets_one_event_of_a_key_after_the_other():
    seen: list[int] = []

    def agent(request: Ordered) -> dict[str, int]:
        seen.append(request.amount)
        return {"amount": request.amount}

    app = create_event_driven({"do": answers(agent)}).compile()
    ended = start(app, deliver(*[event(Ordered("a", n), n) for n in range(4)]))
    assert (ended.status, seen) == ("done", [0, 1, 2, 3])


def test_a_worker_gets_all_that_its_wait_has_collected():
    def agent(request: Any) -> dict[str, Any]:
        return {"types": sorted(e["type"] for e in request["events"]), "boxes": request["boxes"]}

    worker = answers(agent, needs=("events", "order", "boxes"))
    part = Subscriber(handler=worker, on=(Paid, Packed), by="order", collect=Collect(at_least=2))
    app = create_event_driven({"ship": part}).compile()
    ended = start(app, deliver(event(Paid("a")), event(Packed(order="a", boxes=3))))
    assert ended.values["results"]["ship:a"] == {"types": ["Packed", "Paid"], "boxes": 3}


def test_a_model_worker_reacts_to_an_event_and_gives_one():
    model = ScriptedModel(['{"order": "a"}'])
    worker = Worker(agent=model, contract=Contract(goal="Pay", needs=Ordered, gives=Paid))
    graph = create_event_driven({"pay": worker, "ship": ship_each()})
    ended = start(graph.compile(), deliver(event(Ordered("a"))))
    assert ended.status == "done"
    assert ended.values["results"]["ship:a"] == {"shipped": "a"}


def routed(choose: Any, **parts: Any) -> StateGraph[Any]:
    router = Router(choose=choose, to=("small", "large"), otherwise="person", read=plain)
    log = Log()
    return create_event_driven(
        {
            "door": Subscriber(on=Ordered, handler=router),
            "small": Subscriber(on=(), handler=log.notes),
            "large": Subscriber(on=(), handler=answers()),
            **parts,
        }
    )


def by_amount(ordered: Any) -> str | None:
    if ordered["amount"] < 0:
        return None
    return "small" if ordered["amount"] < 10 else "large"


def test_a_router_passes_an_event_on_to_one_of_several_subscribers():
    graph = routed(by_amount)
    assert check(graph) == ()
    ended = start(graph.compile(), deliver(event(Ordered("a", 5)), event(Ordered("b", 50))))
    assert ended.status == "done"
    assert set(ended.values["results"]) == {"dispatch", "large:b"}
    assert [d.choice for d in ended.decisions if d.kind == "route"] == ["small", "large"]


def test_an_event_that_a_router_abstains_from_is_a_dead_letter():
    ended = start(routed(by_amount).compile(), deliver(event(Ordered("a", -1))))
    assert ended.status == "escalated"
    assert "door: the chooser abstained" in reason(ended)


def test_a_rule_of_the_field_chooses_by_text():
    rules = by_rules({"small": "'amount': 5"})
    ended = start(routed(rules).compile(), deliver(event(Ordered("a", 5))))
    assert ended.status == "done"


def test_what_failed_behind_a_router_is_routed_again_when_it_is_redelivered():
    broken = [True]

    def small(ordered: Ordered) -> dict[str, int]:
        if broken:
            raise KeyError("broken")
        return {"did": ordered.amount}

    graph = routed(by_amount, small=Subscriber(on=(), handler=small))
    with checkpointer("memory://") as saver:
        app = graph.compile(checkpointer=saver)
        first = start(app, deliver(event(Ordered("a", 5))), thread="t")
        broken.clear()
        second = start(app, deliver(event(Ordered("a", 5))), thread="t")
        third = start(app, deliver(event(Ordered("a", 5))), thread="t")
    assert [r.status for r in (first, second, third)] == ["escalated", "done", "done"]
    assert second.values["results"]["small:a"] == {"did": 5}
    assert summary(third.values)["absorbed"] == 1


# The failure table: a worker that fails in each way


def claims(request: Any) -> dict[str, Any]:
    return {"paid": True}


def really_paid(result: Any) -> Any:
    return unmet("nothing was paid")


def forbidden(request: Any, tools: Any) -> dict[str, Any]:
    return {"did": tools["wipe"]()}


def raises(request: Any) -> Any:
    raise ValueError("no such account")


def loops(request: Any) -> Any:
    return Handoff(to="do", reason="not mine")


FAILURES = {
    "raises": (answers(raises), "no such account"),
    "wrong shape": (answers(lambda request: {"order": 3}, gives=Paid), "order"),
    "claims success": (answers(claims, success=(really_paid,)), "nothing was paid"),
    "asks for a forbidden tool": (answers(forbidden), "wipe"),
    "needs a person": (answers(escalate=(lambda result: "too large",)), "too large"),
    "is out of budget": (answers(budget=Budget(steps=0)), "budget reached"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAILURES)
async def test_a_worker_that_fails_makes_a_dead_letter_with_its_reason(name, way):
    worker, why = FAILURES[name]
    log = Log()
    parts = {"do": worker, "note": log.notes, "ship": ship_each()}
    ended = await run(create_event_driven(parts, recover=HASTY), event(Ordered("a")), way=way)
    expected = "exhausted" if name == "is out of budget" else "escalated"
    assert (ended.status, log.calls) == (expected, [("note", "a", 1)])
    assert why in reason(ended)


def test_workers_that_hand_an_event_round_are_stopped():
    worker = replace(answers(loops), then="finish", handoffs=("do",))
    ended = start(create_event_driven({"do": worker}).compile(), deliver(event(Ordered("a"))))
    assert ended.status == "escalated"
    assert "in a circle, with nothing new: do -> do" in reason(ended)


def test_a_worker_may_hand_an_event_over_to_another_and_fall_back_on_a_third():
    hands = answers(lambda request: Handoff(to="second", reason="yours"))
    parts = {
        "first": replace(hands, handoffs=("second",), then="finish"),
        "second": Subscriber(on=(), handler=answers(raises)),
        "third": Subscriber(on=(), handler=answers()),
    }
    recover = Recovery(unknown=fallback("third"), permanent=fallback("third"))
    ended = start(
        create_event_driven(parts, recover=recover).compile(),
        deliver(event(Ordered("a")), event(Ordered("b"))),
    )
    assert ended.status == "done"
    assert set(ended.values["results"]) == {"dispatch", "first:a", "first:b"}


def test_the_budget_of_all_handlers_together_is_held():
    app = create_event_driven(
        {"do": answers()}, dispatch=Dispatcher(budget=Budget(steps=2))
    ).compile()
    ended = start(app, deliver(*[event(Ordered("a", n), n) for n in range(4)]))
    assert ended.status == "exhausted"
    assert len(whys(ended.values)) == 2


def test_after_the_deadline_nothing_is_sent_out_any_more():
    graph = create_event_driven({"do": answers(), "note": Log().notes}, deadline=1e-6)
    with checkpointer("memory://") as saver:
        ended = start(graph.compile(checkpointer=saver), deliver(event(Ordered("a"))), thread="t")
    assert ended.status == "exhausted"
    assert "deadline reached" in reason(ended)


# Effects, and people


class Till:
    """Count what is paid."""

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.undone: list[str] = []

    def worker(self, fails: bool = False) -> Worker:
        def charge(order: str, amount: int) -> str:
            """Charge."""
            if fails and order == "bad":
                raise ConnectionError("no answer")
            self.paid.append(order)
            return f"receipt {order}"

        pays = effect(charge, key="charge:{order}:{amount}", undo=self.undone.append)

        def agent(request: Ordered, tools: Any) -> dict[str, Any]:
            return {"paid": tools["charge"](order=request.order, amount=request.amount)}

        contract = Contract(goal="Charge", needs=Ordered, tools=(pays,))
        return Worker(agent=agent, contract=contract)


GATE = ApprovalGate(when=lambda action: action.arguments["amount"] > 10, approvers=("maria",))


@pytest.mark.parametrize("way", WAYS)
async def test_an_approval_keeps_no_other_event_waiting(way):
    till, log = Till(), Log()
    parts = {"charge": till.worker(), "pay": log.pays, "pack": log.packs, "ship": ship_each()}
    graph = create_event_driven(parts, gate=GATE)
    events = [event(Ordered("big", 50)), event(Ordered("small", 5))]
    waiting = await run(graph, *events, way=way)
    assert waiting.status == "waiting"
    assert till.paid == ["small"]
    assert {"ship:big", "ship:small"} <= set(waiting.values["results"])
    ended = waiting.answer(approve(by="maria"))
    assert (ended.status, till.paid) == ("done", ["small", "big"])


def test_a_no_to_one_action_leaves_the_others():
    till = Till()
    events = [event(Ordered(key, 50)) for key in ("a", "b", "c")]
    with checkpointer("memory://") as saver:
        app = create_event_driven({"charge": till.worker()}, gate=GATE).compile(checkpointer=saver)
        ended = start(app, deliver(*events), thread="t")
        for answer in (approve, reject, approve):
            ended = ended.answer(answer(by="maria"))
        again = start(app, deliver(*events), thread="t")
    assert (ended.status, till.paid) == ("rejected", ["a", "c"])
    assert (again.status, till.paid) == ("done", ["a", "c"])
    assert summary(again.values)["absorbed"] == 3


def test_an_approved_action_that_fails_ends_nobody_elses():
    till = Till()
    events = [event(Ordered(key, 50)) for key in ("bad", "b")]
    with checkpointer("memory://") as saver:
        graph = create_event_driven({"charge": till.worker(fails=True)}, gate=GATE, recover=HASTY)
        ended = start(graph.compile(checkpointer=saver), deliver(*events), thread="t")
        while ended.waiting:
            ended = ended.answer(approve(by="maria"))
    assert till.paid == ["b"]
    assert ended.status == "escalated"
    assert "bad" in reason(ended)


def test_a_policy_of_taking_everything_back_is_applied():
    till = Till()

    def fails(packed: Packed) -> None:
        raise KeyError("no van")

    parts = {"charge": till.worker(), "pack": Log().packs, "fail": fails}
    graph = create_event_driven(parts, recover=Recovery(otherwise=abort()))
    assert check(graph) == ()
    ended = start(graph.compile(), deliver(event(Ordered("a"))))
    assert (ended.status, till.paid, till.undone) == ("aborted", ["a"], ["receipt a"])


def asks(ordered: Ordered) -> dict[str, Any]:
    return {"said": interrupt({"about": ordered.order})}


asks.asks = True  # type: ignore[attr-defined]


def test_a_handler_that_asks_a_person_comes_after_all_others():
    log = Log()
    parts = {"ask": asks, "pay": log.pays, "ship": ship_each()}
    with checkpointer("memory://") as saver:
        app = create_event_driven(parts).compile(checkpointer=saver)
        waiting = start(app, deliver(event(Ordered("a")), event(Ordered("b"))), thread="t")
        assert {"ship:a", "ship:b"} <= set(waiting.values["results"])
        assert len(waiting.waiting) == 2
        for question in waiting.waiting:
            waiting = look(app, thread="t").answer("yes", to=question.id)
    assert waiting.status == "done"
    assert waiting.values["results"]["ask:a"] == {"said": "yes"}
    assert log.calls == [("pay", "a", 1), ("pay", "b", 1)]


def test_a_worker_that_paid_and_then_asks_goes_on_from_there():
    till = Till()
    base = till.worker()

    def agent(request: Ordered, tools: Any) -> dict[str, Any]:
        paid = base.agent(request, tools)
        return {**paid, "said": interrupt({"about": request.order})}

    worker = Worker(agent=agent, contract=base.contract)
    with checkpointer("memory://") as saver:
        app = create_event_driven({"charge": worker}).compile(checkpointer=saver)
        waiting = start(app, deliver(event(Ordered("a")), event(Ordered("b"))), thread="t")
        while waiting.waiting:
            waiting = waiting.answer("yes", to=waiting.waiting[0].id)
    assert waiting.status == "done"
    assert sorted(till.paid) == ["a", "b"]


# Nesting


def nested_in(graph: StateGraph[Any], *tools: Any) -> StateGraph[Any]:
    outer: StateGraph[Any] = StateGraph(EventState)
    outer.add_node("shop", graph.compile())
    outer.add_edge(START, "shop")
    return outer


def as_agent(graph: StateGraph[Any], *tools: Any) -> StateGraph[Any]:
    contract = Contract(goal="Handle events", needs=("events",), tools=tools)
    return create_sequential(
        {"shop": Worker(agent=graph.compile(), contract=contract)}, state=EventState
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("nest", [nested_in, as_agent])
async def test_it_nests_both_ways_with_its_question_and_its_memory(nest, way):
    till, log = Till(), Log()
    inner = create_event_driven({"charge": till.worker(), "note": log.notes}, gate=GATE)
    outer = nest(inner, *till.worker().effects)
    assert check(outer) == ()
    app = outer.compile(checkpointer=checkpointer("memory://"))
    waiting = await run(app, event(Ordered("a", 50)), way=way)
    assert waiting.status == "waiting"
    ended = waiting.answer(approve(by="maria"))
    assert (ended.status, till.paid) == ("done", ["a"])
    again = await run(app, event(Ordered("a", 50)), way=way)
    assert (again.status, till.paid, log.calls) == ("done", ["a"], [("note", "a", 50)])


def test_a_nested_run_that_ends_in_a_dead_letter_is_no_done_outside():
    graph = create_event_driven({"note": fails_for(Log(), "a")})
    for nest in (nested_in, as_agent):
        ended = start(nest(graph).compile(), deliver(event(Ordered("a"))))
        assert ended.status == "escalated"


def test_two_dispatchers_on_one_thread_do_not_take_each_others_events_for_their_own():
    log = Log()
    outer: StateGraph[Any] = StateGraph(EventState)
    for name in ("one", "two"):
        outer.add_node(name, create_event_driven({"note": log.notes}).compile())
        outer.add_edge(START, name)
    with checkpointer("memory://") as saver:
        app = outer.compile(checkpointer=saver)
        for _ in range(2):
            ended = start(app, deliver(event(Ordered("a"))), thread="t")
            assert ended.status == "done"
    assert log.calls == [("note", "a", 1)] * 2


# Crashes


def charge(order: str, idempotency_key: str) -> str:
    """Charge."""
    return f"receipt {order}"


CHARGE = effect(charge, key="charge:{order}")


def charges(request: Ordered, tools: Any) -> Paid:
    tools["charge"](order=request.order)
    return Paid(request.order)


def charging() -> Worker:
    contract = Contract(goal="Pay", needs=Ordered, gives=Paid, tools=(CHARGE,))
    return Worker(agent=charges, contract=contract)


def paying() -> StateGraph[Any]:
    ships = Subscriber(handler=Log().ships, by="order", collect=Collect(at_least=2, carry=True))
    parts = {"pay": charging(), "pack": Log().packs, "ship": ships}
    asks = ApprovalGate(when=lambda action: action.arguments["order"] == "b")
    return create_event_driven(parts, gate=asks)


def ends(values: Any) -> Any:
    found = summary(values)
    dead = sorted(letter["why"] for letter in found["dead"])
    results = {k: v for k, v in values["results"].items() if k != "dispatch"}
    return values["outcome"]["status"], results, dead, len(found["out"]), found["absorbed"]


def test_no_crash_loses_or_doubles_an_event_or_its_effect():
    events = [event(Ordered("b")), event(Ordered("b"))]
    report = crashpoints(
        paying,
        deliver(*events),
        person=lambda packet: approve(by="maria"),
        ends=ends,
    )
    assert report.ok, report
    assert len(report.effects) == 1


@pytest.mark.parametrize(("nest", "asynchronous"), [(nested_in, False), (as_agent, True)])
def test_no_crash_of_a_nested_one_does_either(nest, asynchronous):
    report = crashpoints(
        lambda: nest(create_event_driven({"pay": charging(), "ship": ship_each()}), CHARGE),
        deliver(event(Ordered("a"))),
        ends=lambda values: (values["outcome"]["status"], sorted(values["results"])),
        asynchronous=asynchronous,
    )
    assert report.ok, report


# The law


orders = st.sampled_from(["a", "b", "c"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(orders, st.integers(0, 5)), min_size=1, max_size=12), st.randoms())
def test_any_interleaving_with_duplicates_gives_the_same_per_key(pairs, random):
    unique = list(dict.fromkeys(pairs))
    lanes = {key: [pair for pair in unique if pair[0] == key] for key, _ in unique}
    mixed: list[tuple[str, int]] = []
    while any(lanes.values()):  # each key's own order stays; duplicates come anywhere after
        key = random.choice([key for key, lane in lanes.items() if lane])
        mixed.append(lanes[key].pop(0))
        if random.random() < 0.4:
            mixed.append(random.choice(mixed))
    seen = []
    for sequence in (unique, mixed):
        log = Log()
        graph = create_event_driven(
            {"pay": log.pays, "note": log.notes, "ship": ship_each()}, dispatch=Dispatcher(depth=3)
        )
        ended = start(graph.compile(), deliver(*[event(Ordered(key, n), n) for key, n in sequence]))
        assert ended.status == "done"
        results = {k: v for k, v in ended.values["results"].items() if k != "dispatch"}
        calls = {(who, key): log.of(who, key) for who, key, _ in log.calls}
        seen.append((results, calls))
        assert all(len(amounts) == len(set(amounts)) for amounts in calls.values())
    assert seen[0] == seen[1]
    assert Shipped is not None


def test_another_event_under_a_handled_id_is_a_dead_letter_in_a_later_run_too():
    log = Log()
    with checkpointer("memory://") as saver:
        app = create_event_driven({"note": log.notes}).compile(checkpointer=saver)
        start(app, deliver(event(Ordered("a", 1))), thread="t")
        again = start(app, deliver(event(Ordered("a", 1))), thread="t")
        other = start(app, deliver(event(Ordered("a", 2))), thread="t")
    assert (again.status, again.results["dispatch"]["absorbed"]) == ("done", 1)
    assert other.status == "escalated"
    assert whys(other.values) == ["another event of its source has its id, and other content"]
    assert log.of("note", "a") == [1]


@pytest.mark.parametrize("answer", [{"order": "a"}, "a", ["a"], 0])
def test_a_handler_that_declares_an_event_and_gives_a_result_has_not_handled_it(answer):
    def pays(ordered: Ordered) -> Paid:
        return answer

    def maybe(ordered: Ordered) -> Paid | Any:
        return answer

    parts = {"pays": pays, "ship": ship_each()}
    ended = start(create_event_driven(parts, recover=HASTY).compile(), deliver(event(Ordered("a"))))
    assert ended.status == "escalated"
    assert "its return type says that it gives Paid" in reason(ended)
    open_ended = create_event_driven({**parts, "pays": maybe}, recover=HASTY)
    assert start(open_ended.compile(), deliver(event(Ordered("a")))).status == "done"


def test_a_handler_that_declares_an_event_may_give_none():
    def pays(ordered: Ordered) -> list[Paid] | None:
        return None if ordered.amount else []

    parts = {"pays": pays, "ship": ship_each()}
    for amount in (0, 1):
        first = deliver(event(Ordered("a", amount)))
        assert start(create_event_driven(parts).compile(), first).status == "done"
