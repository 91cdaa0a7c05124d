"""Measure what the journal adds to a superstep: with an effect, and without one.

A superstep without an effect: the same graph on our saver, which keeps a journal and lets one
runner move a thread, and on LangGraph's own saver of the same database. One with an effect: the
same worker, calling an effect or a plain function. Times are of this process's processor; commits
are counted in the database: by SQLite's statements, and by the transactions in Postgres' rows.

    python -m benchmarks.journal            # a table
    python -m benchmarks.journal --json     # one object
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langsmith import tracing_context
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from benchmarks.machine import machine, undisturbed, versions
from benchmarks.measure import ratio
from benchmarks.storage import PostgresStore, Store
from benchmarks.storage_graphs import REFUND, Laps, again, lap_of, refund_order
from quintet.nodes import Worker
from quintet.state import Contract, checkpointer
from quintet.state.savers.serializer import StrictSerializer

Figures = dict[str, Any]
Seconds = dict[str, list[float]]
"""By kind of run, the processor's seconds of each round."""
Graph = StateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The size of a measurement.

    Args:
        laps: supersteps of one run.
        rounds: runs of each kind, in turn.
        postgres: whether PostgreSQL is measured too.
    """

    laps: int = 25
    rounds: int = 48
    postgres: bool = True


WORST = ("no_effect_ratio", "no_effect_commits", "effect_commits")

QUICK = Options(laps=6, rounds=2, postgres=False)


def plain_loop() -> Graph:
    """Build a loop of one node of the user's own, which keeps a text a lap."""

    def lap(state: Any) -> dict[str, Any]:
        return {"lap": lap_of(state), "message": f"lap {state.get('lap', 0)}"}

    return _loop(lap)


def worker_loop(tool: Any) -> Graph:
    """Build a loop of one worker, which calls a tool a lap."""

    def agent(request: Any, tools: Any) -> dict[str, Any]:
        done = tools["refund_order"](order=str(next(numbers)), amount=20.0)
        return {"reply": "refunded", **done}

    numbers = iter(range(10**9))
    contract = Contract(goal="go on", needs=("message",), tools=(tool,))
    return _loop(Worker(agent=agent, contract=contract))


def _loop(node: Any) -> Graph:
    graph: Graph = StateGraph(Laps)
    graph.add_node("work", node).add_node("count", lambda state: {"lap": lap_of(state)})
    if isinstance(node, Worker):
        graph.add_edge(START, "count").add_edge("count", "work")
        return graph.add_conditional_edges("work", again, ["count", END])
    graph.add_edge(START, "work")
    return graph.add_conditional_edges("work", lambda s: END if again(s) == END else "work")


@contextlib.contextmanager
def ours(store: Store) -> Iterator[Any]:
    """Open our saver."""
    with checkpointer(store.url) as saver:
        yield saver


@contextlib.contextmanager
def own(store: Store) -> Iterator[Any]:
    """Open LangGraph's own saver; in Postgres, on a pool that checks its connections as well."""
    serde = StrictSerializer()
    if isinstance(store, PostgresStore):
        settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        check = ConnectionPool.check_connection
        with ConnectionPool(
            store.url, kwargs=settings, min_size=1, max_size=4, check=check
        ) as pool:
            saver: Any = PostgresSaver(pool, serde=serde)  # type: ignore[arg-type]
            saver.setup()
            yield saver
        return
    with contextlib.closing(sqlite3.connect(store.path, check_same_thread=False)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        saver = SqliteSaver(connection, serde=serde)
        saver.setup()
        yield saver


@dataclass(kw_only=True)
class Kind:
    """One kind of run, timed in turn with the others.

    Args:
        name: what it is called in the figures.
        graph: its graph.
        opened: opens its saver.
    """

    name: str
    graph: Graph
    opened: Callable[[Store], contextlib.AbstractContextManager[Any]]


def kinds() -> list[Kind]:
    """Give the kinds of runs."""
    return [
        Kind(name="own saver", graph=plain_loop(), opened=own),
        Kind(name="our saver", graph=plain_loop(), opened=ours),
        Kind(name="plain function", graph=worker_loop(refund_order), opened=ours),
        Kind(name="effect", graph=worker_loop(REFUND), opened=ours),
    ]


def measure(options: Options) -> Figures:
    """Measure all figures, ready for JSON."""
    began = time.perf_counter()
    stores = [Store, *([PostgresStore] if options.postgres else [])]
    with tempfile.TemporaryDirectory() as folder, tracing_context(enabled=False):
        figures = {kind.name: _store(kind, Path(folder), options) for kind in stores}
    return {
        **{key: max(one[key] for one in figures.values()) for key in WORST},
        **figures,
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions("langgraph-checkpoint-postgres"),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _store(kind: type[Store], folder: Path, options: Options) -> Figures:
    _say(f"{kind.name}: {options.rounds} rounds of {options.laps} laps")
    every = kinds()
    seconds: Seconds = {one.name: [] for one in every}
    commits: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        apps, at = {}, {}
        for one in every:
            store = at[one.name] = kind(folder)
            stack.callback(store.drop)
            saver = stack.enter_context(one.opened(store))
            apps[one.name] = one.graph.compile(checkpointer=saver)
        for number in range(-1, options.rounds):
            gc.collect()
            names = [*apps][number % len(apps) :] + [*apps][: number % len(apps)]
            for name in names:
                took = _timed(apps[name], f"{number}", options.laps)
                if number >= 0:
                    seconds[name].append(took)
        for name, app in apps.items():
            commits[name] = _commits(app, at[name], options.laps)
    return _figures(seconds, commits, options.laps)


def _figures(seconds: Seconds, commits: dict[str, int], laps: int) -> Figures:
    ms = {name: round(undisturbed(taken) / laps * 1000, 4) for name, taken in seconds.items()}
    return {
        "no_effect_ratio": ratio(seconds, "our saver", "own saver"),
        "no_effect_commits": round(commits["our saver"] / commits["own saver"], 3),
        "effect_commits": round((commits["effect"] - commits["plain function"]) / laps, 3),
        "effect_ms": round(ms["effect"] - ms["plain function"], 3),
        "commits_a_run": commits,
        "ms_a_lap": ms,
    }


def _timed(app: Any, thread: str, laps: int) -> float:
    began = time.process_time()
    _run(app, thread, laps)
    return time.process_time() - began


def _run(app: Any, thread: str, laps: int) -> None:
    config: RunnableConfig = {
        "configurable": {"thread_id": thread},
        "recursion_limit": 3 * laps + 9,
    }
    app.invoke({"message": "go on", "laps": laps}, config, durability="sync")


def _commits(app: Any, store: Store, laps: int) -> int:
    """Count the commits of one run."""
    connection = getattr(app.checkpointer, "conn", None)
    if not isinstance(connection, sqlite3.Connection):
        before = _transactions(store)
        _run(app, "counted", laps)
        return _transactions(store) - before
    said: list[str] = []
    connection.set_trace_callback(said.append)
    _run(app, "counted", laps)
    connection.set_trace_callback(None)
    return sum(statement.strip().upper().startswith("COMMIT") for statement in said)


def _transactions(store: Store) -> int:
    """Count the transactions that have written the rows of a schema."""
    with psycopg.connect(store.url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchall()
        parts = " UNION ".join(f"SELECT xmin::text FROM {name}" for (name,) in tables)  # noqa: S608
        query = f"SELECT count(*) FROM ({parts}) AS x"  # noqa: S608 - names of our own tables
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(figures: Figures) -> str:
    """Write the figures as a table."""
    lines = [f"{key:<20} {figures[key]}" for key in WORST]
    for name in ("sqlite", "postgres"):
        for kind, ms in figures.get(name, {}).get("ms_a_lap", {}).items():
            commits = figures[name]["commits_a_run"][kind]
            lines.append(f"{name}, {kind}: {ms} ms a lap, {commits} commits a run")
    return "\n".join(lines)


def read_options(arguments: Sequence[str] | None) -> tuple[Options, bool]:
    """Read the command line: the options, and whether to print JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journal", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a few rounds, to see that it runs")
    parser.add_argument("--no-postgres", action="store_true", help="measure SQLite alone")
    parsed = parser.parse_args(arguments)
    options = QUICK if parsed.quick else Options()
    return replace(options, postgres=options.postgres and not parsed.no_postgres), parsed.json


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options, as_json = read_options(arguments)
    figures = measure(options)
    print(json.dumps(figures, indent=2) if as_json else table(figures))


if __name__ == "__main__":
    main()
