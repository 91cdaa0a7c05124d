from __future__ import annotations

import itertools
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import START, StateGraph
from langgraph.types import Interrupt, interrupt

from quintet.errors import CheckpointerError, NoSuchRun, Stopped, ThreadHeld
from quintet.graphs import create_single_agent
from quintet.nodes import Worker, effect
from quintet.runs import look, release, start, stop, stops
from quintet.runs.stored import stored_runs
from quintet.state import Contract, OrchestrationState, checkpointer, threads
from quintet.state.savers.saver import Saver
from tests.security.stores import STORES, everything_in, store_url

TENANTS = (None, "acme", "acm", "globex")
_numbers = itertools.count(1)


def place(thread: str, **ids: str) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", **ids}}


def put(saver: Saver, thread: str, value: str) -> None:
    newest = saver.get_tuple(place(thread))
    base = empty_checkpoint() | {
        "id": f"{next(_numbers):08}",
        "channel_values": {"own": [value]},
        "channel_versions": {"own": "1"},
    }
    ids = {} if newest is None else {"checkpoint_id": newest.checkpoint["id"]}
    stored = saver.put(place(thread, **ids), base, {"source": "loop"}, {"own": "1"})  # type: ignore[arg-type]
    assert stored["configurable"]["thread_id"] == thread
    saver.put_writes(stored, [("own", value), ("__interrupt__", [Interrupt(value, id=value)])], "t")
    saver.journal.append(thread, f"effect {value}", "done", {"own": value})
    saver.journal.append(thread, "effect same", "claimed", {"own": value})


def seen(saver: Saver) -> dict[str, set[str]]:
    """Give all that a saver can show, by thread; each value that it shows names its tenant."""
    found: dict[str, set[str]] = {}
    for item in saver.list(None):
        thread = item.config["configurable"]["thread_id"]
        if item.parent_config is not None:
            assert item.parent_config["configurable"]["thread_id"] == thread
        own = found.setdefault(thread, set())
        own |= {*item.checkpoint["channel_values"]["own"]}
        own |= {v for _, channel, v in item.pending_writes or () if channel == "own"}
    for entry in saver.journal.entries(None, "effect "):
        found.setdefault(entry.thread, set()).add(entry.value["own"])
    for waiting in saver.journal.opened():
        found.setdefault(waiting.thread, set()).add(waiting.value["packet"])
    return found


moves = st.lists(
    st.tuples(
        st.sampled_from(TENANTS),
        st.sampled_from(["put", "put", "put", "delete", "forget", "close", "delete_tenant"]),
        st.sampled_from(["t", "t-2", "acme", ""]),
    ),
    max_size=12,
)


@STORES
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moves=moves, encrypted=st.booleans())
def test_no_move_of_one_tenant_shows_or_changes_anothers_threads(
    kind: str, moves: list[tuple[str | None, str, str]], encrypted: bool, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        folder = tmp_path / str(next(_numbers))
        folder.mkdir()
        url = stack.enter_context(store_url(kind, folder))
        key = b"k" * 32 if encrypted else None
        savers = {t: stack.enter_context(checkpointer(url, tenant=t, key=key)) for t in TENANTS}
        for number, (tenant, move, thread) in enumerate(moves):
            others = {t: seen(s) for t, s in savers.items() if t != tenant}
            saver = savers[tenant]
            if move == "put":
                put(saver, thread, f"{tenant}/{number}")
            elif move == "delete":
                saver.delete_thread(thread)
            elif move == "forget":
                saver.journal.forget(thread, "effect ")
            elif move == "close":
                saver.journal.close(thread)
            elif tenant is not None:
                saver.delete_tenant(keep_journal=bool(number % 2))
                assert saver.threads() == []
            assert {t: seen(s) for t, s in savers.items() if t != tenant} == others
            for own, shown in ((t, seen(s)) for t, s in savers.items()):
                for values in shown.values():
                    assert {value.partition("/")[0] for value in values} <= {str(own)}
            assert {*threads(saver)} <= {*seen(saver)}


class Desk(OrchestrationState, total=False):
    order: str


SENT: list[tuple[str, str]] = []


def send(order: str, idempotency_key: str) -> str:
    """Send."""
    SENT.append((order, idempotency_key))
    return "sent"


def shop(saver: Saver) -> Any:
    sending = effect(send, key="send:{order}")

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        return {"reply": tools.send(order=request["order"])}

    worker = Worker(agent=agent, contract=Contract(goal="g", needs=("order",), tools=(sending,)))
    return create_single_agent(worker, state=Desk).compile(checkpointer=saver)


@STORES
def test_the_same_thread_of_two_tenants_is_two_runs_and_two_effects(
    kind: str, tmp_path: Path
) -> None:
    SENT.clear()
    with store_url(kind, tmp_path) as url, ExitStack() as stack:
        savers = [stack.enter_context(checkpointer(url, tenant=t)) for t in TENANTS]
        for saver in savers:
            assert start(shop(saver), {"message": "m", "order": "1"}, thread="t").status == "done"
        assert len(SENT) == len(TENANTS)
        # A receiver that honours the key would drop the second tenant's order otherwise.
        assert len({key for _, key in SENT}) == len(TENANTS)
        for saver in savers:
            assert [run.thread for run in stored_runs(saver)] == ["t"]


@STORES
async def test_a_tenant_can_neither_look_at_answer_nor_resume_anothers_run(
    kind: str, tmp_path: Path
) -> None:
    def ask(state: Desk) -> dict[str, Any]:
        return {"order": interrupt("which?")}

    graph: StateGraph[Any] = StateGraph(Desk)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    with store_url(kind, tmp_path) as url, ExitStack() as stack:
        acme, other, none = (
            graph.compile(checkpointer=stack.enter_context(checkpointer(url, tenant=t)))
            for t in ("acme", "globex", None)
        )
        run = start(acme, {"message": "m"}, thread="t")
        asked = acme.get_state(place("t")).config
        for app in (other, none):
            saver: Any = app.checkpointer
            for thread in ("t", "acme/t", "acme\x1et"):
                with pytest.raises(NoSuchRun):
                    look(app, thread=thread)
                assert [*saver.list(place(thread))] == []
                assert [item async for item in saver.alist(place(thread))] == []
            assert await saver.aget_tuple(place("t")) is None
            assert saver.get_tuple(asked) is None
            assert [item async for item in saver.alist(None)] == []
            assert saver.journal.opened() == saver.journal.opened("t") == ()
            saver.delete_thread("t")
        for marked in ("\x1eacme\x1et", "\x1e"):
            with pytest.raises(CheckpointerError, match="mark of a tenant's threads"):
                none.get_state(place(marked))
            with pytest.raises(CheckpointerError, match="mark of a tenant's threads"):
                none.checkpointer.journal.read(marked, "effect x")
            with pytest.raises(CheckpointerError, match="mark of a tenant's threads"):
                none.checkpointer.delete_thread(marked)
        assert [item.thread for item in acme.checkpointer.journal.opened()] == ["t"]
        assert run.answer("the second").values["order"] == "the second"


@STORES
@pytest.mark.parametrize("keyed", [False, True])
def test_whoever_has_no_tenant_stops_all_and_a_tenant_only_its_own(
    kind: str, keyed: bool, tmp_path: Path
) -> None:
    SENT.clear()
    order = {"message": "m", "order": "1"}
    keys = {None: b"n" * 32, "acme": b"a" * 32, "globex": None} if keyed else {}
    with store_url(kind, tmp_path) as url, ExitStack() as stack:
        none, acme, other = (
            stack.enter_context(checkpointer(url, tenant=t, key=keys.get(t)))
            for t in (None, "acme", "globex")
        )
        said = {"by": "maria", "why": "paid twice"}
        for thing, stopped in (
            ({"tenant": "acme"}, (acme,)),
            ({"effect": "send"}, (acme, other, none)),
            ({"thread": "t"}, (none,)),
        ):
            stop(none, **thing, **said)
            for saver in (acme, other, none):
                if saver in stopped and "effect" not in thing:
                    with pytest.raises(Stopped, match="paid twice"):
                        start(shop(saver), order, thread="t")
                elif saver in stopped:
                    assert start(shop(saver), order, thread="t").status != "done"
            assert SENT == []
            release(none, **thing, by="maria")
        stop(acme, effect="send", **said)
        assert start(shop(other), order, thread="u").status == "done"
        assert start(shop(acme), order, thread="u").status != "done"
        assert stops(none) == stops(other) == ()
        assert len(SENT) == 1


@STORES
def test_a_tenants_hold_is_no_hold_on_anothers_thread(kind: str, tmp_path: Path) -> None:
    with store_url(kind, tmp_path) as url, ExitStack() as stack:
        acme, again, other = (
            stack.enter_context(checkpointer(url, tenant=t)) for t in ("acme", "acme", "globex")
        )
        refused = pytest.raises(ThreadHeld, match=r"^thread 't' is being moved")
        with acme.holds.hold("t"), other.holds.hold("t"), refused, again.holds.hold("t"):
            pass
        assert acme.journal.holds is acme.holds


@STORES
@pytest.mark.parametrize("keep_journal", [True, False])
def test_a_deleted_tenant_leaves_nothing_but_the_journal_where_it_is_to_stay(
    kind: str, keep_journal: bool, tmp_path: Path
) -> None:
    with store_url(kind, tmp_path) as url, ExitStack() as stack:
        acme, other, none = (
            stack.enter_context(checkpointer(url, tenant=t)) for t in ("acme", "acme2", None)
        )
        for saver in (acme, other, none):
            put(saver, "t", "value-of-" + str(saver.room.tenant))
        before = [seen(other), seen(none)]
        acme.delete_tenant(keep_journal=keep_journal)
        assert [seen(other), seen(none)] == before
        assert acme.threads() == []
        assert acme.journal.opened() == ()
        assert len(acme.journal.entries(None, "")) == (2 if keep_journal else 0)
        if kind == "postgres" and not keep_journal:
            assert b"value-of-acme\n" not in everything_in(url)
            assert b"\x1eacme\x1e" not in everything_in(url)
        with pytest.raises(CheckpointerError, match="no tenant to delete"):
            none.delete_tenant()


@pytest.mark.parametrize("name", ["", "a\x1eb", "x" * 101, "a\n", 7])
def test_a_name_that_is_none_is_refused(name: Any) -> None:
    with pytest.raises(CheckpointerError, match="printable characters"):
        checkpointer("memory://", tenant=name)


def test_the_url_may_name_the_tenant(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with checkpointer(f"{url}?tenant=acme") as saver, checkpointer(url, tenant="acme") as again:
        put(saver, "t", "acme/1")
        assert seen(again) == seen(saver) != {}
    with pytest.raises(CheckpointerError, match="names tenant 'acme', and tenant='globex'"):
        checkpointer(f"{url}?tenant=acme", tenant="globex")


def test_memory_keeps_tenants_apart_too() -> None:
    with checkpointer("memory://", tenant="acme") as saver:
        put(saver, "t", "acme/1")
        put(saver, "u", "acme/2")
        assert seen(saver) == {"t": {"acme/1"}, "u": {"acme/2"}}
        assert {*saver.threads()} == {"t", "u"}
        assert len([*saver.list(None, limit=1)]) == 1
        saver.delete_tenant(keep_journal=False)
        assert seen(saver) == {}


def test_a_stop_does_not_count_as_an_entry_from_before_there_was_a_key(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    stop(url, effect="send", by="maria", why="paid twice")
    with checkpointer(url, key=b"k" * 32) as saver:
        assert [found.name for found in stops(saver)] == ["send"]
