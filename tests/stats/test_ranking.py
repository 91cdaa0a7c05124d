from __future__ import annotations

from itertools import permutations
from math import comb
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    f1_score,
    roc_auc_score,
    roc_curve,
)

from quintet.state import DesignError
from quintet.stats import (
    augrc,
    aurc,
    auroc,
    confusion,
    eaurc,
    ece,
    fpr_at_tpr,
    macro_f1,
    pass_hat_k,
    reliability,
    risk_coverage,
    wilson,
)
from quintet.stats.ranking import auroc_interval

scored = st.lists(st.tuples(st.integers(0, 12).map(lambda n: n / 12), st.booleans()), min_size=1)
both = scored.filter(lambda rows: len({positive for _, positive in rows}) == 2)
labelled = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40
)


@settings(deadline=None)
@given(both, st.randoms())
def test_auroc_is_that_of_sklearn_with_ties_and_in_any_order(rows, random):
    scores, positives = zip(*rows, strict=True)
    area = auroc(scores, positives)
    assert area == pytest.approx(roc_auc_score(positives, scores))
    assert auroc([-score for score in scores], positives) == pytest.approx(1 - area)
    random.shuffle(rows)
    assert auroc(*zip(*rows, strict=True)) == pytest.approx(area)


@settings(deadline=None)
@given(both, st.floats(0.05, 1))
def test_false_positives_are_those_of_sklearns_curve(rows, tpr):
    scores, positives = zip(*rows, strict=True)
    fprs, tprs, _ = roc_curve(positives, scores, drop_intermediate=False)
    theirs = min(f for f, t in zip(fprs, tprs, strict=True) if t >= tpr - 1e-9)
    assert fpr_at_tpr(scores, positives, tpr=tpr) == pytest.approx(theirs)


@settings(deadline=None)
@given(both)
def test_the_interval_holds_the_area_and_never_collapses(rows):
    scores, positives = zip(*rows, strict=True)
    interval = auroc_interval(scores, positives)
    assert auroc(scores, positives) in interval
    assert interval.width > 0
    wider = auroc_interval(scores, positives, confidence=0.99)
    assert wider.low <= interval.low <= interval.high <= wider.high
    mirrored = auroc_interval([-score for score in scores], positives)
    assert (mirrored.low, mirrored.high) == pytest.approx(
        (1 - interval.high, 1 - interval.low), abs=1e-9
    )


def sampled(random: Random, kind: tuple[float, float, int, int]) -> tuple[list, list]:
    area, spread, m, n = kind
    gap = NormalDist().inv_cdf(area) * (1 + spread**2) ** 0.5
    scores = [random.gauss(gap, spread) for _ in range(m)] + [random.gauss(0, 1) for _ in range(n)]
    return scores, [True] * m + [False] * n


@pytest.mark.parametrize(
    "kind",
    [(0.8, 1, 30, 30), (0.95, 1, 20, 100), (0.99, 1, 30, 100), (0.95, 3, 30, 100)],
    ids=["middling", "good", "nearly perfect", "unequal spread"],
)
def test_the_interval_of_the_area_covers_what_it_says(kind):
    random = Random(str(kind))
    rounds = 300
    covered = sum(kind[0] in auroc_interval(*sampled(random, kind)) for _ in range(rounds))
    assert covered / rounds >= 0.95 - 0.038


def test_with_many_cases_the_interval_is_delongs():
    random = Random(4)
    scores, positives = sampled(random, (0.9, 1, 600, 600))
    pos, neg = scores[:600], scores[600:]
    of_p = [sum(p > n for n in neg) / 600 for p in pos]
    of_n = [sum(p > n for p in pos) / 600 for n in neg]
    area = sum(of_p) / 600
    variance = sum(
        sum((value - area) ** 2 for value in values) / 599 / 600 for values in (of_p, of_n)
    )
    ours = auroc_interval(scores, positives)
    assert ours.width == pytest.approx(2 * 1.95996 * variance**0.5, rel=0.05)


def test_the_curve_ends_at_everything_and_its_risk():
    points = risk_coverage([0.9, 0.9, 0.6, 0.2], [True, False, True, False])
    assert [(p.threshold, p.coverage, p.risk) for p in points] == [
        (0.9, 0.5, 0.5),
        (0.6, 0.75, pytest.approx(1 / 3)),
        (0.2, 1.0, 0.5),
    ]


@settings(deadline=None)
@given(scored)
def test_aurc_is_the_mean_risk_of_the_surest_over_all_orders_of_ties(rows):
    few = rows[:6]
    areas = []
    for order in permutations(few):
        if [c for c, _ in order] != sorted((c for c, _ in order), reverse=True):
            continue
        wrong = [sum(not right for _, right in order[: i + 1]) for i in range(len(order))]
        areas.append(sum(errors / (i + 1) for i, errors in enumerate(wrong)) / len(order))
    assert aurc(*zip(*few, strict=True)) == pytest.approx(sum(areas) / len(areas))


@settings(deadline=None)
@given(scored, st.randoms())
def test_the_areas_keep_their_order_and_their_ends(rows, random):
    confidences, rights = zip(*rows, strict=True)
    figures = [figure(confidences, rights) for figure in (aurc, eaurc, augrc)]
    assert 0 <= figures[1] <= figures[0] <= 1
    assert 0 <= figures[2] <= 0.5
    assert eaurc([float(right) for right in rights], rights) == 0
    random.shuffle(rows)
    again = [figure(*zip(*rows, strict=True)) for figure in (aurc, eaurc, augrc)]
    assert again == pytest.approx(figures)


@settings(deadline=None)
@given(both)
def test_augrc_is_its_closed_form(rows):
    confidences, rights = zip(*rows, strict=True)
    accuracy = sum(rights) / len(rights)
    ranked = (1 - roc_auc_score(rights, confidences)) * accuracy * (1 - accuracy)
    assert augrc(confidences, rights) == pytest.approx(ranked + (1 - accuracy) ** 2 / 2)


@settings(deadline=None)
@given(scored, st.integers(1, 20))
def test_ece_is_the_sum_over_bins_open_below(rows, bins):
    confidences, rights = zip(*rows, strict=True)
    total = 0.0
    for place in range(bins):
        inside = [
            (c, right)
            for c, right in rows
            if place / bins < c <= (place + 1) / bins or (place == 0 and c == 0)
        ]
        total += abs(sum(right for _, right in inside) - sum(c for c, _ in inside))
    assert ece(confidences, rights, bins=bins) == pytest.approx(total / len(rows))
    assert sum(b.count for b in reliability(confidences, rights, bins=bins)) == len(rows)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    assert [(b.low, b.high) for b in reliability([0.0, 0.5, 1.0], [True] * 3, bins=2)] == [
        (0.0, 0.5),
        (0.5, 1.0),
    ]
    assert ece([0.8] * 10, [True] * 8 + [False] * 2) == pytest.approx(0)


@settings(deadline=None)
@given(labelled)
def test_macro_f1_is_that_of_sklearn(rows):
    truths, guesses = zip(*rows, strict=True)
    theirs = f1_score(truths, guesses, average="macro", zero_division=0)
    assert macro_f1(truths, guesses) == pytest.approx(theirs)
    assert confusion(truths, guesses).total() == len(rows)


def test_macro_f1_over_named_classes_counts_one_that_never_occurs_as_zero():
    assert macro_f1("aab", "aab") == 1
    assert macro_f1("aab", "aab", classes="abc") == pytest.approx(2 / 3)


@settings(deadline=None)
@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.data())
def test_pass_hat_k_counts_the_draws_that_all_succeed(runs, data):
    successes, n = runs
    k = data.draw(st.integers(1, n))
    assert pass_hat_k(successes, n, k) == comb(successes, k) / comb(n, k)
    assert pass_hat_k(successes, n, k) <= successes / n + 1e-12


def test_what_makes_no_sense_is_refused():
    for wrong in (
        lambda: auroc([1, 2], [True, True]),
        lambda: auroc([1], [True, False]),
        lambda: auroc([1, float("nan")], [True, False]),
        lambda: auroc([1, None], [True, False]),
        lambda: fpr_at_tpr([1, 2], [True, False], tpr=0),
        lambda: auroc_interval([1, 2], [True, False], confidence=95),
        lambda: aurc([], []),
        lambda: eaurc([], []),
        lambda: risk_coverage([1], []),
        lambda: ece([], []),
        lambda: ece([1.2], [True]),
        lambda: ece([0.2], [True], bins=0),
        lambda: macro_f1([], []),
        lambda: macro_f1("a", "a", classes=[]),
        lambda: confusion("a", "ab"),
        lambda: pass_hat_k(3, 2, 1),
        lambda: pass_hat_k(1, 2, 3),
        lambda: pass_hat_k(1, 2, 0),
    ):
        with pytest.raises(DesignError):
            wrong()


def test_one_of_each_kind_says_next_to_nothing_of_the_area():
    assert auroc_interval([2, 1], [True, False]).low < wilson(1, 1).high / 4
