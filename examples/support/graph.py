"""Build the desk as one object to serve, draw or check: `examples.support.graph:app`."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph

from quintet.state import checkpointer
from quintet.state.savers.saver import Saver

from .desk import support_desk
from .seed import build
from .shop import Shop


def desk() -> StateGraph[Any]:
    """Build the desk over a fresh shop, which is removed when the process ends.

    It is not compiled: a LangGraph server compiles it, with `checkpoints` as langgraph.json says.
    """
    folder = tempfile.TemporaryDirectory(prefix="quintet-shop-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "shop.db"
    build(path)
    return support_desk(Shop(path))


def checkpoints() -> Saver:
    """Open the database of the served runs: $QUINTET_DB, else where `quintet runs` looks."""
    return checkpointer(os.environ.get("QUINTET_DB") or "sqlite:///quintet-runs.db")


app = desk()
"""One desk for the process: a server that called `desk` for each run would open a shop for each."""
