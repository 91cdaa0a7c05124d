from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langsmith import Client
from langsmith.utils import LangSmithRetry, get_env_var

from tests.evals.langsmith.smith import KEY, Smith, smith_server

Link = Callable[..., Client]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clear the cache in which LangSmith's package remembers what the environment said."""
    get_env_var.cache_clear()
    yield
    monkeypatch.undo()
    get_env_var.cache_clear()


@pytest.fixture
def smith() -> Iterator[Smith]:
    """Run a LangSmith service on loopback."""
    with smith_server() as server:
        yield server
    assert server.refused == []


@pytest.fixture
def link(smith: Smith) -> Iterator[Link]:
    """Give a maker of clients of the service that do not ask twice."""
    made: list[Client] = []

    def client(**more: Any) -> Client:
        given = {"api_url": smith.address, "api_key": KEY, "timeout_ms": (5000, 5000), **more}
        given.setdefault("retry_config", LangSmithRetry(total=0, read=0, connect=0))
        made.append(Client(**given))
        return made[-1]

    yield client
    smith.ending.set()
    for each in made:  # the next test must not see requests left under way
        each.close(timeout=10)
    for thread in threading.enumerate():
        if thread.name.startswith("quintet-"):
            thread.join(10)


@pytest.fixture
def client(link: Link) -> Client:
    """Return a client of the service."""
    return link()
