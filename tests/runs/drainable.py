"""Run a graph of slow nodes that a test ends by SIGTERM: `python -m tests.runs.drainable DIR HOW`.

It runs sync or async, plain or with its slow nodes in a nested graph or in a worker's agent.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from langgraph.graph import END, START, StateGraph

from quintet.graphs import create_single_agent
from quintet.nodes import Worker
from quintet.runs import astart, draining, start
from quintet.state import Contract, RunError, checkpointer
from tests.runs.versions import Line

SLOW = 0.6


def graph(folder: Path, how: str) -> StateGraph[Any]:
    """Build the graph: three nodes, each of which says in a file that it begins and ends."""

    def node(name: str) -> Any:
        def run(state: Any) -> dict[str, Any]:
            with (folder / "book").open("a") as book:
                book.write(f"{name} begins\n")
                book.flush()
                time.sleep(SLOW)
                book.write(f"{name} ends\n")
            return {"log": [name]}

        async def arun(state: Any) -> dict[str, Any]:
            return await asyncio.to_thread(run, state)

        return arun if how == "async" else run

    inner: StateGraph[Any] = StateGraph(Line)
    names = ("one", "two", "three")
    for name in names:
        inner.add_node(name, node(name))
    for before, name in zip((START, *names), (*names, END), strict=True):
        inner.add_edge(before, name)
    if how == "nested":
        outer = StateGraph(Line).add_node("inner", inner.compile()).add_edge(START, "inner")
        return outer.add_edge("inner", END)
    if how == "worker":
        contract = Contract(goal="Work", needs=("log",))
        worker = Worker(agent=inner.compile(), contract=contract, read=lambda state: {"log": []})
        return create_single_agent(worker)
    return inner


def main(folder: Path, how: str) -> None:
    """Run it once, and say how far it came; then try to begin another run."""
    with checkpointer(f"sqlite:///{folder / 'runs.db'}") as saver:
        app = graph(folder, how).compile(checkpointer=saver)
        given = {"message": "m"} if how == "worker" else {}
        with draining() as drain:
            if how == "async":
                run = asyncio.run(astart(app, given, thread="t"))
            else:
                run = start(app, given, thread="t")
            sys.stdout.write(f"{run.status} {drain.requested}\n")
            try:
                start(app, given, thread="u")
            except RunError as problem:
                sys.stdout.write(f"{problem}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
