from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from quintet.errors import RunSuperseded
from quintet.state.checkpointer import checkpointer, threads
from quintet.state.savers.saver import Saver
from tests.services import postgres_schema


class Word(TypedDict):
    word: str


NUMBERED = {"checkpoint_id": "0001"}


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ExitStack() as stack:
        if request.param == "postgres":
            yield stack.enter_context(postgres_schema())
        else:
            yield {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}[request.param]


def place(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def sqlite_saver() -> AbstractContextManager[SqliteSaver]:
    return SqliteSaver.from_conn_string(":memory:")


def keep(saver: BaseCheckpointSaver[str], thread: str, number: int) -> None:
    checkpoint = empty_checkpoint() | {"id": f"{number:04}"}
    saver.put(place(thread), checkpoint, {"step": number}, {})  # type: ignore[arg-type]


def named(items: list[CheckpointTuple]) -> list[tuple[str, str]]:
    places = [item.config["configurable"] for item in items]
    return [(place["thread_id"], place["checkpoint_id"]) for place in places]


async def test_the_official_conformance_suite_passes(url: str) -> None:
    @checkpointer_test(name=url)
    async def registered() -> AsyncIterator[Saver]:
        async with checkpointer(url) as saver:
            yield saver

    report = await validate(registered)
    faults = [text for result in report.results.values() for text in result.failures]
    assert not faults
    assert all(result.detected for result in report.results.values())
    assert {*report.results} >= {"prune", "copy_thread", "delete_for_runs"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), unique=True),
    size=st.integers(1, 5),
    limit=st.none() | st.integers(0, 12),
)
def test_reading_by_pages_gives_what_reading_at_once_gives(
    numbers: list[tuple[str, int]], size: int, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quintet.state.savers.saver.PAGE", size)
    with checkpointer("sqlite://") as saver:
        assert isinstance(saver, SqliteSaver)
        for thread, number in numbers:
            keep(saver, thread, number)
        paged = named([*saver.list(None, limit=limit)])
        whole = named([*SqliteSaver.list(saver, None)])
    ids = [number for _, number in whole]
    assert [number for _, number in paged] == ids[:limit]
    assert len(set(paged)) == len(paged)
    assert set(paged) <= set(whole)


async def test_reading_by_pages_is_the_same_in_async(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quintet.state.savers.saver.PAGE", 2)
    with checkpointer(url) as saver:
        for number in range(5):
            keep(saver, "a", number)
        found = [item async for item in saver.alist(place("a"), filter={"step": 3})]
        assert named(found) == [("a", "0003")]
        found = [item async for item in saver.alist(place("a"))]
        assert named(found) == named([*saver.list(place("a"))])
        assert len(found) == 5


def test_a_saver_answers_while_its_checkpoints_are_being_listed(url: str) -> None:
    answered: list[CheckpointTuple | None] = []

    def ask() -> None:
        answered.extend(saver.get_tuple(item.config) for item in saver.list(place("a")))

    with checkpointer(url) as saver:
        keep(saver, "a", 1)
        keep(saver, "a", 2)
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(30)
        assert len(answered) == 2


def test_threads_are_listed_with_the_latest_written_first(url: str) -> None:
    with checkpointer(url) as saver:
        assert threads(saver) == []
        for number, thread in enumerate("abca"):
            keep(saver, thread, number)
        assert [*saver.list(place("nobody"))] == []
        assert threads(saver) == ["a", "c", "b"]
        saver.delete_thread("a")
        assert threads(saver) == ["c", "b"]


@pytest.mark.parametrize("native", [InMemorySaver, sqlite_saver])
def test_the_threads_of_a_saver_that_is_not_ours_are_listed_too(
    native: Callable[[], AbstractContextManager[BaseCheckpointSaver[str]]],
) -> None:
    with native() as saver:
        for number, thread in enumerate("abca"):
            keep(saver, thread, number)
        assert threads(saver) == ["a", "c", "b"]


async def test_a_thread_is_deleted_in_async(url: str) -> None:
    async with checkpointer(url) as saver:
        keep(saver, "a", 1)
        await saver.adelete_thread("a")
        assert await saver.aget_tuple(place("a")) is None


async def test_the_history_of_delta_channels_is_the_same_in_async(url: str) -> None:
    with checkpointer(url) as saver:
        keep(saver, "a", 1)
        parent: RunnableConfig = {"configurable": place("a")["configurable"] | NUMBERED}
        saver.put_writes(parent, [("log", "first")], "task")
        checkpoint = empty_checkpoint() | {"id": "0002"}
        saver.put(parent, checkpoint, {"step": 2}, {})  # type: ignore[arg-type]
        found = await saver.aget_delta_channel_history(config=place("a"), channels=["log"])
        assert found == saver.get_delta_channel_history(config=place("a"), channels=["log"])
        assert [value for _, _, value in found["log"]["writes"]] == ["first"]


def test_a_saver_can_be_closed_twice(url: str) -> None:
    with checkpointer(url) as saver:
        saver.close()
    saver.close()


def test_a_run_whose_thread_is_deleted_meanwhile_does_not_write_it_anew(url: str) -> None:
    def delete(state: dict[str, Any]) -> dict[str, Any]:
        saver.delete_thread("a")
        return {"word": "x"}

    graph = StateGraph(Word).add_node("delete", delete).add_node("more", lambda state: {})
    graph.add_edge(START, "delete").add_edge("delete", "more")
    with checkpointer(url) as saver:
        app = graph.compile(checkpointer=saver)
        with pytest.raises(RunSuperseded, match="gone, since the thread was deleted"):
            app.invoke({"word": ""}, place("a"), durability="sync")
        assert saver.get_tuple(place("a")) is None
