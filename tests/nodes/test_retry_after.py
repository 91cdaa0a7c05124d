"""Test that a retry waits as long as the other side asks, on a real server on loopback too."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.request import urlopen

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import ModelRateLimitError

from quintet.nodes import Recovery, Worker, fallback, retry
from quintet.nodes.core.retry_after import retry_after
from quintet.runs import start
from quintet.state import checkpointer
from quintet.state.clock import told_by
from tests.clocks import Still
from tests.nodes.workshop import app_of, bare, decided, logs


class Busy(Exception):
    """An error of a client that keeps the wait as an attribute."""

    def __init__(self, retry_after: Any = None, **attributes: Any) -> None:
        super().__init__("busy")
        self.retry_after = retry_after
        for name, value in attributes.items():
            setattr(self, name, value)


def response(**headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(429, headers=named, request=httpx.Request("GET", "http://x"))


def caused(problem: Exception, cause: Exception) -> Exception:
    problem.__cause__ = cause
    return problem


def httpx_error(answer: httpx.Response) -> Exception:
    return httpx.HTTPStatusError("x", request=answer.request, response=answer)


NOW = 1_800_000_000.0
DATE = format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=90), usegmt=True)


@pytest.mark.parametrize(
    ("problem", "wait"),
    [
        (Busy(3), 3),
        (Busy("2.5"), 2.5),
        (Busy(timedelta(minutes=1)), 60),
        (Busy(DATE), 90),
        (Busy(-5), 0),
        (Busy(response=response(Retry_After="7")), 7),
        (Busy(response=response(Retry_After=DATE)), 90),
        (Busy(response=response(retry_after_ms="1500", Retry_After="9")), 1.5),
        (Busy(headers={"RETRY-AFTER": "4"}), 4),
        (Busy(headers={"Retry-After": b"4"}), 4),
        (httpx_error(response(Retry_After="7")), 7),
        (caused(ModelRateLimitError("busy"), Busy(8)), 8),
        (ExceptionGroup("all", [Busy(2), Busy(6), ValueError()]), 6),
        # Nothing that could be read.
        (Busy(), None),
        (Busy("soon"), None),
        (Busy(True), None),
        (Busy(float("nan")), None),
        (Busy(float("inf")), None),
        (Busy("1e999"), None),
        (Busy(headers=3, response="x"), None),
        (Busy([1]), None),
        (ValueError("x"), None),
    ],
)  # fmt: skip
def test_it_is_read_where_clients_keep_it(problem: Exception, wait: float | None) -> None:
    with told_by(Still(NOW)):
        assert retry_after(problem) == wait


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.none(), st.booleans()))
def test_whatever_is_there_gives_a_wait_or_none(value: Any) -> None:
    wait = retry_after(Busy(value, headers={"retry-after": value}))
    assert wait is None or 0 <= wait < float("inf")


def test_errors_that_cause_each_other_are_read_once() -> None:
    one, two = Busy(), Busy(3)
    one.__cause__, two.__cause__ = two, one
    assert retry_after(one) == 3


def failing(*problems: Exception) -> tuple[Worker, list[float]]:
    """Make a worker that raises these in turn, then works; and the times of its calls."""
    left, times = list(problems), []

    def agent(request: Any) -> str:
        from quintet.state.clock import now

        times.append(now())
        if left:
            raise left.pop(0)
        return "ok"

    return Worker(agent=agent, contract=bare()), times


POLICY = Recovery(rate_limit=(retry(4, wait=0, most=30), fallback("basic")))


def test_the_next_attempt_waits_for_the_rest(invoke: Any) -> None:
    clock = Still()
    worker, times = failing(
        Busy(20, status_code=429), Busy(status_code=429), Busy(5, status_code=429)
    )
    with told_by(clock):
        end = invoke(
            app_of({"work": worker, "basic": logs("basic")}, recover=POLICY), {"message": "m"}, "a"
        )
    assert end["results"] == {"work": "ok"}
    assert [after - before for before, after in pairwise(times)] == [20, 0, 5]
    assert clock.slept == [20, 5]


def test_a_wait_longer_than_the_remedys_most_takes_the_next_at_once(invoke: Any) -> None:
    clock = Still()
    worker, times = failing(Busy(31, status_code=429))
    with told_by(clock):
        nodes = {"work": worker, "basic": logs("basic")}
        end = invoke(app_of(nodes, recover=POLICY), {"message": "m"}, "a")
    assert (len(times), clock.slept, end["log"]) == (1, [], ["basic"])
    assert decided(end, "fallback") == ["basic"]


def test_a_plain_function_waits_too(invoke: Any) -> None:
    from quintet.graphs import create_sequential

    clock, problems = Still(), [Busy(20, status_code=429)]

    def node(state: dict[str, Any]) -> dict[str, Any]:
        if problems:
            raise problems.pop()
        return {"results": {"node": "ok"}}

    app = create_sequential({"node": node}, recover=POLICY_TO_PERSON).compile()
    with told_by(clock):
        assert invoke(app, {"message": "m"})["outcome"]["status"] == "done"
    assert clock.slept == [20]


POLICY_TO_PERSON = Recovery(rate_limit=retry(3, wait=0))


def test_another_tasks_wait_is_not_this_ones(invoke: Any) -> None:
    clock = Still()
    with told_by(clock):
        for thread in "ab":
            worker, _ = failing(Busy(3, status_code=429))
            app = app_of({"work": worker, "basic": logs("basic")}, recover=POLICY)
            invoke(app, {"message": "m"}, thread)
    assert clock.slept == [3, 3]


def test_the_wait_is_no_part_of_the_budget_but_of_the_deadline() -> None:
    clock = Still()
    from quintet.graphs import create_single_agent
    from quintet.state import Budget

    worker, times = failing(Busy(20, status_code=429))
    limited = Worker(agent=worker.agent, contract=bare(budget=Budget(seconds=5)))
    with told_by(clock), checkpointer("memory://") as saver:
        app = create_single_agent(limited, recover=POLICY_TO_PERSON).compile(checkpointer=saver)
        assert start(app, {"message": "m"}).status == "done"
        worker, times = failing(Busy(20, status_code=429))
        app = create_single_agent(worker, recover=POLICY_TO_PERSON).compile(checkpointer=saver)
        run = start(app, {"message": "m"}, deadline=15)
    assert (run.status, len(times)) == ("exhausted", 1)
    assert "a retry must wait for 20 s more" in str(run.outcome)
    assert clock.slept == [20]


class Door(BaseHTTPRequestHandler):
    """Refuse the first request, and ask to come again in a second."""

    asked: ClassVar[list[float]] = []
    style = "seconds"

    def do_GET(self) -> None:
        Door.asked.append(time.monotonic())
        if len(Door.asked) == 1:
            self.send_response(429 if Door.style == "seconds" else 503)
            # A date has whole seconds, so one that is two ahead asks for one at least.
            ahead = datetime.now(UTC) + timedelta(seconds=2)
            wait = "1" if Door.style == "seconds" else format_datetime(ahead, usegmt=True)
            self.send_header("Retry-After", wait)
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"open")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(params=["seconds", "date"])
def door(request: pytest.FixtureRequest) -> Iterator[str]:
    Door.asked, Door.style = [], request.param
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


SOON = Recovery(rate_limit=retry(2, wait=0), transient=retry(2, wait=0))


@pytest.mark.parametrize("client", ["httpx", "urllib"])
def test_a_server_that_asks_for_it_is_left_alone_that_long(door: str, client: str) -> None:
    def agent(request: Any) -> str:
        if client == "httpx":
            with httpx.Client(trust_env=False) as http:
                return http.get(door).raise_for_status().text
        try:
            with urlopen(door) as answer:
                return str(answer.read().decode())
        except HTTPError as problem:
            problem.close()
            raise

    end = app_of({"work": Worker(agent=agent, contract=bare())}, recover=SOON).invoke(
        {"message": "m"}, {"configurable": {"thread_id": "a"}}
    )
    assert end["results"] == {"work": "open"}
    first, second = Door.asked
    assert second - first >= 0.95


def test_the_loop_goes_on_meanwhile(door: str) -> None:
    async def agent(request: Any) -> str:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(door)).raise_for_status().text

    async def main() -> tuple[Any, int]:
        ticks = 0
        app = app_of({"work": Worker(agent=agent, contract=bare())}, recover=SOON)
        run = asyncio.create_task(
            app.ainvoke({"message": "m"}, {"configurable": {"thread_id": "a"}})
        )
        while not run.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return run.result(), ticks

    end, ticks = asyncio.run(main())
    assert end["results"] == {"work": "open"}
    assert Door.asked[1] - Door.asked[0] >= 0.95
    assert ticks > 30
