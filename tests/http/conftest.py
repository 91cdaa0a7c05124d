"""Give each test a model service: aimock with the test's script, or the one that breaks oddly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from quintet.runs import Run, astart, start
from tests.aimock import aimock, aimock_server
from tests.http.faulty import Faulty, faulty_server

__all__ = ["aimock", "aimock_server"]

Begin = Callable[..., Awaitable[Run]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture(params=["sync", "async"])
def begin(request: pytest.FixtureRequest) -> Begin:
    """Give starters of a run: `start` and `astart`."""

    async def started(app: Any, given: dict[str, Any], **options: Any) -> Run:
        if request.param == "sync":
            return start(app, given, **options)
        return await astart(app, given, **options)

    return started


@pytest.fixture(scope="session")
def _faulty() -> Iterator[Faulty]:
    with faulty_server() as server:
        yield server


@pytest.fixture
def faulty(_faulty: Faulty) -> Faulty:
    """Run the odd server, with nothing to play yet."""
    _faulty.play()
    return _faulty
