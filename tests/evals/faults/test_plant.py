"""Test latent faults: where they are caught, how far they come, and what is a false alarm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from quintet.evals import LATENT, Case, GraphTarget, Suite, Trajectory, breakable, inject, plant
from quintet.graphs import create_event_driven, create_sequential
from quintet.nodes import Recovery, Worker, escalate
from quintet.state import Contract, Event, as_recorded, belongs_to, deliver, unmet

RECORD = {"mia": {"owner": "mia", "total": 31.5}, "bo": {"owner": "bo", "total": 47.0}}


def find(request: Any) -> dict[str, Any]:
    return dict(RECORD[request["behalf"]])


def write(request: Any) -> dict[str, Any]:
    return {"owner": request["find"]["owner"], "told": f"You paid {request['find']['total']:.2f}."}


def right(state: Any) -> Any:
    told = state["results"]["write"]["told"]
    return f"{RECORD[state['behalf']]['total']:.2f}" in told or unmet("the sum is wrong")


def desk(*, at_edge: bool = True, at_end: bool = True) -> Suite:
    """Build two workers; the first is held against its record, or the end alone is."""
    held = (as_recorded(lambda request, result: RECORD[request["behalf"]]),) if at_edge else ()
    graph = create_sequential(
        {
            "find": Worker(
                agent=find, contract=Contract(goal="find", needs=("behalf",), success=held)
            ),
            "write": Worker(agent=write, contract=Contract(goal="write", needs=("find",))),
        },
        recover=Recovery(otherwise=escalate()),
        success=(right,) if at_end else (),
    )

    def observe(run: Any) -> dict[str, Any]:
        return {"state": {"told": (run.values.get("results") or {}).get("write", {}).get("told")}}

    cases = [
        Case(
            id=name,
            input={"behalf": name},
            outcome="done",
            state={"told": f"You paid {RECORD[name]['total']:.2f}."},
        )
        for name in RECORD
    ]
    app = graph.compile(checkpointer=InMemorySaver())
    return Suite(name="desk", cases=cases, target=GraphTarget(app=app, observe=observe))


def at_find(row: Any) -> bool:
    return bool(row.row.node == "find")


def test_a_wrong_value_is_caught_at_the_edge_by_a_criterion_on_its_record():
    report = plant(desk(), per_case=4)
    found = [run for run in report.runs if at_find(run)]
    assert {run.row.fault for run in found} == {fault.kind for fault in LATENT}
    assert all(run.at_edge and run.caught == "find" for run in found)
    assert report.as_data()["silent"] == 0


def test_what_only_the_end_notices_has_come_through_the_next_step():
    report = plant(desk(at_edge=False), per_case=4)
    totals = [run for run in report.runs if at_find(run) and run.row.wrong]
    assert totals
    assert {(run.caught, run.radius, run.at_edge) for run in totals} == {("end", 1, False)}


def test_what_nobody_notices_is_silent_and_its_radius_runs_to_the_end():
    report = plant(desk(at_edge=False, at_end=False), per_case=4)
    data = report.as_data()
    assert data["silent"] > 0
    assert data["caught"]["value"] == 0
    assert data["caught_at_edge"]["low"] == 0
    assert all(run.radius == 1 for run in report.runs if at_find(run))
    assert "not caught" in str(report)


def test_anothers_record_is_what_the_same_part_gave_in_another_case():
    suite = desk(at_edge=False, at_end=False)
    kinds = [replace(LATENT[2], at=("agent",), times=(1,))]
    rows = {row.case.id[:2]: row for row in inject(suite, kinds).rows if row.node == "write"}
    for name, row in rows.items():
        other = "bo" if name == "mi" else "mia"
        assert row.trajectory.state["told"] == f"You paid {RECORD[other]['total']:.2f}."


def test_a_fault_of_anothers_record_strikes_nowhere_where_there_is_no_other():
    suite = desk()
    alone = replace(suite, cases=suite.cases[:1])
    report = plant(alone, LATENT)
    assert not report.of("another's record")
    assert "cascade radius: 0.00 nodes, 0 at most" in str(report)  # of one case: no interval


def test_an_unbroken_run_that_is_stopped_is_a_false_alarm():
    suite = desk()
    suspicious = create_sequential(
        {
            "find": Worker(
                agent=find,
                contract=Contract(
                    goal="find",
                    needs=("behalf",),
                    success=(belongs_to("owner", whose=lambda _: "bo"),),
                ),
            ),
            "write": Worker(agent=write, contract=Contract(goal="write", needs=("find",))),
        },
        recover=Recovery(otherwise=escalate()),
    )
    target = replace(suite.target, app=suspicious.compile(checkpointer=InMemorySaver()))
    report = plant(suite.on(target))
    assert report.report.stopped == ("mia",)
    alarms = report.as_data()["false_alarms"]
    assert alarms["value"] == 0.5
    assert alarms["low"] < 0.5 < alarms["high"]
    assert not plant(suite).report.stopped


class Sum(TypedDict):
    total: float


def test_a_change_of_what_a_worker_does_not_take_of_a_nested_graph_is_not_planted():
    def step(result: Any, **more: Any) -> Worker:
        contract = Contract(goal="add", needs=("behalf",), **more)
        return Worker(agent=result, contract=contract)

    parts = {"rows": step(lambda _: {"rows": [10.5, 21.0]}), "sum": step(lambda _: {"total": 31.5})}
    team = create_sequential(parts).compile()
    app = create_sequential({"team": step(team, gives=Sum)}).compile()
    target = GraphTarget(app=app, observe=lambda run: {"state": {"sum": run.results["team"]}})
    cases = [Case(id="mia", input={"behalf": "mia"}, state={"sum": {"total": 31.5}})]
    wrong = replace(LATENT[0], at=("agent",), times=(1,))
    report = plant(Suite(cases=cases, target=target), [wrong], per_case=12)
    assert 0 < len(report.runs) < len(report.report.rows)
    assert all(run.row.wrong for run in report.runs)


@dataclass
class Alert:
    service: str


def test_what_a_later_visit_of_the_same_node_catches_has_come_through_those_between():
    def note(alert: Alert) -> dict[str, Any]:
        return {"noted": alert.service}

    def run(case: Case) -> Trajectory:  # another graph for each, as other events go into each
        return GraphTarget(app=breakable(create_event_driven({"note": note})).compile())(case)

    events = {n: Event.of(Alert(n), id=n, source="test") for n in ("web-1", "db-2")}
    cases = [Case(id=n, input=deliver(event), outcome="done") for n, event in events.items()]
    others = replace(LATENT[2], at=("node",), times=(1,))
    report = plant(Suite(cases=cases, target=run), [others], per_case=9)
    again = [one for one in report.runs if one.row.trajectory.path.count("note") == 2]
    assert {(one.caught, one.radius, one.at_edge) for one in again} == {("dispatch", 1, False)}


class State(TypedDict, total=False):
    sum: float
    told: str
    checked: bool


def by_hand(*, checks: bool) -> Suite:
    """Build a loop on bare LangGraph, in which a checker may send a wrong sum back."""

    def look(state: State) -> dict[str, Any]:
        return {"sum": 31.5}

    def check(state: State) -> dict[str, Any]:
        return {"checked": not checks or state["sum"] == 31.5}

    graph: StateGraph[Any] = StateGraph(State)
    graph.add_node("look", look)
    graph.add_node("check", check)
    graph.add_edge(START, "look")
    graph.add_edge("look", "check")
    graph.add_conditional_edges("check", lambda s: END if s["checked"] else "look", ["look", END])
    app = graph.compile(checkpointer=InMemorySaver())
    cases = [Case(id=f"c{n}", input={"told": "x"}, state={"sum": 31.5}) for n in range(3)]
    target = GraphTarget(app=app, observe=lambda run: {"status": "done", "escalated": False})
    return Suite(name="by hand", cases=cases, target=target)


@pytest.mark.parametrize(("checks", "caught"), [(True, "check"), (False, "")])
def test_a_step_that_sends_control_back_has_caught_it(checks, caught):
    once = [replace(LATENT[0], times=(1,))]
    runs = plant(by_hand(checks=checks), once).runs
    assert len(runs) == 3
    assert {run.caught for run in runs} == {caught}
    assert {run.radius for run in runs} == ({0} if checks else {1})
