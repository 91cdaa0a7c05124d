"""Crash bare LangGraph at every point: eight nodes, three of them side by side, as a reference.

Nothing of Quintet runs here but the edges: the saver is LangGraph's own, and recovery is a client
that resumes what `next` names, or what `tasks` names.
"""

from __future__ import annotations

import operator
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from quintet.testing.crash.book import Book
from quintet.testing.crash.edges import Edges, Point
from quintet.testing.crash.process import DEAD, in_child, leave
from quintet.testing.crash.trial import sides

NODES = ("a", "b", "c1", "c2", "c3", "d", "e", "f")
LINKS = (
    ("a", "b"),
    ("b", "c1"),
    ("b", "c2"),
    ("b", "c3"),
    (("c1", "c2", "c3"), "d"),
    ("d", "e"),
    ("e", "f"),
)


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def graph_of(done: Callable[[str], None]) -> StateGraph[Any]:
    """Give the graph; each node does one thing in the world."""
    graph: StateGraph[Any] = StateGraph(State)

    def node(name: str) -> Callable[[State], dict[str, list[str]]]:
        def run(state: State) -> dict[str, list[str]]:
            done(name)
            return {"log": [name]}

        return run

    for name in NODES:
        graph.add_node(name, node(name))
    graph.add_edge(START, NODES[0])
    for one, other in LINKS:
        graph.add_edge(list(one) if isinstance(one, tuple) else one, other)
    return graph.add_edge(NODES[-1], END)


def measure(folder: Path) -> dict[str, int]:
    """Go through all points."""
    points = [*sides(passed(folder))]
    figures: Counter[str] = Counter(dict.fromkeys(("duplicated", "lost", "wrongly_finished"), 0))
    for number, end in enumerate(points):
        trial = Trial(folder, f"bare {number}")
        trial.crash(end)
        figures["wrongly_finished"] += trial.recover()
        done = Counter(deed.effect for deed in trial.book.happened(trial.name))
        figures["duplicated"] += sum(n - 1 for n in done.values())
        figures["lost"] += sum(name not in done for name in NODES)
    return {"points": len(points), **figures}


def passed(folder: Path) -> list[Point]:
    """Give the edges of a run without a crash."""
    trial, edges = Trial(folder, "bare whole"), Edges(None, leave)
    trial.run(edges)
    return edges.passed


class Trial:
    """Run one thread through a crash.

    Args:
        folder: where its database and its book are.
        name: its name.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path, self.name = folder / f"{name}.db", name
        self._config: Any = {"configurable": {"thread_id": name}}
        self.book = Book(folder / f"{name}.jsonl")

    def run(self, edges: Edges) -> None:
        """Run from the start."""
        with closing(sqlite3.connect(self._path, check_same_thread=False)) as connection:
            saver = SqliteSaver(connection)
            edges.watch(saver)
            self._app(saver).invoke({"log": []}, self._config, durability="sync")

    def crash(self, end: Point) -> None:
        """Run in a child process, which ends at the point."""
        if (child := os.fork()) == 0:
            in_child(lambda: self.run(Edges(end, leave)))
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != DEAD:
            raise RuntimeError(f"the run did not come to {end}")

    def recover(self) -> bool:
        """Go on to the end; say whether `next` called it finished before it was."""
        with closing(sqlite3.connect(self._path, check_same_thread=False)) as connection:
            app = self._app(SqliteSaver(connection))
            snapshot = app.get_state(self._config)
            begun = snapshot.created_at is not None
            if snapshot.tasks or not begun:
                given = None if begun else {"log": []}
                app.invoke(given, self._config, durability="sync")
        return begun and not snapshot.next and bool(snapshot.tasks)

    def _app(self, saver: SqliteSaver) -> Any:
        return graph_of(lambda name: self.book.note(self.name, name)).compile(checkpointer=saver)
