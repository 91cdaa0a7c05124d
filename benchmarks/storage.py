"""Measure what a thread keeps, by turns and by supersteps, and the cost of a look and a start.

A desk takes a turn: a route, one effect, an outcome. A loop is one run that does an effect in every
other superstep. Beside each stands the same by hand on bare LangGraph: the same keys, each
overwritten, on LangGraph's own saver. All that is stored counts, the journal and the writes too.

    python -m benchmarks.storage            # a table
    python -m benchmarks.storage --json     # one object
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import math
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Durability
from langsmith import tracing_context

from benchmarks.machine import machine, undisturbed, versions
from benchmarks.storage_graphs import DESK, LOOP, Case
from quintet.runs import look, start
from quintet.state import checkpointer

Figures = dict[str, Any]

POSTGRES = os.environ.get("QUINTET_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The size of a measurement.

    Args:
        counts: the numbers of turns, and of supersteps.
        supersteps: the length of the run that is looked at.
        looks: how often each look and start is timed.
        postgres: whether PostgreSQL is measured too.
    """

    counts: tuple[int, ...] = (10, 100, 800)
    supersteps: int = 5000
    looks: int = 9
    postgres: bool = True


QUICK = Options(counts=(4, 8), supersteps=40, looks=3, postgres=False)


class Store:
    """A new, empty database, for our saver and for LangGraph's own."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{uuid.uuid4().hex}.db"
        self.url = f"sqlite:///{self.path}"

    def bare(self) -> Any:
        """Open LangGraph's own saver."""
        return SqliteSaver.from_conn_string(str(self.path))

    def size(self) -> int:
        """Count the bytes of all that is stored, as the rows hold them."""
        import sqlite3

        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return sum(self._table(connection, name) for (name,) in tables.fetchall())

    @staticmethod
    def _table(connection: Any, table: str) -> int:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        lengths = " + ".join(f"coalesce(length(CAST({name} AS BLOB)), 0)" for name in columns)
        query = f"SELECT coalesce(sum({lengths}), 0) FROM {table}"  # noqa: S608 - our own names
        return int(connection.execute(query).fetchone()[0])

    def drop(self) -> None:
        """Delete the database."""
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()


class PostgresStore(Store):
    """A new, empty schema of a PostgreSQL server."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self._schema = f"storage_{uuid.uuid4().hex}"
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {self._schema}".encode())
        mark = "&" if "?" in POSTGRES else "?"
        self.url = f"{POSTGRES}{mark}options=-csearch_path%3D{self._schema}"

    @contextlib.contextmanager
    def _bare(self) -> Iterator[Any]:
        with PostgresSaver.from_conn_string(self.url) as saver:
            saver.setup()
            yield saver

    def bare(self) -> Any:
        """Open LangGraph's own saver."""
        return self._bare()

    def size(self) -> int:
        """Count the bytes of all that is stored, as the rows hold them."""
        with psycopg.connect(self.url) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            ).fetchall()
            total = 0
            for (table,) in tables:
                query = f"SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {table} t"  # noqa: S608
                row = connection.execute(query.encode()).fetchone()
                total += int(row[0]) if row else 0
            return total

    def drop(self) -> None:
        """Delete the schema."""
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {self._schema} CASCADE".encode())


def measure(options: Options) -> Figures:
    """Measure all figures, ready for JSON."""
    began = time.perf_counter()
    kinds = [Store, *([PostgresStore] if options.postgres else [])]
    with tempfile.TemporaryDirectory() as folder, tracing_context(enabled=False):
        stores = {kind.name: _store(kind, Path(folder), options) for kind in kinds}
    worst = {
        key: max(figures[key] for figures in stores.values())
        for key in ("exponent_turns", "exponent_supersteps", "ratio_to_plain_keys")
    }
    times = {
        key: max(ms for figures in stores.values() for ms in figures[key].values())
        for key in ("look_ms", "start_ms")
    }
    return {
        **worst,
        **times,
        **stores,
        "counts": options.counts,
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions("langgraph-checkpoint-postgres"),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _store(kind: type[Store], folder: Path, options: Options) -> Figures:
    figures: Figures = {"look_ms": {}, "start_ms": {}}
    ratios = []
    for unit, case in (("turns", DESK), ("supersteps", LOOP)):
        sizes, plain = [], []
        for count in options.counts:
            _say(f"{kind.name}: {count} {unit}")
            with _new(kind, folder) as store:
                sizes.append(_ours(store, case, count))
                if unit == "turns" and count == options.counts[-1]:
                    _time(store, f"{count} turns", "turns", figures, options.looks)
            with _new(kind, folder) as store:
                plain.append(_by_hand(store, case, count))
        figures[f"bytes_{unit}"], figures[f"plain_{unit}"] = sizes, plain
        figures[f"exponent_{unit}"] = exponent(options.counts, sizes)
        figures[f"plain_exponent_{unit}"] = exponent(options.counts, plain)
        ratios += [ours / bare for ours, bare in zip(sizes, plain, strict=True)]
    figures["ratio_to_plain_keys"] = round(max(ratios), 3)
    _say(f"{kind.name}: a look at {options.supersteps} supersteps")
    with _new(kind, folder) as store:
        _ours(store, LOOP, options.supersteps, saved="async")
        _time(store, f"{options.supersteps} supersteps", "loop", figures, options.looks)
    return figures


def exponent(counts: Sequence[int], sizes: Sequence[int]) -> float:
    """Give the slope of a line through the logarithms of sizes over those of counts."""
    fit = statistics.linear_regression([math.log(n) for n in counts], [math.log(n) for n in sizes])
    return round(fit.slope, 4)


@contextlib.contextmanager
def _new(kind: type[Store], folder: Path) -> Iterator[Store]:
    store = kind(folder)
    try:
        yield store
    finally:
        store.drop()


def _ours(store: Store, case: Case, count: int, *, saved: Durability = "sync") -> int:
    with checkpointer(store.url) as saver:
        app = case.ours().compile(checkpointer=saver)
        for given, config in case.runs(count):
            app.invoke(given, config, durability=saved)
        return store.size()


def _by_hand(store: Store, case: Case, count: int) -> int:
    with store.bare() as saver:
        app = case.by_hand().compile(checkpointer=saver)
        for given, config in case.runs(count):
            app.invoke(given, config, durability="sync")
        return store.size()


def _time(store: Store, label: str, thread: str, figures: Figures, times: int) -> None:
    """Time a look at the thread and, for the desk, a start on it, in a saver opened anew."""
    with checkpointer(store.url) as saver:
        case = DESK if thread == "turns" else LOOP
        app = case.ours().compile(checkpointer=saver)
        figures["look_ms"][label] = _cpu_ms(lambda: look(app, thread=thread), times)
        if thread == "turns":
            numbers = iter(range(10**6, 10**7))
            figures["start_ms"][label] = _cpu_ms(
                lambda: start(app, case.given(next(numbers)), thread=thread), times
            )


def _cpu_ms(call: Callable[[], Any], times: int) -> float:
    """Give the processor's time that a call takes undisturbed, after one that warms up."""
    call()
    gc.collect()
    taken = []
    for _ in range(times):
        began = time.process_time()
        call()
        taken.append((time.process_time() - began) * 1000)
    return round(undisturbed(taken), 2)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(figures: Figures) -> str:
    """Write the figures as a table."""
    keys = ("exponent_turns", "exponent_supersteps", "ratio_to_plain_keys", "look_ms", "start_ms")
    lines = [f"{key:<22} {figures[key]}" for key in keys]
    for name in ("sqlite", "postgres"):
        for unit in ("turns", "supersteps"):
            if name in figures:
                ours, bare = figures[name][f"bytes_{unit}"], figures[name][f"plain_{unit}"]
                for count, mine, plain in zip(figures["counts"], ours, bare, strict=True):
                    lines.append(
                        f"{name}, {count} {unit}: {mine:,} bytes, by hand {plain:,} "
                        f"({mine / plain:.2f} times)"
                    )
    return "\n".join(lines)


def read_options(arguments: Sequence[str] | None) -> tuple[Options, bool]:
    """Read the command line: the options, and whether to print JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="small counts, to see that it runs")
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
