from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from click.testing import CliRunner
from langchain_core.messages import HumanMessage
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from quintet.cli.main import cli
from quintet.errors import CheckpointerError, MissingExtra
from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import approve, look, start
from quintet.state import Contract, OrchestrationState, Secret, checkpointer
from quintet.state.crypt import keys_of
from quintet.state.savers.saver import Saver
from tests.security.stores import STORES, everything_in, execute, rows_of, store_url

KEY, NEW, WRONG = b"a" * 32, b"b" * 32, b"c" * 32

CANARY = "clear-text-canary"


class Desk(OrchestrationState, total=False):
    order: str
    text: str
    number: float
    nothing: None
    nested: dict[str, Any]


PAID: list[str] = []


def pay(order: str) -> str:
    """Pay."""
    PAID.append(order)
    return f"{CANARY}-receipt"


def desk(saver: Saver, gate: ApprovalGate | None = None) -> Any:
    paying = effect(pay, key="pay:{order}")

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        if request["order"].endswith("fails"):
            raise RuntimeError(f"{CANARY}-error")
        return {
            "reply": str(tools.pay(order=request["order"])),
            "messages": [HumanMessage(f"{CANARY}-message")],
        }

    worker = Worker(agent=agent, contract=Contract(goal="g", needs=("order",), tools=(paying,)))
    return create_single_agent(worker, gate=gate, state=Desk).compile(checkpointer=saver)


def asked() -> ApprovalGate:
    return ApprovalGate(approvers=("maria",))


def begin(url: str, key: Any = KEY, *, thread: str = "t", order: str = "1", **more: Any) -> Any:
    with checkpointer(url, key=key, **more) as saver:
        given = {"message": f"{CANARY}-in", "order": f"{CANARY}-{order}"}
        return start(desk(saver), given, thread=thread)


@STORES
def test_no_text_of_the_state_stands_in_the_tables(kind: str, tmp_path: Path) -> None:
    with store_url(kind, tmp_path) as url:
        with checkpointer(url, key=KEY, tenant="acme") as saver:
            for thread, gate in (("t", None), ("fails", None), ("asks", asked())):
                given = {
                    "message": f"{CANARY}-in",
                    "order": f"{CANARY}-{thread}",
                    "text": f"{CANARY}-text",
                    "number": 271828.1828,
                    "nothing": None,
                    "nested": {f"{CANARY}-key": [f"{CANARY}-item"]},
                }
                run = start(desk(saver, gate), given, thread=thread)
            assert run.status == "waiting"
            assert CANARY in repr(saver.journal.opened())
        with checkpointer(url, key=KEY, tenant="acme") as saver:
            run = look(desk(saver, asked()), thread="asks").answer(approve(by="maria"))
            assert run.status == "done"
            assert f"{CANARY}-asks" in PAID
            assert look(desk(saver), thread="t").values["text"] == f"{CANARY}-text"
            assert look(desk(saver), thread="t").values["number"] == 271828.1828
            verdicts = [e for e in saver.journal.entries(None, "") if CANARY in repr(e.value)]
            assert verdicts
        kept = everything_in(url)
        assert CANARY.encode() not in kept
        assert b"271828" not in kept
        # These do stand there, as SECURITY.md says.
        for clear in (b"acme", b"effect ", b"claimed", b"source", b"text", b"asks"):
            assert clear in kept


@STORES
async def test_the_official_conformance_suite_passes_under_encryption(
    kind: str, tmp_path: Path
) -> None:
    with store_url(kind, tmp_path) as url:

        @checkpointer_test(name=url)
        async def registered() -> AsyncIterator[Saver]:
            async with checkpointer(url, key=[NEW, KEY], tenant="acme") as saver:
                yield saver

        report = await validate(registered)
        assert not [text for result in report.results.values() for text in result.failures]


@STORES
def test_what_is_copied_to_another_thread_or_tenant_is_refused(kind: str, tmp_path: Path) -> None:
    with store_url(kind, tmp_path) as url:
        begin(url, tenant="acme", thread="from")
        begin(url, tenant="acme", thread="to", order="2")
        begin(url, tenant="other", thread="from", order="3")
        for target in ("\x1eacme\x1eto", "\x1eother\x1efrom", "\x1eacme\x1enew"):
            tables = ["checkpoints", *(["checkpoint_blobs"] if kind == "postgres" else [])]
            for table in tables:
                execute(url, f"DELETE FROM {table} WHERE thread_id = ?", target)
                execute(
                    url,
                    f"CREATE TABLE copied AS SELECT * FROM {table} WHERE thread_id = ?",
                    "\x1eacme\x1efrom",
                )
                execute(url, "UPDATE copied SET thread_id = ?", target)
                execute(url, f"INSERT INTO {table} SELECT * FROM copied")
                execute(url, "DROP TABLE copied")
            _, tenant, thread = target.split("\x1e")
            with (
                checkpointer(url, key=KEY, tenant=tenant) as saver,
                pytest.raises(
                    CheckpointerError,
                    match=f"^thread '{thread}', checkpoint .*altered, or copied from another place",
                ),
            ):
                look(desk(saver), thread=thread)


@STORES
def test_an_altered_value_is_refused_and_named(kind: str, tmp_path: Path) -> None:
    with store_url(kind, tmp_path) as url:
        begin(url)
        if kind == "sqlite":
            query = "SELECT checkpoint FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1"
            (blob,) = next(row for name, row in _select(url, query))
            execute(url, "UPDATE checkpoints SET checkpoint = ?", _flipped(blob))
        else:
            for name, row in [*rows_of(url)]:
                if name == "checkpoint_blobs" and row[5]:
                    execute(
                        url,
                        "UPDATE checkpoint_blobs SET blob = ? WHERE channel = ? AND version = ?",
                        _flipped(bytes(row[5])),
                        row[2],
                        row[3],
                    )
        with checkpointer(url, key=KEY) as saver, pytest.raises(CheckpointerError) as problem:
            look(desk(saver), thread="t")
        assert "thread 't', checkpoint" in str(problem.value)


@STORES
def test_a_checkpoint_that_says_to_run_something_again_is_refused(
    kind: str, tmp_path: Path
) -> None:
    with store_url(kind, tmp_path) as url:
        begin(url)
        if kind == "postgres":
            # Which node has seen which value stands in clear, and decides what runs next.
            execute(
                url,
                "UPDATE checkpoints SET checkpoint = "
                "jsonb_set(checkpoint, '{versions_seen}', '{}'::jsonb)",
            )
        else:
            execute(url, "UPDATE checkpoints SET metadata = replace(metadata, 'loop', 'input')")
        with checkpointer(url, key=KEY) as saver, pytest.raises(CheckpointerError, match="altered"):
            look(desk(saver), thread="t")


@STORES
def test_a_value_of_the_same_thread_at_another_version_is_refused(
    kind: str, tmp_path: Path
) -> None:
    """An older value of a channel, put where a newer one stood, is a run turned back in silence."""
    if kind == "sqlite":
        pytest.skip("a checkpoint is one value there")
    with store_url(kind, tmp_path) as url:
        with checkpointer(url, key=KEY) as saver:
            app = desk(saver)
            for order in ("1", "2"):
                start(app, {"message": "m", "order": order}, thread="t")
        execute(
            url,
            "UPDATE checkpoint_blobs b SET blob = (SELECT blob FROM checkpoint_blobs a WHERE "
            "a.channel = b.channel AND a.thread_id = b.thread_id AND a.blob IS NOT NULL "
            "ORDER BY version LIMIT 1) WHERE channel = 'actions'",
        )
        with checkpointer(url, key=KEY) as saver, pytest.raises(CheckpointerError, match="copied"):
            look(desk(saver), thread="t")


@STORES
def test_a_wrong_key_says_so_and_no_key_too(kind: str, tmp_path: Path) -> None:
    with store_url(kind, tmp_path) as url:
        begin(url)
        begin(url, tenant="acme")
        with pytest.raises(CheckpointerError, match=r"is encrypted with the key \w{8}, and key="):
            checkpointer(url, key=WRONG)
        with pytest.raises(CheckpointerError, match="are encrypted here: give key="):
            checkpointer(url)
        with pytest.raises(CheckpointerError, match="of tenant 'acme' are encrypted here"):
            checkpointer(url, tenant="acme")
        # Another tenant may have a key of its own, or none.
        checkpointer(url, tenant="other", key=WRONG).close()
        checkpointer(url, tenant="third").close()


@STORES
def test_keys_are_changed_while_threads_go_on_and_an_effect_stays_done(
    kind: str, tmp_path: Path
) -> None:
    PAID.clear()
    with store_url(kind, tmp_path) as url:
        begin(url, KEY)
        begin(url, [NEW, KEY], thread="u")
        with checkpointer(url, key=[NEW, KEY]) as saver:
            saver.delete_thread("t")  # its journal stays
            given = {"message": "m", "order": f"{CANARY}-1"}
            run = start(desk(saver), given, thread="t")
            assert run.status != "done"
        assert [f"{CANARY}-1"] * 2 == PAID
        # The old key is given up: what only it can read is refused, not passed over.
        with checkpointer(url, key=NEW) as saver:
            assert look(desk(saver), thread="u").status == "done"
            with pytest.raises(CheckpointerError, match="in the journal of thread 't' cannot"):
                saver.journal.read("t", f"effect pay:pay:{CANARY}-1")
            run = start(desk(saver), {"message": "m", "order": f"{CANARY}-1"}, thread="t2")
            assert run.status == "done"


@STORES
def test_threads_from_before_there_was_a_key_go_on_where_that_is_wanted(
    kind: str, tmp_path: Path
) -> None:
    PAID.clear()
    with store_url(kind, tmp_path) as url:
        begin(url, None)
        with pytest.raises(CheckpointerError, match=r"add None to the keys"):
            checkpointer(url, key=KEY)
        with checkpointer(url, key=[KEY, None]) as saver:
            app = desk(saver)
            assert look(app, thread="t").status == "done"
            # Done before there was a key, and known to be.
            run = start(app, {"message": "m", "order": f"{CANARY}-1"}, thread="t")
            assert run.status != "done"
            assert start(app, {"message": "m", "order": "new"}, thread="t").status == "done"
        with checkpointer(url, key=KEY) as saver:
            assert saver.get_tuple({"configurable": {"thread_id": "t"}}) is not None
            with pytest.raises(CheckpointerError, match="it is not encrypted"):
                [*saver.list({"configurable": {"thread_id": "t"}})]
        assert [f"{CANARY}-1", "new"] == PAID


@STORES
def test_entries_of_the_journal_are_bound_to_their_place(kind: str, tmp_path: Path) -> None:
    with store_url(kind, tmp_path) as url, checkpointer(url, key=KEY) as saver:
        journal = saver.journal
        for thread in ("t", "u"):
            assert journal.append(thread, "effect pay:1", "claimed", {"owner": thread}, position=0)
            assert not journal.append(thread, "effect pay:1", "claimed", {}, position=0)
            assert journal.append(thread, "effect pay:1", "done", {"result": thread})
        journal.append("t", "effect pay:10", "done", {})
        assert [e.subject for e in journal.entries("t", "effect pay:1")] == [
            "effect pay:1",
            "effect pay:1",
            "effect pay:10",
        ]
        assert len(journal.entries(None, "eff")) == 5
        heads = journal.heads("t", ["effect pay:1", "effect none"])
        assert {name: entry.kind for name, entry in heads.items()} == {"effect pay:1": "done"}
        assert journal.append("t", "effect m:9", "claimed", {}, position=0, mark="run r effect m:9")
        assert not journal.append("t", "effect m:9", "claimed", {}, position=0, mark="run r other")
        marks = journal.entries("t", "run r ")
        assert [(e.subject, e.value) for e in marks] == [
            ("run r effect m:9", {"subject": "effect m:9"})
        ]
        assert [e.kind for e in journal.tail("t", "effect pay:1", 1)] == ["done"]
        assert b"pay:1" not in everything_in(url)
        assert b"m:9" not in everything_in(url)
        journal.forget("u", "effect pay:1")
        assert journal.read("u", "effect pay:1") == ()
        change = "UPDATE quintet_journal SET {} WHERE subject <> 'quintet names' AND thread = 't'"
        execute(url, change.format("kind = 'released'"))
        with pytest.raises(CheckpointerError, match="in the journal of thread 't' cannot be read"):
            journal.read("t", "effect pay:1")


def test_keys_may_be_secrets_and_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = os.urandom(32)
    for text in (raw.hex(), base64.b64encode(raw).decode()):
        monkeypatch.setenv("STORE_KEY", text)
        keys = keys_of(Secret("env:STORE_KEY"))
        assert keys is not None
        assert keys.given == (raw,)
        assert text not in repr(keys)
        checkpointer("sqlite://?key=env:STORE_KEY").close()
    monkeypatch.setenv("STORE_KEY", "too-short-a-key")
    for wrong in (b"short", "text" * 8, Secret("env:STORE_KEY"), [None], 5):
        with pytest.raises((CheckpointerError, TypeError)) as problem:
            checkpointer("sqlite://", key=wrong)  # type: ignore[arg-type]
        assert "too-short-a-key" not in str(problem.value)
    with pytest.raises(CheckpointerError, match="never the key itself"):
        checkpointer("sqlite://?key=c2VjcmV0")
    with pytest.raises(CheckpointerError, match="memory:// keeps nothing"):
        checkpointer("memory://", key=KEY)


@STORES
def test_the_command_line_reads_a_tenants_encrypted_runs(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_KEY", KEY.hex())
    with store_url(kind, tmp_path) as url:
        begin(url, tenant="acme")
        options = f"{'&' if '?' in url else '?'}tenant=acme&key=env:STORE_KEY"
        for words in (["list"], ["show", "t"]):
            done = CliRunner().invoke(cli, ["runs", *words, "--db", url + options, "--json"])
            assert done.exit_code == 0, done.output
            assert '"thread": "t"' in done.output
            assert KEY.hex() not in done.output
        done = CliRunner().invoke(cli, ["runs", "list", "--db", url, "--json"])
        assert '"thread": "t"' not in done.output


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cryptography", None)
    with pytest.raises(MissingExtra, match=r"quintet\[encrypt\]"):
        checkpointer("sqlite://", key=KEY)


class Deltas(OrchestrationState, total=False):
    log: Annotated[list[Any], DeltaChannel(lambda a, b: [*a, *[x for y in b for x in y]])]


@STORES
def test_delta_channels_and_nested_questions_go_on_under_encryption(
    kind: str, tmp_path: Path
) -> None:
    def add(state: Deltas) -> dict[str, Any]:
        return {"log": [f"{CANARY}-{len(state.get('log', []))}"]}

    def ask(state: Deltas) -> dict[str, Any]:
        return {"log": [interrupt("which?")]}

    inner: StateGraph[Any] = StateGraph(Deltas)
    inner.add_node("ask", ask)
    inner.add_edge(START, "ask")
    outer: StateGraph[Any] = StateGraph(Deltas)
    outer.add_node("add", add)
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "add")
    outer.add_edge("add", "inner")
    logs = []
    with store_url(kind, tmp_path) as url:
        config: Any = {"configurable": {"thread_id": "t"}}
        for options in ({"tenant": "acme", "key": KEY}, {}):
            for turn in range(3):
                with checkpointer(url, **options) as saver:  # type: ignore[arg-type]
                    app = outer.compile(checkpointer=saver)
                    run = start(app, {"message": "m"}, thread="t")
                    assert run.status == "waiting"
                    assert run.answer(f"answer {turn}").values["log"][-1] == f"answer {turn}"
                    log = app.get_state(config).values["log"]
            if options:
                assert CANARY.encode() not in everything_in(url)
            logs.append(log)
    assert logs[0] == logs[1]


def _select(url: str, query: str) -> Any:
    import sqlite3

    with sqlite3.connect(url.removeprefix("sqlite:///")) as conn:
        return [("", row) for row in conn.execute(query).fetchall()]


def _flipped(blob: bytes) -> bytes:
    """Alter the last byte of the longest value, so that the packing still fits."""
    at = len(blob) - 1
    return blob[:at] + bytes([blob[at] ^ 1])
