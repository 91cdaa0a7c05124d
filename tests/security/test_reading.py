from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from quintet.errors import CheckpointerError, DesignError
from quintet.runs import start
from quintet.state import OrchestrationState, Secret, checkpointer
from tests.security.stores import STORES, execute, rows_of, store_url


class Desk(OrchestrationState, total=False):
    held: Any
    text: str


def begin(saver: Any) -> Any:
    """Start a run that has state, a write and an open question, and leave it waiting."""

    def first(state: Desk) -> dict[str, Any]:
        return {"held": {"plain": [1]}, "text": "plain"}

    def ask(state: Desk) -> dict[str, Any]:
        return {"held": interrupt({"question": "which?"})}

    graph: StateGraph[Any] = StateGraph(Desk)
    graph.add_node("first", first)
    graph.add_node("ask", ask)
    graph.add_edge(START, "first")
    graph.add_edge("first", "ask")
    app = graph.compile(checkpointer=saver)
    assert start(app, {"message": "m"}, thread="t").status == "waiting"
    saver.journal.append("t", "effect x", "done", {"result": 1})
    return app


class Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(self.path),))


def crafted(path: Path) -> list[tuple[str, bytes]]:
    """Give payloads with their tags; each makes the file where it is not read strictly."""
    text = str(path)
    calls: list[tuple[int, Any]] = [
        (0, ("os", "mkdir", text)),
        (1, ("os", "mkdir", (text,))),
        (2, ("os", "mkdir", {"path": text})),
        (3, ("pathlib", "Path", text, "touch")),
        (4, ("os", "mkdir", {"path": text})),
        (5, ("os", "mkdir", {"path": text}, "model_validate_json")),
        (1, ("subprocess", "check_call", (["mkdir", text],))),
        (1, ("os", "mknod", (text,))),
        (0, ("builtins", "eval", f"__import__('os').mkdir({text!r})")),
        (7, ("os", "mkdir", text)),
    ]
    packed = [ormsgpack.packb(ormsgpack.Ext(form, ormsgpack.packb(call))) for form, call in calls]
    # Inside each other, and inside types that are allowed.
    inner = ormsgpack.Ext(1, ormsgpack.packb(("os", "mkdir", (text,))))
    packed.append(
        ormsgpack.packb(ormsgpack.Ext(1, ormsgpack.packb(("builtins", "set", [[inner]]))))
    )
    keyed = ("quintet.state.savers.serializer", "Keyed", {"held": [[1, inner]]})
    packed.append(ormsgpack.packb(ormsgpack.Ext(2, ormsgpack.packb(keyed))))
    payloads = [("msgpack", data) for data in packed]
    for kind, path_ in (("constructor", ["os", "mkdir"]), ("constructor", ["subprocess", "run"])):
        lc = {"lc": 2, "type": kind, "id": path_, "args": [text], "kwargs": {}, "method": None}
        payloads.append(("json", json.dumps({"a": lc}).encode()))
    payloads.append(("pickle", pickle.dumps(Bomb(text))))
    return payloads


def places(kind: str) -> list[Callable[[str, str, bytes], None]]:
    """Give writers of a payload into each place from which it may be read."""

    def into(table: str, column: str) -> Callable[[str, str, bytes], None]:
        def write(url: str, tag: str, data: bytes) -> None:
            execute(url, f"UPDATE {table} SET type = ?, {column} = ?", tag, data)

        return write

    def journal(table: str) -> Callable[[str, str, bytes], None]:
        def write(url: str, tag: str, data: bytes) -> None:
            value = data.decode(errors="replace").replace("\0", "")
            execute(url, f"UPDATE {table} SET value = ?", value)

        return write

    own = [journal("quintet_journal"), journal("quintet_open")]
    if kind == "sqlite":
        return [into("checkpoints", "checkpoint"), into("writes", "value"), *own]
    return [into("checkpoint_blobs", "blob"), into("checkpoint_writes", "blob"), *own]


def read_all(saver: Any) -> list[str]:
    """Read by every way that there is; give the errors, all of which are clear."""
    config: Any = {"configurable": {"thread_id": "t"}}
    ways: list[Callable[[], Any]] = [
        lambda: saver.get_tuple(config),
        lambda: [*saver.list(config)],
        lambda: [*saver.list(None)],
        lambda: saver.journal.read("t", "effect x"),
        lambda: saver.journal.entries(None, ""),
        saver.journal.opened,
        lambda: saver.get_delta_channel_history(config=config, channels=["held"]),
    ]
    problems = []
    for way in ways:
        try:
            way()
        except CheckpointerError as problem:
            problems.append(str(problem))
    return problems


@STORES
def test_a_crafted_payload_runs_nothing_by_whatever_way_it_is_read(
    kind: str, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    marker = tmp_path / "ran"
    with store_url(kind, tmp_path) as url, checkpointer(url) as saver:
        app = begin(saver)
        for write in places(kind):
            for tag, data in crafted(marker):
                write(url, tag, data)
                read_all(saver)
                assert not marker.exists(), (write, tag, data)
        with pytest.raises((CheckpointerError, DesignError)):
            app.invoke(None, {"configurable": {"thread_id": "t"}})
        assert not marker.exists()


def test_the_payloads_do_run_where_they_are_read_as_langgraph_reads_by_default(
    tmp_path: Path,
) -> None:
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    ran = 0
    for number, (tag, data) in enumerate(crafted(tmp_path / "ran")):
        marker = tmp_path / "ran"
        loose = JsonPlusSerializer(pickle_fallback=True, allowed_msgpack_modules=True)
        try:
            loose.loads_typed((tag, data))
        except Exception:  # noqa: BLE001 - some need arguments of another form
            continue
        finally:
            ran += marker.exists()
            if marker.is_dir():
                marker.rmdir()
            marker.unlink(missing_ok=True)
        assert number >= 0
    assert ran >= 4


def test_a_crafted_secret_declares_nothing() -> None:
    saver = checkpointer("sqlite://")
    for form, arguments in ((0, "env:HOME"), (1, ["env:HOME"]), (2, {"reference": "env:HOME"})):
        data = ormsgpack.packb(("quintet.state.secret", "Secret", arguments))
        secret = saver.serde.loads_typed(("msgpack", ormsgpack.packb(ormsgpack.Ext(form, data))))
        assert isinstance(secret, Secret)
        with pytest.raises(DesignError, match="no code of this process has declared it"):
            secret.reveal()


def cut(column: str) -> str:
    return f"substr({column}, 1, length({column}) / 2)"


@STORES
@pytest.mark.parametrize("key", [None, b"k" * 32], ids=["clear", "encrypted"])
def test_what_is_cut_off_is_an_error_that_names_thread_and_checkpoint(
    kind: str, key: bytes | None, tmp_path: Path
) -> None:
    changes = {
        "sqlite": [
            f"UPDATE checkpoints SET checkpoint = {cut('checkpoint')}",
            f"UPDATE checkpoints SET metadata = {cut('metadata')}",
            "UPDATE checkpoints SET checkpoint = x''",
            "UPDATE checkpoints SET checkpoint = x'c0'",
            f"UPDATE writes SET value = {cut('value')}",
        ],
        "postgres": [
            f"UPDATE checkpoint_blobs SET blob = {cut('blob')}",
            "UPDATE checkpoint_blobs SET blob = ''",
            f"UPDATE checkpoint_writes SET blob = {cut('blob')}",
            "UPDATE checkpoints SET checkpoint = checkpoint - 'versions_seen'",
            "UPDATE checkpoints SET checkpoint = checkpoint - 'channel_versions'",
            "UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint, '{id}', '\"other\"')",
        ],
    }[kind]
    for number, change in enumerate(changes):
        folder = tmp_path / str(number)
        folder.mkdir()
        with store_url(kind, folder) as url, checkpointer(url, key=key) as saver:
            app = begin(saver)
            execute(url, change)
            config: Any = {"configurable": {"thread_id": "t"}}
            for read in (app.get_state, lambda c: app.invoke(None, c), lambda c: [*saver.list(c)]):  # noqa: B023
                with pytest.raises(CheckpointerError, match=r"^thread 't', checkpoint "):
                    read(config)


@STORES
def test_a_journal_that_is_cut_off_says_which_stream(kind: str, tmp_path: Path) -> None:
    with store_url(kind, tmp_path) as url, checkpointer(url) as saver:
        begin(saver)
        execute(url, f"UPDATE quintet_journal SET value = {cut('value')}")
        for read in (
            lambda: saver.journal.read("t", "effect x"),
            lambda: saver.journal.entries("t", "effect "),
        ):
            with pytest.raises(CheckpointerError, match=r"'effect x' in the journal of thread 't'"):
                read()


def test_without_a_key_a_value_that_was_altered_so_that_it_still_fits_is_not_noticed(
    tmp_path: Path,
) -> None:
    """Said in SECURITY.md: only encryption authenticates."""
    with store_url("sqlite", tmp_path) as url, checkpointer(url) as saver:
        app = begin(saver)
        for name, row in [*rows_of(url)]:
            if name == "checkpoints":
                altered = bytes(row[5]).replace(b"plain", b"other")
                change = "UPDATE checkpoints SET checkpoint = ? WHERE checkpoint_id = ?"
                execute(url, change, altered, row[2])
        values = app.get_state({"configurable": {"thread_id": "t"}}).values
        assert values["text"] == "other"
