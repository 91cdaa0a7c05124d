"""Test that a crash at any point is gone through, and that faults are found where they are."""

from __future__ import annotations

import asyncio
import itertools
import operator
import os
import random
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from benchmarks.crash_desks import GIVEN, GRAPHS, KINDS, Receiver, given_of, yes
from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import approve
from quintet.state import Contract, DesignError
from quintet.testing import ScriptedPerson, crashpoints
from quintet.testing.crash.report import CrashPoint, CrashReport
from tests.services import postgres_schema

WAYS = ("sync", "async")


def pay(order: int) -> str:
    return f"receipt {order}"


def desk(paying: Any = None, agent: Any = None, **options: Any) -> Any:
    """Give a desk that pays one order."""

    def plain_agent(request: Any, tools: Any) -> dict[str, str]:
        return {"reply": tools.pay(order=1)}

    tools = (effect(pay, key="{order}") if paying is None else paying,)
    contract = Contract(goal="Pay", needs=("message",), tools=tools)
    worker = Worker(agent=agent or plain_agent, contract=contract)
    return create_single_agent(worker, **options)


def crashed(graph: str, folder: Path, way: str = "sync", kind: Any = "key", **options: Any) -> Any:
    receiver = Receiver(path=folder / "book", kind=kind, awaited=way == "async")
    report = crashpoints(
        lambda: GRAPHS[graph](Receiver(path=folder / "book", kind=kind, awaited=way == "async")),
        given_of(graph),
        person=yes,
        asynchronous=way == "async",
        reset=receiver.clear,
        **options,
    )
    assert report.ok, report
    return report


AWAITED = ("single_agent", "fan_out", "nested", "agent_graph", "approval", "event_driven")
"""Graphs that are awaited here too; `benchmarks.crashpoints` awaits all of them."""


@pytest.mark.parametrize(
    ("graph", "way"),
    [
        *((graph, "sync") for graph in GRAPHS),
        *(pytest.param(graph, "async", marks=pytest.mark.slow) for graph in AWAITED),
    ],
)
def test_every_ready_made_graph_recovers_at_every_point(graph, way, tmp_path):
    report = crashed(graph, tmp_path, way)
    assert report.points >= 20
    assert report.asked == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_person_is_asked_only_where_nobody_else_can_tell(kind, way, tmp_path):
    report = crashed("single_agent", tmp_path, way, kind)
    assert (report.asked > 0) == (kind == "neither")


def test_a_process_that_really_ends_is_recovered_from(tmp_path):
    report = crashed("single_agent", tmp_path, exits=True)
    assert report.points == crashed("single_agent", tmp_path).points


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_postgres_recovers_too(way, tmp_path):
    with postgres_schema() as url:
        crashed("approval", tmp_path, way, url=url)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "key",
        pytest.param(
            "neither",
            marks=pytest.mark.skipif(
                not os.environ.get("QUINTET_LONG"), reason="QUINTET_LONG is not set: 40 seconds"
            ),
        ),
    ],
)
def test_a_second_crash_in_the_recovery_is_recovered_from(kind, tmp_path):
    report = crashed("single_agent", tmp_path, kind=kind, pairs=True)
    assert report.points > 300
    assert any(len(point.at) == 2 for point in report.tried)


def test_an_async_graph_is_crashed_from_within_an_event_loop(tmp_path):
    async def from_a_test() -> CrashReport:
        return crashed("single_agent", tmp_path, "async")

    assert asyncio.run(from_a_test()).ok


def test_the_points_are_named(tmp_path):
    names = [point.at[0] for point in crashed("single_agent", tmp_path).tried]
    assert "after settle of effect pay:1 in work" in names
    assert "before call of effect pay:2 in work" in names
    assert "before claim of effect pay:1 in work" in names
    assert "after checkpoint 0" in names
    assert "before writes of finish" in names
    assert len(names) == len(set(names))


def test_a_receiver_that_denies_what_it_did_is_found_out():
    lying = effect(pay, key="{order}", reconcile=lambda order: False)
    report = crashpoints(lambda: desk(lying), GIVEN)
    assert not report.ok
    assert {point.at for point in report.bad} == {
        ("after call of effect pay:1 in work",),
        ("before settle of effect pay:1 in work",),
    }
    assert report.duplicated == 2
    assert "duplicated pay:1" in str(report)


def test_a_receiver_that_claims_what_it_did_not_do_is_found_out():
    lying = effect(pay, key="{order}", reconcile=lambda order: f"receipt {order}")
    report = crashpoints(lambda: desk(lying), GIVEN)
    assert report.lost == report.wrongly_finished == 2
    assert {point.at for point in report.bad} == {
        ("after claim of effect pay:1 in work",),
        ("before call of effect pay:1 in work",),
    }


class Plain(TypedDict, total=False):
    message: str
    log: Annotated[list[str], operator.add]


def test_an_effect_beside_our_nodes_is_seen_only_where_it_is_declared():
    graph = StateGraph(Plain)
    graph.add_node("pay", lambda state: {"log": [pay(1)]})
    graph.add_edge(START, "pay")
    with pytest.raises(DesignError, match=r"no effect was called.*effect\(function, key=...\)"):
        crashpoints(graph, GIVEN)


def test_a_graph_that_is_not_deterministic_is_refused_by_what_differs():
    number = itertools.count(1)

    def agent(request: Any, tools: Any) -> dict[str, str]:
        return {"reply": tools.pay(order=next(number))}

    with pytest.raises(DesignError, match=r"two runs without a crash differ in its edges"):
        crashpoints(lambda: desk(agent=agent), GIVEN)


def test_an_end_that_differs_is_refused_unless_it_is_left_out():
    def agent(request: Any, tools: Any) -> dict[str, str]:
        return {"reply": f"{tools.pay(order=1)} {random.random()}"}

    with pytest.raises(DesignError, match=r"end differently \(results is"):
        crashpoints(lambda: desk(agent=agent), GIVEN)
    report = crashpoints(
        lambda: desk(agent=agent), GIVEN, ends=lambda values: sorted(values["results"])
    )
    assert report.ok, report


def test_a_graph_that_asks_needs_a_person():
    gate = ApprovalGate(when=lambda action: True, approvers=("maria",))
    with pytest.raises(DesignError, match=r"asks a person.*person=ScriptedPerson"):
        crashpoints(lambda: desk(gate=gate), GIVEN)


def test_a_scripted_person_answers_each_question_once_and_then_the_same():
    gate = ApprovalGate(when=lambda action: True, approvers=("maria",))
    person = ScriptedPerson([approve(by="maria")])
    report = crashpoints(lambda: desk(gate=gate), GIVEN, person=person)
    assert report.ok, report
    assert len(person.asked) == 1


def test_a_question_of_the_agents_own_gets_its_own_answer_after_a_crash():
    # LangGraph hands a task its answers by their order: one about an effect whose end was not
    # known must not be taken for the colour.
    def agent(request: Any, tools: Any) -> dict[str, str]:
        receipt = tools.pay(order=1)
        return {"reply": f"{receipt}, {interrupt('which colour?')}"}

    report = crashpoints(lambda: desk(agent=agent), GIVEN, person=lambda packet: "blue")
    assert report.ok, report
    assert report.asked > 0


@pytest.mark.parametrize("url", ["memory://", "sqlite://"])
def test_a_database_that_ends_with_its_process_is_refused(url):
    with pytest.raises(DesignError, match="outlives a process"):
        crashpoints(desk, GIVEN, url=url)


@pytest.mark.parametrize("graph", [None, "desk", StateGraph, 3])
def test_what_is_no_graph_is_refused(graph):
    with pytest.raises(DesignError, match="give a StateGraph"):
        crashpoints(graph, GIVEN)


def test_a_function_that_builds_no_graph_is_refused():
    with pytest.raises(DesignError, match=r"crashpoints\(\w+\): give a StateGraph"):
        crashpoints(dict, GIVEN)


@pytest.mark.parametrize("build", ["graph", "compiled", "function"])
def test_a_graph_may_be_given_in_each_form(build):
    given = {"graph": desk(), "compiled": desk().compile(), "function": desk}[build]
    report = crashpoints(given, GIVEN)
    assert report.ok, report


def test_progress_is_told():
    told: list[tuple[int, int]] = []
    report = crashpoints(desk, GIVEN, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, report.points)
    assert told[-1] == (report.points, report.points)


def test_a_run_that_fails_without_a_crash_is_refused():
    def node(state: Any) -> Any:
        raise ValueError("broken")

    graph = StateGraph(Plain).add_node("a", node).add_edge(START, "a").add_edge("a", END)
    with pytest.raises(DesignError, match="does not end: ValueError: broken"):
        crashpoints(graph, GIVEN)


def test_a_report_reads_as_a_table():
    tried = (
        CrashPoint(at=("after checkpoint 1",)),
        CrashPoint(at=("before a", "after b"), lost=("pay:1",), wrongly_finished=True),
    )
    report = CrashReport(name="desk", tried=tried, effects=("pay:1",), seconds=1.25)
    assert str(report).splitlines() == [
        "crash points of desk: NOT all recovered (1 effects a run, 1.2 s)",
        "points  duplicated  lost  wrongly finished  wrong states  asked",
        "     2           0     1                 1             0      0",
        "  before a, then after b: lost pay:1; called finished while something was missing",
    ]
    assert report.as_dict()["lost"] == 1
    assert f"{tried[0]}" == "after checkpoint 1: as without a crash"
