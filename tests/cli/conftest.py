"""Run the command as a process, and make databases to look into."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from quintet.cli.main import cli
from quintet.runs import start
from quintet.state import OrchestrationState, Outcome, checkpointer
from quintet.state.record import plain

ROOT = Path(__file__).resolve().parents[2]
LONG = "desk-20260101-101112/5f2c9a40-3f8e-4a55-9d3b-3b1a6a1d7c11"


class Desk(OrchestrationState, total=False):
    message: str


def end(state: Desk) -> dict[str, Any]:
    """End as the first word of the message says; `ask` waits for a person instead."""
    word, _, reason = state["message"].partition(" ")
    if word == "ask":
        interrupt(reason)
    return {"outcome": plain(Outcome(status=word, reason=reason))}


def desk() -> StateGraph[Any]:
    graph = StateGraph(Desk)
    graph.add_node("end", end)
    graph.add_edge(START, "end")
    return graph


@pytest.fixture(scope="session")
def database(tmp_path_factory) -> str:
    """Keep three runs: one done, one escalated under a long id, and the newest waits."""
    url = f"sqlite:///{tmp_path_factory.mktemp('runs') / 'kept.db'}"
    with checkpointer(url) as saver:
        app = desk().compile(checkpointer=saver)
        start(app, {"message": "done paid [back] in full"}, thread="desk/1")
        start(app, {"message": "escalated nobody knew"}, thread=LONG)
        start(app, {"message": "ask may [/this] go out?"}, thread="desk/3")
    return url


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Return a command's environment in a strange folder: the package is found, nothing is set."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("QUINTET_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(tmp_path, environment) -> Command:
    """Run `python -m quintet` in an empty folder; keywords are added to its environment."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "quintet", *arguments],
            cwd=tmp_path,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


Within = Callable[..., Result]


@pytest.fixture
def within(tmp_path, monkeypatch) -> Iterator[Within]:
    """Run the command in this process, in an empty folder; what it raises stands in the result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner(env=environment).invoke(cli, arguments)

    yield run
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
