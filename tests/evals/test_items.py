"""Test that one name or thing in place of several, and a part of the wrong kind, is refused."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from langgraph.graph import END, START, StateGraph

from quintet.errors import DesignError
from quintet.evals import (
    Case,
    Fault,
    Gate,
    GraphTarget,
    Metric,
    Suite,
    Trajectory,
    Variant,
    ablate,
    balance,
    breakable,
    compare,
    corrections,
    evaluate,
    harvest,
    inject,
    load_report,
    open_suite,
    read_cases,
    read_messages,
    recorded_messages,
    recorded_runs,
    recorded_threads,
    save_runs,
    side_by_side,
    variants_of,
    write_cases,
)
from quintet.evals.items import names_in
from quintet.evals.metrics import (
    abstention_metrics,
    coverage_at_risk,
    risk_at_coverage,
    router_metrics,
    routing_accuracy,
    slices,
)
from quintet.evals.metrics.selective import risk_curve
from quintet.evals.row import Row
from quintet.evals.scoring import metrics_of

CASE = Case(input="x", route="billing")
ROW = Row(case=CASE, trajectory=Trajectory(route="person"), scores={"routing_accuracy": (0.0, 1.0)})
FAULT = Fault(kind="x", at=("tool",), rounds=2)
TALK = [{"role": "user", "content": "hi"}]


def graph():
    built = StateGraph(dict)
    built.add_node("a", lambda state: {})
    built.add_edge(START, "a")
    built.add_edge("a", END)
    return built


TAKERS = [
    lambda names: GraphTarget(app=graph().compile(), people=names),
    lambda names: GraphTarget(app=graph().compile(), routes=names),
    lambda names: recorded_messages([TALK], people=names),
    lambda names: read_messages(TALK, people=names),
    lambda names: harvest({}, people=names),
    lambda names: harvest({}, routes=names),
    lambda names: harvest({}, path=names),
    lambda names: recorded_threads("sqlite:///:memory:", people=names),
    lambda names: recorded_threads("sqlite:///:memory:", routes=names),
    lambda names: recorded_runs("none.jsonl", people=names),
    lambda names: recorded_runs("none.jsonl", routes=names),
    abstention_metrics,
    router_metrics,
    lambda names: risk_at_coverage(people=names),
    lambda names: coverage_at_risk(people=names),
    lambda names: risk_curve([], people=names),
    lambda names: balance([CASE], people=names),
    lambda names: corrections([ROW], people=names),
    variants_of,
    lambda names: variants_of(("a", "b", "c"), [names]),
    lambda names: Variant(kind="without", agents=names),
    lambda names: breakable(graph(), whole=names),
    lambda names: breakable(graph(), fields={"a": names}),
    lambda names: Fault(kind="x", at=names, rounds=2),
    lambda names: slices([ROW], routing_accuracy, by=lambda row: names),
    lambda names: open_suite("none.py", names).__enter__(),
]


@pytest.mark.parametrize("take", TAKERS, ids=range(len(TAKERS)))
def test_one_text_is_one_name_and_not_its_letters(take):
    with pytest.raises(DesignError, match=r"'supervisor' is one name; .*\('supervisor',\)"):
        take("supervisor")
    with pytest.raises(DesignError, match=r"7 is (not a name|no list)"):
        take(7)


def test_names_may_come_in_any_collection():
    for names in (["a", "b"], ("a", "b"), {"a": 1, "b": 2}, {"a": 1, "b": 2}.keys(), iter("ab")):
        assert names_in(names, "x") == ("a", "b")
    assert GraphTarget(app=graph().compile(), people=["lena"]).people == ("lena",)


SUITE = partial(Suite, cases=(CASE,), target=print)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Gate(metric="x", at_least="0.9"), "at_least='0.9'.: give a finite number"),
        (lambda: Gate(metric="x", at_most=float("nan")), "at_most=nan.: give a finite number"),
        (lambda: Gate(metric="x", at_most=True), "at_most=True.: give a finite number"),
        (lambda: Gate(metric=None, none=True), "metric=None.: give a metric's name"),
        (lambda: Gate(metric="x", none="no"), "give one of at_least"),
        (lambda: Metric(name=None, score=print), "name=None.: give the metric a name"),
        (lambda: Metric(name="x", score=None), "score=None is no function"),
        (lambda: Metric(name="x", score=print, over=3), "over=3 is no function"),
        (lambda: Metric(name="x", score=print, better="bigger"), "give one of higher, lower"),
        (lambda: Metric(name="x", score=print, unit="percent"), "give one of share, seconds"),
        (lambda: SUITE(gates=Gate(metric="x", none=True)), "Suite.gates=.*give a list of Gates"),
        (lambda: SUITE(gates=None), "Suite.gates=.*None is no list"),
        (lambda: SUITE(gates=[("x", 0.9)]), "Suite.gates=.*is not a Gate"),
        (lambda: SUITE(metrics=print), "Suite.metrics=.*give a list of metrics"),
        (lambda: SUITE(metrics=None), "Suite.metrics=.*None is no list"),
        (lambda: SUITE(cases=CASE), "Suite.cases=.*give a list of Cases"),
        (lambda: SUITE(cases=None), "Suite.cases=.*None is no list"),
        (lambda: SUITE(confidence="0.95"), "confidence='0.95'"),
        (lambda: SUITE(seed=None), "seed=None.: give a whole number"),
        (lambda: SUITE(name=None), "name=None.: give a text"),
        (lambda: SUITE().sampled("3"), "sampled.'3'.: give a whole number"),
        (lambda: SUITE().sampled(2.5), "sampled.2.5.: give a whole number"),
        (lambda: SUITE().tagged(["a"]), "tagged.*is not a name"),
        (lambda: risk_at_coverage("0.8"), "coverage='0.8': give a share"),
        (lambda: evaluate(print, CASE), "evaluate.cases=.*give a list of Cases"),
        (lambda: read_messages(None), "read_messages.*give a list of messages"),
        (lambda: read_messages("hi"), "read_messages.*'hi' is no list"),
        (lambda: recorded_messages([TALK], fields=["id"]), "fields=.*give a mapping"),
        (lambda: harvest(None), "harvest.None.: give a graph's state"),
        (lambda: save_runs(None, "x"), "save_runs.*give a list of runs"),
        (lambda: write_cases(CASE, "x.jsonl"), "write_cases.*give a list of Cases"),
        (lambda: compare("old.jsonl", None), "compare.*'old.jsonl' is not a Report"),
        (
            lambda: inject(SUITE(), FAULT),
            "inject.*list of Faults",
        ),
        (lambda: side_by_side(SUITE(), [print, print]), "give targets by name"),
    ],
)
def test_a_part_of_the_wrong_kind_is_refused_with_what_to_give(make, said):
    with pytest.raises(DesignError, match=said):
        make()


def test_variants_are_a_list():
    suite = SUITE(cases=[Case(input="x", outcome="done")], target=graph().compile())
    with pytest.raises(DesignError, match=r"ablate.*give a list of Variants"):
        ablate(suite, Variant())


def test_any_finite_number_is_a_limit():
    assert Gate(metric="x", at_least=1).at_least == 1
    with pytest.raises(DesignError, match="finite"):
        Gate(metric="x", at_least=Decimal("0.9"))


def mentions(words):
    def mentioned(case, run):
        return any(word in str(run.answer) for word in words)

    return mentioned


@pytest.mark.parametrize(
    ("metrics", "gates", "said"),
    [
        ([mentions(["a"]), mentions(["b"])], [], "two metrics have the name 'mentioned'"),
        ([lambda case, run: True, lambda case, run: False], [], "two metrics have the name"),
        (
            [*router_metrics(("a",)), *router_metrics(("b",))],
            [],
            "two metrics have the name 'abstention_precision'",
        ),
        ([], [Gate(metric="silent_ends", at_most=5)], "its figure is a share"),
        ([], [Gate(metric="all_labels", at_least=-1)], "its figure is a share"),
        ([], [Gate(metric="all_labels", none=True)], "higher is better; give at_least"),
        ([], [Gate(metric="silent_ends", at_least=0.9)], "lower is better; give at_most"),
    ],
)
def test_metrics_that_hide_each_other_and_gates_that_never_break_are_refused(metrics, gates, said):
    with pytest.raises(DesignError, match=said):
        evaluate(SUITE(target=lambda case: Trajectory(), metrics=metrics, gates=gates))


def test_a_metric_may_take_a_ready_made_ones_place_and_a_function_may_mean_either_side():
    boss = router_metrics(("boss",))
    suite = SUITE(
        metrics=[routing_accuracy, *router_metrics(), *abstention_metrics(), *boss[7:]],
        gates=[Gate(metric="latency_seconds", at_most=5)],
    )
    with pytest.raises(DesignError, match="two metrics have the name"):
        metrics_of(suite)
    ready = [routing_accuracy, *router_metrics(), *abstention_metrics(), mentions(["a"])]
    gates = [Gate(metric="latency_seconds", at_most=5), Gate(metric="mentioned", none=True)]
    assert metrics_of(SUITE(metrics=ready, gates=gates))


@pytest.mark.parametrize("path", [5, b"rows.jsonl", [], True, "rows\0.jsonl"])
def test_what_is_no_path_is_refused_wherever_a_file_is_named(path):
    suite = Suite(cases=[Case(id="a", input="x")], target=lambda case: Trajectory())
    for named in (
        partial(evaluate, suite, into=path),
        partial(evaluate(suite).save, path),
        partial(load_report, path),
        partial(read_cases, path),
        partial(recorded_runs, path),
        partial(write_cases, suite.cases, path),
    ):
        with pytest.raises(DesignError, match="is no path; give the name of a file"):
            named()
