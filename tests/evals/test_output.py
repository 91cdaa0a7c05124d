"""Test that our files replace only their own kind: nothing else is touched or lost."""

from __future__ import annotations

import os
import socket

import pytest

from quintet.evals.aside import kept_aside
from quintet.evals.claim import claimed
from quintet.evals.output import checked, replaced
from quintet.state import DesignError
from tests.state.test_sqlite import without_privilege

POSIX = pytest.mark.skipif(os.name == "nt", reason="there are no such places on Windows")


def ours(begins: bytes) -> bool:
    return begins.startswith(b"ours")


def write(path, text: bytes) -> None:
    replaced(checked(path, ours, "note of ours"), [text])


@pytest.mark.parametrize("before", [None, b"", b"ours, and old"], ids=["missing", "empty", "ours"])
def test_a_place_that_is_free_or_ours_is_written(tmp_path, before):
    path = tmp_path / "note"
    if before is not None:
        path.write_bytes(before)
    write(path, b"ours, and new")
    assert path.read_bytes() == b"ours, and new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_somebody_else_is_refused_by_name_and_left(tmp_path):
    path = tmp_path / "evals.py"
    path.write_text("suite = 1\n")
    with pytest.raises(DesignError, match=r"evals\.py exists and is no note of ours.*another file"):
        write(path, b"ours")
    assert path.read_text() == "suite = 1\n"


def folder(path):
    path.mkdir()


def pipe(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def terminal(path):
    path.symlink_to(os.ttyname(os.openpty()[1]))


def circle(path):
    path.symlink_to(path)


@POSIX
@pytest.mark.parametrize("make", [folder, pipe, listening, terminal, circle])
def test_what_is_no_file_is_refused_and_stays_what_it_is(tmp_path, make, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "place"
    make(path)
    before = os.lstat(path), os.stat(path) if make is not circle else None
    with pytest.raises(DesignError, match="place"):
        write(path, b"ours")
    after = os.lstat(path), os.stat(path) if make is not circle else None
    assert [(one.st_ino, one.st_mode) for one in before if one] == [
        (one.st_ino, one.st_mode) for one in after if one
    ]


@pytest.mark.parametrize("name", ["absent/note", "file/note"])
def test_a_folder_that_is_not_there_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(DesignError, match=r"note cannot be written"):
        write(tmp_path / name, b"ours")


@POSIX
@pytest.mark.parametrize(("folder", "file"), [(0o555, 0o666), (0o777, 0o444)], ids=oct)
def test_what_is_read_only_is_refused(tmp_path, folder, file):
    path = tmp_path / "inner" / "note"
    path.parent.mkdir()
    path.write_bytes(b"ours")
    path.chmod(file)
    path.parent.chmod(folder)
    with without_privilege(path), pytest.raises(DesignError, match="read-only"):
        write(path, b"ours, too")
    assert path.read_bytes() == b"ours"


@POSIX
def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    real, link = tmp_path / "inner" / "real", tmp_path / "link"
    real.parent.mkdir()
    link.symlink_to(real)
    for text in (b"ours 1", b"ours 2"):
        write(link, text)
        assert (link.is_symlink(), real.read_bytes()) == (True, text)
    real.write_text("theirs")
    with pytest.raises(DesignError):
        write(link, b"ours 3")
    assert real.read_text() == "theirs"


@POSIX
def test_a_replaced_file_keeps_its_mode(tmp_path):
    path = tmp_path / "note"
    path.write_bytes(b"ours")
    path.chmod(0o600)
    write(path, b"ours, too")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_text_that_cannot_be_made_leaves_the_old_file_and_nothing_else(tmp_path):
    def parts():
        yield b"ours, hal"
        raise ValueError("torn")

    path = tmp_path / "note"
    write(path, b"ours")
    with pytest.raises(ValueError, match="torn"):
        replaced(path, parts())
    assert path.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_are_put_aside_are_numbered_and_never_lost(tmp_path):
    path = tmp_path / "rows.jsonl"
    (tmp_path / "rows.2.jsonl").write_text("mine")
    (tmp_path / "rows.20260101.jsonl").write_text("of that day")
    (tmp_path / "rows.old.jsonl").write_text("old")
    for text in ("first", "second", "third"):
        path.write_text(text)
        kept = kept_aside(path)
        assert (kept.read_text(), path.read_text()) == (text, text)
        path.unlink()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        "rows.2.jsonl": "mine",
        "rows.20260101.jsonl": "of that day",
        "rows.old.jsonl": "old",
        "rows.3.jsonl": "first",
        "rows.4.jsonl": "second",
        "rows.5.jsonl": "third",
    }


@pytest.mark.parametrize(
    ("name", "kept"), [("rows", "rows.1"), (".rows", ".rows.1"), ("a[1].b.c", "a[1].b.1.c")]
)
def test_the_number_stands_before_the_ending(tmp_path, name, kept):
    path = tmp_path / name
    path.write_text("x")
    assert kept_aside(path).name == kept


def test_where_there_are_no_hard_links_a_copy_is_kept(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("not on this disk")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "rows.jsonl"
    path.write_text("first")
    kept = kept_aside(path)
    path.write_text("second")
    assert (kept.name, kept.read_text()) == ("rows.1.jsonl", "first")


@pytest.mark.parametrize("links", [True, False], ids=["link", "copy"])
def test_a_name_that_somebody_takes_meanwhile_is_left_to_him(tmp_path, monkeypatch, links):
    def refuse(*_):
        raise PermissionError("not on this disk")

    monkeypatch.setattr(os, "listdir", lambda _: [])
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "rows.1.jsonl").write_text("mine")
    (tmp_path / "rows.jsonl").write_text("first")
    assert kept_aside(tmp_path / "rows.jsonl").name == "rows.2.jsonl"
    assert (tmp_path / "rows.1.jsonl").read_text() == "mine"


@POSIX
def test_a_claimed_file_is_refused_to_others_until_it_is_given_up(tmp_path):
    path = tmp_path / "rows.jsonl"
    with claimed(path) as claim:
        with pytest.raises(DesignError, match=r"rows\.jsonl is being written by another"):
            claimed(path).__enter__()
        replaced(path, [b"new"])
        claim.renew()
        with pytest.raises(DesignError, match="another evaluation"):
            claimed(path).__enter__()
    with claimed(path):
        pass
    assert path.read_bytes() == b"new"


@POSIX
def test_a_file_that_another_has_replaced_meanwhile_is_not_claimed(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"old")
    real = os.open

    def late(place, *given):
        number = real(place, *given)
        if place == path:
            os.replace(other, path)
        return number

    other = tmp_path / "other"
    other.write_bytes(b"new")
    monkeypatch.setattr(os, "open", late)
    with pytest.raises(DesignError, match="another evaluation"):
        claimed(path).__enter__()


@POSIX
def test_where_there_are_no_locks_it_goes_on_without(tmp_path, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError("no locks on this disk")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with claimed(tmp_path / "rows.jsonl") as claim:
        replaced(claim.place, [b"new"])
        claim.renew()
    assert (tmp_path / "rows.jsonl").read_bytes() == b"new"


def test_a_file_that_was_only_claimed_is_taken_away_again(tmp_path):
    with claimed(tmp_path / "rows.jsonl"):
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").write_text("")
    with claimed(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").exists()
