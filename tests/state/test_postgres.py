from __future__ import annotations

import gc
import math
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from typing_extensions import TypedDict

from quintet.errors import CheckpointerError, MissingExtra, ThreadHeld
from quintet.runs import start
from quintet.state.checkpointer import checkpointer
from tests.services import postgres_schema, postgres_url

psycopg = pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")


class Seen(TypedDict, total=False):
    text: str
    number: float


@pytest.fixture
def url() -> Iterator[str]:
    with postgres_schema() as url:
        yield url


def app(saver: Any) -> Any:
    from langgraph.graph import StateGraph

    graph = StateGraph(Seen)
    graph.add_node("pass_on", lambda state: {})
    graph.set_entry_point("pass_on")
    return graph.compile(checkpointer=saver)


def place(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_the_next_call_works_after_the_server_ended_every_connection(
    url: str, mode: str
) -> None:
    name = f"quintet-{uuid.uuid4().hex[:8]}"
    with checkpointer(f"{url}&application_name={name}&pool=2") as saver:
        graph = app(saver)
        graph.invoke({"text": "before"}, place("a"))
        assert end_sessions(name)
        if mode == "sync":
            assert graph.get_state(place("a")).values == {"text": "before"}
            graph.invoke({"text": "after"}, place("a"))
        else:
            assert (await graph.aget_state(place("a"))).values == {"text": "before"}
            await graph.ainvoke({"text": "after"}, place("a"))
        assert graph.get_state(place("a")).values == {"text": "after"}


def end_sessions(name: str) -> int:
    """Have the server end all sessions of this name."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    with psycopg.connect(postgres_url(), autocommit=True) as other:
        return len(other.execute(query, (name,)).fetchall())


def test_a_thread_is_held_anew_after_the_server_ended_the_session_that_holds(url: str) -> None:
    name = f"quintet-{uuid.uuid4().hex[:8]}"
    with (
        checkpointer(f"{url}&application_name={name}") as saver,
        checkpointer(url) as other,
    ):
        for _ in range(3):
            with saver.holds.hold("a"):
                with pytest.raises(ThreadHeld), other.holds.hold("a"):
                    pass
                assert end_sessions(name)  # the way out raises nothing, and leaves it free
            with saver.holds.hold("b"):
                pass
            assert end_sessions(name)  # while it holds nothing
        with other.holds.hold("a"):
            pass


@pytest.mark.parametrize("size", [1, 4, 9])
def test_a_whole_pool_that_the_server_ended_is_replaced_at_once(url: str, size: int) -> None:
    name = f"quintet-{uuid.uuid4().hex[:8]}"
    with checkpointer(f"{url}&application_name={name}&pool={size}&timeout=3") as saver:
        for _ in range(2):  # the pool grows in the background, to as many as are wanted at once
            with ExitStack() as all_at_once:
                for _ in range(size):
                    all_at_once.enter_context(saver.conn.connection())
            assert end_sessions(name)
            assert saver.threads() == []


@pytest.mark.parametrize(
    "given",
    [{"text": "a\0b"}, {"text": "plain"}, {"number": math.inf}, {"text": "half \ud800"}],
    ids=["nul", "plain", "infinity", "half a surrogate pair"],
)
def test_text_and_numbers_that_jsonb_cannot_hold_are_kept_as_elsewhere(
    url: str, given: Seen
) -> None:
    with checkpointer(url) as saver:
        app(saver).invoke(given, place("a"))
        assert app(saver).get_state(place("a")).values == given
    with checkpointer("memory://") as saver:
        app(saver).invoke(given, place("a"))
        assert app(saver).get_state(place("a")).values == given


def test_many_may_make_the_tables_at_once(url: str) -> None:
    faults: list[Exception] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        try:
            checkpointer(f"{url}&pool=1").close()
        except CheckpointerError as problem:
            faults.append(problem)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults
    with checkpointer(url) as saver:
        assert saver.threads() == []


def test_somebody_who_makes_the_tables_for_too_long_is_named(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quintet.state.savers import postgres

    monkeypatch.setattr(postgres, "SETUP_SECONDS", 0.1)
    with psycopg.connect(postgres_url(), autocommit=True) as other:
        held = "SELECT pg_try_advisory_lock(%s)"
        while not other.execute(held, (postgres._SETUP_LOCK,)).fetchone()[0]:  # noqa: SLF001
            time.sleep(0.01)  # waiting in the server could deadlock with another run's set-up
        with pytest.raises(CheckpointerError, match="another process has been preparing"):
            checkpointer(url)


def test_tables_that_are_there_need_no_right_to_make_any(url: str) -> None:
    checkpointer(url).close()
    with psycopg.connect(url, autocommit=True) as other:
        schema = other.execute("SELECT current_schema()").fetchone()[0]
        role = f"{schema}_app"
        other.execute(f"CREATE ROLE {role}")
        try:
            limited = f"{url}%20-crole%3D{role}"
            with pytest.raises(CheckpointerError, match="let this user use it"):
                checkpointer(limited)
            other.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
            with pytest.raises(CheckpointerError, match="may create tables open it once"):
                checkpointer(limited)
            other.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
            with checkpointer(limited) as saver:  # it may look, and cannot run
                assert saver.threads() == []
                lacks = (
                    r"(?s)permission denied for table \w+.*grant SELECT, INSERT, UPDATE and DELETE"
                )
                with pytest.raises(CheckpointerError, match=lacks):
                    start(app(saver), {"text": "x"}, thread="a")
                with pytest.raises(CheckpointerError, match=lacks):
                    saver.journal.append("a", "s", "k", {})
            other.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")
            with checkpointer(limited) as saver:
                app(saver).invoke({"text": "x"}, place("a"))
                assert saver.threads() == ["a"]
        finally:
            other.execute(f"DROP OWNED BY {role}")
            other.execute(f"DROP ROLE {role}")


def test_the_tables_of_another_program_are_refused(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("CREATE TABLE checkpoints (name TEXT)")
    with pytest.raises(CheckpointerError, match=r"(?s)thread_id.*its message says why"):
        checkpointer(url)


def test_a_journal_that_was_dropped_is_refused_and_not_begun_anew(url: str) -> None:
    checkpointer(url).close()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("DROP TABLE quintet_journal")
    with pytest.raises(CheckpointerError, match=r"(?s)quintet_journal.*would be done again"):
        checkpointer(url)


def test_a_read_only_server_is_refused(url: str) -> None:
    with pytest.raises(CheckpointerError, match="read-only, perhaps a standby"):
        checkpointer(f"{url}%20-cdefault_transaction_read_only%3Don")


def test_a_schema_that_does_not_exist_is_refused() -> None:
    missing = f"{postgres_url()}?options=-csearch_path%3Dno_such_schema"
    with pytest.raises(CheckpointerError, match="make the schema"):
        checkpointer(missing)


def test_a_server_that_is_down_is_named_without_the_password() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CheckpointerError) as caught:
        checkpointer(f"postgresql://user:S3CRET@127.0.0.1:{port}/db")
    assert "check that the server runs" in str(caught.value)
    assert "S3CRET" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(CheckpointerError, match="timeout expired"):
            checkpointer(f"postgresql://user@127.0.0.1:{port}/db?timeout=2")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("postgresql://u@h/d?pol=3", '\'?invalid URI query parameter: "pol"'),
        ("postgresql://u@h/d?pool=0", "'pool'.* a whole number from 1 to 100"),
        ("postgresql://u@h/d?timeout=x", "'timeout'.* a number from 1 to 300"),
        ("postgresql://u:a@b@h/d", "%40"),
        ("postgresql://u:a/b@h/d", "%2F"),
        ("postgresql://u:a?b@h/d", "%3F"),
        ("postgresql://u:%zz@h/d", "it cannot be read"),
    ],
)
def test_a_wrong_url_is_refused_before_any_server_is_asked(url: str, fault: str) -> None:
    with pytest.raises(CheckpointerError, match=fault):
        checkpointer(url)


@pytest.mark.parametrize("package", ["psycopg_pool", "langgraph.checkpoint.postgres"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "quintet.state.savers.postgres", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r'pip install "quintet\[postgres\]"') as caught:
        checkpointer("postgresql://user:S3CRET@host/db")
    assert isinstance(caught.value, ImportError)
    assert "S3CRET" not in str(caught.value)


def test_a_saver_that_is_dropped_leaves_neither_threads_nor_warnings(url: str) -> None:
    for _ in range(20):
        saver = checkpointer(url)
        saver.threads()
        del saver
        gc.collect()
    left = [thread for thread in threading.enumerate() if thread.name.startswith("quintet")]
    for thread in left:
        thread.join(10)
    assert not any(thread.is_alive() for thread in left)


def test_a_closed_saver_says_so(url: str) -> None:
    from psycopg_pool import PoolClosed

    saver = checkpointer(url)
    saver.close()
    with pytest.raises(PoolClosed):
        saver.threads()
