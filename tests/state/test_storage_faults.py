"""Break the storage under a run: a clear error or a recovery, nothing lost, nothing done twice."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langgraph.graph import END, START, StateGraph

from quintet.errors import CheckpointerError
from quintet.nodes import Finish, Worker, effect
from quintet.runs import look, resume, start
from quintet.state import Contract, OrchestrationState, checkpointer, clock
from tests.services import postgres_schema

Graph = StateGraph[Any, Any, Any, Any]

DONE: list[str] = []
BEFORE: dict[str, Callable[[], None]] = {}
"""By the effect's argument, a fault to make just before the effect happens."""
AFTER: dict[str, Callable[[], None]] = {}


@pytest.fixture(autouse=True)
def _afresh() -> None:
    for kept in (DONE, BEFORE, AFTER):
        kept.clear()


def opened(url: str) -> Any:
    """Open a checkpointer whose own connection the tests may reach."""
    return checkpointer(url)


def pay(to: str) -> str:
    BEFORE.pop(to, lambda: None)()
    DONE.append(to)
    AFTER.pop(to, lambda: None)()
    return f"paid {to}"


def known(to: str) -> Any:
    return f"paid {to}" if to in DONE else False


def three(reconcile: Any = None) -> Graph:
    """Pay a, b and c, each in a step of its own."""

    def agent(name: str) -> Callable[..., Any]:
        return lambda request, tools: {"said": tools["pay"](to=name), "is": "x" * 3000}

    tool = effect(pay, key="pay:{to}", reconcile=reconcile)
    graph: Graph = StateGraph(OrchestrationState)
    for name in "abc":
        contract = Contract(goal=name, needs=("message",), tools=(tool,))
        graph.add_node(name, Worker(agent=agent(name), contract=contract))
    graph.add_node("finish", Finish()).add_edge(START, "a").add_edge("a", "b")
    return graph.add_edge("b", "c").add_edge("c", "finish").add_edge("finish", END)


def goes_on(url: str, *, reconcile: Any = known, answer: Any = None) -> Any:
    """Open the database anew, go on with the run, and check that it ends with all done once."""
    with opened(url) as saver:
        app = three(reconcile).compile(checkpointer=saver)
        run = resume(app, thread="t")
        if answer is not None:
            run = run.answer(answer)
        assert (run.status, sorted(DONE)) == ("done", ["a", "b", "c"])
        assert [d.choice for d in run.decisions if d.kind == "effect"] == [
            f"pay:{n}" for n in "abc"
        ]
        return run


@pytest.mark.parametrize("pages", range(3, 60, 4))
def test_a_full_disk_stops_a_run_with_an_error_and_nothing_is_paid_twice(
    tmp_path: Path, pages: int
) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with opened(url) as saver:
        app = three(known).compile(checkpointer=saver)
        [(used,)] = saver.conn.execute("PRAGMA page_count").fetchall()
        saver.conn.execute(f"PRAGMA max_page_count = {used + pages // 3}")
        with contextlib.suppress(sqlite3.OperationalError):
            run = start(app, {"message": "m"}, thread="t")
            assert (run.status, DONE) == ("done", ["a", "b", "c"])  # it fits
            return
        assert len(DONE) == len(set(DONE))
    with opened(url) as saver:
        kept = saver.get_tuple({"configurable": {"thread_id": "t"}})
    if kept is None:  # not even the input was saved: nothing has begun
        assert DONE == []
        return
    goes_on(url)


@pytest.mark.parametrize("at", ["claim", "settle"])
def test_a_disk_that_fills_up_at_the_claim_or_after_the_effect(tmp_path: Path, at: str) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with opened(url) as saver:
        append = saver.journal.append

        def full() -> None:
            [(used,)] = saver.conn.execute("PRAGMA page_count").fetchall()
            saver.conn.execute(f"PRAGMA max_page_count = {used}")
            # Every page that is left over is used up, so that the next entry needs another.
            with contextlib.suppress(sqlite3.OperationalError):
                for number in range(10**4):
                    type(saver.journal).append(
                        saver.journal, "filler", f"{number}", "x", {"x": "y" * 100}
                    )

        if at == "settle":
            AFTER["b"] = full
        else:  # the disk fills up when a's step is over, and so b's claim is the first to fail

            def claim(*args: Any, **options: Any) -> bool:
                if args[1:3] == ("effect pay:pay:b", "claimed"):
                    full()
                first: bool = append(*args, **options)
                return first

            saver.journal.append = claim
        with pytest.raises(Exception, match="database or disk is full"):
            start(three(known).compile(checkpointer=saver), {"message": "m"}, thread="t")
        assert (["a"] if at == "claim" else ["a", "b"]) == DONE
    goes_on(url)


def test_a_database_that_may_only_be_read_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    checkpointer(url).close()
    with opened(url) as saver:
        saver.conn.execute("PRAGMA query_only = 1")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            start(three().compile(checkpointer=saver), {"message": "m"}, thread="t")
    assert DONE == []


@pytest.mark.parametrize("part", ["checkpoint", "metadata"])
def test_a_truncated_checkpoint_is_an_error_and_not_an_older_state(
    tmp_path: Path, part: str
) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with opened(url) as saver:
        app = three().compile(checkpointer=saver)
        start(app, {"message": "m"}, thread="t")
        saver.conn.execute(
            f"UPDATE checkpoints SET {part} = substr({part}, 1, length({part}) / 2) "
            "WHERE checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints)"
        )
        saver.conn.commit()
        with pytest.raises(Exception, match=r".") as caught:
            look(app, thread="t")
        assert not isinstance(caught.value, AssertionError)
        with pytest.raises(type(caught.value)):
            start(app, {"message": "m"}, thread="t")
    assert DONE == ["a", "b", "c"]


def test_a_file_that_is_no_database_any_more_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    checkpointer(f"sqlite:///{path}").close()
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(CheckpointerError, match="is not a SQLite database"):
        checkpointer(f"sqlite:///{path}")


@pytest.fixture
def schema() -> Iterator[str]:
    with postgres_schema() as url:
        yield url


def killer(url: str) -> Callable[[], None]:
    """Give a function that ends all of the saver's sessions at the server."""

    def kill() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(l.pid) FROM pg_stat_activity l "
                "WHERE l.application_name = 'storage faults' AND l.pid <> pg_backend_pid()"
            )

    return kill


@pytest.mark.parametrize("when", ["before", "after"])
def test_sessions_that_are_killed_in_a_run_are_replaced(schema: str, when: str) -> None:
    url = f"{schema}&application_name=storage faults".replace(" ", "%20")
    (BEFORE if when == "before" else AFTER)["b"] = killer(schema)
    with opened(url) as saver:
        run = start(three(known).compile(checkpointer=saver), {"message": "m"}, thread="t")
        assert (run.status, DONE) == ("done", ["a", "b", "c"])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["claimed", "done"])
def test_sessions_that_are_killed_at_a_claim_or_its_settlement(
    schema: str, kind: str, when: str
) -> None:
    kill = killer(schema)
    with opened(f"{schema}&application_name=storage%20faults") as saver:
        append, said = saver.journal.append, list[str]()

        def cut(*args: Any, **options: Any) -> bool:
            said.append(args[2])
            now = args[1:3] == ("effect pay:pay:b", kind)
            if now and when == "before":
                kill()
            first: bool = append(*args, **options)
            if now and when == "after":
                kill()
            return first

        saver.journal.append = cut
        run = start(three(known).compile(checkpointer=saver), {"message": "m"}, thread="t")
        assert (run.status, DONE) == ("done", ["a", "b", "c"])
        assert [one for one in said if one in ("claimed", "done")] == ["claimed", "done"] * 3


def test_an_exhausted_pool_is_an_error_that_says_so_and_the_run_goes_on_later(schema: str) -> None:
    url = f"{schema}&pool=1&timeout=1"
    with opened(url) as saver:
        app = three(known).compile(checkpointer=saver)
        lent, back = threading.Event(), threading.Event()

        def lend() -> None:
            with saver.conn.connection():
                lent.set()
                back.wait(30)

        def exhaust() -> None:
            threading.Thread(target=lend, daemon=True).start()
            lent.wait(30)

        AFTER["b"] = exhaust
        try:
            with pytest.raises(Exception, match=r"(?i)pool|timeout|connection"):
                start(app, {"message": "m"}, thread="t")
        finally:
            back.set()
        assert DONE == ["a", "b"]
    goes_on(schema)


class Backwards(clock.Clock):
    """Jump back at each look."""

    def __init__(self) -> None:
        self.time = 2e9

    def now(self) -> float:
        self.time -= 1e6
        return self.time


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_clock_that_jumps_back_loses_nothing_and_repeats_nothing(
    tmp_path: Path, kind: str
) -> None:
    url = "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/a.db"
    with clock.told_by(Backwards()), opened(url) as saver:
        app = three().compile(checkpointer=saver)
        run = start(app, {"message": "m"}, thread="t")
        assert (run.status, DONE) == ("done", ["a", "b", "c"])
        assert list(run.values["actions"]) == ["pay:a", "pay:b", "pay:c"]
        assert start(app, {"message": "m"}, thread="u").status == "done"
        with pytest.raises(Exception, match="was done before in this thread"):
            start(app, {"message": "m"}, thread="t")
        assert len(DONE) == 6
