"""A declared migration is applied once, whatever moment the process ends at."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Annotated, Any, NotRequired

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from quintet.graphs import create_manager_worker, create_planner
from quintet.nodes import Manager, Planner, Worker
from quintet.runs import alook, approve, aresume, look, migrate, pinned, resume, start, stored_run
from quintet.runs.versions.fingerprint import digest_of
from quintet.state import Contract, DesignError, GraphChanged, Step, checkpointer
from tests.runs.versions import DONE, DOWN, NODES, Line, around, desk, first, last, line, stops
from tests.services import postgres_schema


class Broken(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True)
def _clean() -> None:
    DONE.clear()
    DOWN.clear()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request, tmp_path) -> Iterator[Any]:
    if request.param == "postgres":
        with postgres_schema() as url, checkpointer(url) as opened:
            yield opened
        return
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'runs.db'}"
    with checkpointer(url) as opened:
        yield opened


def halting(state: Any = Line) -> StateGraph[Any]:
    return line("first", "halts", "last", state=state, nodes={**NODES, "halts": stops})


class Numbered(TypedDict):
    log: Annotated[list[str], operator.add]
    number: int
    word: NotRequired[str]


@migrate(rename={"stops": "halts"})
def numbered(values: dict[str, Any]) -> dict[str, Any]:
    order = values.pop("order")
    return {**values, "number": order["number"] + values.get("number", 0)}


def down(app: Any, **options: Any) -> None:
    DOWN.append(True)
    with pytest.raises(ConnectionError):
        start(app, {}, thread="t", **options)
    DOWN.clear()


def test_a_waiting_question_is_asked_again_by_the_renamed_node(saver):
    old = line().compile(checkpointer=saver)
    asked = start(old, {}, thread="t")
    new = pinned(
        halting().compile(checkpointer=saver), migrations=[migrate(rename={"stops": "halts"})]
    )
    with pytest.raises(GraphChanged, match=r"resume.* applies it"):
        look(new, thread="t")
    assert old.get_state(asked.config).interrupts, "a look changes nothing"
    run = resume(new, thread="t")
    assert [(w.node, w.packet) for w in run.waiting] == [("halts", "go on?")]
    assert stored_run(saver, "t").waiting == ("go on?",)
    assert [opened.name for opened in saver.journal.opened("t")] == [run.waiting[0].id]
    assert run.answer("yes").values["log"] == ["first", "yes", "last"]
    assert DONE == ["first", "last"]


def test_an_unfinished_run_goes_on_at_the_renamed_node(saver):
    down(line().compile(checkpointer=saver))
    new = pinned(
        halting().compile(checkpointer=saver), migrations=[migrate(rename={"stops": "halts"})]
    )
    assert resume(new, thread="t").answer("yes").values["log"] == ["first", "yes", "last"]
    assert DONE == ["first", "last"]


async def test_a_migration_of_an_async_run(saver):
    old = line().compile(checkpointer=saver)
    start(old, {}, thread="t")
    new = pinned(halting(Numbered).compile(checkpointer=saver), migrations=[numbered])
    with pytest.raises(GraphChanged):
        await alook(new, thread="t")
    run = await aresume(new, thread="t")
    ended = await run.aanswer("yes")
    assert (ended.values["log"], ended.values["number"]) == (["first", "yes", "last"], 1)


@pytest.mark.parametrize("how", ["waiting", "unfinished"])
def test_values_are_changed_once(saver, how):
    old = line().compile(checkpointer=saver)
    start(old, {}, thread="t") if how == "waiting" else down(old)
    new = pinned(halting(Numbered).compile(checkpointer=saver), migrations=[numbered])
    run = resume(new, thread="t")
    assert run.values == {"log": ["first"], "number": 1}
    # As if the process had ended right after the migration.
    assert resume_or_look(new).values == {"log": ["first"], "number": 1}
    assert run.answer("yes").values == {"log": ["first", "yes", "last"], "number": 1}


def resume_or_look(new: Any) -> Any:
    return look(new, thread="t")


def test_a_migration_without_renames_leaves_the_question_open(saver):
    old = line().compile(checkpointer=saver)
    asked = start(old, {}, thread="t").waiting[0]
    change = migrate(from_=digest_of(old))(numbered.change)
    new = pinned(line(state=Numbered).compile(checkpointer=saver), migrations=[change])
    run = resume(new, thread="t")
    assert run.waiting == (asked,)
    assert [opened.name for opened in saver.journal.opened("t")] == [asked.id]
    assert run.answer("yes").values == {"log": ["first", "yes", "last"], "number": 1}


def test_a_desk_is_migrated_on_record(saver):
    start(desk().compile(checkpointer=saver), {"message": "m", "amount": 5.0}, thread="t")
    renamed = desk(worker="accounts").compile(checkpointer=saver)
    new = pinned(renamed, migrations=[migrate(rename={"billing": "accounts"})])
    run = resume(new, thread="t").answer(approve(by="maria"))
    assert (run.status, DONE) == ("done", ["paid 5.0"])
    assert list(run.results) == ["accounts"]
    [noted] = [decision for decision in run.decisions if decision.kind == "graph"]
    assert (noted.choice, "billing renamed to accounts" in noted.reason) == ("migrated", True)


def test_a_node_of_a_nested_graph_is_renamed(saver):
    start(around(line()).compile(checkpointer=saver), {}, thread="t")
    new = around(halting()).compile(checkpointer=saver)
    versions = pinned(new, migrations=[migrate(rename={"inner/stops": "inner/halts"})])
    run = resume(versions, thread="t")
    assert [w.packet for w in run.waiting] == ["go on?"]
    # Nothing of the nested graph ran twice.
    assert DONE == ["first", "first"]
    assert run.answer("yes").values["log"][-2:] == ["yes", "last"]


def test_a_node_that_was_sent_is_renamed_and_its_neighbour_runs_once(saver):
    def graph(name: str) -> StateGraph[Any]:
        made = StateGraph(Line).add_node(name, stops).add_node("beside", last)
        made.add_conditional_edges(START, lambda state: [Send(name, {}), Send("beside", {})])
        return made.add_edge(name, END).add_edge("beside", END)

    start(graph("stops").compile(checkpointer=saver), {}, thread="t")
    versions = pinned(
        graph("halts").compile(checkpointer=saver), migrations=[migrate(rename={"stops": "halts"})]
    )
    run = resume(versions, thread="t")
    assert run.waiting[0].node == "halts"
    assert (run.answer("yes").values["log"], DONE) == (["yes", "last"], ["last"])


def joined(name: str, end: str, *, early: str = "first") -> StateGraph[Any]:
    """Build a graph in which the last node waits for one that has run, and one that stops."""
    made = StateGraph(Line).add_node("first", first).add_node(name, stops)
    made.add_node("beside", last).add_node(end, last).add_edge(START, "first")
    made.add_edge("first", name).add_edge("first", "beside").add_edge(end, END)
    return made.add_edge([early, name], end)


def test_an_edge_that_waits_for_renamed_nodes_keeps_what_has_arrived(saver):
    start(joined("stops", "end").compile(checkpointer=saver), {}, thread="t")
    names = {"stops": "halts", "end": "over"}
    versions = pinned(
        joined("halts", "over").compile(checkpointer=saver), migrations=[migrate(rename=names)]
    )
    assert resume(versions, thread="t").answer("yes").values["log"].count("last") == 2


def test_a_result_on_its_way_is_not_lost_by_a_new_name(saver):
    old = joined("stops", "end", early="beside").compile(checkpointer=saver)
    start(old, {}, thread="t")
    new = joined("halts", "end", early="beside").compile(checkpointer=saver)
    versions = pinned(new, migrations=[migrate(rename={"stops": "halts"})])
    with pytest.raises(GraphChanged, match="stops: stored results are on a way"):
        resume(versions, thread="t")
    assert look(pinned(new, old), thread="t").answer("yes").values["log"].count("last") == 2


def test_migrations_follow_each_other(saver):
    old = line().compile(checkpointer=saver)
    middle = line("first", "rests", "last", nodes={**NODES, "rests": stops}).compile(
        checkpointer=saver
    )
    new = halting().compile(checkpointer=saver)
    start(old, {}, thread="t")
    versions = pinned(
        new,
        migrations=[
            migrate(from_=digest_of(middle)[:8], rename={"rests": "halts"}),
            migrate(from_=digest_of(old)[:8], to=digest_of(middle)[:8], rename={"stops": "rests"}),
        ],
    )
    assert resume(versions, thread="t").waiting[0].node == "halts"


@pytest.mark.parametrize(
    ("migration", "named"),
    [
        (migrate(rename={"first": "erste"}), "stops: the run goes on at it, and no migration"),
        (migrate(rename={"stops": "pauses"}), "stops: it is renamed to pauses, which this graph"),
        (
            migrate(rename={"stops": "halts"})(lambda values: {**values, "more": 1}),
            "field more: the migration gives it, and it does not exist",
        ),
    ],
)
def test_a_migration_that_leaves_a_run_stuck_is_refused(saver, migration, named):
    old = line().compile(checkpointer=saver)
    start(old, {}, thread="t")
    new = halting().compile(checkpointer=saver)
    with pytest.raises(GraphChanged, match=named):
        resume(pinned(new, migrations=[migration]), thread="t")
    assert look(old, thread="t").answer("yes").finished


def beside(name: str, other: str = "stops") -> StateGraph[Any]:
    """Build a graph in which a node ends while another beside it stops."""
    made = StateGraph(Line).add_node(name, first).add_node(other, stops).add_node("last", last)
    made.add_edge(START, name).add_edge(START, other)
    return made.add_edge(name, "last").add_edge(other, "last").add_edge("last", END)


def test_a_node_whose_result_is_stored_does_not_run_again_under_a_new_name(saver):
    old = beside("first").compile(checkpointer=saver)
    start(old, {}, thread="t")
    new = beside("erste").compile(checkpointer=saver)
    with pytest.raises(GraphChanged, match="first: results of the superstep"):
        resume(pinned(new, migrations=[migrate(rename={"first": "erste"})]), thread="t")
    new = beside("first", "halts").compile(checkpointer=saver)
    run = resume(pinned(new, migrations=[migrate(rename={"stops": "halts"})]), thread="t")
    assert sorted(run.answer("yes").values["log"]) == ["first", "last", "yes"]
    assert DONE == ["first", "last"]


def test_two_nodes_do_not_become_one(saver):
    down(beside("first", "stops").compile(checkpointer=saver))
    new = line("stops", "last").compile(checkpointer=saver)
    with pytest.raises(GraphChanged, match="first: it and stops would both be stops"):
        resume(pinned(new, migrations=[migrate(rename={"first": "stops"})]), thread="t")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda values: {"message": values["message"]}, "field actions: the migration drops it"),
        (lambda values: {**values, "actions": []}, r"field actions: the migration gives \[\]"),
        (lambda values: {**values, "plan": "x"}, "field plan: the migration gives 'x'"),
    ],
)
def test_a_migration_keeps_the_records_that_a_run_goes_by(saver, change, named):
    old = desk().compile(checkpointer=saver)
    start(old, {"message": "m", "amount": 5.0}, thread="t")
    new = desk(others=("shipping",)).compile(checkpointer=saver)
    with pytest.raises(GraphChanged, match=named):
        resume(pinned(new, migrations=[migrate()(change)]), thread="t")
    assert look(old, thread="t").answer(approve(by="maria")).status == "done"
    assert DONE == ["paid 5.0"]


def test_no_migration_gives_a_gate_that_is_asked_a_new_name(saver):
    start(desk().compile(checkpointer=saver), {"message": "m", "amount": 5.0}, thread="t")
    new = desk(gate="signing").compile(checkpointer=saver)
    with pytest.raises(GraphChanged, match="gate approval: it is gone; an action waits"):
        resume(pinned(new, migrations=[migrate()]), thread="t")


@pytest.mark.parametrize("pattern", ["planner", "manager"])
def test_a_step_whose_taker_a_migration_leaves_out_is_told_and_not_lost(saver, pattern):
    contract = Contract(goal="work", needs=("message",))

    def breaks(request):
        if DOWN:
            raise Broken
        return {"reply": "ok"}

    takers = {
        name: Worker(agent=agent, contract=contract)
        for name, agent in (("one", breaks), ("two", lambda request: {"reply": "ok"}))
    }
    steps = [
        Step(id="s1", goal="g", assignee="one", inputs={"message": "m"}),
        Step(id="s2", goal="g", assignee="two", after=("s1",), inputs={"message": "m"}),
    ]

    def graph(*names: str) -> StateGraph[Any]:
        workers = {name: takers[name] for name in names}
        if pattern == "planner":
            return create_planner(Planner(make=lambda goal: steps, assignees=names), workers)
        manager = Manager(agent=lambda request, ledger: steps, contract=contract)
        return create_manager_worker(manager, workers)

    DOWN.append(True)
    with pytest.raises(Broken):
        start(graph("one", "two").compile(checkpointer=saver), {"message": "m"}, thread="t")
    DOWN.clear()
    new = pinned(graph("one").compile(checkpointer=saver), migrations=[migrate()])
    ended = resume(new, thread="t")
    assert ended.status == "escalated"
    assert "s2" in ended.outcome.reason
    assert "'two'" in ended.outcome.reason


def test_a_field_that_must_be_there_is_asked_of_the_migration(saver):
    start(line().compile(checkpointer=saver), {}, thread="t")
    forgets = migrate(rename={"stops": "halts"})(lambda values: {"log": values["log"]})
    new = pinned(halting(Numbered).compile(checkpointer=saver), migrations=[forgets])
    with pytest.raises(GraphChanged, match="field number: the migration does not give it"):
        resume(new, thread="t")


def test_an_effect_that_has_begun_keeps_its_key_even_under_a_migration(saver):
    start(desk().compile(checkpointer=saver), {"message": "m", "amount": 5.0}, thread="t")
    new = desk(key="payment:{amount}").compile(checkpointer=saver)
    with pytest.raises(GraphChanged, match="effect pay: its key was"):
        resume(pinned(new, migrations=[migrate()]), thread="t")


@pytest.mark.parametrize("wrong", [{"rename": {"inner/a": "b"}}, {"from_": "abc"}, {"to": "x"}])
def test_a_mistaken_declaration_is_refused(wrong):
    with pytest.raises(DesignError):
        migrate(**wrong)


async def late(values: dict[str, Any]) -> dict[str, Any]:
    return values


def test_a_migration_is_a_plain_function_of_a_dict(saver):
    with pytest.raises(DesignError, match="plain function"):
        migrate()(late)
    with pytest.raises(DesignError, match="what migrate"):
        pinned(line().compile(checkpointer=saver), migrations=[late])
    start(line().compile(checkpointer=saver), {}, thread="t")
    nothing = migrate(rename={"stops": "halts"})(lambda values: None)
    with pytest.raises(DesignError, match="return the new values"):
        resume(pinned(halting().compile(checkpointer=saver), migrations=[nothing]), thread="t")


class Crash(BaseException):
    """End a process, for all that can be seen from inside."""


NAMES = ("put", "put_writes")
OF_JOURNAL = ("append", "open", "close")


def crashing(saver: Any, monkeypatch: Any, at: int, after: bool) -> list[str]:
    """End the process just before or just after its nth write."""
    calls: list[str] = []

    def watch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(self: Any, *args: Any, **options: Any) -> Any:
            here = len(calls)
            calls.append(name)
            if here == at and not after:
                raise Crash
            result = real(self, *args, **options)
            if here == at:
                raise Crash
            return result

        monkeypatch.setattr(owner, name, call)

    kind = next(
        c for c in type(saver).__mro__ if "put" in vars(c) and c.__module__.startswith("quintet")
    )
    for name in NAMES:
        watch(next(c for c in kind.__mro__ if name in vars(c)), name)
    for name in OF_JOURNAL:
        owner = next(c for c in type(saver.journal).__mro__ if name in vars(c))
        watch(owner, name)
    return calls


def build(shape: str, *, new: bool) -> StateGraph[Any]:
    if shape == "nested":
        return around(halting() if new else line())
    return halting(Numbered) if new else line()


def step_of(shape: str) -> Any:
    if shape != "nested":
        return numbered
    step = migrate(rename={"inner/stops": "inner/halts"})
    return step(lambda values: {**values, "word": values.get("word", "") + "!"})


def crashes(saver: Any, shape: str, how: str, at: int, *, after: bool) -> bool:
    """Begin a run by the old graph, and end the process at a write of its migration, if any."""
    old = build(shape, new=False).compile(checkpointer=saver)
    start(old, {}, thread="t") if how == "waiting" else down(old)
    versions = pinned(
        build(shape, new=True).compile(checkpointer=saver), migrations=[step_of(shape)]
    )
    with pytest.MonkeyPatch.context() as patch:
        crashing(saver, patch, at, after)
        try:
            resume(versions, thread="t")
        except Crash:
            return True
    return False


def goes_on(saver: Any, shape: str) -> Any:
    """Go on as another process would: look, resume what does not wait, and answer."""
    app = build(shape, new=True).compile(checkpointer=saver)
    versions = pinned(app, migrations=[step_of(shape)])
    try:
        run = look(versions, thread="t")
    except GraphChanged:
        run = resume(versions, thread="t")
    if not run.waiting:
        run = resume(versions, thread="t")
    assert [waiting.packet for waiting in run.waiting] == ["go on?"]
    assert [opened.name for opened in saver.journal.opened("t")] == [run.waiting[0].id]
    return run.answer("yes")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("shape", ["plain", "nested"])
@pytest.mark.parametrize("how", ["waiting", "unfinished"])
def test_a_crash_at_any_write_of_a_migration_neither_loses_nor_applies_it_twice(
    tmp_path, shape, how, after
):
    points, crashed = 0, True
    while crashed:
        DONE.clear()
        url = f"sqlite:///{tmp_path / f'{points}.db'}"
        with checkpointer(url) as saver:
            crashed = crashes(saver, shape, how, points, after=after)
        begun = [*DONE]
        with checkpointer(url) as saver:
            ended = goes_on(saver, shape)
        assert ended.values["log"][-2:] == ["yes", "last"], points
        if shape == "nested":
            assert ended.values["word"] == "!"
        else:
            assert ended.values["number"] == 1
        assert [*begun, "last"] == DONE
        points += 1
    assert points > 4


def test_a_migration_that_was_cut_off_inside_is_not_gone_back_on(tmp_path):
    """The nested graph has its new names already: the old graph would pass its node over."""
    refused = 0
    for at in range(12):
        url = f"sqlite:///{tmp_path / f'{at}.db'}"
        with checkpointer(url) as saver:
            if not crashes(saver, "nested", "unfinished", at, after=True):
                break
            old = build("nested", new=False).compile(checkpointer=saver)
            try:
                run = resume(old, thread="t")
            except GraphChanged:
                refused += 1
                run = goes_on(saver, "nested")
                assert run.finished
            else:
                assert run.waiting
    assert refused


def test_a_pending_node_of_a_nested_graph_is_not_left_behind(saver):
    start(around(line()).compile(checkpointer=saver), {}, thread="t")
    new = around(halting()).compile(checkpointer=saver)
    with pytest.raises(GraphChanged, match="inner/stops: the run goes on at it, and no migr"):
        resume(pinned(new, migrations=[migrate(rename={"begin": "begin"})]), thread="t")
