"""Test circuit breakers: as functions, in graphs, between threads, connections and processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.nodes import Breaker, Recovery, Worker, classify, effect, fallback, retry
from quintet.nodes.core.call import Call, Logic, drive
from quintet.state import CircuitOpen, DesignError, StepFailed, checkpointer
from quintet.state.clock import told_by
from quintet.state.journal import found
from quintet.state.journal.entry import Journal
from quintet.state.journal.sqlite import MemoryJournal
from tests.clocks import Still
from tests.nodes.workshop import app_of, bare, decided, logs, statuses
from tests.services import postgres_schema

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clock() -> Iterator[Still]:
    clock = Still()
    with told_by(clock):
        yield clock


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "_in_process", [])


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/runs.db"
        return
    with postgres_schema() as url:
        yield url


class Shop:
    """Answer, or fail as it is told; count the calls that reach it."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem, self.calls = problem, 0

    def __call__(self, *_: Any) -> str:
        self.calls += 1
        if self.problem is not None:
            raise self.problem
        return "here"

    def lookup(self, order: int = 1) -> str:
        """Look an order up."""
        return self()


def call(breaker: Breaker, shop: Shop, journal: Journal) -> str:
    """Call the shop once through the breaker; say how it went."""

    def logic() -> Logic[str]:
        return (yield Call(shop, ()))

    try:
        return drive(breaker.guarded("shop", journal, logic()))
    except CircuitOpen:
        return "open"
    except Exception as problem:  # noqa: BLE001 - its name is told
        return type(problem).__name__


def kinds(journal: Journal) -> list[str]:
    return [entry.kind for entry in journal.read("", "breaker shop")]


def test_it_opens_after_so_many_failures_rests_and_lets_one_call_through(clock: Still) -> None:
    journal, shop = MemoryJournal(), Shop(ConnectionError("down"))
    breaker = Breaker(failures=3, within="1m", rest="30s")
    assert [call(breaker, shop, journal) for _ in range(5)] == ["ConnectionError"] * 3 + [
        "open"
    ] * 2
    assert shop.calls == 3
    clock.at += 29
    assert call(breaker, shop, journal) == "open"
    clock.at += 1
    assert call(breaker, shop, journal) == "ConnectionError"
    assert call(breaker, shop, journal) == "open"
    clock.at += 30
    shop.problem = None
    assert [call(breaker, shop, journal) for _ in range(2)] == ["here", "here"]
    assert kinds(journal) == [
        "failed", "failed", "opened", "probing", "opened", "probing", "closed",
    ]  # fmt: skip


def test_the_refusal_names_what_is_open_since_and_until_when(clock: Still) -> None:
    journal, shop = MemoryJournal(), Shop(TimeoutError("late"))
    breaker = Breaker(failures=1, rest=60)
    call(breaker, shop, journal)
    clock.at += 5
    with pytest.raises(CircuitOpen) as refused:
        drive(breaker.guarded("shop", journal, iter(())))  # type: ignore[arg-type]
    problem = refused.value
    assert str(problem) == (
        "shop is not called: its circuit is open since 2027-01-15 08:00:00 UTC, until "
        "2027-01-15 08:01:00 UTC; it failed 1 times (timeout), last with TimeoutError: late"
    )
    assert (problem.since, problem.until) == (clock.at - 5, clock.at + 55)
    assert classify(problem) == "timeout"


def test_failures_count_within_their_time_alone(clock: Still) -> None:
    journal, shop = MemoryJournal(), Shop(ConnectionError("down"))
    breaker = Breaker(failures=3, within=60)
    for _ in range(10):
        assert call(breaker, shop, journal) == "ConnectionError"
        clock.at += 31
    assert kinds(journal) == ["failed"] * 10


@pytest.mark.parametrize("problem", [KeyError("x"), ValueError("odd"), PermissionError("no")])
def test_failures_that_say_nothing_of_the_other_side_do_not_count(problem: Exception) -> None:
    journal, shop = MemoryJournal(), Shop(problem)
    assert [call(Breaker(failures=1), shop, journal) for _ in range(3)] == [
        type(problem).__name__
    ] * 3
    assert kinds(journal) == []


def test_a_probe_whose_failure_does_not_count_gives_the_next_call_its_place(clock: Still) -> None:
    journal, shop = MemoryJournal(), Shop(ConnectionError("down"))
    breaker = Breaker(failures=1)
    call(breaker, shop, journal)
    clock.at += 30
    shop.problem = KeyError("x")
    assert call(breaker, shop, journal) == "KeyError"
    shop.problem = None
    assert call(breaker, shop, journal) == "here"
    assert kinds(journal) == ["opened", "probing", "opened", "probing", "closed"]


def test_a_probe_that_never_ends_is_taken_over_after_another_rest(clock: Still) -> None:
    journal, shop = MemoryJournal(), Shop(ConnectionError("down"))
    breaker = Breaker(failures=1)
    call(breaker, shop, journal)
    clock.at += 30
    shop.problem = KeyboardInterrupt()  # type: ignore[assignment] - as a process that ends
    with pytest.raises(KeyboardInterrupt):
        call(breaker, shop, journal)
    shop.problem = None
    assert call(breaker, shop, journal) == "open"
    clock.at += 30
    assert call(breaker, shop, journal) == "here"


class Counted(MemoryJournal):
    """Count the reads and the writes."""

    reads = writes = 0

    def heads(self, *args: Any) -> Any:
        self.reads += 1
        return super().heads(*args)

    def append(self, *args: Any, **options: Any) -> bool:
        self.writes += 1
        return super().append(*args, **options)


def test_a_success_writes_nothing_while_it_is_closed() -> None:
    journal, shop = Counted(), Shop()
    for _ in range(10):
        assert call(Breaker(), shop, journal) == "here"
    assert (journal.reads, journal.writes) == (10, 0)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=40),
    st.integers(1, 4),
)
def test_no_call_is_made_while_it_is_open_and_one_is_let_through_after(
    calls: list[tuple[bool, int]], failures: int
) -> None:
    """The law: a model of the circuit in ten lines agrees with it, whatever comes."""
    clock, journal, shop = Still(), MemoryJournal(), Shop()
    breaker = Breaker(failures=failures, within=60, rest=30)
    recent: list[float] = []
    until: float | None = None
    with told_by(clock):
        for fails, later in calls:
            clock.at += later
            shop.problem = ConnectionError("down") if fails else None
            before = shop.calls
            went = call(breaker, shop, journal)
            if until is not None and clock.at < until:
                assert (went, shop.calls) == ("open", before)
                continue
            assert shop.calls == before + 1
            assert went == ("ConnectionError" if fails else "here")
            if until is not None:
                until, recent = (clock.at + 30, []) if fails else (None, [])
            elif fails:
                recent = [at for at in recent if at > clock.at - 60] + [clock.at]
                until = clock.at + 30 if len(recent) >= failures else None


def test_threads_that_fail_at_once_open_it_once_and_one_of_them_probes(url: str) -> None:
    breaker = Breaker(failures=4, rest=1000)
    clock = Still()
    with told_by(clock), checkpointer(url) as one, checkpointer(url) as other:
        shop = Shop(ConnectionError("down"))
        start = threading.Barrier(8)

        def together(number: int) -> str:
            start.wait()
            return call(breaker, shop, (one, other)[number % 2].journal)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(together, range(8)))
            assert kinds(one.journal).count("opened") == 1
            clock.at += 1000
            shop.problem, shop.calls = None, 0
            waits = threading.Event()

            def slow(*_: Any) -> str:
                waits.wait(1)
                return "here"

            shop_calls = [pool.submit(call, breaker, slow, j.journal) for j in (one, other) * 4]  # type: ignore[arg-type]
            ended = [future.result() for future in shop_calls]
        assert ended.count("here") == 1
        assert ended.count("open") == 7


_PROBE = """
import sys
from quintet.nodes import Breaker
from quintet.nodes.core.call import Call, drive
from quintet.state import CircuitOpen, checkpointer
import time
def call():
    print("called", flush=True); time.sleep(0.5)
def logic():
    return (yield Call(call, ()))
with checkpointer(sys.argv[1]) as saver:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        drive(Breaker(failures=1, rest=0.01).guarded("shop", saver.journal, logic()))
        print("closed")
    except CircuitOpen as problem:
        print("open")
"""


def test_one_of_several_processes_is_let_through(url: str) -> None:
    with checkpointer(url) as saver:
        call(Breaker(failures=1, rest=0.01), Shop(ConnectionError("down")), saver.journal)
        others = [
            subprocess.Popen(
                [sys.executable, "-c", _PROBE, url],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(3)
        ]  # fmt: skip
        for other in others:  # all have opened the database, and wait for a line
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
        for other in others:
            assert other.stdin is not None
            other.stdin.write("\n")
            other.stdin.flush()
        said = [other.communicate()[0].split() for other in others]
        assert kinds(saver.journal) == ["opened", "probing", "closed"]
    # Whoever comes once it is closed again may call too.
    assert sum("called" in words for words in said) >= 1
    assert [words for words in said if words == ["open"]] or said.count(["called", "closed"]) == 3


# In graphs


def test_a_fallback_is_taken_at_once_when_it_is_open(invoke: Any) -> None:
    shop = Shop(ConnectionError("down"))
    breaker = Breaker(name="shop", failures=2, rest=1000)
    policy = Recovery(transient=(retry(4, wait=0), fallback("basic")))
    nodes = {
        "work": Worker(agent=lambda request: shop(), contract=bare(), breaker=breaker),
        "basic": logs("basic"),
    }
    app = app_of(nodes, recover=policy)
    end = invoke(app, {"message": "m"}, "a")
    assert (shop.calls, end["log"]) == (2, ["basic"])
    assert decided(end, "fallback") == ["basic"]
    (failure,) = end["failures"]
    assert (failure["kind"], failure["error"], failure["attempts"]) == (
        "transient",
        "CircuitOpen",
        3,
    )
    # Another thread does not call it at all, and does not try again.
    end = invoke(app, {"message": "m"}, "b")
    assert (shop.calls, end["log"], end["failures"][0]["attempts"]) == (2, ["basic"], 1)


def test_the_class_is_that_of_the_failures_that_opened_it(invoke: Any) -> None:
    from langchain_core.exceptions import ModelRateLimitError

    shop = Shop(ModelRateLimitError("busy"))
    worker = Worker(
        agent=lambda request: shop(),
        contract=bare(),
        breaker=Breaker(name="shop", failures=1, rest=1000),
    )
    remedies = (retry(3, wait=0), fallback("cheap"))
    policy = Recovery(rate_limit=remedies, transient=fallback("other"))
    nodes = {"work": worker, "cheap": logs("cheap"), "other": logs("other")}
    end = invoke(app_of(nodes, recover=policy), {"message": "m"}, "a")
    assert (end["log"], shop.calls) == (["cheap"], 1)


def test_an_effect_is_refused_before_it_is_claimed(invoke: Any) -> None:
    shop = Shop(ConnectionError("down"))

    def pay(order: int) -> str:
        return shop()

    paying = effect(
        pay, key="pay:{order}", harmless=(ConnectionError,), breaker=Breaker(failures=1)
    )
    worker = Worker(
        agent=lambda request, tools: tools.pay(order=request["order"]),
        contract=bare(needs=("order",), tools=(paying,)),
    )
    with checkpointer("memory://") as saver:
        app = app_of({"work": worker}, recover=Recovery(transient=()), saver=saver)
        invoke(app, {"message": "m", "order": 1}, "a")
        end = invoke(app, {"message": "m", "order": 2}, "b")
        assert shop.calls == 1
        assert end["failures"][0]["error"] == "CircuitOpen"
        assert statuses(end) == {}
        assert saver.journal.read("b", "effect pay:pay:2") == ()


def test_a_tool_of_any_kind_may_have_one() -> None:
    shop = Shop(ConnectionError("down"))
    breaker = Breaker(failures=1)
    lookup = breaker(shop.lookup)
    assert (lookup.__name__, lookup.__doc__) == ("lookup", "Look an order up.")
    with pytest.raises(ConnectionError):
        lookup(order=2)
    with pytest.raises(CircuitOpen, match=r"^lookup is not called"):
        lookup(order=2)

    async def seek(order: int) -> str:
        return shop()

    async def twice() -> None:
        guarded = Breaker(failures=1)(seek)
        with pytest.raises(ConnectionError):
            await guarded(1)
        with pytest.raises(CircuitOpen):
            await guarded(order=1)

    asyncio.run(twice())
    assert shop.calls == 2


def test_a_tool_in_a_worker_shares_the_journal_of_its_run(invoke: Any) -> None:
    shop = Shop(ConnectionError("down"))
    lookup = Breaker(failures=1)(shop.lookup)
    worker = Worker(agent=lambda request, tools: tools.lookup(1), contract=bare(tools=(lookup,)))
    with checkpointer("memory://") as saver:
        app = app_of({"work": worker}, recover=Recovery(transient=()), saver=saver)
        invoke(app, {"message": "m"}, "a")
        end = invoke(app, {"message": "m"}, "b")
        assert [entry.kind for entry in saver.journal.read("", "breaker lookup")] == ["opened"]
    assert (shop.calls, end["failures"][0]["error"]) == (1, "CircuitOpen")


def test_an_open_circuit_inside_does_not_open_the_one_around() -> None:
    journal = MemoryJournal()
    inner, outer = Shop(CircuitOpen("x")), Breaker(failures=1)
    assert [call(outer, inner, journal) for _ in range(3)] == ["open"] * 3
    assert kinds(journal) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures": 0},
        {"failures": True},
        {"failures": 1.5},
        {"within": None},
        {"rest": "soon"},
        {"rest": 0},
        {"counts": ("slow",)},
    ],
)
def test_a_wrong_breaker_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DesignError):
        Breaker(**wrong)


def test_what_is_no_breaker_is_refused() -> None:
    with pytest.raises(DesignError, match=r"^Worker: breaker=3 is no Breaker"):
        Worker(agent=lambda request: "ok", contract=bare(), breaker=3)  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="give it a name, which says what it protects"):
        Worker(agent=lambda request: "ok", contract=bare(), breaker=Breaker())
    with pytest.raises(DesignError, match=r"^effect 'logs': breaker=3 is no Breaker"):
        effect(logs, key="x", breaker=3)  # type: ignore[arg-type]


def test_a_journal_that_fails_does_not_hide_how_the_call_ended() -> None:
    class Full(MemoryJournal):
        def append(self, *args: Any, **options: Any) -> bool:
            raise OSError("disk full")

    assert call(Breaker(), Shop(ConnectionError("down")), Full()) == "ConnectionError"


def test_an_open_circuit_in_a_nested_step_is_not_tried_again() -> None:
    (policy,) = (p for p in Recovery().retry_policy if p.retry_on.kind == "transient")  # type: ignore[union-attr]
    worker = Worker(agent=lambda request: "x", contract=bare())
    problem = worker.as_step_failed(CircuitOpen("open"))
    step = StepFailed(_failure())
    step.__cause__ = problem
    assert not policy.retry_on(step)  # type: ignore[operator]


def _failure() -> Any:
    from quintet.state import Failure

    return Failure(node="a", kind="transient", error="CircuitOpen", message="open")
