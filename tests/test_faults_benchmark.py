"""Test the fault benchmark: its figures, its two desks, and what it counts."""

import json
from dataclasses import replace

import pytest

from benchmarks import faults, faults_latent, faults_retail, faults_systems
from benchmarks.faults import KINDS, attributed, counted, duplicates, main, strange
from benchmarks.faults_support import (
    OnFreshShop,
    cases,
    hand_written,
    labelled,
    quintets,
    yes_or_no,
)
from benchmarks.faults_table import table
from examples.retail.data import DataMissing, load
from quintet.evals import Suite, Trajectory
from quintet.evals.faults import Spot
from quintet.evals.faults.inject import inject
from quintet.evals.faults.injected import FaultReport, Injected
from quintet.evals.faults.kinds import FALSE_SUCCESS, LOST_REPLY

CHOSEN = ("m001", "m002", "m030", "m100")


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    """Give both support desks, each with its known cases."""
    found = {}
    for name, desk, answer in (("ours", quintets, yes_or_no), ("hand", hand_written, str)):
        folder = tmp_path_factory.mktemp(name)
        target = OnFreshShop(desk=desk, folder=folder, answer=answer)
        chosen = tuple(case for case in cases(single=True) if case.id in CHOSEN)
        found[name] = Suite(cases=labelled(target, chosen), target=target)
    return found


def kinds(*names):
    return [fault for fault in KINDS if fault.kind in names]


def test_both_desks_end_alike_while_nothing_is_broken(desks):
    ours, hand = desks["ours"], desks["hand"]
    assert [case.id for case in ours.cases] == [case.id for case in hand.cases] == list(CHOSEN)
    for one, other in zip(ours.cases, hand.cases, strict=True):
        assert one.state == other.state


def test_false_success_is_silent_at_the_desk_by_hand_and_not_at_quintets(desks):
    ours, hand = (inject(suite, kinds(FALSE_SUCCESS.kind)) for suite in desks.values())
    assert ours.rows
    assert not ours.silent
    assert hand.silent_failure_rate == 1


def test_a_lost_reply_is_paid_twice_by_hand_and_looked_at_by_a_person_at_quintets(desks):
    first = {name: replace(suite, cases=suite.cases[:1]) for name, suite in desks.items()}
    ours, hand = (inject(suite, kinds(LOST_REPLY.kind)) for suite in first.values())
    assert [(row.end, duplicates(row)) for row in ours.rows] == [("handed over", 0)]
    assert [(row.end, duplicates(row)) for row in hand.rows] == [("silent failure", 1)]


def row(real, right, fault="lost reply"):
    return Injected(
        case=cases(single=True)[0],
        fault=fault,
        spot=Spot(kind="tool", name="issue_refund"),
        node="billing",
        visit=1,
        times=1,
        trajectory=Trajectory(state={"refunds": real}),
        unbroken=Trajectory(state={"refunds": right}),
    )


def test_what_is_written_twice_is_told_from_what_is_written_wrongly():
    five, six = {"amount": 5}, {"amount": 6}
    assert (duplicates(row([five], [five])), strange(row([five], [five]))) == (0, 0)
    assert (duplicates(row([five] * 3, [five])), strange(row([five] * 3, [five]))) == (2, 0)
    assert (duplicates(row([six, five], [five])), strange(row([six, five], [five]))) == (0, 1)
    assert (duplicates(row([], [five])), strange(row([], [five]))) == (0, 0)


def test_counts_and_table_have_every_kind_that_struck():
    rows = (row([{"amount": 5}], []), row([], [], "model 429"))
    report = FaultReport(suite="s", rows=rows, kinds=("lost reply", "model 429"), cases=1)
    figures = counted(rows, report)
    assert (figures["struck"], figures["strange_writes"], figures["duplicates"]) == (2, 1, 0)
    assert figures["kinds"]["lost reply"]["strange_writes"] == 1
    machine = {"processor": "p", "cores": 2}
    about = {"date": "d", "machine": machine, "versions": {"python": "3"}, "seed": 0, "seconds": 1}
    shared = {"attribution": attributed(rows), "attribution_by_hand": attributed(())}
    whole = {"support": figures, "retail_skipped": "no data", "silent_runs": ["m1: x"]}
    said = table({**about, **shared, **whole})
    assert "| lost reply | 1 |" in said
    assert "skipped: no data" in said
    assert "- m1: x" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", faults_systems.MEASURED)
def test_no_system_is_silent_about_a_fault(name):
    system = faults_systems.labelled_systems()[name]
    report = inject(faults_systems.suite_of(system, limit=1), KINDS)
    assert len(report.rows) >= 7
    assert not report.silent


@pytest.mark.slow
def test_a_small_run_prints_one_object_and_quintet_is_never_silent(capsys, monkeypatch):
    monkeypatch.setattr(faults_systems, "MEASURED", ("handbook",))
    assert main(["--json", "--cases", "1"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["silent"] == 0
    assert figures["struck"] > 10
    assert figures["by_hand"]["silent failure"] >= 1
    assert figures["attribution"]["share"] > 0.8
    assert set(figures["systems"]) == {"handbook"}
    assert all(counts["silent failure"] == 0 for counts in figures["systems"].values())
    latent = figures["latent"]
    assert latent["planted"] > 3
    assert latent["caught_at_edge"]["value"] > latent["by_hand"]["caught_at_edge"]["value"]
    assert latent["radius"]["value"] <= 1
    assert set(latent["systems"]) >= {"support", "handbook"}


NONE = {"value": None, "low": 0.0, "high": 1.0}
FOUND = {"value": 0.95, "low": 0.9, "high": 1.0}
COUNTS = {
    "planted": 300,
    "caught_at_edge": FOUND,
    "caught": FOUND,
    "radius": {"value": 0.5, "low": 0.2, "high": 0.7, "most": 2},
    "false_alarms": {"value": 0.0, "low": 0.0, "high": 0.1},
    "silent": 1,
}
LATENT_FIGURES = {**COUNTS, "systems": {"one": {**COUNTS, "caught": NONE}}, "by_hand": COUNTS}


def test_latent_figures_are_a_table_and_each_goal_that_they_miss_is_named():
    said = faults_latent.latent_table(LATENT_FIGURES)
    assert "| one | 300 | 95.0% [90.0%, 100.0%] | none | 0.50 [0.20, 0.70] | 2 |" in said
    assert "the support desk by hand" in said
    assert faults_latent.missed(LATENT_FIGURES) == []
    few = {**LATENT_FIGURES, "planted": 299, "caught_at_edge": {**FOUND, "value": 0.89}}
    assert faults_latent.missed(few) == ["299 planted", "caught at the edge"]
    radius = {**COUNTS["radius"], "value": 1.1}
    far = {**LATENT_FIGURES, "radius": radius, "false_alarms": {**FOUND, "value": 0.03}}
    assert faults_latent.missed(far) == ["cascade radius", "false alarms"]


def test_without_the_retail_data_the_reason_is_told(monkeypatch, capsys):
    def missing():
        raise DataMissing("no folder")

    monkeypatch.setattr(faults, "load", missing)
    monkeypatch.setattr(faults, "KINDS", tuple(kinds("router outage")))
    monkeypatch.setattr(faults, "labelled_systems", dict)
    monkeypatch.setattr(faults, "latent", lambda *_, **options: LATENT_FIGURES)
    assert main(["--cases", "1"]) == 0
    assert "The retail desk was skipped: no folder" in capsys.readouterr().out


def test_the_retail_tasks_end_as_the_reference_says(shared_data):
    data = load(shared_data / "tau2_retail")
    target = faults_retail.OnFreshStore(data=data)
    for case in faults_retail.cases(data)[:3]:
        ran = target(case)
        assert ran.state["changes"] == case.state["changes"]
