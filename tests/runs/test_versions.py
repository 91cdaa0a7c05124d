"""A run goes on as the graph that it was begun with: every kind of change is noticed."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.graphs import create_single_agent
from quintet.nodes import Worker, over
from quintet.runs import Desk as Board
from quintet.runs import (
    alook,
    approve,
    aresume,
    fork,
    look,
    migrate,
    pinned,
    resume,
    start,
    stream,
)
from quintet.runs.versions.fingerprint import digest_of
from quintet.state import Contract, DesignError, GraphChanged, RunError, checkpointer
from tests.runs.versions import (
    DONE,
    DOWN,
    NODES,
    Desk,
    Line,
    Order,
    around,
    desk,
    first,
    last,
    line,
    pay,
    stops,
)


@pytest.fixture(autouse=True)
def _clean() -> None:
    DONE.clear()
    DOWN.clear()


@pytest.fixture(params=["memory", "sqlite"])
def saver(request, tmp_path):
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'runs.db'}"
    with checkpointer(url) as opened:
        yield opened


STATES = ["waiting", "unfinished"]


def begin(graph: StateGraph[Any], saver: Any, how: str) -> Any:
    """Begin a run that waits for a person, or that broke down in the same node."""
    app = graph.compile(checkpointer=saver)
    if how == "waiting":
        assert start(app, {}, thread="t").status == "waiting"
        return app
    DOWN.append(True)
    with pytest.raises(ConnectionError):
        start(app, {}, thread="t")
    DOWN.clear()
    return app


class Added(Line):
    more: NotRequired[int]


class Needed(Line):
    more: int


class Dropped(TypedDict):
    log: Annotated[list[str], operator.add]
    word: NotRequired[str]


class Retyped(Dropped):
    order: NotRequired[str]


class Other(TypedDict):
    number: str


class RetypedInside(Dropped):
    order: NotRequired[Other]


class Widened(Dropped):
    order: NotRequired[Order | None]


class Unmerged(TypedDict):
    log: list[str]
    order: NotRequired[Order]
    word: NotRequired[str]


class WordGone(TypedDict):
    log: Annotated[list[str], operator.add]
    order: NotRequired[Order]


def renamed(name: str = "halts") -> StateGraph[Any]:
    return line("first", name, "last", nodes={**NODES, name: stops})


BREAKS = {
    "pending node renamed": (renamed, "stops: .*it is gone .renamed to 'halts'"),
    "pending node removed": (lambda: line("first", "last"), "stops: .*it is gone"),
    "node inserted before it": (
        lambda: line("first", "check", "stops", "last"),
        "check: it is new and stands before stops",
    ),
    "node inserted beside the way": (
        lambda: line(
            "first",
            "stops",
            "last",
            "audit",
            edges=[
                (START, "first"),
                ("first", "stops"),
                ("stops", "last"),
                ("first", "audit"),
                ("last", END),
            ],
        ),
        "audit: it is new and follows first, which the run has passed",
    ),
    "later node removed": (lambda: line("first", "stops"), "last: the run may still come to it"),
    "passed node set after it": (
        lambda: line("stops", "first", "last"),
        "first: the run has passed it, and would come to it again",
    ),
    "later node left out": (
        lambda: line(
            "first",
            "stops",
            "last",
            edges=[(START, "first"), ("first", "stops"), ("first", "last"), ("stops", END)],
        ),
        "last: no way leads to it from stops any more",
    ),
    "field removed": (lambda: line(state=Dropped), "field order: it is gone, and the run has a"),
    "field retyped": (lambda: line(state=Retyped), r"field order: it was Order{number: int} and"),
    "field retyped inside": (lambda: line(state=RetypedInside), "Other{number: str}"),
    "reducer dropped": (
        lambda: line(state=Unmerged),
        r"field log: its updates were merged by BinaryOperatorAggregate\(add\) and are by Last",
    ),
    "needed field added": (lambda: line(state=Needed), "field more: it is new, must be there"),
}

FITS = {
    "node added after it": (
        lambda: line("first", "stops", "extra", "last"),
        ["first", "yes", "last", "last"],
    ),
    "field added": (lambda: line(state=Added), ["first", "yes", "last"]),
    "empty field removed": (lambda: line(state=WordGone), ["first", "yes", "last"]),
    "field widened": (lambda: line(state=Widened), ["first", "yes", "last"]),
    "passed node removed": (lambda: line("stops", "last"), ["first", "yes", "last"]),
}


@pytest.mark.parametrize("how", STATES)
@pytest.mark.parametrize("change", BREAKS)
def test_a_change_that_harms_a_run_is_refused_by_name(saver, how, change):
    make, named = BREAKS[change]
    old = begin(line(), saver, how)
    new = make().compile(checkpointer=saver)
    done = [*DONE]
    for move in (look, resume):
        with pytest.raises(GraphChanged, match=named) as refused:
            move(new, thread="t")
        assert refused.value.differences
        assert "pinned(new, old)" in str(refused.value)
    with pytest.raises(RunError):
        start(new, {}, thread="t")
    assert done == DONE
    # Nothing is stuck: the graph that it was begun with goes on, by itself or beside the new one.
    versions = pinned(new, old)
    run = look(versions, thread="t")
    if how == "unfinished":
        run = resume(versions, thread="t")
    assert run.answer("yes").values["log"] == ["first", "yes", "last"]


@pytest.mark.parametrize("how", STATES)
@pytest.mark.parametrize("change", BREAKS)
async def test_a_change_is_refused_in_an_async_run_too(saver, how, change):
    make, named = BREAKS[change]
    begin(line(), saver, how)
    new = make().compile(checkpointer=saver)
    for move in (alook, aresume):
        with pytest.raises(GraphChanged, match=named):
            await move(new, thread="t")


@pytest.mark.parametrize("how", STATES)
@pytest.mark.parametrize("change", FITS)
def test_a_change_that_harms_nothing_goes_on(saver, how, change):
    make, log = FITS[change]
    begin(line(), saver, how)
    new = make().compile(checkpointer=saver)
    run = look(new, thread="t") if how == "waiting" else resume(new, thread="t")
    assert run.answer("yes").values["log"] == log


def test_an_answer_through_an_older_look_meets_the_change(saver):
    app = line().compile(checkpointer=saver)
    asked = start(app, {}, thread="t")
    moved = type(asked)(**{**vars(asked), "app": renamed().compile(checkpointer=saver)})
    with pytest.raises(GraphChanged, match="stops: the run waits for an answer at it"):
        moved.answer("yes")
    assert asked.answer("yes").values["log"] == ["first", "yes", "last"]


@pytest.mark.parametrize("how", STATES)
def test_a_change_inside_a_nested_graph_is_noticed(saver, how):
    old = begin(around(line()), saver, how)
    new = around(renamed()).compile(checkpointer=saver)
    for move in (look, resume):
        with pytest.raises(GraphChanged, match=r"inner/stops: .*it is gone"):
            move(new, thread="t")
    fits = around(line("first", "stops", "extra", "last")).compile(checkpointer=saver)
    run = look(fits, thread="t") if how == "waiting" else resume(fits, thread="t")
    ended = run.answer("yes").values["log"]
    assert ended[-3:] == ["yes", "last", "last"]
    assert look(old, thread="t").finished


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"key": "payment:{amount}"}, "effect pay: its key was 'pay:{amount}' and is 'payment:"),
        ({"gate": "second"}, "gate approval: it is gone; an action waits for its answer"),
        ({"worker": "accounts"}, "billing: "),
    ],
)
def test_a_desk_that_waits_is_held_to_its_keys_gates_and_workers(saver, other, named):
    old = desk().compile(checkpointer=saver)
    asked = start(old, {"message": "m", "amount": 5.0}, thread="t")
    new = desk(**other).compile(checkpointer=saver)
    for move in (look, resume):
        with pytest.raises(GraphChanged) as refused:
            move(new, thread="t")
        assert named in str(refused.value)
    assert DONE == []
    run = look(pinned(new, old), thread="t").answer(approve(by="maria"))
    assert (run.status, DONE) == ("done", ["paid 5.0"])
    assert [d.choice for d in run.decisions if d.kind == "graph"] == ["pinned"]
    assert asked.thread == "t"


def paid(amount: float, currency: str = "EUR") -> str:
    return pay(amount)


paid.__name__ = "pay"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"key": "payment:{amount}"}, "effect pay: its key was"),
        ({"function": paid}, "effect pay: it took amount: float and takes amount: float, curren"),
        ({"worker": "accounts"}, "billing: the run goes on at it"),
    ],
)
def test_an_effect_that_has_begun_is_held_to_its_key(saver, other, named):
    free = over(100)
    DOWN.append(True)
    with pytest.raises(KeyboardInterrupt):
        start(
            desk(when=free).compile(checkpointer=saver), {"message": "m", "amount": 5.0}, thread="t"
        )
    DOWN.clear()
    assert DONE == ["paid 5.0"]
    new = desk(when=free, **other).compile(checkpointer=saver)
    with pytest.raises(GraphChanged) as refused:
        resume(new, thread="t")
    assert named in str(refused.value)
    assert DONE == ["paid 5.0"]


def test_another_worker_harms_nothing_and_is_put_on_record(saver):
    start(desk().compile(checkpointer=saver), {"message": "m", "amount": 5.0}, thread="t")
    new = desk(others=("shipping",)).compile(checkpointer=saver)
    run = look(new, thread="t").answer(approve(by="maria"))
    assert (run.status, DONE) == ("done", ["paid 5.0"])
    [noted] = [decision for decision in run.decisions if decision.kind == "graph"]
    assert noted.choice == "compatible"
    assert "shipping: it is new, and the run has not missed it" in noted.reason
    assert [d.kind for d in look(new, thread="t").decisions].count("graph") == 1
    # The next run is the new graph's own.
    again = start(new, {"message": "m", "amount": 6.0}, thread="t")
    assert "graph" not in {decision.kind for decision in again.decisions}


def test_new_runs_begin_with_the_newest_version(saver):
    old = begin(line(), saver, "waiting")
    new = renamed().compile(checkpointer=saver)
    versions = pinned(new, old)
    assert start(versions, {}, thread="u").waiting[0].node == "halts"
    assert look(versions, thread="t").waiting[0].node == "stops"
    assert start(versions, {}, thread="t", withdraw=True).waiting[0].node == "halts"


def test_versions_share_a_checkpointer():
    with pytest.raises(DesignError, match="another checkpointer"):
        pinned(
            line().compile(checkpointer=checkpointer("memory://")),
            line().compile(checkpointer=checkpointer("memory://")),
        )


def test_a_run_begun_by_plain_invoke_is_judged_by_its_checkpoint(saver):
    config = {"configurable": {"thread_id": "t"}}
    old = line().compile(checkpointer=saver)
    old.invoke({}, config)
    new = renamed().compile(checkpointer=saver)
    with pytest.raises(RunError, match="goes on at stops"):
        look(new, thread="t")
    # Where several versions are given, it goes on with the one that has its nodes.
    assert look(pinned(new, old), thread="t").answer("yes").finished
    # As soon as it is moved here, its graph is known.
    old.invoke({}, {"configurable": {"thread_id": "u"}})
    assert look(old, thread="u").answer("yes").finished


def test_an_unfinished_start_does_not_hide_the_run_before_it(saver):
    begin(line(), saver, "waiting")
    after = saver.get_tuple({"configurable": {"thread_id": "t"}}).config["configurable"]
    new = renamed().compile(checkpointer=saver)
    value = {"graph": digest_of(new), "move": "start", "after": after["checkpoint_id"]}
    # As where the process ends between the journal's entry and the first checkpoint.
    saver.journal.append("t", "run", "moved", value)
    with pytest.raises(GraphChanged, match="stops: the run waits"):
        look(new, thread="t")


def test_a_finished_thread_is_nobodys_business(saver):
    app = line().compile(checkpointer=saver)
    assert start(app, {}, thread="t").answer("yes").finished
    assert look(line("first", state=Retyped).compile(checkpointer=saver), thread="t").finished


def test_a_gate_may_not_be_gone_round(saver):
    def graph(*ways: tuple[str, str]) -> Any:
        nodes = {**NODES, "gate": approval}
        return line("first", "stops", "gate", "last", nodes=nodes, edges=ways)

    from quintet.nodes import ApprovalGate

    approval = ApprovalGate(approved="last")
    usual = ((START, "first"), ("first", "stops"), ("stops", "gate"), ("gate", "last"))
    begin(graph(*usual), saver, "waiting")
    new = graph(*usual, ("stops", "last"))
    with pytest.raises(GraphChanged, match="last: a way leads to it past the gate gate now"):
        look(new.compile(checkpointer=saver), thread="t")


def test_results_that_wait_for_others_keep_their_edge(saver):
    def graph(*awaited: str) -> StateGraph[Any]:
        made = StateGraph(Line).add_node("first", first).add_node("stops", stops)
        made.add_node("slow", last).add_node("last", last).add_edge(START, "first")
        made.add_edge("first", "stops").add_edge("stops", "slow").add_edge(START, "slow")
        return made.add_edge([*awaited], "last")

    begin(graph("first", "slow", "stops"), saver, "waiting")
    with pytest.raises(GraphChanged, match="some of first, slow, stops have arrived"):
        look(graph("first", "stops").compile(checkpointer=saver), thread="t")


def test_commands_are_ways_where_they_are_declared(saver):
    def leads(state: Any) -> Any:
        return Command(goto="stops")

    def graph(**destinations: Any) -> Any:
        made = StateGraph(Line).add_node("first", leads, **destinations).add_node("stops", stops)
        made.add_node("last", last).add_edge(START, "first").add_edge("stops", "last")
        return made.add_edge("last", END)

    begin(graph(destinations=("stops",)), saver, "waiting")
    new = graph(destinations=("stops", "other")).add_node("other", last).add_edge("other", END)
    assert look(new.compile(checkpointer=saver), thread="t").answer("yes").finished


def test_a_migration_needs_enough_of_a_digest():
    with pytest.raises(DesignError, match="at least 6 letters"):
        migrate(from_="ab")


class Strict(BaseModel):
    log: Annotated[list[str], operator.add] = []
    order: Order | None = None
    word: str = ""


class StrictNeeded(Strict):
    more: int


class StrictRetyped(BaseModel):
    log: Annotated[list[str], operator.add] = []
    order: int = 0
    word: str = ""


class StrictAdded(Strict):
    more: int = 3


@dataclass
class Record:
    log: Annotated[list[str], operator.add]
    order: Order | None = None


@dataclass
class RecordNeeded(Record):
    more: int = field(kw_only=True)


@pytest.mark.parametrize("how", STATES)
@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        (Strict, StrictNeeded, "field more: it is new, must be there"),
        (Strict, StrictRetyped, "field order: it was None . Order{number: int} and is int"),
        (Record, RecordNeeded, "field more: it is new, must be there"),
        (Strict, StrictAdded, ""),
    ],
)
def test_models_and_dataclasses_are_compared_too(saver, how, before, after, named):
    begin(line(state=before), saver, how)
    new = line(state=after).compile(checkpointer=saver)
    if named:
        for move in (look, resume):
            with pytest.raises(GraphChanged, match=named):
                move(new, thread="t")
        return
    run = look(new, thread="t") if how == "waiting" else resume(new, thread="t")
    assert run.answer("yes").values["log"] == ["first", "yes", "last"]


def test_a_run_cut_off_at_its_input_goes_on_with_any_graph_that_takes_it(saver):
    def never(state: Any) -> Any:
        raise KeyboardInterrupt

    app = line(nodes={**NODES, "first": never}).compile(checkpointer=saver)
    with pytest.raises(KeyboardInterrupt):
        start(app, {"word": "w"}, thread="t")
    config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    [*_, begun] = saver.list(config)
    # As where the process ends right after the input: only that is left.
    saver.delete_thread("t")
    saver.put(config, begun.checkpoint, begun.metadata, begun.checkpoint["channel_versions"])
    new = line("check", "stops").compile(checkpointer=saver)
    assert resume(new, thread="t").answer("yes").values["log"] == ["last", "yes"]


def test_a_question_of_several_at_once_stays_on_the_list_where_nothing_is_harmed(saver):
    def graph(*more: str) -> Any:
        names = ("one", "two", *more)
        nodes = {"one": stops, "two": stops}
        return line(*names, nodes=nodes, edges=[(START, name) for name in names[:2]]).compile(
            checkpointer=saver
        )

    asked = start(graph(), {}, thread="t")
    assert len(asked.waiting) == 2
    new = graph("extra")
    run = look(new, thread="t").answer("yes", to=asked.waiting[0].id)
    assert run.waiting == asked.waiting[1:]
    listed = {opened.name for opened in saver.journal.opened("t")}
    assert asked.waiting[1].id in listed
    assert run.answer("no").values["log"] == ["yes", "no"]


def test_an_agent_graph_inside_a_worker_is_compared(saver):
    def graph(name: str) -> Any:
        agent = line("first", name, "last", nodes={**NODES, name: stops}).compile()
        contract = Contract(goal="Work", needs=("message",))
        worker = Worker(agent=agent, contract=contract, read=lambda state: {"message": "m"})
        return create_single_agent(worker).compile(checkpointer=saver)

    assert start(graph("stops"), {"message": "m"}, thread="t").status == "waiting"
    new = graph("halts")
    for move in (look, resume):
        with pytest.raises(GraphChanged, match=r"work/stops: .*it is gone"):
            move(new, thread="t")


def test_where_the_description_of_a_graph_is_lost_nothing_is_guessed(saver):
    old = begin(line(), saver, "waiting")
    saver.journal.forget("", "graph")
    with pytest.raises(GraphChanged, match="journal does not have its description any more"):
        look(line(state=Added).compile(checkpointer=saver), thread="t")
    assert look(old, thread="t").answer("yes").finished


def quiet(state: Any) -> dict[str, Any]:
    DONE.append("quiet")
    return {"log": ["quiet"]}


class Words(TypedDict):
    log: Annotated[list[str], operator.add]


def test_each_of_several_nested_graphs_is_compared(saver):
    def graph(name: str) -> Any:
        nodes = {"first": quiet, name: stops}
        inner = line("first", name, "last", state=Words, nodes=nodes).compile()
        outer = StateGraph(Words).add_node("inner", inner).add_edge("inner", END)
        sends = [Send("inner", {"log": []}), Send("inner", {"log": []})]
        outer.add_conditional_edges(START, lambda state: sends)
        return outer.compile(checkpointer=saver)

    run = start(graph("stops"), {}, thread="t")
    assert len(run.waiting) == 2
    new = graph("halts")
    with pytest.raises(GraphChanged, match=r"inner/stops: .*it is gone"):
        look(new, thread="t")
    names = {"inner/stops": "inner/halts"}
    run = resume(pinned(new, migrations=[migrate(rename=names)]), thread="t")
    assert DONE == ["quiet", "quiet"]
    answered = run.answer({question.id: "yes" for question in run.waiting})
    assert answered.values["log"].count("yes") == 2


def test_the_effects_of_a_nested_desk_count(saver):
    def graph(key: str) -> Any:
        outer = StateGraph(Desk).add_node("desk", desk(key=key).compile())
        return outer.add_edge(START, "desk").compile(checkpointer=saver)

    start(graph("pay:{amount}"), {"message": "m", "amount": 5.0}, thread="t")
    with pytest.raises(GraphChanged, match="effect pay: its key was"):
        look(graph("p:{amount}"), thread="t")


def test_a_way_out_of_a_node_that_has_ended_may_not_change_under_it(saver):
    """The superstep is not over: where its ended node leads is stored, and is not asked again."""

    def graph(*ways: tuple[str, str]) -> Any:
        edges = [(START, "stops"), (START, "quick"), ("stops", END), *ways]
        nodes = {"stops": stops, "quick": quiet}
        return line("stops", "quick", "audit", nodes=nodes, edges=edges).compile(checkpointer=saver)

    old = graph(("quick", END))
    assert start(old, {}, thread="t").waiting
    assert DONE == ["quiet"]
    with pytest.raises(GraphChanged, match="quick: results of the superstep under way are stored"):
        look(graph(("quick", "audit")), thread="t")
    assert look(graph(("quick", END), ("audit", END)), thread="t").answer("yes").finished


def test_what_was_given_to_a_run_that_has_not_begun_is_not_lost(saver):
    def never(state: Any) -> Any:
        raise KeyboardInterrupt

    begun = line(nodes={**NODES, "first": never}).compile(checkpointer=saver)
    with pytest.raises(KeyboardInterrupt):
        start(begun, {"word": "w"}, thread="t")
    config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    [*_, given] = saver.list(config)
    saver.delete_thread("t")
    saver.put(config, given.checkpoint, given.metadata, given.checkpoint["channel_versions"])
    with pytest.raises(GraphChanged, match="field word: it is gone, and the run has a value"):
        resume(line(state=WordGone).compile(checkpointer=saver), thread="t")


def test_a_desk_and_a_stream_take_versions_in_place_of_a_graph(saver):
    old = begin(line(), saver, "waiting")
    new = renamed().compile(checkpointer=saver)
    versions = pinned(new, old)
    inbox = Board(versions)
    [question] = inbox.waiting()
    assert question.node == "stops"
    assert inbox.answer(question, "yes").values["log"] == ["first", "yes", "last"]
    DOWN.append(True)
    with pytest.raises(ConnectionError):
        start(old, {}, thread="u")
    DOWN.clear()
    *events, run = stream(versions, None, thread="u", stream_mode="updates")
    assert events
    assert run.waiting[0].node == "stops"
    *events, run = run.stream("yes", stream_mode="updates")
    assert run.values["log"] == ["first", "yes", "last"]


def test_one_run_that_cannot_go_on_does_not_stop_a_sweep(saver, caplog):
    begin(line(), saver, "waiting")
    new = renamed().compile(checkpointer=saver)
    question = saver.journal.opened("t")[0]
    late = {**question.value, "packet": {"expires": 1.0, "if_expired": "reject"}}
    saver.journal.open("t", question.name, late)
    assert Board(new).sweep() == ()
    assert "not swept: run 't' was begun with graph" in caplog.text


def test_a_copy_of_a_run_is_held_to_the_graph_that_began_it(saver):
    old = begin(line(), saver, "waiting")
    assert fork(old, thread="t", to="copy").waiting
    new = renamed().compile(checkpointer=saver)
    with pytest.raises(GraphChanged, match="stops: the run waits for an answer at it"):
        look(new, thread="copy")
    # At an older checkpoint too, where another graph has gone on since.
    longer = line("first", "stops", "extra", "last").compile(checkpointer=saver)
    assert look(longer, thread="t").answer("yes").finished
    fork(longer, thread="t", to="early", at=1)
    with pytest.raises(GraphChanged, match="stops: the run goes on at it"):
        look(new, thread="early")
    assert resume(longer, thread="early").waiting
