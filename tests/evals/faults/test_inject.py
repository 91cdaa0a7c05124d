"""Test fault injection: where faults are put; what counts as recovered, handed over, silent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph

from quintet.evals import FAULTS, Fault, GraphTarget, Suite, ToolCall, Trajectory, breakable
from quintet.evals.faults import FOR_GOOD, Spot
from quintet.evals.faults.inject import inject
from quintet.evals.faults.injected import Injected, contradicted
from quintet.evals.faults.kinds import (
    ALTERED_FIELD,
    DROPPED_FIELD,
    FALSE_SUCCESS,
    GARBAGE_REPLY,
    LATE_WORKER,
    LOOPING_WORKER,
    LOST_REPLY,
    REFUSED_TOOL,
    ROUTER_OUTAGE,
    TOOL_ERROR,
)
from quintet.state import Budget, DesignError
from quintet.testing import ScriptedModel
from tests.evals.faults.small import Books, Fresh, case, desk, foreign, observed

TEXTS = ("refund please", "where is my parcel", "hello")


def suite(build: Any = desk, number: int = 6) -> Suite:
    cases = [
        case(n, TEXTS[n % 3], outcome="escalated" if n % 3 == 2 else "done") for n in range(number)
    ]
    return Suite(name="small", cases=tuple(cases), target=Fresh(build))


def blind(books: Books) -> StateGraph[Any]:
    """Make the same desk without a criterion that looks at what was done."""
    return desk(books, evidence=False)


def test_a_desk_with_evidence_fails_in_silence_under_no_fault():
    report = inject(suite(number=9), per_case=3)
    assert len(report.rows) > 100
    assert {row.fault for row in report.rows} == {fault.kind for fault in FAULTS}
    assert report.of("altered handoff field")
    silent = {row.fault for row in report.silent}
    assert silent <= {"altered handoff field"}  # the order number itself is changed on its way
    assert (report.recovery_rate or 0) > 0.3


def test_false_success_is_silent_where_nothing_asks_for_evidence_and_only_there():
    assert inject(suite(), [FALSE_SUCCESS]).silent_failure_rate == 0
    report = inject(suite(blind), [FALSE_SUCCESS])
    assert report.silent_failure_rate == 1
    row = report.silent[0]
    assert (row.end, row.node, row.wrong) == ("silent failure", "billing", ("state", "effects"))
    assert "silent failure (state, effects wrong); done" in str(row)
    assert str(row) in str(report)


def test_the_same_seed_breaks_the_same_and_another_breaks_otherwise():
    def places(seed: int) -> list[str]:
        report = inject(suite(), [TOOL_ERROR, ALTERED_FIELD], seed=seed, per_case=2)
        return [f"{row.case.id} {row.spot} {row.times} {row.end}" for row in report.rows]

    assert places(1) == places(1)
    assert places(1) != places(2)


def test_how_often_and_where_a_fault_strikes_is_drawn_anew_for_each_case():
    rows = inject(suite(number=15), [TOOL_ERROR, ROUTER_OUTAGE]).rows
    assert {row.times for row in rows} == {1, 2, FOR_GOOD}


def test_jobs_change_nothing_but_the_time():
    one, many = (inject(suite(), [ROUTER_OUTAGE, GARBAGE_REPLY], jobs=n) for n in (1, 4))
    assert one.as_data() == many.as_data()


def test_a_lost_reply_is_never_paid_twice_and_a_person_looks():
    report = inject(suite(), [LOST_REPLY])
    assert {row.end for row in report.rows} == {"handed over"}
    assert all(len(row.trajectory.state["refunds"]) == 1 for row in report.rows)


@pytest.mark.parametrize(
    ("fault", "end"),
    [(REFUSED_TOOL, "handed over"), (LOOPING_WORKER, "handed over"), (LATE_WORKER, "recovered")],
    ids=lambda given: getattr(given, "kind", given),
)
def test_each_fault_ends_as_the_desk_declares(fault: Fault, end: str):
    assert {row.end for row in inject(suite(), [fault]).rows} == {end}


def test_a_field_that_does_not_arrive_is_refused_by_the_contract():
    report = inject(suite(), [DROPPED_FIELD], per_case=4)
    workers = [row for row in report.rows if row.spot.kind == "worker"]
    assert workers
    lost = [row for row in workers if row.trajectory.failures]
    assert {row.trajectory.failures[0].kind for row in lost} == {"contract"}
    assert {row.end for row in lost} == {"handed over"}


def test_a_model_that_calls_the_same_tool_for_ever_is_stopped_by_its_budget():
    call = {"name": "refund", "args": {"order": 0}, "id": "1"}

    def build(books: Books) -> StateGraph[Any]:
        script = [AIMessage("", tool_calls=[call]), AIMessage("I have refunded order 0.")]
        graph = desk(books, agent=ScriptedModel(script))
        worker = graph.nodes["billing"].runnable
        stop = replace(worker.contract, budget=Budget(steps=5))
        graph.nodes["billing"].runnable = replace(worker, contract=stop)
        return graph

    one = replace(suite(build, 1), cases=(case(0),))
    (row,) = inject(one, [LOOPING_WORKER]).rows
    assert row.spot == Spot(kind="model", name="billing")
    assert (row.end, row.trajectory.status) == ("handed over", "exhausted")
    assert row.trajectory.state["refunds"] == [0]
    (lie,) = inject(one, [replace(FALSE_SUCCESS, times=(1,))]).rows
    assert (lie.trajectory.state["refunds"], lie.end) != ([], "silent failure")


def test_a_compiled_graph_is_broken_by_itself_and_any_graph_will_do():
    books = Books()
    app = desk(books).compile(checkpointer=InMemorySaver())
    target = GraphTarget(app=app, observe=lambda run: observed(Books(), run.values))
    parcel = Suite(cases=(case(1, "parcel", state=None),), target=target)
    report = inject(parcel, [ROUTER_OUTAGE, TOOL_ERROR], per_case=9)
    assert report.counts("router outage")["struck"] == 3  # once, twice, for good
    assert report.counts("tool error")["struck"] == 0

    look = foreign(lambda question: question.upper()).compile()
    asked = replace(case(1, state={"answer": "It is X."}), input={"question": "x"})
    theirs = Suite(cases=(asked,), target=look)
    failing = replace(TOOL_ERROR, at=("node",), times=(1,))
    report = inject(theirs, [replace(DROPPED_FIELD, varied=False), failing], per_case=2)
    assert sorted((row.fault, row.spot.name, row.end) for row in report.rows) == [
        ("dropped handoff field", "say", "silent failure"),
        ("tool error", "look", "crashed"),
        ("tool error", "say", "crashed"),
    ]


def test_a_graph_that_is_async_is_broken_as_well():
    async def agent(request: Any, tools: Any) -> str:
        tools.refund(request["order"])
        return f"I have refunded order {request['order']}."

    class Awaited(Fresh):
        waits = True

        async def acall(self, one: Any) -> Trajectory:
            books = Books()
            app = breakable(desk(books, agent=agent)).compile(checkpointer=InMemorySaver())
            seen = GraphTarget(app=app, observe=lambda run: observed(books, run.values))
            return await seen.acall(one)

    report = inject(replace(suite(), target=Awaited()), [FALSE_SUCCESS, TOOL_ERROR], jobs=2)
    assert len(report.rows) == 4
    assert not report.silent


def test_cases_that_go_wrong_without_a_fault_are_left_out_and_counted():
    wrong = case(99, outcome="rejected")
    mixed = replace(suite(), cases=(*suite().cases, wrong))
    report = inject(mixed, [ROUTER_OUTAGE])
    assert report.left_out == ("c99",)
    assert "1 of 7 cases go wrong without any fault" in str(report)
    with pytest.raises(DesignError, match="all 1 cases of 'small' go wrong without any fault"):
        inject(replace(mixed, cases=(wrong,)))


def test_what_no_fault_can_strike_is_refused_with_a_remedy():
    def deaf(one: Any) -> Trajectory:
        return Trajectory(state={"refunds": []})

    with pytest.raises(DesignError, match=r"build its graph with breakable\(graph\)"):
        inject(Suite(cases=(case(1, "parcel"),), target=deaf))
    with pytest.raises(DesignError, match="none of the faults fits"):
        inject(replace(suite(), cases=(case(1, "parcel"),)), [LOST_REPLY])
    with pytest.raises(DesignError, match="two faults are named 'tool error'"):
        inject(suite(), [TOOL_ERROR, TOOL_ERROR])
    with pytest.raises(DesignError, match="per_case=0"):
        inject(suite(), per_case=0)


def test_a_fault_of_ones_own_is_counted_like_ours():
    def forget(blow: Any) -> Any:
        return ({**blow.given[0], "behalf": "somebody else"},)

    stale = Fault(kind="stale approval", at=("worker",), before=forget)
    assert inject(suite(), [stale]).counts("stale approval")["recovered"] == 4


def test_progress_comes_to_its_end():
    seen: list[tuple[int, int]] = []
    inject(suite(), [ROUTER_OUTAGE], progress=lambda done, total: seen.append((done, total)))
    done, total = seen[-1]
    assert done == total == len(seen)


def end_of(ran: Trajectory, **labels: Any) -> Injected:
    one, whole = case(1, **labels), Trajectory(state={"refunds": [1]})
    wrong = contradicted(one, ran, whole)
    spot = Spot(kind="tool", name="t")
    return Injected(
        case=one,
        fault="f",
        spot=spot,
        visit=1,
        times=1,
        trajectory=ran,
        unbroken=whole,
        wrong=wrong,
    )


def test_the_end_of_a_broken_run_is_told_by_its_labels():
    paid: dict[str, Any] = {"state": {"refunds": [1]}}
    assert end_of(Trajectory(**paid)).end == "recovered"
    assert end_of(Trajectory(status="escalated", **paid)).end == "handed over"
    assert end_of(Trajectory(status="exhausted", **paid)).end == "handed over"
    assert end_of(Trajectory(state={"refunds": []})).end == "silent failure"
    assert end_of(Trajectory(state={"refunds": [1, 1]})).end == "silent failure"
    assert end_of(Trajectory(status="rejected", **paid)).end == "other"
    assert end_of(Trajectory(status="error", error="KeyError: x", **paid)).end == "crashed"
    assert end_of(Trajectory(status="unfinished", **paid)).end == "crashed"


def test_without_labels_the_unbroken_run_says_what_is_right():
    twice = (ToolCall(name="pay", key="pay:1"), ToolCall(name="pay", key="pay:1"))
    ran = end_of(Trajectory(calls=twice), outcome=None, state=None)
    assert (ran.wrong, ran.repeated, ran.end) == (("effects",), 1, "silent failure")
    other = end_of(Trajectory(status="aborted"), outcome=None, state=None)
    assert (other.wrong, other.end) == (("outcome",), "other")


def test_a_report_is_plain_data_and_a_table_with_intervals():
    report = inject(suite(blind), [FALSE_SUCCESS, ROUTER_OUTAGE])
    figures = json.loads(json.dumps(report.as_data()))
    assert figures["kinds"]["false success"]["silent failure"] == 2
    assert figures["silent_failure_rate"]["low"] < figures["silent_failure_rate"]["value"]
    assert figures["struck"] == len(report.rows)
    lines = str(report).splitlines()
    assert lines[0].split()[:2] == ["fault", "struck"]
    assert any(line.startswith("silent failures: ") for line in lines)
    with pytest.raises(DesignError, match="give one of recovered"):
        report.share("lost")
