from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.rows import dict_row

from quintet.errors import CheckpointerError, RunSuperseded
from quintet.state.checkpointer import checkpointer
from tests.services import postgres_schema


@pytest.fixture
def url() -> Iterator[str]:
    with postgres_schema() as url:
        yield url


def place(checkpoint: str | None = None) -> RunnableConfig:
    ids = {"thread_id": "t", "checkpoint_ns": ""}
    return {"configurable": ids if checkpoint is None else {**ids, "checkpoint_id": checkpoint}}


def numbered(number: str, **values: Any) -> Checkpoint:
    versions = dict.fromkeys(values, f"{number}.1") or {"a": "1"}
    found: Any = {
        **empty_checkpoint(),
        "id": number,
        "channel_values": values,
        "channel_versions": versions,
    }
    return found


def put(saver: Any, number: str, after: str | None, **values: Any) -> Any:
    made = numbered(number, **values)
    return saver.put(place(after), made, {"step": 1}, {**made["channel_versions"]})


def rows(url: str) -> dict[str, int]:
    tables = ("checkpoints", "checkpoint_blobs", "quintet_journal")
    with psycopg.connect(url) as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {name}".encode()) for name in tables]
        return dict(zip(tables, [found.fetchone()[0] for found in counts], strict=True))  # type: ignore[index]


@contextmanager
def limited(url: str) -> Iterator[str]:
    """Give the URL of a user who may use the tables and make nothing."""
    with psycopg.connect(url, autocommit=True) as owner:
        schema = owner.execute("SELECT current_schema()").fetchone()[0]  # type: ignore[index]
        role = f"{schema}_app"
        for statement in (
            f"CREATE ROLE {role}",
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}",
        ):
            owner.execute(statement.encode())
        try:
            yield f"{url}%20-crole%3D{role}"
        finally:
            owner.execute(f"DROP OWNED BY {role}".encode())
            owner.execute(f"DROP ROLE {role}".encode())


def test_of_two_that_follow_one_checkpoint_the_second_leaves_nothing(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = {"id": "r"}
    with checkpointer(url) as one, checkpointer(url) as other:
        assert one.at_once
        assert other.at_once
        put(one, "1", None, run=run, words=["a"])
        assert put(one, "2", "1", run=run, words=["a", "b"]) == place("2")
        before = rows(url)
        with pytest.raises(RunSuperseded, match="it follows 1, and the newest is 2"):
            put(other, "3", "1", run=run, words=["c"])
        assert rows(url) == before
        assert not caplog.records
        assert put(other, "3", "2", run=run, words=["a", "b", "d"]) == place("3")
        assert one.get_tuple(place()).checkpoint["channel_values"]["words"] == ["a", "b", "d"]


def test_what_cannot_be_stored_whole_is_not_stored_in_part(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent_and_broken(self: PostgresSaver, *given: Any) -> Any:
        own(self, *given)
        raise MemoryError

    own = PostgresSaver.put
    with checkpointer(url) as saver:
        put(saver, "1", None)
        before = rows(url)
        with monkeypatch.context() as patch:
            patch.setattr(PostgresSaver, "put", sent_and_broken)
            with pytest.raises(MemoryError):
                put(saver, "2", "1", words=["b"])
        assert rows(url) == before
        assert put(saver, "2", "1", words=["b"]) == place("2")


def test_a_checkpoint_may_be_put_once_more(url: str) -> None:
    with checkpointer(url) as saver:
        put(saver, "1", None)
        put(saver, "1", None, words=["b"])
        assert saver.get_tuple(place()).checkpoint["channel_values"] == {"words": ["b"]}


def test_what_langgraphs_own_saver_stores_counts(url: str) -> None:
    with (
        checkpointer(url) as ours,
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection,
    ):
        put(ours, "1", None)
        PostgresSaver(connection).put(place("1"), numbered("2"), {"step": 1}, {})
        with pytest.raises(RunSuperseded, match="the newest is 2"):
            put(ours, "3", "1")


def test_of_many_at_once_exactly_one_goes_on(url: str) -> None:
    rounds, at_once = 15, 4
    start = threading.Barrier(at_once)

    def attempt(saver: Any, number: str, after: str | None) -> bool:
        start.wait()
        try:
            put(saver, number, after, words=[number])
        except RunSuperseded:
            return False
        return True

    with (
        checkpointer(url) as one,
        checkpointer(url) as other,
        ThreadPoolExecutor(at_once) as pool,
    ):
        newest = None
        for turn in range(rounds):
            numbers = [f"{turn:03}{at}" for at in range(at_once)]
            savers = (one, other) * (at_once // 2)
            stored = [*pool.map(attempt, savers, numbers, [newest] * at_once)]
            assert stored.count(True) == 1
            newest = numbers[stored.index(True)]
            found = one.get_tuple(place())
            assert found.checkpoint["channel_values"]["words"] == [newest]
        assert len([*one.list(place())]) == rounds


def test_without_the_right_to_make_the_procedure_checkpoints_are_checked_all_the_same(
    url: str,
) -> None:
    checkpointer(url).close()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("DROP PROCEDURE quintet_follow_1")
    with limited(url) as apart, checkpointer(apart) as saver:
        assert not saver.at_once
        put(saver, "1", None)
        put(saver, "2", "1")
        with pytest.raises(RunSuperseded, match="the newest is 2"):
            put(saver, "3", "1")
    with checkpointer(url) as saver:
        assert saver.at_once


def test_two_that_make_the_procedure_at_once_both_have_it(url: str) -> None:
    checkpointer(url).close()
    for _ in range(5):
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("DROP PROCEDURE quintet_follow_1")
        with ThreadPoolExecutor(4) as pool:
            savers = [*pool.map(lambda _: checkpointer(url), range(4))]
        for saver in savers:
            assert saver.at_once
            saver.close()


def test_a_database_whose_transactions_do_not_see_what_others_stored_is_refused(url: str) -> None:
    with pytest.raises(
        CheckpointerError, match="'repeatable read', in which a runner does not see"
    ):
        checkpointer(f"{url}%20-cdefault_transaction_isolation%3Drepeatable%5C%20read")
