from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.errors import CheckpointerError, DesignError, NoSuchRun
from quintet.runs import approve, fork, look, prune, start
from quintet.runs.thread import App
from quintet.state import checkpointer, threads
from quintet.state.savers.saver import Saver
from tests.runs.desks import PAID, desk, large
from tests.services import postgres_schema

LATER = 40 * 86400.0


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Saver]:
    with ExitStack() as stack:
        url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}.get(request.param)
        url = url or stack.enter_context(postgres_schema())
        yield stack.enter_context(checkpointer(url))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let forty days pass."""
    from quintet.state.clock import now

    then = now() + LATER
    monkeypatch.setattr("quintet.runs.retention.now", lambda: then)


def app_on(saver: Any) -> App:
    return desk().compile(checkpointer=saver)


def ids(saver: Saver, thread: str) -> list[tuple[str, str]]:
    items = saver.list({"configurable": {"thread_id": thread}})
    places = [item.config["configurable"] for item in items]
    return sorted((place["checkpoint_ns"], place["checkpoint_id"]) for place in places)


def test_the_newest_checkpoints_stay(saver: Saver) -> None:
    run = start(app_on(saver), large(50.0), thread="a")
    start(app_on(saver), large(50.0, order=2), thread="b")
    before, other = ids(saver, "a"), ids(saver, "b")
    pruned = prune(saver, thread="a", keep=2)
    assert ids(saver, "a") == before[-2:]
    assert ids(saver, "b") == other
    assert (pruned.checkpoints, pruned.threads) == (len(before) - 2, ())
    assert look(app_on(saver), thread="a").outcome == run.outcome


@pytest.mark.usefixtures("later")
def test_old_runs_that_are_over_go_and_their_effects_stay_known(saver: Saver) -> None:
    app = app_on(saver)
    start(app, large(50.0), thread="a")
    pruned = prune(saver, older_than="30d")
    assert pruned.threads == ("a",)
    assert threads(saver) == []
    assert [e.kind for e in saver.journal.entries("a", "effect ")] == ["claimed", "done"]
    again = start(app, large(50.0), thread="a")
    assert again.status == "escalated"
    assert PAID == [(1, 50.0)]


@pytest.mark.usefixtures("later")
def test_a_run_that_waits_can_be_answered_after_it(saver: Saver) -> None:
    app = app_on(saver)
    run = start(app, large(), thread="a")
    pruned = prune(saver, older_than="30d")
    assert pruned.checkpoints
    assert len(ids(saver, "a")) == 1
    assert saver.journal.opened("a")
    assert run.answer(approve(by="maria")).status == "done"
    assert PAID == [(1, 500.0)]


def ask(state: Any) -> dict[str, Any]:
    return {"message": interrupt("which?")}


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("lasting", [False, True])
def test_a_nested_graph_that_waits_can_be_answered_after_it(saver: Saver, lasting: bool) -> None:
    inner = StateGraph(TypedDict("Word", {"message": str}))  # type: ignore[misc]
    inner.add_node("ask", ask)
    inner.add_edge(START, "ask")
    outer = StateGraph(TypedDict("Word", {"message": str}))  # type: ignore[misc]
    outer.add_node("first", lambda state: {"message": "on"})
    outer.add_node("inner", inner.compile(checkpointer=True if lasting else None))
    outer.add_edge(START, "first")
    outer.add_edge("first", "inner")
    app = outer.compile(checkpointer=saver)
    run = start(app, {"message": ""}, thread="a")
    before = ids(saver, "a")
    prune(saver, older_than="30d")
    assert len(ids(saver, "a")) < len(before)
    assert run.answer("that").values["message"] == "that"
    prune(saver, older_than="30d")
    assert ids(saver, "a") == []


def test_a_run_that_was_cut_off_can_go_on_after_it(saver: Saver) -> None:
    def fail(state: Any) -> dict[str, Any]:
        if not ready:
            raise OSError("not yet")
        return {"message": "there"}

    ready: list[bool] = []
    graph = StateGraph(TypedDict("Word", {"message": str}))  # type: ignore[misc]
    graph.add_node("first", lambda state: {"message": "on"})
    graph.add_node("fail", fail)
    graph.add_edge(START, "first")
    graph.add_edge("first", "fail")
    app = graph.compile(checkpointer=saver)
    with pytest.raises(OSError, match="not yet"):
        start(app, {"message": ""}, thread="a")
    prune(saver, keep=1)
    ready.append(True)
    assert app.invoke(None, {"configurable": {"thread_id": "a"}})["message"] == "there"


@pytest.mark.usefixtures("later")
def test_the_journal_goes_only_where_that_is_asked_for(saver: Saver) -> None:
    app = app_on(saver)
    start(app, large(50.0), thread="a")
    planned = prune(saver, older_than="30d", journal=True, dry_run=True)
    assert (planned.journals, len(saver.journal.entries("a", "effect "))) == (("a",), 2)
    assert planned == prune(saver, older_than="30d", journal=True)
    assert saver.journal.entries("a", "") == ()


@pytest.mark.usefixtures("later")
def test_a_journal_that_a_fork_shares_stays(saver: Saver) -> None:
    app = app_on(saver)
    start(app, large(), thread="a")
    fork(app, thread="a", to="b", effects="real").answer(approve(by="maria"))
    look(app, thread="a").answer(approve(by="maria"))
    pruned = prune(saver, thread="a", older_than="30d", journal=True)
    assert (pruned.threads, pruned.journals) == (("a",), ())
    assert "fork" in pruned.passed_over["a"]
    assert saver.journal.entries("a", "effect ")
    assert PAID == [(1, 500.0)]


def test_what_is_young_stays(saver: Saver) -> None:
    start(app_on(saver), large(50.0), thread="a")
    before = ids(saver, "a")
    assert prune(saver, older_than="1h").checkpoints == 0
    assert ids(saver, "a") == before


@pytest.mark.usefixtures("later")
def test_a_thread_that_is_moved_now_is_passed_over(saver: Saver) -> None:
    start(app_on(saver), large(50.0), thread="a")
    with saver.holds.hold("a"):
        pruned = prune(saver, older_than="30d")
    assert list(pruned.passed_over) == ["a"]
    assert ids(saver, "a")


class Summed(TypedDict, total=False):
    words: Annotated[list[str], DeltaChannel(lambda old, new: [*old, *(w for n in new for w in n)])]


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_a_thread_whose_values_lie_in_older_checkpoints_is_passed_over(saver: Saver) -> None:
    graph = StateGraph(Summed)
    graph.add_node("say", lambda state: {"words": ["more"]})
    graph.add_edge(START, "say")
    app = graph.compile(checkpointer=saver)
    start(app, {"words": ["one"]}, thread="a")
    assert "DeltaChannel" in prune(saver, keep=1).passed_over["a"]
    with pytest.raises(CheckpointerError, match="DeltaChannel"):
        saver.prune(["a"])
    assert look(app, thread="a").values["words"] == ["one", "more"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, DesignError, "keep=..., a number"),
        ({"keep": 0}, DesignError, "number from 1"),
        ({"keep": True}, DesignError, "number from 1"),
        ({"older_than": "soon"}, DesignError, "soon"),
        ({"keep": 1, "thread": "nobody"}, NoSuchRun, "nobody"),
    ],
    ids=["nothing", "none kept", "no number", "no duration", "no thread"],
)
def test_what_cannot_be_meant_is_refused(options: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        prune(checkpointer("memory://"), **options)


def test_a_saver_that_is_not_ours_is_refused() -> None:
    with pytest.raises(DesignError, match="journal"):
        prune(InMemorySaver(), keep=1)


@settings(max_examples=25, deadline=None)
@given(
    runs=st.lists(st.sampled_from(["done", "waits"]), min_size=1, max_size=4),
    keep=st.integers(1, 12),
)
def test_pruning_twice_is_pruning_once_and_changes_no_values(runs: list[str], keep: int) -> None:
    saver: Any = checkpointer("sqlite://")
    app = app_on(saver)
    for order, end in enumerate(runs):
        given_ = large(50.0 if end == "done" else 500.0, order=order)
        start(app, given_, thread="a", withdraw=True)
    before, all_ids = look(app, thread="a"), ids(saver, "a")
    prune(saver, keep=keep)
    once = ids(saver, "a")
    assert once == all_ids[-keep:]
    prune(saver, keep=keep)
    assert ids(saver, "a") == once
    after = look(app, thread="a")
    assert (after.values, after.waiting) == (before.values, before.waiting)
