"""Test the journal as a store: streams whose positions are taken once, in all three databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quintet.state import Journal, checkpointer
from quintet.state.journal.sqlite import BoundedJournal
from tests.services import postgres_schema

THREADS, SUBJECTS = st.sampled_from(["", "t", "t\0\ud800", "x" * 900]), st.sampled_from("ab")
MOVES = st.lists(st.tuples(THREADS, SUBJECTS, st.none() | st.integers(0, 3)), max_size=12)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    with ExitStack() as stack:
        url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}.get(request.param)
        saver = checkpointer(url or stack.enter_context(postgres_schema()))
        yield stack.enter_context(saver).journal


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=MOVES)
def test_each_position_is_taken_once(journal: Journal, moves: list[Any]) -> None:
    for thread in {thread for thread, _, _ in moves}:
        journal.forget(thread)
    taken: dict[tuple[str, str], dict[int, int]] = {}
    for number, (thread, subject, position) in enumerate(moves):
        stream = taken.setdefault((thread, subject), {})
        at = max(stream, default=-1) + 1 if position is None else position
        first = journal.append(thread, subject, "said", {"number": number}, position=position)
        assert first == (at not in stream)
        stream.setdefault(at, number)
    for (thread, subject), stream in taken.items():
        entries = journal.read(thread, subject)
        assert {e.position: e.value["number"] for e in entries} == stream
        assert [e.position for e in entries] == sorted(stream)
        assert all(entry in journal.entries(thread, subject) for entry in entries)
        assert all(entry in journal.entries(None, subject) for entry in entries)
        heads = journal.heads(thread, ["a", "b", "none"])
        assert heads[subject] == entries[-1]
        assert set(heads) == {s for (t, s), known in taken.items() if t == thread and known}


def test_of_many_at_once_one_takes_the_position(journal: Journal) -> None:
    gate, won = threading.Barrier(8), list[int]()

    def race(number: int) -> None:
        gate.wait()
        if journal.append("t", "s", "claimed", {"by": number}, position=0):
            won.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [entry] = journal.read("t", "s")
    assert [entry.value["by"]] == won


def test_nothing_is_lost_of_many_that_take_the_next_position(journal: Journal) -> None:
    def append(number: int) -> None:
        for step in range(5):
            journal.append("t", "s", "said", {"number": number, "step": step})

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = journal.read("t", "s")
    assert [entry.position for entry in entries] == list(range(20))
    assert len({(e.value["number"], e.value["step"]) for e in entries}) == 20


def test_entries_are_found_by_the_beginning_of_their_subject(journal: Journal) -> None:
    for thread, subject in [("a", "effect x"), ("a", "effect y"), ("b", "effect x"), ("a", "run")]:
        journal.append(thread, subject, "said")
    assert [(e.thread, e.subject) for e in journal.entries("a", "effect ")] == [
        ("a", "effect x"),
        ("a", "effect y"),
    ]
    assert {(e.thread, e.subject) for e in journal.entries(None, "effect x")} == {
        ("a", "effect x"),
        ("b", "effect x"),
    }
    journal.forget("a", "effect ")
    assert [e.subject for e in journal.entries("a", "")] == ["run"]
    assert [e.thread for e in journal.entries(None, "effect ")] == ["b"]


def test_the_list_of_what_is_open_holds_what_was_not_closed(journal: Journal) -> None:
    journal.open("a", "q1", {"gate": "g"})
    journal.open("a", "q2", {"gate": "g"})
    journal.open("b", "q3", {"gate": "h"})
    journal.open("b", "q3", {"gate": "changed"})
    assert [(o.thread, o.name) for o in journal.opened()] == [("a", "q1"), ("a", "q2"), ("b", "q3")]
    assert journal.opened("b")[0].value == {"gate": "changed"}
    journal.close("a", keep=("q2",))
    assert [o.name for o in journal.opened("a")] == ["q2"]
    journal.close("a")
    assert [o.name for o in journal.opened()] == ["q3"]


def test_another_process_sees_what_was_appended(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with checkpointer(url) as saver:
        assert saver.journal.append("t", "s", "claimed", position=0)
        command = (
            "import sys; from quintet.state import checkpointer;"
            "j = checkpointer(sys.argv[1]).journal;"
            "print(j.append('t', 's', 'claimed', position=0), j.read('t', 's')[0].kind)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", command, url], capture_output=True, text=True, check=True
        )
        assert ended.stdout.split() == ["False", "claimed"]


def test_the_journal_of_a_process_keeps_the_last_streams_whole() -> None:
    journal = BoundedJournal(most=10)
    for number in range(100):
        for kind in ("claimed", "done"):
            assert journal.append(f"step {number}", "effect a", kind)
    kept = {entry.thread for entry in journal.entries(None, "")}
    assert 10 <= len(kept) <= 20
    assert f"step {99}" in kept
    assert "step 0" not in kept
    for thread in kept - {"step 99"}:
        assert [entry.kind for entry in journal.read(thread, "effect a")] == ["claimed", "done"]


def test_a_claim_is_on_disk_although_checkpoints_need_not_be(tmp_path: Path) -> None:
    with checkpointer(f"sqlite:///{tmp_path}/a.db?synchronous=normal") as saver:
        levels: list[int] = []
        connection: Any = saver.conn  # type: ignore[attr-defined]
        connection.set_trace_callback(
            lambda text: (
                levels.append(connection.execute("PRAGMA synchronous").fetchone()[0])
                if text.startswith("INSERT OR IGNORE INTO quintet_journal")
                else None
            )
        )
        saver.journal.append("t", "s", "claimed", position=0)
        connection.set_trace_callback(None)
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1
    assert levels == [2]


def test_every_call_of_a_journal_is_known_to_the_tests_of_tenants_and_keys() -> None:
    """Each must go by the room of its journal; a new one needs a line in these tests first."""
    known = {
        "append",
        "read",
        "entries",
        "heads",
        "tail",
        "add",
        "stops",
        "open",
        "close",
        "opened",
        "forget",
        "forget_room",
    }
    public = {name for name in vars(Journal) if not name.startswith("_")}
    assert public - {"durable", "room", "enter"} == known
