"""What orchestration costs: one desk through Quintet, by hand on LangGraph, and through others.

The desk: a front door that routes by a model, three specialists, one tool call, an answer. All
contenders run on scripted models without latency, in turn and in one process.

    python -m benchmarks.overhead            # a table
    python -m benchmarks.overhead --json     # one object
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langsmith import tracing_context

from benchmarks.by_hand import FUSED, LANGGRAPH
from benchmarks.desks import QUINTET, STARTED, Contender, Desk
from benchmarks.measure import asked, atimed, ratio, same_calls, summary, timed, together
from benchmarks.table import table
from quintet.state import checkpointer

COMPARED = (QUINTET, LANGGRAPH, FUSED)
MODES = {"sync": False, "async": True}
PACKAGES = (
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "langchain-core",
    "langchain",
    "langgraph-supervisor",
    "langgraph-swarm",
    "pydantic",
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much is measured."""

    runs: int = 400
    saved_runs: int = 100
    together: int = 200
    latency: float = 0.05
    repeats: int = 3
    peers: bool = True


QUICK = Options(runs=6, saved_runs=3, together=5, latency=0.005, repeats=1)


def measure(options: Options) -> dict[str, Any]:
    """All figures, ready for JSON.

    Raises:
        Unequal: contenders that are compared do not make the same model calls.
    """
    began = time.perf_counter()
    contenders = COMPARED
    if options.peers:
        from benchmarks.peers import PEERS

        contenders = (*COMPARED, *PEERS)
    with tracing_context(enabled=False):
        received = _received(contenders)
        modes = {mode: _unsaved(contenders, mode, options.runs) for mode in MODES}
        sqlite = {mode: _saved(mode, options.saved_runs) for mode in MODES}
        concurrent = asyncio.run(_concurrent(contenders, received, options))
    mine, theirs = received["quintet"], received["langgraph"]
    counted = ("characters", "characters_with_schemas")
    return {
        "ratio_to_langgraph": _worse(modes, "quintet", "ratio_to_langgraph"),
        "characters_ratio": max(round(mine[key] / theirs[key], 4) for key in counted),
        "ratio_to_fused": max(mode["ratio_to_fused"] for mode in modes.values()),
        "modes": modes,
        "model_calls": {name: figures["model_calls"] for name, figures in received.items()},
        **{key: {name: seen[key] for name, seen in received.items()} for key in counted},
        "sqlite": sqlite,
        "concurrent": concurrent,
        "runs": {"unsaved": options.runs, "sqlite": options.saved_runs},
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "seconds": round(time.perf_counter() - began, 1),
    }
