from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals.metrics import confusion, routing_accuracy, routing_macro_f1
from quintet.stats import proportion, wilson
from tests.evals.metrics.runs import bare, case, point, run, value

ROUTES = st.sampled_from(["billing", "shipping", "person", ""])
LABELS = st.one_of(st.none(), st.lists(st.sampled_from(["billing", "shipping"]), min_size=1))
PAIRS = st.lists(st.tuples(LABELS.map(lambda r: case(route=r)), ROUTES.map(lambda r: run(route=r))))


def told(*pairs: tuple[str, str]):
    return [
        (case(input=f"{number}", route=expected), run(route=chosen))
        for number, (expected, chosen) in enumerate(pairs)
    ]


def test_a_route_among_the_acceptable_ones_is_right_and_any_other_is_wrong():
    either = case(route=("billing", "shipping"))
    assert point(routing_accuracy, either, run(route="shipping")) == (1.0, 1.0)
    assert point(routing_accuracy, either, run(route="vendor")) == (0.0, 1.0)
    assert point(routing_accuracy, either, run(route="")) == (0.0, 1.0)


@pytest.mark.parametrize("metric", [routing_accuracy, routing_macro_f1], ids=lambda m: m.name)
def test_routing_says_nothing_of_a_case_without_a_label(metric):
    assert point(metric, case(), run(route="billing")) is None


def test_macro_f1_weighs_a_rare_route_like_a_common_one():
    # a: precision 3/4, recall 1 -> 6/7; b: never chosen -> 0.
    pairs = told(("a", "a"), ("a", "a"), ("a", "a"), ("b", "a"))
    assert value(routing_macro_f1, pairs) == pytest.approx(3 / 7)
    assert value(routing_accuracy, pairs) == 0.75


def test_macro_f1_takes_the_chosen_route_as_expected_where_it_is_acceptable():
    either = case(route=("billing", "shipping"))
    assert point(routing_macro_f1, either, run(route="shipping")) == ("shipping", "shipping")
    assert point(routing_macro_f1, either, run(route="vendor")) == ("billing", "vendor")


def test_a_run_that_raised_was_routed_to_nobody():
    broken = run(status="error", error="ValueError: x", route="billing")
    assert point(routing_macro_f1, case(route="billing"), broken) == ("billing", "nobody")


def test_macro_f1_of_no_runs_is_none():
    assert value(routing_macro_f1, []) is None


@given(PAIRS, st.randoms(use_true_random=False))
def test_routing_stays_within_0_and_1_and_does_not_depend_on_the_order(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    for metric in (routing_accuracy, routing_macro_f1):
        found = value(metric, pairs)
        assert found is None or 0 <= found <= 1
        assert found == pytest.approx(value(metric, shuffled)) or found is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab")), min_size=1))
def test_macro_f1_is_1_exactly_where_every_route_is_right(pairs):
    right = all(expected == chosen for expected, chosen in pairs)
    assert (value(routing_macro_f1, told(*pairs)) == 1) == right


def test_a_confusion_matrix_counts_expected_by_chosen():
    found = confusion(
        bare(*pair) for pair in told(("a", "a"), ("a", "b"), ("a", "b"), ("b", "b"), ("b", ""))
    )
    assert found.labels == ("a", "b", "nobody")
    assert found.counts == ((1, 2, 0), (0, 1, 1), (0, 0, 0))
    assert found.total == 5
    assert [(m.expected, m.chosen, m.count) for m in found.worst] == [
        ("a", "b", 2),
        ("b", "nobody", 1),
    ]


def test_each_route_has_precision_and_recall_with_wilsons_interval():
    found = confusion(bare(*pair) for pair in told(("a", "a"), ("a", "b"), ("b", "b")))
    a, b = found.routes
    assert (a.precision, a.recall, a.expected, a.chosen) == (1.0, 0.5, 2, 1)
    assert (b.precision, b.recall, b.expected, b.chosen) == (0.5, 1.0, 1, 2)
    assert a.recall_interval == wilson(1, 2)
    assert b.precision_interval == wilson(1, 2)


def test_a_route_that_nobody_chose_has_no_precision_and_one_nobody_expects_no_recall():
    a, b = confusion(bare(*pair) for pair in told(("a", "b"))).routes
    assert (a.precision, a.recall, b.precision, b.recall) == (None, 0.0, 0.0, None)


def test_repeats_of_a_case_make_its_interval_no_narrower_than_they_may():
    pairs = [(case(input=f"{n % 2}", route="a"), run(route="ab"[n % 2])) for n in range(8)]
    (a, *_) = confusion(bare(*pair) for pair in pairs).routes
    clusters = [(pair[0].id, pair[1].route == "a", 1) for pair in pairs]
    assert a.recall_interval == proportion(clusters)
    assert a.recall_interval.width > wilson(4, 8).width


def test_routes_stand_by_name_and_nobody_last():
    found = confusion(bare(*pair) for pair in told(("vendor", ""), ("billing", "vendor")))
    assert found.labels == ("billing", "vendor", "nobody")


def test_a_confusion_of_nothing_is_empty():
    found = confusion([bare(case(), run(route="a"))])
    assert (found.labels, found.counts, found.worst, found.total) == ((), (), (), 0)
