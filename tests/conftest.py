"""Start every test with strict checkpoints, no tracing and no keys; find the shared data."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Some of these are read when LangGraph is imported, which no line above has done.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
for _name in [name for name in os.environ if name.startswith(("LANGSMITH_", "LANGCHAIN_"))]:
    del os.environ[_name]
os.environ["LANGSMITH_TRACING"] = "false"
for _name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
    os.environ.pop(_name, None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell ignores it for what it starts in the background, and what tests start would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder with the public data sets, from QUINTET_DATA or beside the clone."""
    named = os.environ.get("QUINTET_DATA")
    folder = Path(named).expanduser() if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        if named:
            pytest.fail(f"QUINTET_DATA names {folder}, which is not a folder")
        pytest.skip(f"no public data at {folder}; set QUINTET_DATA to the folder that has it")
    return folder
