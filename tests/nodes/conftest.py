from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

from quintet.nodes.core import left
from quintet.state.journal import found

Invoke = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def invoke(request: pytest.FixtureRequest) -> Invoke:
    """Move a compiled graph, or call a node, once by `invoke` and once by `ainvoke`."""

    def now(app: Any, given: Any, thread: str = "", **options: Any) -> Any:
        return app.invoke(given, _config(thread), **options)

    def soon(app: Any, given: Any, thread: str = "", **options: Any) -> Any:
        return asyncio.run(app.ainvoke(given, _config(thread), **options))

    return now if request.param == "sync" else soon


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forget what this process knows of effects and attempts, as a new process would."""

    def forget() -> None:
        monkeypatch.setattr(found, "_in_process", [])
        monkeypatch.setattr(left, "_attempts", OrderedDict())

    return forget


def _config(thread: str) -> dict[str, Any] | None:
    return {"configurable": {"thread_id": thread}} if thread else None
