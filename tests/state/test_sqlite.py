from __future__ import annotations

import gc
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver

from quintet.errors import CheckpointerError
from quintet.state.checkpointer import checkpointer
from quintet.state.savers.saver import Saver

NOBODY = 65534


@contextmanager
def without_privilege(folder: Path) -> Iterator[None]:
    """Run as a user whom file modes stop, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    doors = [parent for parent in folder.parents if not stat.S_IMODE(parent.stat().st_mode) & 1]
    modes = [door.stat().st_mode for door in doors]
    for door, mode in zip(doors, modes, strict=True):
        door.chmod(mode | 0o011)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for door, mode in zip(doors, modes, strict=True):
            door.chmod(mode)


def pragma(saver: Saver, name: str) -> object:
    assert isinstance(saver, SqliteSaver)
    return saver.conn.execute(f"PRAGMA {name}").fetchone()[0]


def keep(saver: Saver, thread: str) -> None:
    config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    saver.put(config, empty_checkpoint(), {}, {})  # type: ignore[arg-type]


def test_a_file_is_written_durably_and_waits_for_other_writers(tmp_path: Path) -> None:
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        assert pragma(saver, "journal_mode") == "wal"
        assert pragma(saver, "synchronous") == 2
        assert pragma(saver, "busy_timeout") == 10_000


def test_the_options_of_the_url_are_used(tmp_path: Path) -> None:
    with checkpointer(f"sqlite:///{tmp_path}/a.db?synchronous=normal&timeout=2.5") as saver:
        assert pragma(saver, "synchronous") == 1
        assert pragma(saver, "busy_timeout") == 2_500


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_url_without_a_file_is_a_database_in_memory(url: str) -> None:
    with checkpointer(url) as saver:
        keep(saver, "a")
        assert saver.threads() == ["a"]
        assert pragma(saver, "journal_mode") == "memory"


def test_three_slashes_are_relative_and_four_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpointer("sqlite:///here.db").close()
    checkpointer(f"sqlite:///{tmp_path}/there%3F.db").close()
    assert (tmp_path / "here.db").is_file()
    assert (tmp_path / "there?.db").is_file()


def test_two_slashes_are_refused_with_the_url_that_was_meant() -> None:
    with pytest.raises(CheckpointerError, match=r"'sqlite:///runs\.db'"):
        checkpointer("sqlite://runs.db")


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///a%00b"])
def test_a_file_needs_a_name(url: str) -> None:
    with pytest.raises(CheckpointerError, match="names no file"):
        checkpointer(url)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointerError, match=r"none' does not exist; create it"):
        checkpointer(f"sqlite:///{tmp_path}/none/a.db")
    assert not (tmp_path / "none").exists()


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointerError, match="is a folder: name a file in it"):
        checkpointer(f"sqlite:///{tmp_path}")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(CheckpointerError, match=r"a\.txt' is not a folder"):
        checkpointer(f"sqlite:///{tmp_path}/a.txt/b.db")


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text that is long enough to be no header" * 30)
    before = (tmp_path / "a.txt").read_bytes()
    with pytest.raises(CheckpointerError, match="is not a SQLite database; choose another name"):
        checkpointer(f"sqlite:///{tmp_path}/a.txt")
    assert (tmp_path / "a.txt").read_bytes() == before


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    checkpointer(f"sqlite:///{path}").close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5_000)
    with pytest.raises(CheckpointerError, match="damaged; restore a copy"):
        checkpointer(f"sqlite:///{path}")


def test_the_tables_of_another_program_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE checkpoints (name TEXT)")
    with pytest.raises(CheckpointerError, match="belong to another program"):
        checkpointer(f"sqlite:///{path}")


def test_a_read_only_file_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    checkpointer(f"sqlite:///{path}").close()
    path.chmod(0o444)
    with (
        without_privilege(path),
        pytest.raises(CheckpointerError, match="read-only; SQLite writes"),
    ):
        checkpointer(f"sqlite:///{path}")


def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    path = tmp_path / "a.db"
    with without_privilege(path), pytest.raises(CheckpointerError, match="make the folder writ"):
        checkpointer(f"sqlite:///{path}")
    tmp_path.chmod(0o755)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc")
def test_a_folder_in_which_nobody_can_create_files_is_refused() -> None:
    with pytest.raises(CheckpointerError, match="make the folder writable, or choose another"):
        checkpointer("sqlite:////proc/self/a.db")


def test_a_database_that_another_process_keeps_locked_is_refused_in_the_given_time(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/a.db?timeout=0.05"
    checkpointer(url).close()
    with closing(sqlite3.connect(tmp_path / "a.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CheckpointerError, match="holds the database for writing"):
            checkpointer(url)
        other.rollback()
    checkpointer(url).close()


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    opened: list[str] = []
    together = threading.Barrier(4)

    def work(number: int, name: str) -> None:
        together.wait()
        with checkpointer(f"sqlite:///{tmp_path}/{number}.db") as saver:
            keep(saver, name)
            opened.append(name)

    for number in range(20):
        workers = [threading.Thread(target=work, args=(number, name)) for name in "abcd"]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert sorted(opened) == sorted("abcd" * 20)


def test_a_saver_that_nobody_holds_any_more_closes_its_file(tmp_path: Path) -> None:
    saver = checkpointer(f"sqlite:///{tmp_path}/a.db")
    other = saver.with_allowlist([("some", "Type")])
    del saver
    gc.collect()
    assert isinstance(other, Saver)
    keep(other, "a")
    assert (tmp_path / "a.db-wal").exists()
    del other
    gc.collect()
    assert not (tmp_path / "a.db-wal").exists()


def test_a_closed_saver_says_so(tmp_path: Path) -> None:
    saver = checkpointer(f"sqlite:///{tmp_path}/a.db")
    saver.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        saver.threads()
