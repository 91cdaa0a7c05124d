"""Crash bare LangGraph at every point: eight nodes, three of them side by side, as a reference.

Nothing of Quintet runs here but the edges: the saver is LangGraph's own, and recovery is a client
that resumes what `next` names, or what `tasks` names.
"""

from __future__ import annotations

import operator
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from quintet.testing.crash.edges import Crash, Edges, Point
from quintet.testing.crash.process import unwind
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
    whole = Trial(folder / "whole.db")
    passed = whole.live(None)
    points = [*sides(passed)]
    figures: Counter[str] = Counter({"points": len(points), "duplicated": 0, "lost": 0})
    figures["wrongly_finished"] = 0
    for number, end in enumerate(points):
        trial = Trial(folder / f"{number}.db")
        trial.live(end)
        figures["wrongly_finished"] += trial.recover()
        figures["duplicated"] += sum(n - 1 for n in trial.done.values() if n > 1)
        figures["lost"] += sum(name not in trial.done for name in NODES)
    return dict(figures)


class Trial:
    """Run one thread through a crash.

    Args:
        path: the database's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._config: Any = {"configurable": {"thread_id": "t"}}
        self.done: Counter[str] = Counter()

    def live(self, end: Point | None) -> list[Point]:
        """Run until a point; give the edges that were passed."""
        edges = Edges(end, unwind)
        with sqlite3.connect(self._path, check_same_thread=False) as connection:
            saver = SqliteSaver(connection)
            edges.watch(saver)

            def done(name: str) -> None:
                edges.check()
                self.done[name] += 1

            try:
                app = graph_of(done).compile(checkpointer=saver)
                app.invoke({"log": []}, self._config, durability="sync")
            except Crash:
                pass
        connection.close()
        return edges.passed

    def recover(self) -> bool:
        """Go on to the end; say whether `next` called it finished before it was."""
        with sqlite3.connect(self._path, check_same_thread=False) as connection:
            app = graph_of(lambda name: self.done.update([name])).compile(
                checkpointer=SqliteSaver(connection)
            )
            snapshot = app.get_state(self._config)
            finished = snapshot.created_at is not None and not snapshot.next
            wrongly = finished and bool(snapshot.tasks)
            given = {"log": []} if snapshot.created_at is None else None
            if given is not None or snapshot.tasks:
                app.invoke(given, self._config, durability="sync")
        connection.close()
        return wrongly
