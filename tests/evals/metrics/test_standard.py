from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from quintet.evals import Case, Metric, ToolCall, Trajectory, metrics
from quintet.evals.metrics import STANDARD, coverage_at_risk, pass_hat_k, risk_at_coverage
from quintet.evals.trajectory import CALL_STATUSES
from quintet.state.decision import KINDS
from tests.evals.metrics.runs import decided, failed, point

CONSTANTS = {n: m for n in metrics.__all__ if isinstance(m := getattr(metrics, n), Metric)}
EVERY = (*CONSTANTS.values(), pass_hat_k(2), risk_at_coverage(), coverage_at_risk())

NAMES = st.sampled_from(["a", "b", "person"])
LISTS = st.lists(NAMES, max_size=3)


def maybe(strategy):
    return st.one_of(st.none(), strategy)


CASES = st.builds(
    Case,
    input=st.just("hello"),
    route=maybe(st.lists(NAMES, min_size=1, max_size=2)),
    plan=maybe(LISTS),
    calls=maybe(LISTS),
    path=maybe(LISTS),
    outcome=maybe(st.sampled_from(["done", "escalated"])),
    escalate=maybe(st.booleans()),
    approval=maybe(st.booleans()),
    never=LISTS,
    state=maybe(st.just({"k": 1})),
)
RUNS = st.builds(
    Trajectory,
    status=st.sampled_from(["done", "escalated", "unfinished", "waiting", "routed", "error", ""]),
    route=st.sampled_from(["", "a", "b", "person"]),
    best=st.sampled_from(["", "a"]),
    confidence=maybe(st.floats(0, 1)),
    escalated=st.booleans(),
    asked=st.sampled_from([(), ("a",)]),
    path=LISTS.map(tuple),
    plan=maybe(LISTS.map(tuple)),
    calls=st.lists(
        st.builds(
            ToolCall,
            name=NAMES,
            status=st.sampled_from(CALL_STATUSES),
            node=st.sampled_from(["", "a", "b"]),
            key=st.sampled_from(["", "k"]),
            retry=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    decisions=st.lists(
        st.builds(
            decided,
            st.sampled_from(KINDS),
            st.sampled_from(["a", "b", "plan 1: x>a", "refused", "done"]),
            node=NAMES,
            at=st.floats(0, 9),
        ),
        max_size=5,
    ).map(tuple),
    failures=st.lists(
        st.builds(
            failed,
            NAMES,
            st.sampled_from(["ContractBroken", "HandoffLoop", "DesignError", "ValueError"]),
            st.sampled_from(["m", "contract 'x' needs y, which the context lacks"]),
            at=st.floats(0, 9),
        ),
        max_size=3,
    ).map(tuple),
    faults=st.sampled_from([(), ("tool_error",)]),
    state=st.sampled_from([{}, {"k": 1}, {"k": 2}]),
    spent=st.sampled_from([{}, {"tokens": 7, "money": 0.1, "model_calls": 2}]),
    seconds=st.sampled_from([0.0, 0.5]),
    error=st.sampled_from(["", "", "ValueError: x"]),
)


def test_the_standard_metrics_have_names_of_their_own():
    names = [metric.name for metric in STANDARD]
    assert len(names) == len(set(names))
    assert set(names) <= set(CONSTANTS)


def test_each_metric_is_found_under_its_own_name():
    assert {name: metric.name for name, metric in CONSTANTS.items()} == {n: n for n in CONSTANTS}


def test_each_metric_says_its_definition_in_a_sentence():
    for metric in EVERY:
        assert len(metric.about) > 30, metric.name
        assert metric.about.endswith("."), metric.name
        assert metric.about[0].isupper() or metric.about.startswith("2 "), metric.name


def test_a_metric_goes_to_another_process_and_comes_back():
    case = Case(input="x", route="a", calls=["t"], path=["a"], outcome="done")
    run = Trajectory(route="a", confidence=0.5, calls=(ToolCall(name="t"),), spent={"tokens": 3})
    for metric in EVERY:
        again = pickle.loads(pickle.dumps(metric))
        assert (again.name, again.about) == (metric.name, metric.about)
        found = point(metric, case, run)
        assert point(again, case, run) == found, metric.name
        if metric.over is not None and found is not None:
            assert again.over([found]) == metric.over([found]), metric.name


def test_a_case_without_labels_and_a_run_that_says_nothing_leave_only_that_it_ended():
    found = {m.name for m in EVERY if point(m, Case(input="x"), Trajectory()) is not None}
    assert found == {"silent_ends"}


@given(CASES, RUNS)
def test_a_share_lies_within_0_and_1_and_nothing_is_negative(case, run):
    for metric in EVERY:
        found = point(metric, case, run)
        if found is None or metric.over is not None:
            continue
        part, whole = found
        assert part >= 0, metric.name
        assert whole >= 0, metric.name
        assert metric.unit != "share" or part <= whole > 0, metric.name


@given(st.lists(st.tuples(CASES, RUNS), max_size=6))
def test_what_looks_at_all_runs_says_a_number_or_none(pairs):
    for metric in EVERY:
        if metric.over is not None:
            found = metric.over([p for pair in pairs if (p := point(metric, *pair)) is not None])
            assert found is None or -1e-9 <= found <= 1 + 1e-9, metric.name


@given(CASES)
def test_of_a_run_that_raised_nothing_good_is_said(case):
    broken = Trajectory(status="error", error="ValueError: x")
    for metric in STANDARD:
        if metric.name in ("all_labels", "recovery_rate", "abstention_recall", "escalation_recall"):
            found = point(metric, case, broken)
            assert found is None or found == (0.0, 1.0), metric.name
