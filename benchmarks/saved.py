"""Time the desks with every superstep saved, each in a SQLite file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from benchmarks.by_hand import FUSED, LANGGRAPH
from benchmarks.desks import QUINTET, STARTED, Contender
from benchmarks.measure import Seconds, atimed, ratio, summary, timed
from quintet.state import checkpointer

SAME = replace(LANGGRAPH, name="langgraph_on_quintet_saver")
ON_QUINTET_SAVER = (QUINTET, STARTED, SAME)
ON_OWN_SAVER = (LANGGRAPH, FUSED)


def saved(rounds: int) -> dict[str, Any]:
    """Time runs with `invoke`, saved, in seconds."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        desks = []
        for contender, file in _files(folder):
            saver: Any
            if contender in ON_OWN_SAVER:
                saver = stack.enter_context(SqliteSaver.from_conn_string(file))
            else:
                saver = stack.enter_context(checkpointer(f"sqlite:///{file}"))
            desks.append(contender.desk(awaited=False, saver=saver))
        return _figures(timed(desks, rounds))


async def asaved(rounds: int) -> dict[str, Any]:
    """Time runs with `ainvoke`, saved, in seconds."""
    with TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            desks = []
            for contender, file in _files(folder):
                saver: Any
                if contender in ON_OWN_SAVER:
                    opened = AsyncSqliteSaver.from_conn_string(file)
                    saver = await stack.enter_async_context(opened)
                else:
                    saver = await stack.enter_async_context(checkpointer(f"sqlite:///{file}"))
                desks.append(contender.desk(awaited=True, saver=saver))
            return _figures(await atimed(desks, rounds))


def _files(folder: str) -> Iterator[tuple[Contender, str]]:
    for contender in (*ON_QUINTET_SAVER, *ON_OWN_SAVER):
        yield contender, str(Path(folder) / f"{contender.name}.db")


def _figures(seconds: Seconds) -> dict[str, Any]:
    return {
        "ratio_to_langgraph": ratio(seconds, "quintet", "langgraph"),
        "ratio_to_langgraph_on_the_same_saver": ratio(seconds, "quintet", SAME.name),
        "contenders": summary(seconds, "langgraph"),
    }
