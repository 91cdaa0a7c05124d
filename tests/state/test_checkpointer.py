from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from operator import add
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from quintet.state.checkpointer import checkpointer, threads
from tests.services import postgres_schema


class Trip(TypedDict, total=False):
    goal: str
    log: Annotated[list[dict[str, Any]], add]


@dataclass
class Ticket:
    seat: int


class Booked(TypedDict):
    ticket: Ticket


def look(state: Trip) -> Trip:
    return {"log": [{"looked": state["goal"]}]}


def ask(state: Trip) -> Trip:
    return {"log": [{"answer": interrupt({"question": f"go to {state['goal']}?"})}]}


def go(state: Trip) -> Trip:
    return {"log": [{"went": state["goal"]}]}


DONE = [{"looked": "Ghent"}, {"answer": "yes"}, {"went": "Ghent"}]


def app(saver: BaseCheckpointSaver[str]) -> Any:
    graph = StateGraph(Trip).add_sequence([look, ask, go])
    return graph.set_entry_point("look").compile(checkpointer=saver)


def place(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def reply(snapshot: Any) -> Command[Any]:
    return Command(resume={waiting.id: "yes" for waiting in snapshot.interrupts})


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ExitStack() as stack:
        if request.param == "postgres":
            yield stack.enter_context(postgres_schema())
        else:
            yield f"sqlite:///{tmp_path}/a.db"


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_run_waits_in_the_store_and_goes_on_after_it_is_opened_again(
    url: str, durability: str
) -> None:
    with checkpointer(url) as saver:
        app(saver).invoke({"goal": "Ghent"}, place("a"), durability=durability)
    with checkpointer(url) as saver:
        graph = app(saver)
        waiting = graph.get_state(place("a"))
        assert [each.value for each in waiting.interrupts] == [{"question": "go to Ghent?"}]
        graph.invoke(reply(waiting), place("a"), durability=durability)
    with checkpointer(url) as saver:
        assert app(saver).get_state(place("a")).values["log"] == DONE
        assert threads(saver) == ["a"]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_the_same_in_async(url: str, durability: str) -> None:
    async with checkpointer(url) as saver:
        await app(saver).ainvoke({"goal": "Ghent"}, place("a"), durability=durability)
    async with checkpointer(url) as saver:
        graph = app(saver)
        waiting = await graph.aget_state(place("a"))
        await graph.ainvoke(reply(waiting), place("a"), durability=durability)
    async with checkpointer(url) as saver:
        graph = app(saver)
        assert (await graph.aget_state(place("a"))).values["log"] == DONE
        history = [
            each.values.get("log", []) async for each in graph.aget_state_history(place("a"))
        ]
        assert history[0] == DONE
        assert [len(log) for log in history] == sorted(map(len, history), reverse=True)


@pytest.mark.parametrize("started", ["sync", "async"])
async def test_one_saver_serves_sync_and_async_in_turn(url: str, started: str) -> None:
    with checkpointer(url) as saver:
        graph = app(saver)
        if started == "sync":
            graph.invoke({"goal": "Ghent"}, place("a"))
            result = await graph.ainvoke(reply(await graph.aget_state(place("a"))), place("a"))
        else:
            await graph.ainvoke({"goal": "Ghent"}, place("a"))
            result = graph.invoke(reply(graph.get_state(place("a"))), place("a"))
        assert result["log"] == DONE


async def test_a_saver_in_memory_serves_sync_and_async() -> None:
    with checkpointer("memory://") as saver:
        graph = app(saver)
        graph.invoke({"goal": "Ghent"}, place("a"))
        result = await graph.ainvoke(reply(graph.get_state(place("a"))), place("a"))
        assert result["log"] == DONE
        assert threads(saver) == ["a"]
    with checkpointer("memory://") as other:
        assert threads(other) == []


@pytest.mark.parametrize("url", ["memory://x", "memory://?size=3"])
def test_memory_has_neither_places_nor_options(url: str) -> None:
    with pytest.raises(ValueError, match=r"'x'|'size'"):
        checkpointer(url)


@pytest.mark.parametrize("savers", [1, 2], ids=["one saver", "two savers on one store"])
def test_threads_may_write_at_the_same_time(url: str, savers: int) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(checkpointer(url)) for _ in range(savers)]
        faults: list[Exception] = []

        def work(number: int) -> None:
            try:
                for turn in range(5):
                    graph, at = app(opened[number % savers]), place(f"{number}-{turn}")
                    graph.invoke({"goal": "Ghent"}, at)
                    graph.invoke(reply(graph.get_state(at)), at)
            except Exception as problem:  # noqa: BLE001 - reported below, from the main thread
                faults.append(problem)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not faults
        names = {f"{number}-{turn}" for number in range(4) for turn in range(5)}
        assert set(threads(opened[0])) == names
        graph = app(opened[-1])
        assert all(graph.get_state(place(name)).values["log"] == DONE for name in names)


async def test_many_runs_may_be_under_way_in_one_event_loop(url: str) -> None:
    async with checkpointer(url) as saver:
        graph = app(saver)

        async def travel(name: str) -> list[dict[str, Any]]:
            await graph.ainvoke({"goal": "Ghent"}, place(name))
            result = await graph.ainvoke(reply(await graph.aget_state(place(name))), place(name))
            return list(result["log"])

        assert await asyncio.gather(*(travel(f"{n}") for n in range(12))) == [DONE] * 12


@pytest.mark.parametrize(
    ("allow", "read"),
    [((), {"seat": 7}), ((Ticket,), Ticket(7)), (((__name__, "Ticket"),), Ticket(7))],
    ids=["nothing", "a class", "a name"],
)
def test_a_type_in_the_state_comes_back_only_when_it_is_allowed(
    allow: Any, read: object, tmp_path: Path
) -> None:
    graph = StateGraph(Booked).add_node("book", lambda state: {"ticket": Ticket(7)})
    graph.set_entry_point("book")
    with checkpointer(f"sqlite:///{tmp_path}/a.db", allow=allow) as saver:
        graph.compile(checkpointer=saver).invoke({"ticket": Ticket(0)}, place("a"))
        stored = saver.get_tuple(place("a"))
        assert stored is not None
        assert stored.checkpoint["channel_values"]["ticket"] == read


SCHEMA = """
import gc
from dataclasses import dataclass
from typing_extensions import TypedDict
from langgraph.graph import StateGraph
from quintet.state import checkpointer
@dataclass
class Ticket:
    seat: int
class Booked(TypedDict):
    ticket: Ticket
graph = StateGraph(Booked).add_node("book", lambda state: {"ticket": Ticket(7)})
app = graph.set_entry_point("book").compile(checkpointer=checkpointer("sqlite://"))
gc.collect()
app.invoke({"ticket": Ticket(0)}, {"configurable": {"thread_id": "a"}})
print(app.get_state({"configurable": {"thread_id": "a"}}).values)
"""


def run(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("strict", "read"), [("true", "Ticket(seat=7)"), ("false", "{'seat': 7}")])
def test_langgraph_allows_the_types_of_the_schema_only_when_it_is_told_to_be_strict(
    strict: str, read: str
) -> None:
    ran = run("-c", SCHEMA, LANGGRAPH_STRICT_MSGPACK=strict)
    assert ran.stdout == f"{{'ticket': {read}}}\n", ran.stderr


def test_a_store_is_imported_only_when_its_url_is_opened() -> None:
    code = (
        "import sys, quintet.state as s; "
        "names = ('langgraph.checkpoint.sqlite', 'langgraph.checkpoint.postgres', 'psycopg'); "
        "assert not [name for name in names if name in sys.modules]; "
        "s.checkpointer('sqlite://').close(); assert names[0] in sys.modules"
    )
    ran = run("-c", code)
    assert ran.returncode == 0, ran.stderr


def test_a_program_may_end_with_its_savers_open(url: str) -> None:
    code = (
        "import sys; from quintet.state import checkpointer; "
        "saver = checkpointer(sys.argv[1]); print(saver.threads())"
    )
    ran = run("-X", "dev", "-W", "error", "-c", code, url)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "[]", "")


def test_a_compiled_graph_keeps_its_saver_open(url: str) -> None:
    graph = app(checkpointer(url))
    gc.collect()
    graph.invoke({"goal": "Ghent"}, place("a"))
    assert graph.get_state(place("a")).next == ("ask",)
    graph.checkpointer.close()
